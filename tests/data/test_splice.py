"""Spliced texts: they begin as one text, go on as another, and hold no turn that nobody wrote."""

import itertools

import numpy as np

from limbeck.data.splice import Corpus

TEXTS = [
    text.split()
    for text in (
        "the film is not good but it moves",
        "a song that is not what it was",
        "but the song moves",
        "what a film",
        "it is good",
        "rain",
        "",
    )
]


def _runs(texts: list[list[str]], length: int) -> set[tuple[str, ...]]:
    return {tuple(text[start : start + length]) for text in texts for start in range(len(text) - length + 1)}


def test_every_pair_of_neighbours_stands_in_some_text() -> None:
    """A failure would put words side by side that nobody put there: a last word and the next text's first."""
    corpus, draw = Corpus.of(TEXTS), np.random.default_rng(0)
    made = [corpus.spliced(corpus.drawn(draw), draw) for _ in range(500)]
    assert _runs(made, 2) <= _runs(TEXTS, 2)
    assert len({tuple(text) for text in made} - {tuple(text) for text in TEXTS}) > 20


def test_a_text_begins_as_its_source() -> None:
    """A failure would give a pair's second text to words of another pair."""
    corpus, draw = Corpus.of(TEXTS), np.random.default_rng(0)
    for source, _ in itertools.product(range(len(TEXTS)), range(20)):
        assert corpus.spliced(source, draw)[:1] == TEXTS[source][:1]


def test_two_words_are_kept_where_enough_texts_hold_both() -> None:
    """A failure would join texts at a lone "the", and break what stands around it.

    "see" goes on as "film" behind "we", and as "rain" behind "you"; both pairs stand in eight texts.
    """
    texts = [text.split() for text in ["we see film now"] * 8 + ["you see rain now"] * 8]
    corpus, draw = Corpus.of(texts), np.random.default_rng(0)
    made = [corpus.spliced(source, draw) for source in range(16) for _ in range(20)]
    assert _runs(made, 3) == _runs(texts, 3)
    rare = [text.split() for text in ["we see film now"] * 7 + ["you see rain now"] * 7]
    corpus = Corpus.of(rare)
    made = [corpus.spliced(source, draw) for source in range(14) for _ in range(20)]
    assert ("we", "see", "rain") in _runs(made, 3)


def test_long_texts_are_drawn_more_often() -> None:
    """A failure would leave out the texts that students get wrong: the long ones. 30^2 to 25 * 6^2."""
    corpus, draw = Corpus.of([["a"] * 30, *[["b"] * 6] * 25]), np.random.default_rng(0)
    drawn = [corpus.drawn(draw) for _ in range(4000)]
    assert abs(drawn.count(0) / 4000 - 0.5) < 4 * (0.5 * 0.5 / 4000) ** 0.5  # four standard errors
