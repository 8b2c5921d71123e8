"""What a model computes on the way to its answer: hidden states, attention maps, queries, keys and values."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from limbeck.encoder.families import FAMILIES
from limbeck.errors import RecipeError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


_PARTS = 3
"""Queries, keys, values."""


@dataclass(frozen=True)
class Inner:
    """What a teacher computed for one batch; empty where nobody asks.

    Args:
        states: What each student layer but the last should compute, (batch, tokens, hidden) float32 each.
        maps: Where each student layer should look, (batch, heads, tokens, tokens) float32 each, rows that sum to 1.
        relations: Queries, keys and values of one layer, (batch, tokens, hidden) float32 each.
        last: The states behind the last layer, (batch, tokens, hidden) float32, where the head reads all of them.
        logits: (answers, classes) float32, those that count.
    """

    states: tuple[Tensor, ...] = ()
    maps: tuple[Tensor, ...] = ()
    relations: tuple[Tensor, ...] = ()
    last: Tensor | None = None
    logits: Tensor | None = None


@contextmanager
def queries_keys_values(model: "PreTrainedModel", layer: int | None) -> Iterator[list[Tensor]]:
    """Within, each forward pass leaves a layer's queries, keys and values in the list that is given.

    They are (batch, tokens, hidden) each, as the linear layers give them: before heads are parted and, in ModernBERT,
    before they are turned by their place.

    Args:
        model: Of a known family.
        layer: Which layer, counted from 0; None leaves the list empty.

    Raises:
        RecipeError: The family's layers share one set of weights.
    """
    found: list[Tensor] = []
    if layer is None:
        yield found
        return
    refuse_without_relations(model.config.model_type)
    family = FAMILIES[model.config.model_type]
    n_parts = _PARTS // len(family.queries_keys_values)
    place = f"{family.layers_prefix}{layer}"

    def keep(_module: Any, _inputs: Any, given: Tensor) -> None:  # noqa: ANN401  (torch's own)
        if len(found) < _PARTS:  # DeBERTa asks the same layers once more, for its table of distances
            found.extend(given.chunk(n_parts, dim=-1))

    handles = [model.get_submodule(place).register_forward_pre_hook(lambda _module, _inputs: found.clear())]
    handles += [
        model.get_submodule(f"{place}.{name}").register_forward_hook(keep) for name in family.queries_keys_values
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def refuse_without_relations(model_type: str) -> None:
    """Refuse the family in which one layer cannot be told from another.

    Raises:
        RecipeError: ALBERT.
    """
    if not FAMILIES[model_type].queries_keys_values:
        raise RecipeError(
            f"distill.weights.relations wants one layer's queries, keys and values, but layers of {model_type!r} may "
            "share one set of weights.",
            hint="Set distill.weights.relations = 0; distill.weights.attention_maps works for this family.",
        )
