"""Tags and their spans: the scheme by hand, F1 by hand, answers that stand in their text."""

import numpy as np
import pytest

from limbeck.errors import ShapeError
from limbeck.tasks.spans import spans_of
from limbeck.tasks.task import Change
from limbeck.tasks.token_classification import NO_SPAN, TokenClassification
from limbeck.text.examples import UNLABELLED
from limbeck.text.units import Ragged, UnitLogits, Units

TASK = TokenClassification()
NAMES = ("O", "B-place", "I-place", "B-person", "I-person")
NO, BL, IL, BP, IP = range(5)
TEXTS = ("Ada Lovelace saw New York", "in Rome")
TAGS = Ragged.of([[BP, IP, NO, BL, IL], [NO, BL]], dtype=np.int64)


def logits_of(tags: list[list[int]], *, texts: tuple[str, ...] = TEXTS, sure: float = 5.0) -> UnitLogits:
    """Logits whose largest stand at these tags, one a word."""
    spans = []
    for text, row in zip(texts, tags, strict=True):
        at, here = 0, []
        for word in text.split(" "):
            here.append((at, at + len(word)))
            at += len(word) + 1
        spans.append(here[: len(row)])
    values = np.zeros((sum(map(len, tags)), len(NAMES)), np.float32)
    values[np.arange(len(values)), [tag for row in tags for tag in row]] = sure
    return UnitLogits(values, Units(Ragged.of(spans, dtype=np.int64, width=(2,)), texts))


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        ("B-a I-a O B-a B-a", [(0, 2, "a"), (3, 4, "a"), (4, 5, "a")]),
        ("I-a I-a O I-b", [(0, 2, "a"), (3, 4, "b")]),  # I- behind O begins a span
        ("B-a I-b I-b", [(0, 1, "a"), (1, 3, "b")]),  # and so does I- of another type
        ("B-a E-a I-a S-a O", [(0, 2, "a"), (2, 3, "a"), (3, 4, "a")]),
        ("B-a L-a U-b U-b", [(0, 2, "a"), (2, 3, "b"), (3, 4, "b")]),
        ("a a O b-b", [(0, 2, "a"), (3, 4, "b-b")]),
        ("O O", []),
    ],
)
def test_spans_by_the_scheme(tags: str, wanted: list[tuple[int, int, str]]) -> None:
    """Both conlleval and seqeval read these so; another reading gives another F1 than everyone else reports."""
    names = sorted(set(tags.split()) | {"O"})
    assert spans_of([names.index(tag) for tag in tags.split()], names) == wanted


def test_f1_by_hand() -> None:
    """Of 3 spans, 1 is found whole, 1 has one end wrong, 1 is of another type: 2 * 1 / (2 * 1 + 2 + 2)."""
    found = logits_of([[BP, NO, NO, BL, IL], [NO, BP]])
    assert TASK.score_of(found, TAGS, NAMES).value == pytest.approx(2 / 6)
    assert TASK.score_of(found, TAGS, NAMES).over(np.array([1, 1])) == 0.0
    assert TASK.score_of(logits_of([row.tolist() for row in TAGS]), TAGS, NAMES).value == 1.0


def test_precision_and_recall_by_hand() -> None:
    """Of 2 spans that were found 1 is right, and of 3 that are there 1 was found."""
    found = logits_of([[BP, IP, NO, BL, NO], [NO, NO]])
    precision, recall = TASK.further_of(found, labels=TAGS, teacher_logits=None, label_names=NAMES).values()
    assert (precision.value, recall.value) == (1 / 2, 1 / 3)
    assert precision.over(np.array([1])) == 1.0  # nothing was found there, so nothing wrongly


def test_a_tag_that_breaks_the_scheme_still_finds_its_span() -> None:
    """I-place behind O is the same span as B-place: what counts are spans, not tags."""
    found = logits_of([[BP, IP, NO, IL, IL], [NO, IL]])
    assert TASK.score_of(found, TAGS, NAMES).value == 1.0
    assert TASK.agreement_of(found, logits_of([row.tolist() for row in TAGS]), NAMES).value == 1.0
    assert TASK.changes(found, logits_of([row.tolist() for row in TAGS]), NAMES) == []


