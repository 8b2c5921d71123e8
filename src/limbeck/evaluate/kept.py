"""An artifact's answers, kept small by the fingerprints of their texts, so that a later artifact can be set against it.

Only what scores and agreement look at is kept: the label of a classifier, its decisions over several labels, the number
of a regression or a reranker. No text is, and no probability.
"""

import base64
import binascii
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import DataError
from limbeck.tasks.multi_label import decisions
from limbeck.tasks.task import AnyLogits
from limbeck.verdict_record import KeptAnswers

_DIGITS = 16
"""Hexadecimal digits that are kept of a fingerprint: among a million texts, two share them once in 40 million times."""


@dataclass(frozen=True)
class _Form:
    """How the answers of a task are kept.

    Args:
        dtype: Of what is kept, little-endian.
        reduced: (n, classes) logits -> (n, width) what is kept.
        restored: (n, width) of it and the number of classes -> (n, classes) logits that answer the same.
    """

    dtype: str
    reduced: Callable[[NDArray[np.floating]], NDArray[np.generic]]
    restored: Callable[[NDArray[np.generic], int], NDArray[np.float32]]


def _one_hot(labels: NDArray[np.generic], n_classes: int) -> NDArray[np.float32]:
    found: NDArray[np.float32] = (labels == np.arange(n_classes)).astype(np.float32)
    return found


_NUMBERS = _Form("<f4", lambda logits: logits, lambda kept, _: kept.astype(np.float32))
_FORMS = {
    "classification": _Form("<u2", lambda logits: logits.argmax(axis=1)[:, None], _one_hot),
    "multi-label": _Form("|u1", decisions, lambda kept, _: kept.astype(np.float32) * 2 - 1),
    "regression": _NUMBERS,
    "reranking": _NUMBERS,
}
KEPT_TASKS = tuple(_FORMS)
"""Tasks whose answers are kept; the others' are vectors, or stand within texts, and would take megabytes."""


def keep(
    task: str, logits: AnyLogits, *, text_fingerprints: Sequence[str], label_names: Sequence[str]
) -> KeptAnswers | None:
    """The answers of a model, as a verdict carries them; None for tasks whose answers are not kept.

    Args:
        task: What was asked.
        logits: (n, classes) of the model.
        text_fingerprints: (n,) of the texts.
        label_names: (classes,) in the order of the logits.
    """
    form = _FORMS.get(task)
    if form is None:
        return None
    return KeptAnswers(
        task=task,
        label_names=tuple(label_names),
        n_texts=len(text_fingerprints),
        texts=_packed(bytes.fromhex("".join(one[:_DIGITS] for one in text_fingerprints))),
        answers=_packed(np.ascontiguousarray(form.reduced(logits)).astype(form.dtype).tobytes()),
    )


@dataclass(frozen=True)
class KnownBefore:
    """Answers that were kept, on those of some texts that they are about.

    Args:
        rows: (m,) which of the texts these are.
        logits: (m, classes) that answer as was kept, classes in the order wanted.
    """

    rows: NDArray[np.int64]
    logits: NDArray[np.float32]


def known_before(kept: KeptAnswers, *, text_fingerprints: Sequence[str], label_names: Sequence[str]) -> KnownBefore:
    """What was kept about these texts.

    Args:
        kept: Of an earlier model; its labels are these, in any order.
        text_fingerprints: (n,) of the texts.
        label_names: (classes,) in the order wanted.

    Raises:
        DataError: It is damaged.
    """
    form, n_classes = _FORMS[kept.task], len(kept.label_names)
    try:
        names = _unpacked(kept.texts).hex()
        values = np.frombuffer(_unpacked(kept.answers), form.dtype).reshape(kept.n_texts, -1)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise _damaged(str(error)) from None
    if len(names) != _DIGITS * kept.n_texts:
        raise _damaged(f"{len(names) // _DIGITS} fingerprints of {kept.n_texts} texts")
    place = {names[start : start + _DIGITS]: row for row, start in enumerate(range(0, len(names), _DIGITS))}
    found = [(row, place[one[:_DIGITS]]) for row, one in enumerate(text_fingerprints) if one[:_DIGITS] in place]
    rows, before = np.array(found, np.int64).reshape(-1, 2).T
    logits = form.restored(values, n_classes)[before]
    return KnownBefore(rows, logits[:, [kept.label_names.index(name) for name in label_names]])


def _packed(content: bytes) -> str:
    return base64.b85encode(zlib.compress(content, 9)).decode("ascii")


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))


def _damaged(why: str) -> DataError:
    return DataError(
        f"The answers that were kept are damaged ({why}).",
        hint="Copy the file again, or verify the earlier artifact anew.",
    )
