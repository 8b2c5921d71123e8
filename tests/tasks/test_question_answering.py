"""Answers within a context: SQuAD's comparison by hand, spans against a full search, windows, and no answer."""

import re

import numpy as np
import pytest

from limbeck.errors import ShapeError
from limbeck.tasks.answer_text import is_exact, normalised, overlap
from limbeck.tasks.question_answering import MAX_ANSWER_TOKENS, NO_ANSWER, QuestionAnswering, ends_by_window
from limbeck.tasks.task import Change
from limbeck.text.examples import UNLABELLED
from limbeck.text.units import NOWHERE, Ragged, UnitLogits, Units

TASK = QuestionAnswering()
NAMES = ("start", "end")
CONTEXT = "My mum did play the great song at seven"
WORDS = [found.span() for found in re.finditer(r"\S+", CONTEXT)]
NONE = (NOWHERE, NOWHERE)


def asked(values: np.ndarray, *, spans: list[tuple[int, int]] | None = None, threshold: float = 0.0) -> UnitLogits:
    """Logits of one question on `CONTEXT`, read in one window unless spans say otherwise."""
    units = Units(Ragged.of([spans or [NONE, *WORDS]], dtype=np.int64, width=(2,)), (CONTEXT,))
    return UnitLogits(np.asarray(values, np.float32), units, threshold)


def test_answers_are_compared_as_squad_compares_them() -> None:
    """Each case is one that the official script decides so."""
    assert normalised("The  Great-song, an 'A'!") == "greatsong"
    assert normalised("U.S.A. a") == "usa"
    assert is_exact("the Great song.", ["great song"])
    assert overlap("great song at", ["song", "the song at seven"]) == pytest.approx(2 * 2 / (3 + 3))
    assert overlap("song song", ["song"]) == pytest.approx(2 / 3)  # a repeated word counts as often as it is wanted
    assert overlap("", []) == 1.0
    assert overlap("song", []) == 0.0
    assert overlap("the", ["a"]) == 1.0  # nothing is left of either
    assert is_exact("", ["the"])


def test_the_best_span_is_that_of_a_full_search() -> None:
    """The scores of all spans are laid out in one array; an index wrong by one would give a neighbour's end."""
    draw = np.random.default_rng(0)
    for n_tokens in (1, 2, 31, 70):
        spans = [NONE, *((place, place + 1) for place in range(n_tokens))]
        values = draw.normal(size=(n_tokens + 1, 2)).astype(np.float32)
        values[0] = -100
        found = TASK.answers(
            UnitLogits(values, Units(Ragged.of([spans], dtype=np.int64, width=(2,)), ("x" * n_tokens,))), NAMES
        )[0]
        scores = {
            (first, last): float(values[1 + first, 0]) + float(values[1 + last, 1])
            for first in range(n_tokens)
            for last in range(first, min(n_tokens, first + MAX_ANSWER_TOKENS))
        }
        first, last = max(scores, key=lambda span: scores[span])
        assert (found.start, found.end) == (first, last + 1)
        total = sum(np.exp(score) for score in scores.values())
        assert found.probability == pytest.approx(np.exp(scores[first, last]) / total, rel=1e-5)


def test_an_answer_does_not_end_before_it_begins() -> None:
    """The best first token behind the best last one is no span."""
    values = np.zeros((10, 2))
    values[0] = -50
    values[7, 0], values[2, 1], values[8, 1] = 10, 10, 5
    assert TASK.answers(asked(values), NAMES)[0].text == "song at"
    values[7, 0], values[6, 0] = 0, 10
    assert TASK.answers(asked(values), NAMES)[0].text == "great song at"


@pytest.mark.parametrize(("threshold", "text"), [(0.0, ""), (1.9, ""), (2.1, "mum"), (np.inf, "mum")])
def test_no_answer_must_exceed_the_best_one_by_the_threshold(threshold: float, text: str) -> None:
    """A failure would decline where people set it not to, or answer the unanswerable."""
    values = np.full((10, 2), -9.0)
    values[2] = 4.0
    values[0] = 5.0
    found = TASK.answers(asked(values, threshold=threshold), NAMES)[0]
    assert found.text == text
    assert (found.start is None) == (text == "")
    share = np.exp(2) / (1 + np.exp(2))
    assert found.no_answer_probability == pytest.approx(0 if threshold == np.inf else share, abs=1e-5)
    assert found.probability == pytest.approx(
        1.0 if threshold == np.inf else share if not text else 1 - share, abs=1e-4
    )


