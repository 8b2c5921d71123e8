"""Scores: by hand, by law, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from limbeck.evaluate import scores

RIGHT_5_OF_6 = np.array([True, True, True, True, False, True])
RIGHT_3_OF_6 = np.array([True, True, False, True, False, False])
HOW = {"confidence": 0.95, "samples": 500, "seed": 0}


def test_first_of_equal_logits_answers() -> None:
    """Runtime and verdict must settle ties alike, or the verdict scores answers that nobody is given."""
    logits = np.array([[0.0, 2.0, 2.0], [1.0, 1.0, 1.0], [-3.0, -2.0, -1.0]], dtype=np.float32)
    assert scores.predicted_labels(logits).tolist() == [1, 0, 2]


def test_share_equals_scikit_learns_accuracy() -> None:
    """The accuracy that customers compare with their own figure must be the usual one."""
    generator = np.random.default_rng(5)
    labels, answers = generator.integers(0, 4, size=(2, 333))
    found = scores.share(answers == labels, confidence=0.95)
    assert found.value == accuracy_score(labels, answers)
    assert found.interval.low < found.value < found.interval.high
    assert found.n == 333


def test_agreement_with_itself_is_one() -> None:
    """A model must agree with itself, and still not be called certain by 50 texts."""
    found = scores.share(np.ones(50, dtype=bool), confidence=0.95)
    assert (found.value, found.interval.high) == (1.0, pytest.approx(1.0))
    assert 0.9 < found.interval.low < 0.95


def test_retention_by_hand() -> None:
    """3 right of the teacher's 5 is 0.6; a plain ratio of rounded percents would not be."""
    found = scores.retention(RIGHT_3_OF_6, RIGHT_5_OF_6, **HOW)
    assert found is not None
    assert (found.value, found.n) == (0.6, 6)
    assert found.interval.low < 0.6 < found.interval.high


def test_retention_of_the_teacher_by_itself_is_one() -> None:
    """Anything else would be an artefact of the resampling."""
    found = scores.retention(RIGHT_5_OF_6, RIGHT_5_OF_6, **HOW)
    assert found is not None
    assert found.value == 1.0


def test_retention_meets_a_written_bound_exactly() -> None:
    """49 right of the teacher's 50 must be the 0.98 of the recipe, not 0.9799999 by two divisions."""
    teacher = np.arange(87) < 50
    student = np.arange(87) < 49
    found = scores.retention(student, teacher, **HOW)
    assert found is not None
    assert found.value == 0.98


def test_nothing_is_retained_of_a_teacher_that_knows_nothing() -> None:
    """A division by zero, or an infinite retention, would pass a useless artifact."""
    assert scores.retention(RIGHT_3_OF_6, np.zeros(6, dtype=bool), **HOW) is None


def test_difference_by_hand_and_turned_around() -> None:
    """3/6 - 5/6 = -1/3; swapping the two must swap the sign, or a loss could be told as a gain."""
    found = scores.difference(RIGHT_3_OF_6, RIGHT_5_OF_6, **HOW)
    turned = scores.difference(RIGHT_5_OF_6, RIGHT_3_OF_6, **HOW)
    assert found.value == pytest.approx(-1 / 3)
    assert turned.value == -found.value
    assert found.interval.low < found.value < found.interval.high
