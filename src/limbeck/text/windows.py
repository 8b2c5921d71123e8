"""What a model reads of tokenized texts where it answers for words or tokens: windows, and the units in each.

A window is one row for the model. A text of words is one window, cut where it is too long; a long context is read
through several that overlap, so that no answer is lost at an edge.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from limbeck.text.units import NOWHERE, NameOf, Ragged, UnitLogits, Units, starts_of

WORD_BREAK = " "
"""Between the words of a text whose words were given; a word that holds one gets `HARD_BLANK` in its place."""
HARD_BLANK = "\N{NO-BREAK SPACE}"
_WORD = re.compile(r"[^ ]+")
_UNPARTED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PLAIN_WORD = rf"[{_UNPARTED}]|(?![{_UNPARTED}])\w(?:[^\s{_UNPARTED}]*(?![{_UNPARTED}])\w)?|[^\w\s]"
"""Compiled at its first use, which takes as long as a tenth of the runtime's start."""
USUAL_OVERLAP = 128

Segments = Callable[[Encoding], list[int]]


class Reads(StrEnum):
    """What of a text a model answers for."""

    TEXT = "the text"
    WORDS = "its words"
    CONTEXT = "the tokens of the second text"
    MASKS = "its hidden tokens"


@dataclass(frozen=True)
class ReadingRules:
    """How a model reads texts, besides its tokenizer and its length limit.

    Args:
        reads: What of a text it answers for.
        overlap: Tokens that two neighbouring windows on a context share; at most half of a window are.
        threshold: See `UnitLogits`.
    """

    reads: Reads = Reads.TEXT
    overlap: int = USUAL_OVERLAP
    threshold: float = 0.0


WHOLE_TEXTS = ReadingRules()


@dataclass(frozen=True)
class Window:
    """One row for the model.

    Args:
        ids: Token ids.
        type_ids: Segments.
        tokens: Positions of the tokens that answer, one for each unit.
        spans: The characters that each unit covers; see `Units`.
        hidden: Of hidden tokens, what stood there; else empty.
    """

    ids: list[int]
    type_ids: list[int]
    tokens: list[int]
    spans: list[tuple[int, int]]
    hidden: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """Which tokens of which windows answer for the units of which text.

    Args:
        tokens: For each window the positions that answer.
        owners: (windows,) number of each window's text; a text's windows stand in a row.
        units: Where the units stand in the texts; those of a text's windows one after the other.
        threshold: See `UnitLogits`.
        hidden: For each window what stood in the place of its hidden tokens; None where no tokens are hidden.
        name_of: See `UnitLogits`.
    """

    tokens: Ragged
    owners: NDArray[np.int64]
    units: Units
    threshold: float = 0.0
    hidden: Ragged | None = None
    name_of: NameOf | None = None

    @property
    def rows(self) -> NDArray[np.int64]:
        """(units,) the window that each unit is in."""
        return np.repeat(np.arange(len(self.tokens)), self.tokens.lengths)

    @classmethod
    def of(
        cls,
        windows: Sequence[Sequence[Window]],
        texts: Sequence[str],
        *,
        threshold: float = 0.0,
        name_of: NameOf | None = None,
    ) -> "Reading":
        """From the windows of each text.

        Args:
            windows: Of each text, at least one.
            texts: What the units' characters are counted in.
            threshold: See `UnitLogits`.
            name_of: See `UnitLogits`; given where tokens are hidden.
        """
        flat = [window for of_text in windows for window in of_text]
        spans = [span for window in flat for span in window.spans]
        lengths = [sum(len(window.spans) for window in of_text) for of_text in windows]
        return cls(
            tokens=Ragged.of([window.tokens for window in flat], dtype=np.int64),
            owners=np.repeat(np.arange(len(windows)), [len(of_text) for of_text in windows]),
            units=Units(Ragged(np.array(spans, np.int64).reshape(-1, 2), starts_of(lengths)), tuple(texts)),
            threshold=threshold,
            hidden=None if name_of is None else Ragged.of([window.hidden for window in flat], dtype=np.int64),
            name_of=name_of,
        )

    def logits(self, values: NDArray[np.floating]) -> UnitLogits:
        """What a model computed for all units, in their order."""
        return UnitLogits(values, self.units, self.threshold, self.name_of)


def window_of_words(encoding: Encoding, text: str, type_ids: list[int]) -> Window:
    """The one window of a text whose words stand between blanks: the first token of each word answers for it.

    Words that the tokenizer leaves out, or that stand behind the cut, have no unit.

    Source: first pieces as in Devlin et al. 2019, "BERT", arXiv:1810.04805, section 5.3.
    """
    words = [found.span() for found in _WORD.finditer(text)]
    word_at = np.repeat(np.arange(len(words)), [end - start for start, end in words])
    word_of_character = np.full(len(text), -1, np.int64)
    word_of_character[[place for start, end in words for place in range(start, end)]] = word_at
    tokens: list[int] = []
    spans: list[tuple[int, int]] = []
    last_word = -1
    for token, (source, offsets) in enumerate(zip(encoding.sequence_ids, encoding.offsets, strict=True)):
        start, end = without_blanks(text, *offsets)
        if source is None or start >= end or word_of_character[start] in {-1, last_word}:
            continue
        last_word = int(word_of_character[start])
        tokens.append(token)
        spans.append(words[last_word])
    return Window(encoding.ids, type_ids, tokens, spans)


