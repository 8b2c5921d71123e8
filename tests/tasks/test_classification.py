"""Logits -> probabilities, answers and accuracy: by hand, by law, by twin (scipy), by refusal."""

import math

import numpy as np
import pytest
from scipy.special import softmax

from limbeck.errors import ShapeError
from limbeck.tasks import TASKS
from limbeck.tasks.classification import ClassAnswer, Classification, probabilities

TASK = Classification()


def test_probabilities_by_hand() -> None:
    """A wrong softmax would make every probability that a user sees wrong."""
    # exp(0) : exp(ln 3) = 1 : 3
    found = probabilities(np.array([[0.0, math.log(3)], [5.0, 5.0]], dtype=np.float32))
    np.testing.assert_allclose(found, [[0.25, 0.75], [0.5, 0.5]], rtol=1e-7)


def test_probabilities_agree_with_scipy_on_any_float_type() -> None:
    """Half-precision logits of a teacher must not lose the sum of 1."""
    logits = np.random.default_rng(0).normal(scale=8, size=(50, 7)).astype(np.float16)
    found = probabilities(logits)
    np.testing.assert_allclose(found, softmax(logits.astype(np.float64), axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_probabilities_are_stable_and_leave_the_logits_alone() -> None:
    """Large logits would overflow to NaN, and a softmax in place would destroy what is scored next."""
    logits = np.array([[1e30, 0.0], [-1e30, -1e30]])
    before = logits.copy()
    np.testing.assert_array_equal(probabilities(logits), [[1, 0], [0.5, 0.5]])
    np.testing.assert_array_equal(logits, before)


def test_answers_name_the_largest_logit() -> None:
    """A label beside another class's probability would be believed by whoever reads it."""
    found = TASK.answers(np.array([[0.0, math.log(3)], [2.0, 2.0]]), ["no", "yes"])
    assert [(answer.label, answer.label_id) for answer in found] == [("yes", 1), ("no", 0)]
    assert found[0].probability == pytest.approx(0.75)
    assert found[0].probabilities == pytest.approx((0.25, 0.75))
    assert found[1] == ClassAnswer(label="no", label_id=0, probability=0.5, probabilities=(0.5, 0.5))


def test_of_equal_logits_the_first_answers_and_is_scored() -> None:
    """Runtime and verdict must settle ties alike, or the verdict scores answers that nobody is given."""
    logits = np.array([[0.0, 2.0, 2.0], [1.0, 1.0, 1.0], [-3.0, -2.0, -1.0]], dtype=np.float32)
    assert [answer.label_id for answer in TASK.answers(logits, "abc")] == [1, 0, 2]
    assert TASK.score_of(logits, np.array([1, 0, 2])).value == 1.0


def test_no_texts_give_no_answers() -> None:
    """An empty batch must not bring a server down."""
    assert TASK.answers(np.empty((0, 2)), ["no", "yes"]) == []


def test_accuracy_by_hand() -> None:
    """The figure that the verdict rests on."""
    logits = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 2.0]])
    assert TASK.score_of(logits, np.array([0, 1, 1])).value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: probabilities(np.zeros(3)),
            (
                "Expected logits of shape (texts, classes) with at least one class, got (3,).\n"
                "Hint: Give one row of logits for each text; for a single text, logits[None, :]."
            ),
        ),
        (
            lambda: TASK.answers(np.zeros((2, 3)), ["no", "yes"]),
            (
                "Expected logits with one column for each of the 2 label names, got 3 columns.\n"
                "Hint: Give the label names of the model that made these logits."
            ),
        ),
        (
            lambda: TASK.score_of(np.zeros((2, 3)), np.zeros(1, dtype=np.int64)),
            (
                "Expected labels for each of at least one row of logits, got 2 rows and labels of shape (1,).\n"
                "Hint: Compare logits and labels of the same texts, in the same order."
            ),
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call: object, message: str) -> None:
    """Numpy would broadcast a wrong shape into a plausible number."""
    assert callable(call)
    with pytest.raises(ShapeError) as caught:
        call()
    assert str(caught.value) == message


def test_the_table_of_tasks_names_this_one() -> None:
    """A recipe's task must find its file."""
    assert isinstance(TASKS["classification"], Classification)
