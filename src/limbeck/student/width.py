"""Narrower students: which sizes can be, and which rows and columns of each weight are taken over.

The residual stream ties all layers together, so one set of hidden channels is kept throughout the model. Heads keep the
size that they have in the teacher, because configs of these families tell hidden size = heads x head size; so channels
and heads can only be cut together. Feed-forward neurons are cut layer by layer, as are heads.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from limbeck.encoder.families import FAMILIES
from limbeck.errors import RecipeError
from limbeck.recipe.student import StudentTable

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

Axis = Literal["channels", "heads", "neurons", "whole"]

Axes = dict[str, tuple[Axis, ...]]

_BERT: Axes = {
    r"attention\.self\.(query|key|value)\.weight": ("heads", "channels"),
    r"attention\.self\.(query|key|value)\.bias": ("heads",),
    r"attention\.output\.dense\.weight": ("channels", "heads"),
    r"intermediate\.dense\.weight": ("neurons", "channels"),
    r"intermediate\.dense\.bias": ("neurons",),
    r"output\.dense\.weight": ("channels", "neurons"),
}
_DISTILBERT: Axes = {
    r"attention\.[qkv]_lin\.weight": ("heads", "channels"),
    r"attention\.[qkv]_lin\.bias": ("heads",),
    r"attention\.out_lin\.weight": ("channels", "heads"),
    r"ffn\.lin1\.weight": ("neurons", "channels"),
    r"ffn\.lin1\.bias": ("neurons",),
    r"ffn\.lin2\.weight": ("channels", "neurons"),
}
_OUTSIDE: Axes = {
    r"embeddings_project\.weight": ("channels", "whole"),
    r"\w*embeddings\.weight": ("whole", "channels"),
    r"(pooler\.dense|pre_classifier|classifier\.dense)\.weight": ("channels", "channels"),
    r"(classifier|out_proj|qa_outputs)\.weight": ("whole", "channels"),
    r"(classifier|out_proj|qa_outputs)\.bias": ("whole",),
    r"(transform\.dense|vocab_transform|lm_head\.dense|generator_predictions\.dense)\.weight": ("channels", "channels"),
    r"(decoder|vocab_projector|generator_lm_head)\.weight": ("whole", "channels"),
    r"(decoder|vocab_projector|generator_lm_head|predictions|lm_head)\.bias": ("whole",),
}
_BEHIND_WIDENING: Axes = {r"generator_predictions\.dense\.weight": ("whole", "channels")}
"""Of a head that goes back to the width of factorised tables; all else of it keeps its size."""


_WHOLE: tuple[Axis, ...] = ("whole", "whole")


@dataclass(frozen=True)
class Places:
    """Where a family's layers are cut.

    Args:
        axes: Pattern of a layer's parameter -> what its axes count; vectors that are not named count channels.
        attention_output: The linear layer that takes the heads, side by side.
        down: The linear layer that takes the neurons.
        norms: The layer's norms, which write the hidden channels.
        sizes: Names of hidden size, heads and feed-forward neurons in the config.
    """

    axes: Axes
    attention_output: str
    down: str
    norms: tuple[str, str]
    sizes: tuple[str, str, str] = ("hidden_size", "num_attention_heads", "intermediate_size")


_LIKE_BERT = Places(_BERT, "attention.output.dense", "output.dense", ("attention.output.LayerNorm", "output.LayerNorm"))
PLACES = dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert", "electra"), _LIKE_BERT) | {
    "distilbert": Places(
        _DISTILBERT,
        "attention.out_lin",
        "ffn.lin2",
        ("sa_layer_norm", "output_layer_norm"),
        ("dim", "n_heads", "hidden_dim"),
    )
}


@dataclass(frozen=True)
class Sizes:
    """A model's widths."""

    hidden: int
    heads: int
    neurons: int

    @property
    def head_size(self) -> int:
        """Numbers of a head."""
        return self.hidden // self.heads


@dataclass(frozen=True)
class Widths:
    """What a narrower student keeps.

    Args:
        channels: Hidden channels, rising, for the whole model.
        heads: For each student layer the heads of its teacher layer, rising.
        neurons: For each student layer the neurons of its teacher layer, rising.
    """

    channels: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]
    neurons: tuple[tuple[int, ...], ...]


def is_narrower(wanted: StudentTable) -> bool:
    """Whether the recipe asks for another width than the teacher's."""
    return not (wanted.hidden_size is wanted.heads is wanted.intermediate_size is None)


def sizes_of(config: "PreTrainedConfig") -> Sizes:
    """The widths of a model of a family that can be cut."""
    hidden, heads, neurons = (int(getattr(config, name)) for name in PLACES[config.model_type].sizes)
    return Sizes(hidden, heads, neurons)


