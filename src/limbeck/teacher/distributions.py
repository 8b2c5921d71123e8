"""Answers that are no logits -> logits: probabilities by their logarithm, bare labels by a peaked distribution.

A probability of 0 has no logarithm, and a student must not be driven after one. So probabilities are taken as at least
`SMALLEST` before the logarithm. A bare label is taken as `LABEL_SHARE` for it and the rest in equal parts for the
others: label smoothing, as in Szegedy et al. 2016, arXiv:1512.00567, section 7.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import TeacherError
from limbeck.tasks import classification, embeddings, multi_label

SMALLEST = 1e-4
LABEL_SHARE = 0.9
_SUM_TOLERANCE = 1e-2
"""Of probabilities that were written with two or three decimals."""
_TELLING_TOLERANCE = 1e-3
"""Of sums by which probabilities are told from logits; stricter, as logits may sum to anything."""

_ONE_CLASS = frozenset({"classification", "token-classification"})
"""Tasks whose classes exclude one another."""

Floats = NDArray[np.floating]


def logits_of_probabilities(probabilities: Floats, *, source: str) -> NDArray[np.float32]:
    """Logarithms of probabilities, each taken as at least `SMALLEST`.

    Args:
        probabilities: (n, classes); each row is divided by its sum, which must be near 1.
        source: Who gave them, for the message.

    Returns: (n, classes) float32; their softmax gives the probabilities back.

    Raises:
        TeacherError: A row is not finite, has a negative number, or does not sum to 1.
    """
    rows = np.asarray(probabilities, np.float64)
    sums = rows.sum(axis=1)
    wrong = ~np.isfinite(sums) | (rows < 0).any(axis=1) | (np.abs(sums - 1) > _SUM_TOLERANCE)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise TeacherError(
            f"{source} gave no probabilities in {int(wrong.sum())} of {len(rows)} answers: number {row + 1} sums to "
            f"{sums[row]:.4g}, with {rows[row].min():.4g} as its least.",
            hint="Probabilities are 0 or more and sum to 1; give other scores as logits.",
        )
    logits: NDArray[np.float32] = np.log(np.maximum(rows / sums[:, None], SMALLEST)).astype(np.float32)
    return logits


def logits_of_scores(scores: Floats, *, source: str) -> NDArray[np.float32]:
    """Logits of what is either: probabilities where all rows are 0 or more and sum to 1, logits otherwise.

    Args:
        scores: (n, classes), finite.
        source: Who gave them, for the message.

    Returns: (n, classes) float32.
    """
    if (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=_TELLING_TOLERANCE):
        return logits_of_probabilities(scores, source=source)
    return scores.astype(np.float32)


def logits_of_labels(labels: NDArray[np.int64], *, n_classes: int) -> NDArray[np.float32]:
    """Logits of bare labels: `LABEL_SHARE` for the label, the rest shared evenly by the other classes.

    Args:
        labels: (n,) indices of classes.
        n_classes: Classes, at least 2.

    Returns: (n, classes) float32.
    """
    shares = np.full((len(labels), n_classes), (1 - LABEL_SHARE) / (n_classes - 1))
    shares[np.arange(len(labels)), labels] = LABEL_SHARE
    logits: NDArray[np.float32] = np.log(shares).astype(np.float32)
    return logits


def logits_of_decisions(probabilities: Floats) -> NDArray[np.float32]:
    """Log odds of probabilities that do not exclude one another, each kept `SMALLEST` away from 0 and 1.

    Args:
        probabilities: (n, labels) from 0 to 1.

    Returns: (n, labels) float32; their logistic function gives the probabilities back.
    """
    kept = np.clip(np.asarray(probabilities, np.float64), SMALLEST, 1 - SMALLEST)
    logits: NDArray[np.float32] = (np.log(kept) - np.log1p(-kept)).astype(np.float32)
    return logits


def averaged_as(task: str, logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logits -> what answers of several teachers are averaged as: probabilities, directions, or the numbers themselves.

    Args:
        task: See `limbeck.tasks`.
        logits: (n, classes).
    """
    if task in _ONE_CLASS:
        return classification.probabilities(logits)
    if task == "embeddings":
        return embeddings.unit(logits)
    return multi_label.probabilities(logits) if task == "multi-label" else logits.astype(np.float64)


def logits_of_average(task: str, averaged: NDArray[np.float64]) -> NDArray[np.float32]:
    """The way back from `averaged_as`.

    Args:
        task: See `limbeck.tasks`.
        averaged: (n, classes).

    Returns: (n, classes) float32.
    """
    if task in _ONE_CLASS:
        return logits_of_probabilities(averaged, source="The ensemble")
    if task == "multi-label":
        return logits_of_decisions(averaged)
    return averaged.astype(np.float32)


def label_indices(labels: Sequence[object], label_names: Sequence[str], *, source: str) -> NDArray[np.int64]:
    """Labels by name or by number -> indices of classes.

    Raises:
        TeacherError: A label is neither a known name nor the number of one.
    """
    known = {name: index for index, name in enumerate(label_names)}
    found = np.empty(len(labels), np.int64)
    for row, label in enumerate(labels):
        index = known.get(label) if isinstance(label, str) else label
        if not isinstance(index, int | np.integer) or isinstance(index, bool) or not 0 <= index < len(label_names):
            shown = ", ".join(label_names[:20])
            raise TeacherError(
                f"{source} gave the label {label!r} as answer number {row + 1}; the labels are {shown}.",
                hint=f"Give these names, or their numbers from 0 to {len(label_names) - 1}; or name other labels: "
                "--teacher.labels first,second",
            )
        found[row] = index
    return found
