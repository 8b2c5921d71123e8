"""In which form the answers of each task are kept: numbers, a row a text, that are read back as logits that answer so.

What is kept is the answer itself, not how good it was: a later artifact and the earlier one can then be held to the
same labels and the same teacher's answers, whatever the earlier one was held to. Vectors are too large for that; of
them two cosines a text are kept.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.tasks import TASKS
from limbeck.tasks.embeddings import cosines
from limbeck.tasks.measures import Hits, Values
from limbeck.tasks.multi_label import decisions
from limbeck.tasks.reranking import scores_of
from limbeck.tasks.task import AnyLogits
from limbeck.tasks.token_classification import words_of
from limbeck.text.kept_tokens import hidden_of, tokens_of
from limbeck.text.units import NOWHERE, Ragged, UnitLogits, Units, starts_of
from limbeck.text.windows import WORD_BREAK

VECTORS = "embeddings"
"""The task of whose answers cosines alone are kept."""
_UNREAD = 0xFFFF
"""In place of a tag: the model did not read the word."""
_NOBODY = -1
"""In place of a character: there is no answer."""


@dataclass(frozen=True)
class Answered:
    """What an artifact answered, and what it is held to.

    Args:
        logits: Of n texts.
        teacher_logits: The teacher's of the same; None without them.
        teacher: The teacher's fingerprint; None without one.
    """

    logits: AnyLogits
    teacher_logits: AnyLogits | None = None
    teacher: str | None = None


@dataclass(frozen=True)
class Form:
    """How the answers of a task are kept.

    Args:
        dtype: Of what is kept, little-endian.
        reduced: What was answered, and whether its rows are scored pairs -> n rows of numbers.
        restored: These rows, the answers of another model to the same texts, the number of classes -> logits that
            answer as was kept.
        is_same: The rows and the answers of another model -> (n,) whether both were asked the same.
        names_classes: Whether the label names name what was answered, and may stand in another order.
    """

    dtype: str
    reduced: Callable[[Answered, bool], Ragged]
    restored: Callable[[Ragged, AnyLogits, int], AnyLogits]
    is_same: Callable[[Ragged, AnyLogits], Hits] = lambda rows, _: np.ones(len(rows), np.bool_)
    names_classes: bool = False


def _even(values: NDArray[np.generic]) -> Ragged:
    """(n, width) -> n rows of the same length."""
    n, width = values.shape
    return Ragged(values.reshape(-1), np.arange(n + 1, dtype=np.int64) * width)


def _table(rows: Ragged) -> NDArray[np.generic]:
    """Rows of the same length -> (n, width)."""
    found: NDArray[np.generic] = rows.values.reshape(len(rows), -1)
    return found


def _one_hot(labels: NDArray[np.generic], n_classes: int) -> NDArray[np.float32]:
    found: NDArray[np.float32] = (labels.reshape(-1, 1) == np.arange(n_classes)).astype(np.float32)
    return found


def _tags(answered: Answered, _: bool) -> Ragged:
    """A tag for each word of each text."""
    logits: UnitLogits = answered.logits
    found = []
    given = logits.units.spans.with_values(logits.values.argmax(axis=1))
    for text, spans, tags in zip(logits.units.texts, logits.units.spans, given, strict=True):
        row = np.full(text.count(WORD_BREAK) + 1, _UNREAD)
        number = {start: index for index, (start, _) in enumerate(words_of(text, len(row)))}
        row[[number[start] for start in spans[:, 0].tolist()]] = tags
        found.append(row)
    return Ragged.of(found, dtype=np.int64)


def _of_tags(rows: Ragged, others: UnitLogits, n_classes: int) -> UnitLogits:
    spans = [
        np.array(words_of(text, len(row)), np.int64)[row != _UNREAD]
        for text, row in zip(others.units.texts, rows, strict=True)
    ]
    units = Units(Ragged.of(spans, dtype=np.int64, width=(2,)), others.units.texts)
    return UnitLogits(_one_hot(rows.values[rows.values != _UNREAD], n_classes), units)


def _ends(answered: Answered, _: bool) -> Ragged:
    """First character of each answer, and the one behind its last."""
    found = TASKS["question-answering"].answers(answered.logits, ())
    return _even(np.array([(_NOBODY, _NOBODY) if one.start is None else (one.start, one.end) for one in found]))


def _of_ends(rows: Ragged, others: UnitLogits, n_classes: int) -> UnitLogits:
    """One window a question, which holds the answer and nothing else."""
    spans = [[(NOWHERE, NOWHERE), *([] if row[0] == _NOBODY else [tuple(row.tolist())])] for row in rows]
    units = Units(Ragged.of(spans, dtype=np.int64, width=(2,)), others.units.texts)
    return UnitLogits(np.zeros((len(units.spans.values), n_classes), np.float32), units, threshold=np.inf)


def _masks(logits: UnitLogits) -> list[int]:
    """(n,) what tells which tokens of a text were hidden, and where: a checksum of 32 bits."""
    hidden = logits.units.spans.with_values(hidden_of(logits.values))
    return [
        zlib.crc32(spans.astype("<i8").tobytes() + tokens.astype("<i8").tobytes())
        for spans, tokens in zip(logits.units.spans, hidden, strict=True)
    ]


def _fillings(answered: Answered, _: bool) -> Ragged:
    """The checksum of each text's masks, then the likeliest token of each."""
    logits: UnitLogits = answered.logits
    likeliest = logits.units.spans.with_values(tokens_of(logits.values)[:, 0])
    rows = [np.append(mask, tokens) for mask, tokens in zip(_masks(logits), likeliest, strict=True)]
    return Ragged.of(rows, dtype=np.int64)


