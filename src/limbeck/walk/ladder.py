"""When a scheme costs too many answers: remedies tried one after the other, cheapest first, until one is enough.

Every rung is measured as users will meet it, through the graph that ships, on the validation texts; held-out texts
have no say in the choice. A rung that brings nothing is taken back before the next is tried.
"""

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.artifact.packing import PackedWeights
from limbeck.distill import Lessons
from limbeck.encoder.families import layer_count
from limbeck.export import write_onnx
from limbeck.ground import wording
from limbeck.ground.progress import SILENT, Progress
from limbeck.quantization import QuantizedStudent
from limbeck.quantization.ranges import RANGE_METHODS
from limbeck.recipe.knobs import QuantizeTable, Recipe
from limbeck.recipe.scheme import Scheme
from limbeck.records.bits import Rung
from limbeck.runtime.engine import Engine
from limbeck.tasks import Task
from limbeck.walk import quantizing
from limbeck.walk.quantizing import Ground, Preparations, Quantizing

if TYPE_CHECKING:
    from transformers import PreTrainedModel

AS_ASKED = "as asked"
_MORE_TEXTS = 4
"""Times as many calibration texts where ranges are fixed as a remedy."""
_SPARED = (0.1, 0.25)
"""Shares of the linear layers that are left in more bits."""
_FEWEST_LOST, _DUST = 1, 1e-6
"""One text proves nothing, however few there are; and shares of texts are not exact."""

Settings = QuantizeTable


@dataclass(frozen=True)
class _Try:
    """One rung that was tried."""

    settings: Settings
    done: Quantizing
    rung: Rung


def climb(model: "PreTrainedModel", ground: Ground, *, recipe: Recipe, progress: Progress = SILENT) -> Quantizing:
    """Quantize a student; where that loses more agreement than `quantize.max_lost`, climb until it does not.

    Its arguments and errors are those of `quantizing.quantized`, which each rung is an attempt of; what calibration
    taught one is used again where the next wants the same.

    Returns: The first attempt that holds, or the best of them; its record tells every rung.
    """

    def attempt(name: str, settings: Settings) -> _Try:
        done = quantizing.quantized(
            model,
            ground,
            recipe=recipe.model_copy(update={"quantize": settings}),
            ready=preparations.wanted_by(settings, progress=progress),
            progress=progress,
        )
        agreement = agreement_of(done.model, done.quantized.weights, lessons, task=task)
        lost = own - agreement
        held = lost * n <= _accepted(recipe.quantize.max_lost * n)
        rung = Rung(name, done.quantized.record.scheme, agreement, lost, held=held)
        progress.say(_in_words(rung, n=n))
        return _Try(settings, done, rung)

    lessons, preparations = ground.lessons, Preparations(model, ground)
    learns = recipe.distill.trains  # else the answers to training texts, which one remedy needs, are not there
    n = len(lessons.validation.ids)
    task = lessons.validation_targets.asked(recipe.task)
    own = agreement_of(model, None, lessons, task=task)
    best = attempt(AS_ASKED, recipe.quantize)
    tried = [best]
    for name, remedy in _REMEDIES:
        if remedy is _trained and not learns:
            continue
        for settings in remedy(best.settings):
            if best.rung.held:
                break
            tried.append(attempt(name, settings))
            if tried[-1].rung.agreement > best.rung.agreement or tried[-1].rung.held:
                best = tried[-1]
    return replace(best.done, quantized=_told(best.done.quantized, tuple(one.rung for one in tried)))


def _accepted(expected: float) -> float:
    """How many texts an attempt may lose: as many as the share says, and what such a count scatters by.

    A number of rare events scatters by its root (Poisson). Without it, a remedy would be sought for chance.
    """
    return max(_FEWEST_LOST, expected + math.sqrt(expected)) + _DUST


def agreement_of(model: "PreTrainedModel", packed: PackedWeights | None, lessons: Lessons, *, task: Task) -> float:
    """How the answers of the exported graph to the validation texts agree with the teacher's.

    Args:
        model: What is written.
        packed: Its codes; None for the float graph.
        lessons: Validation texts and the teacher's answers to them.
        task: What is asked.
    """
    assert lessons.validation_targets.teacher_logits is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(model, path, packed=packed)
        engine = Engine(path, threads=1)
        logits = engine.run_by_length(lessons.encoder, lessons.validation, has_layers=layer_count(model.config) > 0)
    read, names = lessons.validation.as_logits, tuple((model.config.id2label or {}).values())
    return task.agreement_of(read(logits), read(lessons.validation_targets.teacher_logits.numpy()), names).value


def _per_output(settings: Settings) -> Iterator[Settings]:
    scheme = Scheme.parse(settings.scheme)
    if scheme.per_tensor:
        yield _changed(settings, scheme=str(replace(scheme, per_tensor=False)))


def _other_ranges(settings: Settings) -> Iterator[Settings]:
    if Scheme.parse(settings.scheme).static:
        yield from (
            _changed(settings, range_method=method) for method in RANGE_METHODS if method != settings.range_method
        )


def _spared(settings: Settings) -> Iterator[Settings]:
    if Scheme.parse(settings.scheme).quantizes_weights and settings.target_size_mb is None:
        yield from (_changed(settings, spare=share) for share in _SPARED if share > settings.spare)


def _fixed_ranges(settings: Settings) -> Iterator[Settings]:
    scheme = Scheme.parse(settings.scheme)
    if scheme.is_integer_product and not scheme.static:
        n_texts = _MORE_TEXTS * settings.calibration_texts
        fixed = str(replace(scheme, static=True))
        yield _changed(settings, scheme=fixed, calibration_texts=n_texts, range_method="mean_squared_error")


def _divided(settings: Settings) -> Iterator[Settings]:
    if Scheme.parse(settings.scheme).is_integer_product and not settings.divide_outliers:
        yield _changed(settings, divide_outliers=True)


def _trained(settings: Settings) -> Iterator[Settings]:
    if settings.train_share is None:
        yield _changed(settings, train_share=quantizing.USUAL_SHARE)


_REMEDIES: tuple[tuple[str, Callable[[Settings], Iterator[Settings]]], ...] = (
    ("a scale for each output", _per_output),
    ("other ranges of activations", _other_ranges),
    ("the most sensitive layers spared", _spared),
    ("ranges fixed by more calibration texts", _fixed_ranges),
    ("outlying inputs divided", _divided),
    ("trained on with its roundings", _trained),
)


def _changed(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update=values)


def _told(quantized: QuantizedStudent, rungs: tuple[Rung, ...]) -> QuantizedStudent:
    return replace(quantized, record=replace(quantized.record, rungs=rungs))


def _in_words(rung: Rung, *, n: int) -> str:
    verdict = "enough" if rung.held else "not enough"
    return (
        f"{rung.scheme}, {rung.name}: {wording.percent(rung.agreement)} of {n} validation texts as the teacher, "
        f"{wording.percent(rung.agreement + rung.lost)} in float32: {verdict}."
    )
