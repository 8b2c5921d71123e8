"""Sets of labels, and numbers: answers, scores and changes by hand."""

import numpy as np
import pytest
from scipy.special import expit

from limbeck.errors import ShapeError
from limbeck.tasks.multi_label import NO_LABEL, MultiLabel, probabilities
from limbeck.tasks.regression import NUMBER, NumberAnswer, Regression
from limbeck.tasks.task import Change

LABELS, NUMBERS = MultiLabel(), Regression()
NAMES = ("joy", "anger", "fear")


def test_each_label_is_decided_by_itself() -> None:
    """A softmax would make labels exclude one another."""
    logits = np.array([[2.0, 0.0, -1.0], [-1.0, -2.0, -3.0]])
    both, none = LABELS.answers(logits, NAMES)
    assert both.labels == ("joy", "anger")
    assert none.labels == ()
    np.testing.assert_allclose(both.probabilities, expit(logits[0]), rtol=1e-12)
    assert both.to_json() == {"labels": ["joy", "anger"]}
    assert list(both.to_json(in_full=True, label_names=NAMES)["probabilities"]) == list(NAMES)


def test_probabilities_never_overflow() -> None:
    """exp(1000) is infinite, and infinity / infinity no probability."""
    np.testing.assert_array_equal(probabilities(np.array([[1000.0, -1000.0, 0.0]])), [[1.0, 0.0, 0.5]])


def test_f1_by_hand() -> None:
    """2 found, of which 1 rightly; 1 missed: 2 * 1 / (2 * 1 + 1 + 1)."""
    logits = np.array([[1.0, 1.0, -1.0], [-1.0, -1.0, -1.0]])
    given = np.array([[1, 0, 0], [0, 0, 1]], np.int8)
    assert LABELS.score_of(logits, given).value == 0.5
    assert LABELS.score_of(-np.ones((2, 3)), np.zeros((2, 3), np.int8)).value == 1.0


def test_agreement_wants_the_whole_set() -> None:
    """Two of three labels are not the teacher's answer."""
    teacher = np.array([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0]])
    found = np.array([[1.0, -1.0, -1.0], [3.0, -2.0, -2.0]])
    assert LABELS.agreement_of(found, teacher).hits.tolist() == [False, True]


def test_changed_sets_come_surest_first() -> None:
    """The probability beside a changed set is that of the decision that changed, not of those that did not."""
    teacher = np.array([[9.0, 0.1, -9.0], [-2.0, -9.0, -9.0], [1.0, 1.0, 1.0]])
    found = np.array([[9.0, -0.1, -9.0], [2.0, -9.0, -9.0], [1.0, 1.0, 1.0]])
    sure, wavering = LABELS.changes(found, teacher, NAMES)
    assert sure == Change(1, NO_LABEL, "joy", pytest.approx(expit(2.0)), pytest.approx(expit(2.0)))
    assert (wavering.row, wavering.teacher_answer, wavering.artifact_answer) == (0, "joy, anger", "joy")
    assert wavering.teacher_probability == pytest.approx(expit(0.1))
    assert LABELS.label_in_words(np.array([0, 1, 1]), NAMES) == "anger, fear"


def test_numbers_are_answers_and_are_ordered() -> None:
    """A monotone change of scale is no change of order."""
    logits = np.array([[1.0], [3.0], [2.0], [4.0]])
    assert NUMBERS.answers(logits, (NUMBER,)) == [
        NumberAnswer(1.0),
        NumberAnswer(3.0),
        NumberAnswer(2.0),
        NumberAnswer(4.0),
    ]
    assert NUMBERS.score_of(logits, np.array([10.0, 30.0, 20.0, 400.0])).value == pytest.approx(1.0)
    assert NUMBERS.agreement_of(logits, -logits).value == pytest.approx(-1.0)


def test_numbers_far_apart_are_changes() -> None:
    """Half a standard deviation of the teacher's numbers, furthest first; a hair's breadth is no change."""
    teacher = np.array([[0.0], [2.0], [0.0], [2.0]])  # standard deviation 1
    found = np.array([[0.4], [2.7], [-2.0], [2.0]])
    assert [change.row for change in NUMBERS.changes(found, teacher, (NUMBER,))] == [2, 1]
    assert NUMBERS.changes(found, teacher, (NUMBER,))[0] == Change(2, "0", "-2", None, None)


def test_rows_that_do_not_fit_are_refused() -> None:
    """Numpy would broadcast one row of labels over all texts."""
    with pytest.raises(ShapeError, match="Expected labels for each of at least one row of logits, got 2 rows"):
        LABELS.score_of(np.zeros((2, 3)), np.zeros((1, 3)))
    with pytest.raises(ShapeError, match="Expected teacher logits for each"):
        NUMBERS.agreement_of(np.zeros((2, 1)), np.zeros((1, 1)))
