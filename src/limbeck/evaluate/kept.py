"""An artifact's answers, kept small by the fingerprints of their texts, so that a later artifact can be set against it.

Only what scores and agreement look at is kept: see `limbeck.evaluate.kept_forms`. No text is, and no probability. Where
that takes more than a megabyte, some of the texts are kept: those whose fingerprints come first, so that two artifacts
keep the same ones. Rows that are measured together, the passages of a query or the texts of a pair, stay together.
"""

import base64
import binascii
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import DataError, ShapeError
from limbeck.evaluate.kept_forms import FORMS, VECTORS, Answered, rows_of
from limbeck.evaluate.some import holds_pairs
from limbeck.records.verdict import KeptAnswers
from limbeck.tasks import TASKS
from limbeck.tasks.task import AnyLogits
from limbeck.text.examples import Examples
from limbeck.text.units import Ragged, UnitLogits, with_columns

_DIGITS = 16
"""Hexadecimal digits that are kept of a fingerprint: among a million texts, two share them once in 40 million times."""
_MOST_CHARACTERS = 1_000_000
"""Of all that is kept of an artifact's answers."""
_SPARE = 0.95
"""Fewer texts than the size of all promises, as what is left may pack worse."""


def keep(task: str, answered: Answered, *, examples: Examples, most: int = _MOST_CHARACTERS) -> KeptAnswers:
    """The answers of a model, as a verdict carries them.

    Args:
        task: What was asked.
        answered: What the model said about all of the texts, and the teacher.
        examples: The n texts.
        most: Characters that may be kept.
    """
    is_paired = holds_pairs(TASKS[task], examples)
    rows = FORMS[task].reduced(answered, is_paired)
    bundles, ranks = _bundles(task, examples, is_paired=is_paired)
    share, chosen = 1.0, np.arange(len(examples))
    while True:
        found = _packed_all(task, rows.take(chosen), chosen, examples=examples, teacher=answered.teacher)
        n_characters = len(found.texts) + len(found.answers) + len(found.lengths)
        if n_characters <= most or not len(chosen):
            return found
        share *= _SPARE * most / n_characters
        chosen = np.flatnonzero(ranks[bundles] < int(share * len(ranks)))


@dataclass(frozen=True)
class KnownBefore:
    """Answers that were kept, on those of some texts that they are about.

    Args:
        rows: (m,) which of the texts these are.
        logits: Of m texts, logits that answer as was kept, classes in the order wanted. Of vectors (m, 2): the cosine
            with the other text of the pair and with the teacher's vector, NaN where none was kept.
    """

    rows: NDArray[np.int64]
    logits: AnyLogits


def known_before(kept: KeptAnswers, logits: AnyLogits, *, examples: Examples) -> KnownBefore:
    """What was kept about these texts.

    Args:
        kept: Of an earlier model; its labels are these, in any order.
        logits: What a later model says about the texts: tells where it answers.
        examples: The n texts, classes in the order wanted.

    Raises:
        DataError: It is damaged.
    """
    form, names = FORMS[kept.task], examples.label_names
    try:
        prints, rows = _unpacked_all(kept, form.dtype)
        found = _matched(kept, prints, rows, examples)
        found = found[form.is_same(rows.take(found[:, 1]), at(logits, found[:, 0]))]
        if not len(found):
            return KnownBefore(found[:, 0], at(logits, found[:, 0]))
        n_classes = len(kept.label_names) if form.names_classes else len(names)
        restored = form.restored(rows.take(found[:, 1]), at(logits, found[:, 0]), n_classes)
    except (ValueError, binascii.Error, zlib.error, ShapeError) as error:
        raise _damaged(str(error)) from None
    if form.names_classes:
        order = [kept.label_names.index(name) for name in names]
        restored = with_columns(restored, order)
    return KnownBefore(found[:, 0], restored)


