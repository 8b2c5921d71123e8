"""Layers by loss: one by one, the layer goes whose removal changes the teacher's own answers least."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from limbeck.encoder.families import FAMILIES, layer_count
from limbeck.errors import RecipeError
from limbeck.ground import files
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.student import StudentTable
from limbeck.records.cuts import LayerCost, Removal
from limbeck.student.initialise import initialise

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Ask = Callable[["PreTrainedModel"], NDArray[np.float32]]
"""A model's answers, (texts, classes) logits."""


def remove_layers(
    teacher: "PreTrainedModel", n_student: int, *, ask: Ask, memory: Path, progress: Progress = SILENT
) -> tuple[Removal, ...]:
    """Measure which layers the teacher misses least, without training anything in between.

    In each round every layer that is left is taken out in turn, and the mean over texts of
    KL(softmax(whole) || softmax(without it)) is measured; the layer of the smallest one stays out. The first layer of
    a family in which it differs from the rest stays. Each measurement is written down, so that a killed search goes on.

    Args:
        teacher: A classifier of a known family. It is not changed.
        n_student: Layers to leave, 1 or more.
        ask: Gives a model's logits; the same model gets the same answers.
        memory: File that keeps what was measured, for these texts and this teacher.
        progress: Told of each measurement.

    Returns: One round for each layer that goes, in order; of equal costs the deepest layer goes.

    Raises:
        RecipeError: The family's layers share one set of weights, so that none is like another.

    Source: one-shot removal of blocks by its loss as in Kim et al. 2024, "Shortened LLaMA", arXiv:2402.02834,
    measured anew after each block because layers that stand in for each other would else go together.
    """
    family = FAMILIES[teacher.config.model_type]
    if family.layers_prefix is None:
        raise RecipeError(
            f'student.choose = "by_loss", but the layers of {teacher.config.model_type!r} share one set of weights.',
            hint='Take student.choose = "spaced"; only the number of layers makes a difference here.',
        )
    n_teacher = layer_count(teacher.config)
    left = list(range(n_teacher))
    movable = left[1:] if family.keeps_first else left
    n_rounds = n_teacher - n_student
    n_measured = sum(len(movable) - done for done in range(n_rounds))
    known = _Known(teacher, ask, memory)
    rounds: list[Removal] = []
    with progress.bar("layers taken out in turn", total=n_measured, unit="models") as bar:
        for _ in range(n_rounds):
            costs = []
            for layer in left:
                if family.keeps_first and layer == 0:
                    continue
                rest = tuple(other for other in left if other != layer)
                costs.append(LayerCost(layer, known.divergence(rest)))
                bar.advance(1)
            removed = min(costs, key=lambda cost: (cost.nats, -cost.layer)).layer
            left.remove(removed)
            rounds.append(Removal(removed, tuple(costs)))
    return tuple(rounds)


class _Known:
    """What was measured, and measuring what was not."""

    def __init__(self, teacher: "PreTrainedModel", ask: Ask, memory: Path) -> None:
        self._teacher, self._ask, self._memory = teacher, ask, memory
        self._costs: dict[str, float] = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else {}
        self._whole: NDArray[np.float64] | None = None

    def divergence(self, layers: Sequence[int]) -> float:
        """Of the whole teacher's distribution from that of these layers, in nats."""
        name = ",".join(map(str, layers))
        if name not in self._costs:
            if self._whole is None:
                self._whole = log_softmax(self._ask(self._teacher).astype(np.float64), axis=1)
            smaller = initialise(self._teacher, StudentTable(take_layers=tuple(layers))).eval()
            found = log_softmax(self._ask(smaller).astype(np.float64), axis=1)
            divergence = (np.exp(self._whole) * (self._whole - found)).sum(axis=1).mean()
            self._costs[name] = max(0.0, float(divergence))
            files.write_json(self._memory, self._costs)
        return self._costs[name]