def _has_same_masks(rows: Ragged, others: UnitLogits) -> Hits:
    found: Hits = rows.values[rows.starts[:-1]] == np.array(_masks(others))
    same_count: Hits = rows.lengths == others.units.spans.lengths + 1
    return np.logical_and(found, same_count)


def _of_fillings(rows: Ragged, others: UnitLogits, _: int) -> UnitLogits:
    """The other model's rows, with another token first; what stood there they hold themselves."""
    values = others.values.copy()
    values[:, 2] = np.delete(rows.values, rows.starts[:-1])
    return UnitLogits(values, others.units, others.threshold, others.name_of)


def _cosines(answered: Answered, is_paired: bool) -> Ragged:
    """The cosine with the other text of the pair, and with the teacher's vector; NaN where there is none."""
    found = np.full((len(answered.logits), 2), np.nan)
    if is_paired:
        found[:, 0] = cosines(answered.logits[0::2], answered.logits[1::2]).repeat(2)
    if answered.teacher_logits is not None:
        found[:, 1] = cosines(answered.logits, answered.teacher_logits)
    return _even(found)


FORMS = {
    "classification": Form(
        "<u2",
        lambda answered, _: _even(answered.logits.argmax(axis=1)[:, None]),
        lambda rows, _, n_classes: _one_hot(rows.values, n_classes),
        names_classes=True,
    ),
    "multi-label": Form(
        "|u1",
        lambda answered, _: _even(decisions(answered.logits)),
        lambda rows, _, __: _table(rows).astype(np.float32) * 2 - 1,
        names_classes=True,
    ),
    "token-classification": Form("<u2", _tags, _of_tags, names_classes=True),
    "question-answering": Form("<i4", _ends, _of_ends),
    "fill-mask": Form("<u4", _fillings, _of_fillings, _has_same_masks),
    "regression": Form(
        "<f4", lambda answered, _: _even(answered.logits), lambda rows, _, __: _table(rows).astype(np.float32)
    ),
    "reranking": Form(
        "<f4",
        lambda answered, _: _even(scores_of(answered.logits)[:, None]),
        lambda rows, _, __: _table(rows).astype(np.float32),
    ),
    VECTORS: Form("<f4", _cosines, lambda rows, _, __: _table(rows).astype(np.float64)),
}
"""Task -> the form of its answers; every task has one."""


def as_kept(cosines_now: Values) -> Values:
    """Cosines with the digits that are kept of them, so that equal ones stay equal."""
    return cosines_now.astype(FORMS[VECTORS].dtype).astype(np.float64)


def rows_of(values: NDArray[np.generic], lengths: NDArray[np.int64]) -> Ragged:
    """Rows of these lengths.

    Raises:
        ValueError: There are more numbers than they hold, or fewer.
    """
    if lengths.sum() != len(values):
        raise ValueError(f"{len(values)} numbers of {lengths.sum()}")
    return Ragged(values, starts_of(lengths))
