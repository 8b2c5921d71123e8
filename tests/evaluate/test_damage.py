"""Artifacts damaged on purpose: each must be caught, and the reason named first."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import damage
from limbeck import runtime
from limbeck.evaluate.diagnosis import diagnose
from limbeck.evaluate.traits import Trait
from limbeck.records.verdict import Verdict
from limbeck.tasks import TASKS
from limbeck.text.examples import Examples
from limbeck.verification import verify
from small_run import SETTINGS, SmallRun

_CHANGES = {f"verify.{name}": value for name, value in SETTINGS["verify"].items()}
_LAYER, _HEAD, _TABLE = (
    "bert.encoder.layer.0.intermediate.dense",
    "classifier",
    "bert.embeddings.word_embeddings.weight",
)
_NAMES = ("alarm", "music", "rain", "weather")


def _judged(walked: SmallRun, folder: Path, harm: Callable[[Path], None], **given: object) -> Verdict:
    artifact = damage.copied(walked.run.artifact, folder / "artifact")
    harm(artifact)
    return verify(artifact, walked.data, changes=_CHANGES, **({"signals": walked.signals} | given))  # type: ignore[arg-type]


def test_an_artifact_that_nobody_damaged_has_the_weights_of_its_float_model(walked: SmallRun) -> None:
    """A failure would cry wolf at every artifact."""
    found = runtime.load(walked.run.artifact).weight_fidelity()
    assert found is not None
    assert found.faults == ()
    assert found.n_compared > 20
    assert 0 < found.largest_difference < 0.005
    verdict = verify(walked.run.artifact, walked.data, changes=_CHANGES, signals=walked.signals)
    assert verdict.passed
    assert verdict.reasons == ()
    assert any(check.tolerance == "max_weight_difference" and check.passed for check in verdict.checks)


@pytest.mark.parametrize(
    ("harm", "kind", "told"),
    [
        (lambda folder: damage.scale_a_layer(folder, _LAYER, 1.02), "weights", f"{_LAYER} are 2.0 % larger"),
        (lambda folder: damage.scale_a_layer(folder, _LAYER, 0.98), "weights", f"{_LAYER} are 2.0 % smaller"),
        (lambda folder: damage.zero_rows(folder, _TABLE, [90, 91], in_both=False), "weights", "2 rows of"),
        (damage.keep_capitals, "tokenizer", "not the one that the student learned with"),
        (lambda folder: damage.cut_texts(folder, 16), "cut", "texts are cut to 16 tokens, and the student learned"),
    ],
)
def test_what_files_show_is_named_first(
    walked: SmallRun, tmp_path: Path, harm: Callable[[Path], None], kind: str, told: str
) -> None:
    """A failure would let damage through that a few texts do not show, or send people looking in the wrong place."""
    verdict = _judged(walked, tmp_path, harm)
    assert verdict.reasons[0].kind == kind
    assert told in verdict.reasons[0].sentence
    assert told in verdict.sentence
    assert verdict.passed is (kind != "weights")  # the others are told, and judged by the answers


def test_a_head_with_two_rows_exchanged_is_caught_where_the_float_model_has_them_too(
    walked: SmallRun, tmp_path: Path
) -> None:
    """A failure would show a table of wrong answers where one sentence says what happened."""
    verdict = _judged(walked, tmp_path, lambda folder: damage.swap_head_rows(folder, _HEAD, 0, 1, in_both=True))
    assert not verdict.passed
    assert verdict.reasons[0].kind == "labels"
    assert "the labels 'negative' and 'positive' seem to have changed places" in verdict.sentence
    assert verdict.reasons[0].n_explained == verdict.n_changed
    assert verdict.reasons[0].texts == tuple(answer.text for answer in verdict.changed_answers[:3])


def test_another_teacher_than_the_artifact_was_made_from_is_told(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would blame the artifact for a teacher that somebody trained anew."""
    stale = damage.copied(walked.run.artifact, tmp_path / "teacher")
    verdict = _judged(walked, tmp_path, lambda _: None, teacher_source=str(stale))
    assert [reason.kind for reason in verdict.reasons] == ["teacher"]
    assert "the teacher is not the one that the artifact was made from" in verdict.sentence


