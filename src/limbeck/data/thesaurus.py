"""Words near each other in the teacher's own embedding table: what made-up texts put in the place of a word.

Source: Jiao et al. 2020, "TinyBERT", arXiv:1909.10351, section 4.1, with the teacher's table instead of another one.
"""

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from limbeck.tokens import TextEncoder

_NEAREST = 15
_MOST_WORDS = 20_000
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Thesaurus:
    """What a word may be swapped for; an empty one knows nothing.

    Args:
        words: Whole words of the teacher's vocabulary, most of which no training text holds.
        near: Word -> the words nearest to it.
    """

    words: tuple[str, ...] = ()
    near: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def bare(word: str) -> str:
    """A word without the punctuation around it."""
    return word.strip(string.punctuation)


def thesaurus(encoder: TextEncoder, table: NDArray[np.float32], texts: Sequence[str]) -> Thesaurus:
    """Find the nearest words of the vocabulary for the words of texts, by the cosine of the centred embeddings.

    Words of several tokens have no neighbours, and of very many words only the most frequent ones get theirs.

    Args:
        encoder: The teacher's tokenizer.
        table: (vocabulary, width) the teacher's word embeddings.
        texts: Where the words are taken from.
    """
    whole = {word: number for word, number in encoder.whole_words().items() if number < len(table)}
    if not whole:
        return Thesaurus()
    counts = Counter(bare(word) for text in texts for word in text.split())
    common = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if word]
    numbers = encoder.single_tokens(common)
    known = set(whole.values())
    asked = [(word, number) for word, number in zip(common, numbers, strict=True) if number in known][:_MOST_WORDS]
    words = tuple(whole)
    vectors = table[list(whole.values())].astype(np.float32)
    centre = vectors.mean(axis=0)
    vectors = _of_length_one(vectors - centre)
    near: dict[str, tuple[str, ...]] = {}
    for start in range(0, len(asked), _ROWS_AT_ONCE):
        some = asked[start : start + _ROWS_AT_ONCE]
        rows = _of_length_one(table[[number for _, number in some]].astype(np.float32) - centre)
        count = min(_NEAREST + 1, len(words))
        nearest = np.argpartition(-(rows @ vectors.T), count - 1, axis=1)[:, :count]
        for (word, number), columns in zip(some, nearest, strict=True):
            others = (words[column] for column in sorted(columns) if whole[words[column]] != number)
            near[word] = tuple(others)
    return Thesaurus(words, near)


def _of_length_one(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)