def test_spans_do_not_reach_from_one_window_into_the_next() -> None:
    """And no answer scores what the window scores that is least sure of it."""
    spans = [NONE, *WORDS[:4], NONE, *WORDS[3:]]
    values = np.full((len(spans), 2), -9.0)
    values[0], values[5] = 20.0, -20.0  # only the first window says that there is none
    values[2, 0], values[8, 1] = 10, 10  # from "mum" in the first to "great" in the second
    values[9] = 3.0
    found = TASK.answers(asked(values, spans=spans), NAMES)[0]
    assert found.text == "song"


def test_f1_and_exact_match_by_hand() -> None:
    """Words "great song" against "the great song at": 2 * 2 / (2 + 3), as the article falls out; and not exact."""
    values = np.full((10, 2), -9.0)
    values[6, 0] = values[7, 1] = 5.0
    gold = Ragged.of([[(16, 33)]], dtype=np.int64, width=(2,))
    assert TASK.answers(asked(values), NAMES)[0].text == "great song"
    assert TASK.score_of(asked(values), gold, NAMES).value == pytest.approx(4 / 5)
    for wanted, share in ((gold, 0.0), (Ragged.of([[(16, 30), (0, 2)]], dtype=np.int64, width=(2,)), 1.0)):
        [exact] = TASK.further_of(asked(values), labels=wanted, teacher_logits=None).values()
        assert exact.value == share
    nothing = Ragged.of([[]], dtype=np.int64, width=(2,))
    assert TASK.score_of(asked(values), nothing, NAMES).value == 0.0
    assert TASK.label_in_words(gold[0], NAMES, CONTEXT) == "the great song at"
    assert TASK.label_in_words(nothing[0], NAMES, CONTEXT) == NO_ANSWER


def test_agreement_and_changes_compare_answers() -> None:
    """An article more is the same answer."""
    values = np.full((10, 2), -9.0)
    values[6, 0] = values[7, 1] = 5.0
    other = values.copy()
    other[5, 0], other[6, 0] = 5.0, -9.0
    assert TASK.agreement_of(asked(values), asked(other)).value == 1.0
    other[7, 1], other[8, 1] = -9.0, 5.0
    assert TASK.changes(asked(values), asked(other), NAMES) == [
        Change(0, "the great song at", "great song", None, None)
    ]


def test_targets_point_into_the_windows_that_hold_the_answer() -> None:
    """A window with half of an answer wants "no answer here"; one with all of it wants both of its ends."""
    spans = [NONE, *WORDS[:6], NONE, *WORDS[4:]]  # "great song" lies in the second window only
    units = Units(Ragged.of([spans], dtype=np.int64, width=(2,)), (CONTEXT,))
    found = TASK.targets(Ragged.of([[(20, 30)]], dtype=np.int64, width=(2,)), units)
    assert np.argwhere(found == 1).tolist() == [[0, 0], [0, 1], [9, 0], [10, 1]]
    assert found.sum() == 4
    none = TASK.targets(Ragged.of([[]], dtype=np.int64, width=(2,)), units)
    assert np.argwhere(none == 1).tolist() == [[0, 0], [0, 1], [7, 0], [7, 1]]
    two = TASK.targets(Ragged.of([[(3, 6), (0, 6), (3, 6)]], dtype=np.int64, width=(2,)), units)
    assert two[[1, 2], 0].tolist() == [0.5, 0.5]
    assert two[2, 1] == 1.0
    unknown = TASK.targets(Ragged.of([[(UNLABELLED, UNLABELLED)]], dtype=np.int64, width=(2,)), units)
    assert (unknown == UNLABELLED).all()


def test_ends_by_window_are_rows_of_distributions() -> None:
    """A softmax over both columns of a token would compare the beginning of an answer with its end."""
    spans = [NONE, *WORDS[:2], NONE, WORDS[2]]
    values = np.arange(10.0).reshape(5, 2)
    found = ends_by_window(asked(values, spans=spans))
    assert found.shape == (4, 3)
    assert found[:2].tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]
    assert found[2:, :2].tolist() == [[6.0, 8.0], [7.0, 9.0]]
    assert np.exp(found[2:, 2]).tolist() == [0.0, 0.0]


def test_what_does_not_fit_is_refused() -> None:
    """A failure would score a question with its neighbour's answers."""
    values = np.zeros((10, 2))
    with pytest.raises(ShapeError, match="answers for each of 1 questions, got 2 rows"):
        TASK.score_of(asked(values), Ragged.of([[], []], dtype=np.int64, width=(2,)), NAMES)
    with pytest.raises(ShapeError, match="Expected two columns of logits, for first and last tokens, got 3"):
        TASK.answers(asked(np.zeros((10, 3))), NAMES)
