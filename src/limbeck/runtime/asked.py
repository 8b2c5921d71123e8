"""What a model was asked, tokenized but not yet computed: for whoever makes up the batches, such as the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from limbeck.tasks.task import AnyLogits
from limbeck.tasks.token_classification import SpansAnswer
from limbeck.text.checked import check_texts, check_words
from limbeck.text.tokens import EncodedTexts, TextEncoder, TokenBatch
from limbeck.text.windows import joined_words, words_within

Row = tuple[EncodedTexts, int]
"""A row that a model reads, and what it is one of."""


@dataclass(frozen=True)
class Words:
    """Texts of words as a model of words reads them.

    Args:
        texts: (n,) with one blank between their words.
        plain: Index -> text, of those that were given as plain text.
        places: Index -> the characters [start, end) of the words that a plain text was parted into.
    """

    texts: list[str]
    plain: Mapping[int, str] = field(default_factory=dict)
    places: Mapping[int, list[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Sequence[str | Sequence[str]]) -> "Words":
        """Plain texts, parted into words, and lists of words, which stay.

        Raises:
            DataError: See `check_words` and `check_texts`.
        """
        check_words(given)
        plain = {index: text for index, text in enumerate(given) if isinstance(text, str)}
        check_texts(list(plain.values()))
        places = {index: words_within(text) for index, text in plain.items()}
        texts = [
            joined_words([text[start:end] for start, end in places[index]] if isinstance(text, str) else text)
            for index, text in enumerate(given)
        ]
        return cls(texts, plain, places)

    def within(self, answers: list[SpansAnswer]) -> list[SpansAnswer]:
        """The answers, with characters counted in the plain texts where such were given."""
        return [
            answer.within(self.plain[index], self.places[index]) if index in self.plain else answer
            for index, answer in enumerate(answers)
        ]


@dataclass(frozen=True)
class Asked:
    """Texts that a model was asked about, as tokens.

    Args:
        encoded: The rows to compute.
        words: Where the model answers for words: the texts as such.
    """

    encoded: EncodedTexts
    words: Words | None = None

    def as_logits(self, values: NDArray[np.float32]) -> AnyLogits:
        """Computed rows as tasks take them; see `EncodedTexts.as_logits`."""
        return self.encoded.as_logits(values)


def batch_of(encoder: TextEncoder, rows: Sequence[Row]) -> tuple[TokenBatch, list[int]]:
    """Rows of any texts as one batch, and how many rows of logits each of them gets.

    Args:
        encoder: What tokenized all of them.
        rows: At least one.
    """
    chosen = EncodedTexts(
        [encoded.ids[row] for encoded, row in rows], [encoded.type_ids[row] for encoded, row in rows], ()
    )
    batch = encoder.pad(chosen, range(len(rows)))
    if rows[0][0].reading is None:
        return batch, [1] * len(rows)
    width = batch.input_ids.shape[1]
    answering: list[NDArray[np.int64]] = []
    hidden: list[NDArray[np.int64]] = []
    for place, (encoded, row) in enumerate(rows):
        assert encoded.reading is not None, "one model reads all of them alike"
        answering.append(encoded.reading.tokens[row] + place * width)
        if encoded.reading.hidden is not None:
            hidden.append(encoded.reading.hidden[row])
    batch = replace(batch, answering=np.concatenate(answering), hidden=np.concatenate(hidden) if hidden else None)
    return batch, [len(one) for one in answering]