def _examples(n: int) -> Examples:
    return Examples(tuple(f"text {index}" for index in range(n)), None, None, _NAMES)


def _logits(labels: np.ndarray) -> np.ndarray:
    return 4.0 * np.eye(len(_NAMES), dtype=np.float32)[labels]


def test_three_labels_that_turned_round_are_one_reason() -> None:
    """A failure would see exchanges of two only. By construction: alarm -> music -> rain -> alarm."""
    theirs = np.arange(200) % 4
    ours = np.array([1, 2, 0, 3])[theirs]
    (reason,) = diagnose(_logits(ours), _logits(theirs), _examples(200), TASKS["classification"], traits=())
    assert (reason.kind, reason.n_explained) == ("labels", 150)
    assert "the labels 'alarm', 'music' and 'rain' seem to have changed places: 150 of 150 texts" in reason.sentence
    assert reason.rows == (0, 1, 2)


def test_what_changed_texts_share_is_told_with_both_shares() -> None:
    """A failure would blame chance on a trait, or miss one that explains all. By hand: 30 of 40, and 8 of 160."""
    theirs = np.arange(200) % 4
    ours = theirs.copy()
    ours[:30] = (ours[:30] + 1) % 4
    ours[100:108] = (ours[100:108] + 1) % 4
    has = np.arange(200) < 40
    trait = Trait("capitals", "texts with capital letters", has)
    (reason,) = diagnose(_logits(ours), _logits(theirs), _examples(200), TASKS["classification"], traits=[trait])
    assert reason.kind == "capitals"
    assert "75.0 % of 40, and 5.0 % of the others" in reason.sentence
    assert reason.n_explained == 28  # 30, less the 5 % of 40 that changed anyway
    assert reason.p_value is not None
    assert reason.p_value < 1e-10


def test_chance_is_no_reason() -> None:
    """A failure would name a reason where there is none: of 300 draws, at one in a thousand, hardly any does."""
    draw = np.random.default_rng(0)
    theirs = np.arange(300) % 4
    told = 0
    for _ in range(300):
        ours = np.where(draw.random(300) < 0.1, draw.integers(4, size=300), theirs)
        traits = [Trait(kind, kind, draw.random(300) < share) for kind, share in (("cut", 0.1), ("rare", 0.5))]
        told += len(diagnose(_logits(ours), _logits(theirs), _examples(300), TASKS["classification"], traits=traits))
    assert told <= 2


def test_labels_that_chance_arranges_have_not_changed_places() -> None:
    """A model that knows nothing agrees better in the best order of its labels, whatever it says: that is no swap."""
    draw = np.random.default_rng(0)
    examples = Examples(tuple(f"text {index}" for index in range(72)), None, None, tuple(f"{n}" for n in range(24)))
    theirs = np.arange(72) % 24
    for _ in range(50):
        ours = draw.integers(24, size=72)
        logits, teacher_logits = (np.eye(24, dtype=np.float32)[side] for side in (ours, theirs))
        assert diagnose(logits, teacher_logits, examples, TASKS["classification"], traits=()) == ()
    swapped = np.where(theirs < 2, 1 - theirs, theirs)
    logits, teacher_logits = (
        np.eye(24, dtype=np.float32)[side] for side in (np.repeat(swapped, 5), np.repeat(theirs, 5))
    )
    examples = examples.take([row for row in range(72) for _ in range(5)])
    (reason,) = diagnose(logits, teacher_logits, examples, TASKS["classification"], traits=())
    assert "the labels '0' and '1' seem to have changed places: 30 of 30" in reason.sentence
    assert reason.p_value == pytest.approx(24 * 23 / 2 * 0.5**30)