def _bundles(task: str, examples: Examples, *, is_paired: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) the bundle of rows that each row belongs to, and (bundles,) the place of each in the order of keeping."""
    if TASKS[task].groups_rows:
        bundles, names = examples.groups, examples.query_fingerprints
    else:
        bundles, names = np.arange(len(examples)) // (2 if is_paired else 1), examples.text_fingerprints
    first = np.unique(bundles, return_index=True)[1]
    ranks = np.empty(len(first), np.int64)
    ranks[np.argsort([names[row] for row in first.tolist()], kind="stable")] = np.arange(len(first))
    return bundles, ranks


def _packed_all(
    task: str, rows: Ragged, chosen: NDArray[np.int64], *, examples: Examples, teacher: str | None
) -> KeptAnswers:
    form, lengths = FORMS[task], rows.lengths
    prints = "".join(examples.text_fingerprints[row][:_DIGITS] for row in chosen.tolist())
    is_even = len(set(lengths.tolist())) <= 1
    return KeptAnswers(
        task=task,
        label_names=tuple(examples.label_names) if form.names_classes else (),
        n_texts=len(chosen),
        texts=_packed(bytes.fromhex(prints)),
        answers=_packed(rows.values.astype(form.dtype).tobytes()),
        lengths="" if is_even else _packed(lengths.astype("<u4").tobytes()),
        n_left_out=len(examples) - len(chosen),
        teacher=teacher,
    )


def _unpacked_all(kept: KeptAnswers, dtype: str) -> tuple[list[str], Ragged]:
    prints = _unpacked(kept.texts).hex()
    if len(prints) != _DIGITS * kept.n_texts:
        raise ValueError(f"{len(prints) // _DIGITS} fingerprints of {kept.n_texts} texts")
    values = np.frombuffer(_unpacked(kept.answers), dtype)
    if kept.lengths:
        lengths = np.frombuffer(_unpacked(kept.lengths), "<u4").astype(np.int64)
    else:
        lengths = np.full(kept.n_texts, len(values) // max(1, kept.n_texts), np.int64)
    if len(lengths) != kept.n_texts:
        raise ValueError(f"answers to {len(lengths)} of {kept.n_texts} texts")
    rows = rows_of(values.astype(np.float64 if dtype[1] == "f" else np.int64), lengths)
    return [prints[start : start + _DIGITS] for start in range(0, len(prints), _DIGITS)], rows


def _matched(kept: KeptAnswers, prints: list[str], rows: Ragged, examples: Examples) -> NDArray[np.int64]:
    """(m, 2) rows of the texts, and where the same text stands among the kept ones; pairs are found as pairs."""
    now = [one[:_DIGITS] for one in examples.text_fingerprints]
    has_pairs = kept.task == VECTORS and len(rows) > 0 and bool(np.isfinite(rows.values[0::2]).all())
    if has_pairs and holds_pairs(TASKS[kept.task], examples):
        places = {pair: 2 * number for number, pair in enumerate(zip(prints[0::2], prints[1::2], strict=True))}
        pairs = zip(now[0::2], now[1::2], strict=True)
        found = [(2 * row + side, places[pair] + side) for row, pair in enumerate(pairs) for side in (0, 1)
                 if pair in places]  # fmt: skip
    else:
        place = {one: row for row, one in enumerate(prints)}
        found = [(row, place[one]) for row, one in enumerate(now) if one in place]
    return np.array(found, np.int64).reshape(-1, 2)


def at(logits: AnyLogits, rows: NDArray[np.int64]) -> AnyLogits:
    """Those of some texts, in this order."""
    return logits.take(rows) if isinstance(logits, UnitLogits) else logits[rows]


def _packed(content: bytes) -> str:
    return base64.b85encode(zlib.compress(content, 9)).decode("ascii")


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))


def _damaged(why: str) -> DataError:
    return DataError(
        f"The answers that were kept are damaged ({why}).",
        hint="Copy the file again, or verify the earlier artifact anew.",
    )