def wanted_sizes(config: "PreTrainedConfig", wanted: StudentTable) -> Sizes:
    """The student's widths.

    Args:
        config: The teacher's.
        wanted: The recipe's student table.

    Raises:
        RecipeError: The family cannot be cut, or sizes that are no whole number of heads or larger than the teacher's.
    """
    if config.model_type not in PLACES:
        raise RecipeError(
            f"student.hidden_size, heads and intermediate_size cannot be had for the family {config.model_type!r}.",
            hint=f"They can for {', '.join(PLACES)}; fewer layers can be had for every family.",
        )
    teacher = sizes_of(config)
    size = teacher.head_size
    hidden = wanted.hidden_size or (wanted.heads or teacher.heads) * size
    _refuse_beyond("hidden_size", hidden, teacher.hidden)
    _refuse_beyond("heads", wanted.heads or 1, teacher.heads)
    neurons = wanted.intermediate_size or teacher.neurons
    _refuse_beyond("intermediate_size", neurons, teacher.neurons)
    if hidden % size:
        below = max(1, hidden // size)
        near = sorted({below, min(below + 1, teacher.heads)})
        raise RecipeError(
            f"student.hidden_size = {hidden} is no whole number of the teacher's heads of {size}.",
            hint=f"Nearest that are: {' and '.join(f'{n * size} ({n} heads)' for n in near)}.",
        )
    if wanted.heads is not None and wanted.heads * size != hidden:
        raise RecipeError(
            f"student.hidden_size = {hidden} and student.heads = {wanted.heads} do not fit: heads keep the teacher's "
            f"size of {size}.",
            hint=f"Take heads = {hidden // size}, or hidden_size = {wanted.heads * size}; one of them is enough.",
        )
    if hidden < teacher.hidden and hidden == getattr(config, "embedding_size", None) != teacher.hidden:
        raise RecipeError(
            f"student.hidden_size = {hidden} is the width of the teacher's embeddings, where {config.model_type!r} has "
            "no widening matrix.",
            hint=f"Take {hidden + size}; or one head less, if any is left.",
        )
    return Sizes(hidden, hidden // size, neurons)


def _refuse_beyond(name: str, value: int, teacher: int) -> None:
    if value > teacher:
        raise RecipeError(
            f"student.{name} = {value}, but the teacher has only {teacher}.", hint=f"Choose 1 to {teacher}."
        )


def cut(weights: dict[str, Tensor], widths: Widths, *, model_type: str, head_size: int) -> dict[str, Tensor]:
    """The rows and columns that a narrower student takes over.

    Args:
        weights: Student's parameter name -> the teacher's weight, layers already renumbered.
        widths: What is kept.
        model_type: The family.
        head_size: Numbers of a head.

    Returns: The same names with smaller tensors, copies.
    """
    places, prefix = PLACES[model_type], FAMILIES[model_type].layers_prefix
    assert prefix is not None
    in_layer = re.compile(rf"^{re.escape(prefix)}(\d+)\.(.+)$")
    is_factorised = any(name.endswith("embeddings_project.weight") for name in weights)
    smaller = {}
    for name, tensor in weights.items():
        found = in_layer.match(name)
        if found is not None:
            axes = _matching(places.axes, found[2], tensor)
            number = int(found[1])
            kept = {"heads": _places_of(widths.heads[number], head_size), "neurons": widths.neurons[number]}
        else:
            axes, kept = _matching(_OUTSIDE, name, tensor), {}
            if is_factorised and ("embeddings" in name.split(".") or name.startswith("generator_")):
                axes = _matching(_BEHIND_WIDENING, name, tensor, otherwise=_WHOLE[: tensor.ndim])
        smaller[name] = tensor
        for axis, counts in enumerate(axes):
            if counts != "whole" and tensor.ndim:
                chosen = widths.channels if counts == "channels" else kept[counts]
                smaller[name] = smaller[name].index_select(axis, torch.tensor(chosen, device=tensor.device))
    return smaller


def _matching(axes: Axes, name: str, tensor: Tensor, *, otherwise: tuple[Axis, ...] = ()) -> tuple[Axis, ...]:
    """What the axes of a parameter count; vectors that no pattern names are norms and biases over the channels.

    Args:
        axes: Patterns.
        name: The parameter's.
        tensor: The parameter.
        otherwise: What they count where no pattern fits; nothing for vectors over the channels.
    """
    for pattern, counted in axes.items():
        if re.search(rf"(^|\.){pattern}$", name):
            return counted
    if otherwise:
        return otherwise
    assert tensor.ndim == 1, f"unknown weight {name}"
    return ("channels",)


def _places_of(heads: Sequence[int], head_size: int) -> tuple[int, ...]:
    """Rows of these heads: heads 0 and 2 of size 3 are rows 0, 1, 2, 6, 7, 8."""
    return tuple(head * head_size + place for head in heads for place in range(head_size))