def test_words_behind_the_cut_are_missed() -> None:
    """A cut that took its spans out of the count would make a model better the less it reads."""
    cut = logits_of([[BP, IP, NO], [NO, BL]])
    assert TASK.score_of(cut, TAGS, NAMES).value == pytest.approx(2 * 2 / (2 * 2 + 1))


def test_answers_stand_in_the_text() -> None:
    """The probability of a span is that of all its tags together."""
    whole, short = TASK.answers(logits_of([[BP, IP, NO, BL, IL], [NO, NO]]), NAMES)
    share = np.exp(5) / (np.exp(5) + 4)
    assert [(span.label, span.text, span.start, span.end) for span in whole.spans] == [
        ("person", "Ada Lovelace", 0, 12), ("place", "New York", 17, 25),
    ]  # fmt: skip
    assert whole.spans[0].probability == pytest.approx(share**2)
    assert short.spans == ()
    assert short.to_json() == {"spans": []}
    assert [word["tag"] for word in short.to_json(in_full=True)["words"]] == ["O", "O"]


def test_answers_are_moved_into_the_text_that_was_given() -> None:
    """Marks stand without a blank before them in plain text, so every character behind one is another."""
    text = "Ada  Lovelace,saw (New\nYork"
    words = [(0, 3), (5, 13), (14, 17), (19, 22), (23, 27)]
    found = TASK.answers(logits_of([[BP, IP, NO, BL, IL], [NO, NO]]), NAMES)[0].within(text, words)
    assert [(span.text, span.start, span.end) for span in found.spans] == [
        ("Ada  Lovelace", 0, 13), ("New\nYork", 19, 27),
    ]  # fmt: skip
    assert [word.text for word in found.words] == ["Ada", "Lovelace", "saw", "New", "York"]


def test_changed_spans_come_surest_first_and_in_words() -> None:
    """A failure would hide what was unlearned behind what wavers."""
    teacher = logits_of([[BP, IP, NO, BL, IL], [NO, BL]])
    found = logits_of([[NO, NO, NO, BL, IL], [NO, NO]])
    found.values[:2] = 0.1  # wavering where the first text changed
    assert TASK.changes(found, teacher, NAMES) == [
        Change(1, "place: Rome", NO_SPAN, None, None),
        Change(0, "person: Ada Lovelace; place: New York", "place: New York", None, None),
    ]
    assert TASK.label_in_words(TAGS[0], NAMES, TEXTS[0]) == "person: Ada Lovelace; place: New York"


def test_targets_are_the_tags_of_the_words_that_are_read() -> None:
    """The second word has no token of its own; taking tags one after the other would shift all behind it."""
    units = Units(Ragged.of([[(0, 3), (13, 16), (17, 20)], [(0, 2), (3, 7)]], dtype=np.int64, width=(2,)), TEXTS)
    assert TASK.targets(TAGS, units).tolist() == [BP, NO, BL, NO, BL]
    unlabelled = Ragged.of([[UNLABELLED], [NO, BL]], dtype=np.int64)
    assert TASK.targets(unlabelled, units).tolist() == [UNLABELLED] * 3 + [NO, BL]


def test_what_does_not_fit_is_refused() -> None:
    """A row of tags more than words would shift them all."""
    with pytest.raises(ShapeError, match="a tag for each of 5 words, got 4: 'Ada Lovelace saw New York'"):
        TASK.score_of(logits_of([[NO] * 5, [NO, NO]]), Ragged.of([[NO] * 4, [NO, NO]], dtype=np.int64), NAMES)
    with pytest.raises(ShapeError, match="tags for each of 2 texts, got 1 rows"):
        TASK.score_of(logits_of([[NO] * 5, [NO, NO]]), TAGS.take([0]), NAMES)
    with pytest.raises(ShapeError, match="one column for each of 2 tags, got 5"):
        TASK.answers(logits_of([[NO] * 5, [NO, NO]]), NAMES[:2])
