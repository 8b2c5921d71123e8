"""Made-up texts: the same for the same seed, all different, and never a text that somebody will be judged by."""

import numpy as np
import pytest

from limbeck.data import augmented
from limbeck.text.examples import Examples
from small_run import LABELS, labelled_rows

ROWS = labelled_rows(40)
TRAIN = Examples(
    tuple(row["text"] for row in ROWS),
    None,
    np.array([LABELS.index(row["label"]) for row in ROWS], np.int64),
    LABELS,
)
PAIRS = Examples(TRAIN.texts, tuple(f"second {index}" for index in range(len(TRAIN))), TRAIN.labels, LABELS)


def test_the_same_seed_makes_the_same_texts() -> None:
    """A failure would ask the teacher for new texts in every run, and make no two runs alike."""
    one, again = (augmented(TRAIN, n=100, seed=3, avoid=()) for _ in range(2))
    assert one == again
    assert augmented(TRAIN, n=100, seed=4, avoid=()).texts != one.texts


def test_a_shorter_list_is_the_beginning_of_a_longer_one() -> None:
    """A failure would label everything anew when somebody asks for a few more texts."""
    assert augmented(TRAIN, n=100, seed=3, avoid=()).texts[:40] == augmented(TRAIN, n=40, seed=3, avoid=()).texts


@pytest.mark.parametrize("examples", [TRAIN, PAIRS], ids=["texts", "pairs"])
def test_no_content_is_made_twice_or_taken_from_elsewhere(examples: Examples) -> None:
    """A failure would train on held-out texts, and every figure of the verdict would be a lie.

    What one seed makes is given to the same seed as texts to avoid: none of them may come back, nor one of training.
    """
    held_out = augmented(examples, n=150, seed=0, avoid=())
    made = augmented(examples, n=150, seed=0, avoid=held_out.content_fingerprints)
    contents = made.content_fingerprints
    assert len(made) == 150
    assert len(set(contents)) == len(contents)
    assert not set(contents) & set(held_out.content_fingerprints)
    assert not set(contents) & set(examples.content_fingerprints)


def test_case_and_blanks_make_no_new_text() -> None:
    """A failure would let a held-out text in through a capital letter."""
    few = Examples(("Good Film", "bad song", "great  rain", "awful day"), None, None, LABELS)
    avoid = Examples(
        tuple(text.upper() + " " for text in augmented(few, n=50, seed=0, avoid=()).texts), None, None, LABELS
    )
    again = augmented(few, n=50, seed=0, avoid=avoid.content_fingerprints)
    assert not set(again.content_fingerprints) & set(avoid.content_fingerprints)


def test_made_up_texts_are_made_of_the_words_of_training() -> None:
    """A failure would bring words from nowhere, or nothing but copies."""
    made = augmented(TRAIN, n=200, seed=0, avoid=())
    known = {word for text in TRAIN.texts for word in text.split()}
    assert {word for text in made.texts for word in text.split()} <= known
    assert all(text and text == " ".join(text.split()) for text in made.texts)
    assert max(len(text.split()) for text in made.texts) <= max(len(text.split()) for text in TRAIN.texts)
    assert (made.labels, made.label_names, made.text_pairs) == (None, LABELS, None)


def test_second_texts_of_pairs_are_kept_whole() -> None:
    """A failure would ask the teacher about halves of pairs."""
    made = augmented(PAIRS, n=100, seed=0, avoid=())
    assert made.text_pairs is not None
    assert PAIRS.text_pairs is not None
    assert len(made.text_pairs) == len(made.texts) == 100
    assert set(made.text_pairs) <= set(PAIRS.text_pairs)


def test_fewer_come_back_where_so_many_cannot_be_made() -> None:
    """A failure would search for ever for a text that does not exist."""
    one_word = Examples(("good",), None, None, LABELS)
    found = augmented(one_word, n=1000, seed=0, avoid=())
    assert len(found) < 1000
    assert len(set(found.content_fingerprints)) == len(found)
    assert len(augmented(TRAIN, n=0, seed=0, avoid=())) == 0


def test_blank_texts_make_nothing() -> None:
    """A failure would end in a stack trace on data that hold blanks only."""
    assert len(augmented(Examples((" ", "\t"), None, None, LABELS), n=10, seed=0, avoid=())) == 0
