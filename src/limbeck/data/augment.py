"""More texts for the student out of those that there are: spliced, joined, words dropped, words swapped.

A teacher that has learned its training texts by heart says more about itself on texts that it has not seen. Made-up
texts need no sense and no label: the teacher answers them, and the student learns how. None of them is ever a text of
the validation or held-out part, nor of training itself.

Sources: `limbeck.data.splice` for spliced texts; Tang et al. 2019, arXiv:1903.12136, section 3.3 (dropped words, mixed
n-grams); Jiao et al. 2020, "TinyBERT", arXiv:1909.10351, section 4.1 (swapped words).
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial

import numpy as np

from limbeck.data.splice import Corpus
from limbeck.text.examples import Examples

_SPLICED_SHARE = 0.5
_JOIN_SHARE = 0.6
_EDIT_SHARE = 0.6
_DROP_RATE = 0.08
_SWAP_RATE = 0.08
_WHOLE_SHARE = 0.4
_SHORTEST_CUT = 4
_USUAL_LENGTHS = 0.99
_ATTEMPTS = 4


def augmented(examples: Examples, *, n: int, seed: int, avoid: Collection[str], keeps_first: bool = False) -> Examples:
    """Make up to `n` different texts from the words of `examples`.

    Every other one is spliced of two or three texts. Each of the rest is a span of one text; three in five are joined
    with a span of another, and of these again three in five; in three of five, words are dropped and swapped for words
    of the corpus, one in twelve each. None that was put together is longer than 99 in 100 of the texts. A pair
    keeps its second text, or gets another pair's.

    Args:
        examples: What to make them from: the training part.
        n: How many are wanted; fewer come back when so many different ones cannot be made.
        seed: Where chance comes from; the same seed gives the same texts.
        avoid: Content fingerprints that must not come back: validation and held-out texts.
        keeps_first: Whether a pair keeps its first text, a query, and its second one, a passage, is made up.

    Returns: Examples without labels.
    """
    draw = np.random.default_rng([seed, 0xA06])
    varied, pairs = (
        (examples.text_pairs or (), examples.texts) if keeps_first else (examples.texts, examples.text_pairs)
    )
    split_texts = [text.split() for text in varied]
    corpus = Corpus.of(split_texts)
    longest = int(np.quantile([len(text) for text in split_texts], _USUAL_LENGTHS)) if split_texts else 0

    def rows() -> Iterator[tuple[str, str | None]]:
        for _ in range(_ATTEMPTS * n if len(corpus.words) else 0):
            if draw.random() < _SPLICED_SHARE:
                source = corpus.drawn(draw)
                found = corpus.spliced(source, draw)
                if len(found) > longest:
                    continue
            else:
                source = int(draw.integers(len(split_texts)))
                found = _joined(split_texts, source, corpus, longest, draw)
            text = " ".join(found)
            pair = None
            if pairs is not None:
                pair = pairs[source if draw.random() < _WHOLE_SHARE else int(draw.integers(len(pairs)))]
            if text:
                yield (pair or "", text) if keeps_first else (text, pair)

    return examples.new_among(rows(), avoid=avoid, most=n)


def _joined(
    texts: list[list[str]],
    source: int,
    corpus: Corpus,
    longest: int,
    draw: np.random.Generator,
) -> list[str]:
    found = _span(texts[source], draw)
    while draw.random() < _JOIN_SHARE:
        more = _span(texts[int(draw.integers(len(texts)))], draw)
        if len(found) + len(more) > longest:
            break
        found = [*found, *more]
    return edited(found, draw, any_word=partial(corpus.any_word, draw)) or found


def edited(words: Sequence[str], draw: np.random.Generator, *, any_word: Callable[[], str]) -> list[str]:
    """In three of five texts, words dropped and swapped, one in twelve each; there may be none left."""
    if draw.random() >= _EDIT_SHARE:
        return list(words)
    chances = draw.random(len(words))
    return [
        any_word() if chance < _DROP_RATE + _SWAP_RATE else word
        for word, chance in zip(words, chances, strict=True)
        if chance >= _DROP_RATE
    ]


def _span(words: list[str], draw: np.random.Generator) -> list[str]:
    """All of a text, or a run of at least half of its words."""
    if len(words) < _SHORTEST_CUT or draw.random() < _WHOLE_SHARE:
        return words
    length = int(draw.integers(len(words) // 2, len(words) + 1))
    start = int(draw.integers(len(words) - length + 1))
    return words[start : start + length]
