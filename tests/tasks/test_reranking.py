"""Reranking: nDCG and agreement by hand, by law and by twin; ties; what is measured over queries."""

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.metrics import ndcg_score

from limbeck.errors import DataError, ShapeError
from limbeck.tasks import order
from limbeck.tasks.reranking import FIRST, Reranking, ScoreAnswer, scores_of
from limbeck.tasks.task import Change

TWO_QUERIES = np.array([0, 1, 0, 1, 0])
"""Rows 0, 2 and 4 are of one query, 1 and 3 of another."""
TASK = Reranking().within(TWO_QUERIES)


def _column(*scores: float) -> np.ndarray:
    return np.array(scores)[:, None]


def test_ndcg_by_hand() -> None:
    """A failure would praise a model that puts the best passage last.

    Grades 2, 0, 1 have gains 3, 0, 1. In the order 0, 1, 2: 3 / 1 + 0 + 1 / 2 = 3.5; best: 3 + 1 / log2(3) = 3.63093.
    """
    gains = order.gains_of(np.array([2.0, 0.0, 1.0]))
    np.testing.assert_array_equal(gains, [3.0, 0.0, 1.0])
    assert order.ndcg(np.array([3.0, 2.0, 1.0]), gains) == pytest.approx(3.5 / 3.63093, abs=1e-6)
    assert order.ndcg(np.array([3.0, 1.0, 2.0]), gains) == pytest.approx(1.0)


def test_ndcg_by_twin() -> None:
    """A failure would differ from what others call nDCG, ties and the cut at ten included. By twin: scikit-learn."""
    draw = np.random.default_rng(0)
    for n_passages in (2, 5, 10, 25):
        for _ in range(20):
            grades, scores = draw.integers(0, 4, n_passages), draw.integers(0, 6, n_passages).astype(float)
            grades[0] = 3
            gains = order.gains_of(grades.astype(float))
            assert order.ndcg(scores, gains) == pytest.approx(ndcg_score([gains], [scores], k=10), abs=1e-12)


def test_a_model_without_an_opinion_gains_nothing_by_the_order_of_the_rows() -> None:
    """A failure would score equal scores as perfect where the relevant passage happens to stand first."""
    first, last = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 1.0])
    found = order.ndcg(np.zeros(4), first)
    assert found == order.ndcg(np.zeros(4), last)
    assert found == pytest.approx(np.mean(1 / np.log2([2, 3, 4, 5])))


def test_passages_beyond_the_tenth_do_not_count() -> None:
    """A failure would reward what nobody reads."""
    scores, gains = -np.arange(12.0), np.zeros(12)
    gains[10] = 1.0
    assert order.ndcg(scores, gains) == 0.0


def test_grades_below_zero_are_not_relevant() -> None:
    """TREC marks spam with grades below 0; a negative gain would make nDCG exceed 1 or fall below 0."""
    np.testing.assert_array_equal(order.gains_of(np.array([-2.0, 0.0, 1.0])), [0.0, 0.0, 1.0])


def test_agreement_is_kendalls_tau_where_nothing_is_equal() -> None:
    """A failure would be a measure of its own making. By twin: scipy."""
    draw = np.random.default_rng(1)
    for _ in range(20):
        own, teacher = draw.permutation(8).astype(float), draw.normal(size=8)
        assert order.alike(own, teacher) == pytest.approx((kendalltau(own, teacher).statistic + 1) / 2)


def test_agreement_with_equal_scores_by_hand() -> None:
    """Teacher 3, 2, 2: two ordered pairs, (0, 1) and (0, 2); the model 1, 1, 0 leaves the first open: (1/2 + 1) / 2."""
    assert order.alike(np.array([1.0, 1.0, 0.0]), np.array([3.0, 2.0, 2.0])) == 0.75
    assert order.alike(np.zeros(3), np.array([3.0, 2.0, 1.0])) == 0.5
    assert order.alike(np.array([3.0, 2.0, 1.0]), np.zeros(3)) is None


