"""How much each hidden channel, head and neuron matters: what the teacher's answers would lose without it.

A gate of 1 is put on each of them. With p the teacher's distribution and g the gradient of log p(y | text) by a gate,
y drawn from p itself, closing that gate moves the distribution, to second order, by

    KL(p || p without it) = 1/2 E[g^2]

as E[g] = 0 and E[g^2] is the Fisher information. One backward pass a batch gives every gate's gradient for every text.

Source: gates on heads, Michel et al. 2019, arXiv:1905.10650, section 4; squared Taylor terms, Molchanov et al. 2019,
arXiv:1906.10771; as Fisher information, Theis et al. 2018, arXiv:1801.05787.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck.encoder.families import FAMILIES, layer_count
from limbeck.encoder.heads import answers_in, answers_with_ends, asked_about, log_softmax_by_row, rows_of
from limbeck.ground.progress import SILENT, Progress
from limbeck.records.cuts import WidthShare
from limbeck.student.width import PLACES, Sizes, Widths, sizes_of
from limbeck.text.tokens import TokenBatch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Numbers = NDArray[np.float64]
Batch = tuple[dict[str, Tensor], TokenBatch]


@dataclass(frozen=True)
class Importance:
    """What each part of the teacher is worth, in nats.

    Args:
        channels: (hidden,) of closing a channel wherever the model writes it.
        heads: (layers, heads).
        neurons: (layers, feed-forward neurons).
    """

    channels: Numbers
    heads: Numbers
    neurons: Numbers

    def to_json(self) -> dict[str, Any]:
        """As the run's work folder keeps it."""
        return {name: value.tolist() for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Importance":
        """What `to_json` gave."""
        return cls(*(np.asarray(value[name], np.float64) for name in ("channels", "heads", "neurons")))


def measure_importance(
    teacher: "PreTrainedModel", batches: Iterable[Batch], *, n_texts: int, progress: Progress = SILENT
) -> Importance:
    """Measure what every channel, head and neuron is worth.

    Args:
        teacher: A classifier of a family in `width.PLACES`, in evaluation mode. It is not changed.
        batches: Inputs of its forward, and the tokens that they were made of; the same ones in the same order for the
            same numbers.
        n_texts: Texts in all batches.
        progress: Told of each batch.
    """
    sizes, n_layers = sizes_of(teacher.config), layer_count(teacher.config)
    channels, heads, neurons = (
        torch.zeros(shape, dtype=torch.float64)
        for shape in ((sizes.hidden,), (n_layers, sizes.heads), (n_layers, sizes.neurons))
    )
    draw = torch.Generator().manual_seed(0)
    with progress.bar("what each part is worth", total=n_texts, unit="texts") as bar:
        for inputs, padded in batches:
            n_rows = len(inputs["input_ids"])
            gates = _Gates(n_rows, n_layers, sizes, device=teacher.device)
            with gates.on(teacher), torch.enable_grad():
                _surprise(teacher, inputs, padded, draw).backward()
            channels += _squares([gates.channels])[0]
            heads += _squares(gates.heads)
            neurons += _squares(gates.neurons)
            bar.advance(n_rows)
    return Importance(*((found / (2 * n_texts)).numpy() for found in (channels, heads, neurons)))


def _surprise(
    teacher: "PreTrainedModel", inputs: dict[str, Tensor], padded: TokenBatch, draw: torch.Generator
) -> Tensor:
    """The sum of log p of answers drawn from p itself: a class for each text, word or mask, or the ends of a span."""
    with asked_about(teacher, padded):
        answers = answers_in(teacher(**inputs), padded).float()
    rows = rows_of(padded, device=answers.device)
    if rows is not None and answers_with_ends(teacher):
        # The largest of log p + Gumbel noise is a draw from p (Gumbel 1954).
        surprise = log_softmax_by_row(answers, rows)
        noise = -(-torch.rand(surprise.shape, generator=draw).log()).log()
        perturbed = surprise.detach() + noise.to(surprise.device)
        tops = perturbed.new_full((int(rows.max()) + 1, surprise.shape[1]), -torch.inf)
        tops = tops.scatter_reduce(0, rows[:, None].expand_as(perturbed), perturbed, "amax")
        return surprise[perturbed == tops[rows]].sum()
    surprise = torch.log_softmax(answers, dim=-1)
    drawn = torch.multinomial(surprise.detach().exp().cpu(), 1, generator=draw).to(surprise.device)
    return surprise.gather(1, drawn).sum()


def _squares(gates: Sequence[Tensor]) -> Tensor:
    """(gates, parts): squared gradients, summed over the texts of a batch."""
    gradients = [gate.grad if gate.grad is not None else torch.zeros_like(gate) for gate in gates]
    return torch.stack([gradient.double().square().sum(dim=0).cpu() for gradient in gradients])


class _Gates:
    """Gates of 1 for each text of a batch."""

    def __init__(self, n_rows: int, n_layers: int, sizes: Sizes, *, device: torch.device) -> None:
        def gate(n_parts: int) -> Tensor:
            return torch.ones(n_rows, n_parts, device=device, requires_grad=True)

        self.channels = gate(sizes.hidden)
        self.heads = [gate(sizes.heads) for _ in range(n_layers)]
        self.neurons = [gate(sizes.neurons) for _ in range(n_layers)]
        self._head_size = sizes.head_size

    @contextmanager
    def on(self, model: "PreTrainedModel") -> Iterator[None]:
        """Put them on a model."""
        places, prefix = PLACES[model.config.model_type], FAMILIES[model.config.model_type].layers_prefix
        handles = []
        for number, (heads, neurons) in enumerate(zip(self.heads, self.neurons, strict=True)):
            layer = model.get_submodule(f"{prefix}{number}")
            wide = heads.repeat_interleave(self._head_size, dim=1)
            for name, gate in ((places.attention_output, wide), (places.down, neurons)):
                handles += [layer.get_submodule(name).register_forward_pre_hook(_closing_inputs(gate))]
            norms = [layer.get_submodule(name) for name in places.norms]
            handles += [norm.register_forward_hook(_closing_outputs(self.channels)) for norm in norms]
        writer = model.get_submodule(_writer_of_embeddings(model))
        handles.append(writer.register_forward_hook(_closing_outputs(self.channels)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _closing_inputs(gate: Tensor) -> Any:  # noqa: ANN401  (torch's own)
    return lambda _module, given: (given[0] * gate[:, None, :], *given[1:])


def _closing_outputs(gate: Tensor) -> Any:  # noqa: ANN401  (torch's own)
    return lambda _module, _given, found: found * gate[:, None, :]


def _writer_of_embeddings(model: "PreTrainedModel") -> str:
    """The module that writes the first hidden states: a norm, or the layer that widens factorised embeddings."""
    names = [str(name) for name, _ in model.named_modules()]
    widening = [name for name in names if name.endswith("embeddings_project")]
    return widening[0] if widening else next(name for name in names if name.endswith("embeddings.LayerNorm"))


def most_important(importance: Importance, sizes: Sizes, *, layers: Sequence[int]) -> Widths:
    """The parts that are worth most: channels over the whole model, heads and neurons layer by layer.

    Args:
        importance: Of the whole teacher.
        sizes: The student's.
        layers: The teacher layers that the student takes over.
    """
    return Widths(
        _largest(importance.channels, sizes.hidden),
        tuple(_largest(importance.heads[layer], sizes.heads) for layer in layers),
        tuple(_largest(importance.neurons[layer], sizes.neurons) for layer in layers),
    )


def _largest(values: Numbers, n: int) -> tuple[int, ...]:
    return tuple(sorted(np.argsort(-values, kind="stable")[:n].tolist()))


def shares_kept(importance: Importance, widths: Widths, *, layers: Sequence[int]) -> tuple[WidthShare, ...]:
    """How much of what was measured each cut keeps, for the report; cuts that keep everything are left out."""
    found = [("hidden channels", importance.channels, widths.channels)]
    for number, layer in enumerate(layers):
        found.append((f"heads of layer {layer}", importance.heads[layer], widths.heads[number]))
        found.append((f"neurons of layer {layer}", importance.neurons[layer], widths.neurons[number]))
    return tuple(
        WidthShare(what, len(kept), len(values), float(values[list(kept)].sum() / max(values.sum(), 1e-30)))
        for what, values, kept in found
        if len(kept) < len(values)
    )
