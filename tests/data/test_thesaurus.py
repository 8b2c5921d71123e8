"""Near words: nearest by the table that is given, whole words only, and used where texts are made up."""

import numpy as np
import pytest

from limbeck.data import Thesaurus, augmented, thesaurus
from limbeck.examples import Examples
from limbeck.tokens import TextEncoder
from tiny import WORDS, write_tokenizer


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    """A small WordPiece tokenizer: whole words, letters, and pieces."""
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return TextEncoder(folder, max_tokens=32)


def _table(encoder: TextEncoder) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)


def test_whole_words_are_those_that_come_out_as_one_token(encoder: TextEncoder) -> None:
    """A failure would make up texts of pieces of words and special tokens."""
    whole = encoder.whole_words()
    assert set(whole) == {word for word in WORDS if len(word) > 1}
    assert encoder.single_tokens(["alarm", "alarms", ""]) == [whole["alarm"], None, None]


def test_near_words_are_the_nearest_of_the_table(encoder: TextEncoder) -> None:
    """A failure would swap words for far ones. By twin: every cosine computed one by one."""
    table, whole = _table(encoder), encoder.whole_words()
    found = thesaurus(encoder, table, ["Alarm, at seven!", "no such-word"])
    assert set(found.words) == set(whole)
    assert set(found.near) == {"Alarm", "at", "seven"}  # the tokenizer lowers case; the others are several tokens
    centre = table[list(whole.values())].mean(axis=0)

    def cosine(one: str, other: str) -> float:
        a, b = (table[whole[word]] - centre for word in (one, other))
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    for word, near in found.near.items():
        ranked = sorted(set(whole) - {word.lower()}, key=lambda other: -cosine(word.lower(), other))
        assert set(near) == set(ranked[:15])


def test_a_table_without_whole_words_knows_nothing(encoder: TextEncoder) -> None:
    """A failure would end in a stack trace with tokenizers of single characters."""
    assert thesaurus(encoder, np.zeros((1, 6), np.float32), ["alarm"]) == Thesaurus()


def test_made_up_texts_swap_words_for_near_ones_and_keep_their_punctuation() -> None:
    """A failure would teach the student nothing of words that no training text holds."""
    texts = tuple(f"wake me at seven, please {number}" for number in range(50))
    known = Thesaurus(words=("rain",), near={"seven": ("eight", "nine"), "wake": ("rouse",)})
    made = augmented(Examples(texts, None, None, ("a",)), n=200, seed=0, avoid=(), thesaurus=known)
    words = [word for text in made.texts for word in text.split()]
    assert {"eight,", "nine,", "rouse", "rain"} <= set(words)
    swapped = sum(word in {"eight,", "nine,"} for word in words)
    # Three texts in five are edited; there one word in four is swapped, nine in ten of these for a near word. Texts
    # without any change are refused, so it is more than 0.6 * 0.25 * 0.9.
    assert 0.135 < swapped / (swapped + words.count("seven,")) < 0.5