def test_each_query_counts_once() -> None:
    """A failure would let a query of many passages outweigh the others, or compare passages across queries."""
    teacher = _column(3, 1, 2, 2, 1)
    found = _column(30, 20, 20, 10, 10)  # the first query as the teacher, the second turned around
    measure = TASK.agreement_of(found, teacher)
    assert measure.values.tolist() == [1.0, 0.0]
    assert (measure.n, measure.value) == (2, 0.5)


def test_queries_without_a_relevant_passage_are_left_out_of_the_score() -> None:
    """A failure would divide by an ideal gain of nothing."""
    measure = TASK.score_of(_column(1, 5, 3, 4, 2), np.array([0.0, 0.0, 1.0, 0.0, 0.0]))
    assert (measure.n, measure.value) == (1, 1.0)
    with pytest.raises(DataError, match="None of the 5 passages is relevant"):
        TASK.score_of(_column(1, 5, 3, 4, 2), np.zeros(5))


def test_a_teacher_that_orders_nothing_is_refused() -> None:
    """A failure would give a mean over no query."""
    with pytest.raises(DataError, match="puts no two passages of a query in an order"):
        TASK.agreement_of(_column(1, 2, 3, 4, 5), _column(7, 8, 7, 8, 7))


def test_the_same_first_passage() -> None:
    """A failure would tell of the first row of all queries together."""
    teacher, found = _column(3, 1, 2, 2, 1), _column(9, 8, 1, 7, 2)
    measure = TASK.further_of(found, labels=None, teacher_logits=teacher)[FIRST]
    assert measure.value == 0.5
    assert TASK.further_of(found, labels=np.zeros(5), teacher_logits=None) == {}


def test_moved_passages_come_by_what_their_ranks_count_for() -> None:
    """A failure would show a swap at the end before a new first passage."""
    task = Reranking().within(np.zeros(4, np.int64))
    changes = task.changes(_column(3, 4, 1, 2), _column(4, 3, 2, 1), ("number",))
    assert [change.row for change in changes] == [0, 1, 2, 3]
    assert changes[0] == Change(0, "rank 1 of 4", "rank 2 of 4", None, None)
    assert task.label_in_words(2.0, ()) == "grade 2"


def test_where_the_teacher_holds_passages_to_be_equal_none_has_moved() -> None:
    """A failure would tell of changed answers beside an agreement of 100 %."""
    task = Reranking().within(np.zeros(4, np.int64))
    assert task.changes(_column(9, 7, 8, 1), _column(3, 2, 2, 1), ()) == []
    assert task.further_of(_column(8, 9, 7, 1), labels=None, teacher_logits=_column(3, 3, 2, 1))[FIRST].value == 1.0
    changes = task.changes(_column(9, 7, 1, 8), _column(3, 2, 2, 1), ())
    assert [(change.row, change.teacher_answer) for change in changes] == [(2, "rank 2 to 3 of 4"), (3, "rank 4 of 4")]


def test_two_classes_are_one_score() -> None:
    """By how much the second outweighs the first: the logarithm of the odds that a passage is relevant."""
    np.testing.assert_array_equal(scores_of(np.array([[1.0, 3.0], [2.0, -1.0]])), [2.0, -3.0])
    assert Reranking().answers(np.array([[1.0, 3.0]]), ("no", "yes")) == [ScoreAnswer(2.0)]
    assert ScoreAnswer(2.0).to_json() == {"score": 2.0}
    with pytest.raises(ShapeError, match="got 3 columns"):
        scores_of(np.zeros((2, 3)))


def test_measuring_without_queries_is_refused() -> None:
    """A failure would take all rows for the passages of one query."""
    with pytest.raises(ShapeError, match="Nobody said which of the 2 rows belong to one query"):
        Reranking().agreement_of(np.zeros((2, 1)), np.zeros((2, 1)))
