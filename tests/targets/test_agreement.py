"""Exports against artifacts: what counts as changed, how far logits may be apart, and what is told of each."""

import math

import numpy as np
import pytest

from limbeck.targets.agreement import CheckTexts, agreement
from limbeck.targets.record import AgreementRecord
from limbeck.tasks import TASKS

LABELS = ("alarm", "music")
TEXTS = CheckTexts("four lines", ("a", "b", "c", "d"), None)
ARTIFACT = np.array([[2.0, 0.0], [0.0, 2.0], [1.1, 1.0], [0.0, 2.0]], np.float32)


def compared(logits: np.ndarray, *, error: float = 1.0, changed: int = 4) -> AgreementRecord:
    """Classification of four texts."""
    return agreement(
        logits,
        ARTIFACT,
        TEXTS,
        task=TASKS["classification"],
        label_names=LABELS,
        largest_error=error,
        largest_changed=changed,
    )


def test_the_same_logits_differ_in_nothing() -> None:
    """A failure would refuse an export that is right."""
    found = compared(ARTIFACT.copy(), error=0.0, changed=0)
    assert (found.n_changed, found.largest_difference, found.error, found.passed) == (0, 0.0, 0.0, True)


def test_differences_are_measured_as_the_formula_says() -> None:
    """A wrong figure would let a broken export through, or stop a good one.

    One of eight logits is off by 0.4: sqrt(0.16 / 8) = 0.1414 beside the standard deviation of the artifact's.
    """
    found = compared(ARTIFACT + np.array([[0.4, 0], [0, 0], [0, 0], [0, 0]], np.float32))
    assert found.largest_difference == pytest.approx(0.4)
    assert found.error == pytest.approx(math.sqrt(0.16 / 8) / ARTIFACT.std())


def test_a_changed_answer_is_told_with_its_lead() -> None:
    """Nobody could tell a near tie from a broken model.

    The third text: "alarm" led by 0.1, "music" gained 0.2, so that the difference explains the change twice over.
    """
    found = compared(ARTIFACT + np.array([[0, 0], [0, 0], [0, 0.2], [0, 0]], np.float32), changed=0)
    (change,) = found.changed
    assert (change.row, change.artifact_answer, change.export_answer) == (2, "alarm", "music")
    assert change.lead == pytest.approx(0.5, rel=1e-5)
    assert found.faults == ("1 answer of 4 changed; 0 may.",)


def test_logits_too_far_apart_are_refused_though_no_answer_changed() -> None:
    """Probabilities that users build thresholds on would be off, unnoticed."""
    found = compared(ARTIFACT * 3, error=0.1)
    assert found.n_changed == 0
    assert [fault.split(" by ")[0] for fault in found.faults] == ["The logits differ"]


def test_a_logit_that_is_no_number_is_refused() -> None:
    """A runtime whose kernels overflow would ship."""
    broken = ARTIFACT.copy()
    broken[1, 1] = np.nan
    assert compared(broken).faults[0] == "1 logit of the export: NaN or infinite."


def test_texts_without_anything_to_answer_prove_nothing() -> None:
    """A failure would write an export that nobody has asked anything, and a figure that is no number."""
    nothing = np.zeros((0, 2), np.float32)
    found = agreement(
        nothing,
        nothing,
        CheckTexts("two lines", ("\u200b", "\u00ad"), None),
        task=TASKS["classification"],
        label_names=LABELS,
        largest_error=1.0,
        largest_changed=4,
    )
    assert (found.passed, found.error, found.spread) == (False, 0.0, 1.0)
    assert found.faults == (
        "The texts hold nothing that the model answers for, so that nothing was compared: give others.",
    )
