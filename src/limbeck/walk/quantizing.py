"""From a distilled student to its codes: calibrated, rounded, and trained on with its roundings where that pays."""

import copy
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck import student
from limbeck.distill import Lessons, Objective, TrainingPlan, learn, rounding_plan
from limbeck.ground import fingerprint
from limbeck.ground.progress import SILENT, Progress
from limbeck.quantization import Preparation, QuantizedStudent, Wants, baked, fake_quantized, prepare, quantize_student
from limbeck.recipe.knobs import QuantizeTable, Recipe
from limbeck.recipe.scheme import Scheme
from limbeck.records.bits import COMPENSATED, DIVIDED, MIXED, TRAINED
from limbeck.records.run import TrainingRecord
from limbeck.text.examples import Examples
from limbeck.walk import mixing

if TYPE_CHECKING:
    from transformers import PreTrainedModel

USUAL_SHARE = 0.3
"""Steps of training with roundings in place, for each step of distillation."""


@dataclass(frozen=True)
class Ground:
    """What every attempt to quantize a student stands on, whatever its settings are.

    Args:
        lessons: What the student learned from.
        objective: What it was pulled to.
        plan: How it was trained.
        calibration: Training texts, of which some show what layers see.
        held_out: Content fingerprints of the texts that will judge it.
        tokenizer_folder: Holds the tokenizer files, which count where the recipe wants a size.
        work: Where trained models and checkpoints lie.
    """

    lessons: Lessons
    objective: Objective
    plan: TrainingPlan
    calibration: Examples
    held_out: Collection[str]
    tokenizer_folder: Path
    work: Path


class Preparations:
    """What calibration teaches about a student. The last of it is kept, as one attempt often wants what another had.

    Args:
        model: The student.
        ground: What it is calibrated on.
    """

    def __init__(self, model: "PreTrainedModel", ground: Ground) -> None:
        self.model, self.ground = model, ground
        self._last: tuple[tuple[int, Wants], Preparation] | None = None

    def wanted_by(self, table: QuantizeTable, *, progress: Progress = SILENT) -> Preparation:
        """What these settings have a use for.

        Raises:
            CalibrationError: Texts or activations that nothing can be calibrated on.
        """
        ground = self.ground
        n_texts = min(table.calibration_texts, len(ground.calibration))
        wants = Wants.of(
            Scheme.parse(table.scheme),
            range_method=table.range_method,
            divides_outliers=table.divide_outliers,
            compensates=table.compensate,
            other_bits=mixing.FEW_BITS if mixing.tries_all_bits(table) else (),
        )
        if self._last is None or self._last[0] != (n_texts, wants):
            self._last = None  # before the next is there: Hessians of a large student are a gigabyte
            ready = prepare(
                self.model,
                ground.calibration.spread(n_texts),
                wants=wants,
                encoder=ground.lessons.encoder,
                held_out=ground.held_out,
                progress=progress,
            )
            self._last = (n_texts, wants), ready
        return self._last[1]


@dataclass(frozen=True)
class Quantizing:
    """A student in few bits.

    Args:
        quantized: Its codes, and what they cost.
        model: What they were made of, with the biases and norms that go with them.
        training: How it was trained with its roundings in place; None where it was not.
    """

    quantized: QuantizedStudent
    model: "PreTrainedModel"
    training: TrainingRecord | None


def quantized(
    model: "PreTrainedModel", ground: Ground, *, recipe: Recipe, ready: Preparation, progress: Progress = SILENT
) -> Quantizing:
    """Quantize a student by the recipe's scheme, or by bits of its own for each layer.

    Args:
        model: The student; it is read, not changed.
        ground: What it learned from, and is quantized by.
        recipe: Its table quantize, and how it trains.
        ready: What calibration taught; see `Preparations`.
        progress: Told what goes on.

    Raises:
        SchemeError: The scheme does not fit a layer, or a weight is not finite.
        CalibrationError: Texts that nothing can be measured on.
        RecipeError: A target size that no choice of bits reaches.
        OutputError: The disk is full; the same call goes on from the last checkpoint.
    """
    table = recipe.quantize
    scheme = Scheme.parse(table.scheme)
    mixed = mixing.Mix()
    if mixing.is_wanted(table):
        mixed = mixing.mix(
            model,
            ground.calibration,
            table,
            ready=ready,
            encoder=ground.lessons.encoder,
            held_out=ground.held_out,
            tokenizer_folder=ground.tokenizer_folder,
            work=ground.work,
            progress=progress,
        )
        ready = mixing.fitting(ready, mixed.bits, scheme=scheme)
    share = table.train_share or 0.0
    if share == 0:
        coded = quantize_student(model, scheme=table.scheme, bits=mixed.bits, ready=ready)
        return _told(Quantizing(coded, model, None), ready, mixed)
    own_work = ground.work / "rounded" / fingerprint.of_settings(table.model_dump(mode="json"))
    own_work.mkdir(parents=True, exist_ok=True)

    def start() -> "PreTrainedModel":
        return fake_quantized(copy.deepcopy(model), scheme=table.scheme, bits=mixed.bits, ready=ready)

    learned = learn(
        start,
        ground.lessons,
        objective=ground.objective,
        plan=rounding_plan(ground.plan, recipe, share=share),
        work=own_work,
        read=lambda folder: student.load_weights(start(), folder),
        progress=progress,
    )
    return _told(Quantizing(baked(learned.model, scheme=table.scheme), learned.model, learned.record), ready, mixed)


def _told(done: Quantizing, ready: Preparation, mixed: mixing.Mix) -> Quantizing:
    """The same, with its record saying what was done besides rounding."""
    methods = {MIXED: mixed.assignment, DIVIDED: ready.factors, COMPENSATED: ready.hessians, TRAINED: done.training}
    record = replace(mixed.told(done.quantized.record), methods=tuple(name for name, used in methods.items() if used))
    return replace(done, quantized=replace(done.quantized, record=record))