def window_of_context(encoding: Encoding, context: str, type_ids: list[int]) -> Window:
    """One window of a question and a part of its context; its first token answers that the answer is not there.

    Source: Devlin et al. 2019, "BERT", arXiv:1810.04805, sections 4.2 and 4.3.
    """
    tokens, spans = [0], [(NOWHERE, NOWHERE)]
    for token, (source, offsets) in enumerate(zip(encoding.sequence_ids, encoding.offsets, strict=True)):
        if source == 1:
            start, end = without_blanks(context, *offsets)
            if start < end:
                tokens.append(token)
                spans.append((start, end))
    return Window(encoding.ids, type_ids, tokens, spans)


@dataclass(frozen=True)
class Parted:
    """Texts as windows.

    Args:
        windows: Of each text.
        cut: Indices of the texts of which something is in no window.
    """

    windows: list[list[Window]]
    cut: tuple[int, ...]


def windows_on_words(tokenizer: Tokenizer, texts: Sequence[str], *, segments: Segments) -> Parted:
    """One window on each text of words.

    Args:
        tokenizer: Cuts texts to one window.
        texts: (n,) with blanks between their words.
        segments: Segment ids of an encoding.
    """
    encodings = tokenizer.encode_batch(list(texts))
    return Parted(
        [
            [window_of_words(encoding, text, segments(encoding))]
            for encoding, text in zip(encodings, texts, strict=True)
        ],
        tuple(index for index, encoding in enumerate(encodings) if encoding.overflowing),
    )


def longest_question(max_tokens: int) -> int:
    """Tokens that a question keeps of a window at most: a quarter."""
    return max(1, max_tokens // 4)


def shared_tokens(overlap: int, max_tokens: int, *, n_special: int) -> int:
    """Tokens that two neighbouring windows on a context share.

    Never more than half of a window, nor than three quarters of what the longest question leaves to the context, so
    that each window goes on by a quarter of that at least.

    Args:
        overlap: What was asked for.
        max_tokens: Of a window.
        n_special: Tokens that the tokenizer puts around a question and a context.
    """
    room = max_tokens - n_special - longest_question(max_tokens)
    return max(0, min(overlap, max_tokens // 2, room * 3 // 4))


def _cut_question(question: str, encoding: Encoding, longest: int, *, uncut: Tokenizer) -> str:
    """As much of a question as makes at most `longest` tokens: a shorter text may be cut into other pieces."""
    while len(encoding) > longest:
        question = question[: min(encoding.offsets[longest - 1][1], len(question) - 1)]
        encoding = uncut.encode(question, add_special_tokens=False)
    return question


def windows_on_contexts(
    tokenizer: Tokenizer,
    questions: Sequence[str],
    contexts: Sequence[str],
    *,
    uncut: Tokenizer,
    max_tokens: int,
    segments: Segments,
) -> Parted:
    """As many windows on each context as it takes, each behind its question.

    A question keeps a quarter of a window at most, so that there is room for contexts; cut ones are told.

    Args:
        tokenizer: Cuts second texts to windows that overlap.
        questions: (n,) first texts.
        contexts: (n,) second texts.
        uncut: The same tokenizer, cutting nothing.
        max_tokens: Of a window.
        segments: Segment ids of an encoding.
    """
    longest = longest_question(max_tokens)
    whole = uncut.encode_batch(list(questions), add_special_tokens=False)
    asked = [
        _cut_question(question, encoding, longest, uncut=uncut)
        for question, encoding in zip(questions, whole, strict=True)
    ]
    encodings = tokenizer.encode_batch(list(zip(asked, contexts, strict=True)))
    return Parted(
        [
            [window_of_context(one, context, segments(one)) for one in (encoding, *encoding.overflowing)]
            for encoding, context in zip(encodings, contexts, strict=True)
        ],
        tuple(index for index, encoding in enumerate(whole) if len(encoding) > longest),
    )


def joined_words(words: Sequence[str]) -> str:
    """The text that stands for given words: one blank between them, none within."""
    return WORD_BREAK.join(word.replace(WORD_BREAK, HARD_BLANK) for word in words)


def words_within(text: str) -> list[tuple[int, int]]:
    """The characters [start, end) of each word of plain text.

    Parted at blanks; marks at either end of what stands between them are words of their own, and so is each character
    of scripts that write no blanks. One rule for all tokenizers, and the same where texts are read and where they are
    answered.
    """
    return [found.span() for found in re.finditer(_PLAIN_WORD, text)]


def without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    """A token's characters without the blank before it, which tokenizers that mark the beginning of words count in."""
    while start < end and text[start].isspace():
        start += 1
    return start, end
