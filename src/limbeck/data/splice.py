"""Texts spliced at words that they share: the beginning of one, the end of another, fluent where they meet.

What a student gets wrong on unseen texts is mostly long: contrasts, negations, clauses that turn. Spans put side by
side hold no such turns where they meet. A text that is cut at a word and goes on as another one goes on after the same
two words reads as if somebody had written it.

Sources: the crossing of two examples after Luque 2019, arXiv:1909.11241, section 3; that they meet at words which both
hold, and that long texts are drawn more often, is limbeck's own (figures in docs/lab-log.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_LONG_TEXTS_COUNT = 2.0
"""A text is drawn in proportion to this power of its length."""
_ENOUGH_PLACES = 8
"""Where two neighbouring words stand in fewer places than this, one word must do."""
_SECOND_SPLICE_SHARE = 0.5
_SHORTEST_CUT = 3


@dataclass(frozen=True)
class Corpus:
    """All words of all texts in one row, and where each word and each pair of neighbours stands.

    Args:
        vocabulary: The different words.
        words: (all words,) index into the vocabulary, text after text.
        starts: (texts + 1,) where each text begins in `words`; the last is the end of all.
        reach: (texts,) running sum of the texts' chances of being drawn.
        by_word: (all words,) places in `words`, ordered by the word that stands there.
        word_starts: (vocabulary + 1,) where each word's places begin in `by_word`; the last is the end of all.
        by_pair: (all words,) places in `words`, ordered by the word before and the word there.
        pairs: (all words,) the pair of words at each place of `by_pair`, rising.
    """

    vocabulary: tuple[str, ...]
    words: NDArray[np.int64]
    starts: NDArray[np.int64]
    reach: NDArray[np.float64]
    by_word: NDArray[np.int64]
    word_starts: NDArray[np.int64]
    by_pair: NDArray[np.int64]
    pairs: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]]) -> Self:
        """Index texts that are split into words."""
        numbers: dict[str, int] = {}
        words = np.array([numbers.setdefault(word, len(numbers)) for text in texts for word in text], np.int64)
        lengths = np.array([len(text) for text in texts], np.int64)
        pairs = np.concatenate([[-1], words[:-1] * len(numbers) + words[1:]])[: len(words)]
        starts = np.concatenate([[0], lengths.cumsum()])
        pairs[starts[:-1][lengths > 0]] = -1  # the first word of a text has no word before it
        by_pair = np.argsort(pairs, kind="stable")
        return cls(
            vocabulary=tuple(numbers),
            words=words,
            starts=starts,
            reach=(lengths.astype(np.float64) ** _LONG_TEXTS_COUNT).cumsum(),
            by_word=np.argsort(words, kind="stable"),
            word_starts=np.concatenate([[0], np.bincount(words).cumsum()]),
            by_pair=by_pair,
            pairs=pairs[by_pair],
        )

    def any_word(self, draw: np.random.Generator) -> str:
        """A word, frequent ones more often."""
        return self.vocabulary[int(self.words[draw.integers(len(self.words))])]

    def drawn(self, draw: np.random.Generator) -> int:
        """The number of a text; long ones are drawn more often."""
        return int(np.searchsorted(self.reach, draw.random() * self.reach[-1], side="right"))

    def spliced(self, source: int, draw: np.random.Generator) -> list[str]:
        """The beginning of text `source`, then the end of another or two; the whole may be a text that is there."""
        found = self.words[self.starts[source] : self.starts[source + 1]]
        for _ in range(1 + int(draw.random() < _SECOND_SPLICE_SHARE)):
            if len(found) < _SHORTEST_CUT:
                break
            cut = int(draw.integers(1, len(found) - 1))
            place = self._place(int(found[cut - 1]), int(found[cut]), draw)
            found = np.concatenate([found[:cut], self.words[place : self.starts[self._text_at(place) + 1]]])
        return [self.vocabulary[word] for word in found]

    def _text_at(self, place: int) -> int:
        return int(np.searchsorted(self.starts, place, side="right")) - 1

    def _place(self, before: int, word: int, draw: np.random.Generator) -> int:
        """Some place where `word` stands, behind `before` where there are enough such places."""
        pair = before * len(self.vocabulary) + word
        first, last = np.searchsorted(self.pairs, [pair, pair + 1])
        if last - first >= _ENOUGH_PLACES:
            return int(self.by_pair[draw.integers(first, last)])
        return int(self.by_word[draw.integers(self.word_starts[word], self.word_starts[word + 1])])
