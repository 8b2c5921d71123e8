"""What models decided, one decision at a time, and how sure they were: what flips, divergence and calibration look at.

A classifier decides once a text. Where a model decides for words, hidden tokens or labels, a text has several
decisions, and `owners` says which text each belongs to.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Values = NDArray[np.float64]
TEXTS = ("text", "texts")


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decisions of one model, of which people say what would have been right.

    Args:
        owners: (decisions,) the row of the text that each belongs to.
        answers: (decisions,) what was decided, to be compared with `==`.
        right: (decisions,) bool.
        probabilities: (decisions,) what the model gives its decision; NaN where it gives none.
        units: What is decided for, one and several.
    """

    owners: Rows
    answers: NDArray[Any]
    right: NDArray[np.bool_]
    probabilities: Values
    units: tuple[str, str] = TEXTS

    def sure(self) -> "Decisions":
        """Those that have a probability."""
        kept = np.flatnonzero(~np.isnan(self.probabilities))
        return Decisions(self.owners[kept], self.answers[kept], self.right[kept], self.probabilities[kept], self.units)


@dataclass(frozen=True, eq=False)
class Distributions:
    """Distributions of both models over the same outcomes.

    Args:
        owners: (distributions,) the row of the text that each belongs to.
        teacher: (distributions, outcomes) natural logarithms of the teacher's probabilities; very low where an outcome
            cannot be.
        artifact: The same of the artifact.
        units: What has a distribution, one and several.
    """

    owners: Rows
    teacher: Values
    artifact: Values
    units: tuple[str, str] = TEXTS


def log_softmax(logits: NDArray[np.floating]) -> Values:
    """(n, classes) -> the natural logarithms of the softmax, in float64; finite where the logits are."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def log_bernoulli(logits: NDArray[np.floating]) -> Values:
    """(n, labels) -> (n * labels, 2) the natural logarithms of yes and of no for each label by itself, in float64."""
    wide = logits.astype(np.float64).reshape(-1)
    return -np.logaddexp(0.0, np.stack([-wide, wide], axis=1))
