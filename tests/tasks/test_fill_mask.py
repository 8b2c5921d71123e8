"""Filled masks, scored by hand."""

import numpy as np
import pytest

from limbeck.errors import ShapeError
from limbeck.tasks import TASKS
from limbeck.tasks.fill_mask import AMONG_FIVE, TRUE_PROBABILITY
from limbeck.text.kept_tokens import KEPT, UNKNOWN, kept_rows
from limbeck.text.units import Ragged, UnitLogits, Units

TASK = TASKS["fill-mask"]
SPANS = [[(0, 3), (4, 7)], [], [(0, 2)], [(0, 6)]]
"""Two hidden tokens, none, one, and one that nobody knows."""
TEXTS = ("the cat", "", "no", "[MASK]")
LABELS = Ragged.nothing(4)


def _logits(places: list[int], *, hidden: tuple[int, ...] = (5, 6, 7, UNKNOWN)) -> UnitLogits:
    """Each hidden token's place in the order of the likeliest, from 0; tokens go down in steps of 0.1 nats."""
    rows = np.empty((4, 100), np.float32)
    for row, (place, token) in enumerate(zip(places, hidden, strict=True)):
        order = [other for other in range(100) if other != token]
        order.insert(place, max(token, 0)) if token != UNKNOWN else None
        rows[row, order[:100]] = -0.1 * np.arange(100)
    units = Units(Ragged.of(SPANS, dtype=np.int64, width=(2,)), TEXTS)
    return UnitLogits(kept_rows(rows, np.array(hidden)), units, name_of=lambda token: f"t{token}")


def test_scores_count_tokens_not_texts() -> None:
    """By hand: of three known tokens one stands first, one fifth, one sixth; a text of two counts twice."""
    found = _logits([0, 4, 5, 0])
    score = TASK.score_of(found, LABELS)
    assert score.value == pytest.approx(1 / 3)
    further = TASK.further_of(found, labels=LABELS, teacher_logits=None)
    assert further[AMONG_FIVE].value == pytest.approx(2 / 3)
    # A token at place k has exp(-0.1 k) / sum of exp(-0.1 j), j from 0 to 99; the mean place is 3.
    total = sum(np.exp(-0.1 * place) for place in range(100))
    assert further[TRUE_PROBABILITY].value == pytest.approx(np.exp(-0.1 * 3) / total, rel=1e-5)
    # Texts are what is drawn: the first alone has 1 of 2, the third none of 1, the second and fourth nothing at all.
    assert score.over(np.array([0])) == 0.5
    assert score.over(np.array([2])) == 0.0
    twice = further[TRUE_PROBABILITY].over(np.array([0, 0, 2]))
    assert twice == pytest.approx(np.exp(-0.1 * (0 + 4 + 0 + 4 + 5) / 5) / total)
    assert np.isnan(further[TRUE_PROBABILITY].over(np.array([1, 3])))
    assert TASK.further_of(found, labels=None, teacher_logits=None) == {}


def test_agreement_counts_masks_that_nobody_knows_too() -> None:
    """By hand: three of four likeliest tokens are the same."""
    found, teacher = _logits([0, 0, 0, 0]), _logits([0, 3, 0, 0])
    assert TASK.agreement_of(found, teacher).value == pytest.approx(3 / 4)
    (change,) = TASK.changes(found, teacher, ())
    assert (change.row, change.teacher_answer, change.artifact_answer) == (0, "'t0' for 'cat'", "'t6' for 'cat'")


def test_answers_name_tokens() -> None:
    """A failure would name another token than the likeliest, or lose the masks of one text to another."""
    answers = TASK.answers(_logits([0, 4, 5, 0]), ())
    assert [len(answer.masks) for answer in answers] == [2, 0, 1, 1]
    told = answers[0].to_json()["masks"]
    assert [(mask["start"], mask["end"]) for mask in told] == [(0, 3), (4, 7)]
    assert told[0]["tokens"][0]["token"] == "t5"
    assert [one["token"] for one in told[1]["tokens"]] == ["t0", "t1", "t2", "t3", "t6"]
    assert len(answers[0].to_json(in_full=True)["masks"][0]["tokens"]) == KEPT


def test_rows_of_another_kind_are_refused() -> None:
    """By refusal: logits of classes, other masks, too few labels."""
    found = _logits([0, 0, 0, 0])
    with pytest.raises(ShapeError, match="Expected rows of 130 numbers"):
        TASK.answers(UnitLogits(found.values[:, :3], found.units), ())
    with pytest.raises(ShapeError, match="filled other masks"):
        moved = Units(Ragged.of([[(0, 3), (4, 6)], *SPANS[1:]], dtype=np.int64, width=(2,)), TEXTS)
        TASK.agreement_of(found, UnitLogits(found.values, moved))
    with pytest.raises(ShapeError, match="Expected what stood in each of 4 texts, got 3"):
        TASK.score_of(found, Ragged.nothing(3))
