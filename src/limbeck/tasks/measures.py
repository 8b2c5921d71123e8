"""What is measured on texts, so that it can be measured again on any choice of them: shares, means, F1, correlations.

A measure holds what each text adds to it. Intervals come from measuring resamples of the texts (see
`limbeck.evaluate.intervals`), and two models are compared by measuring both on the same resample.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
Rows = NDArray[np.int64]
Values = NDArray[np.float64]


class Measure(ABC):
    """A figure of n texts."""

    @property
    @abstractmethod
    def n(self) -> int:
        """How many texts it is a figure of."""

    @property
    def value(self) -> float:
        """The figure of all of them."""
        return self.over(np.arange(self.n))

    @abstractmethod
    def over(self, rows: Rows) -> float:
        """The figure of the texts at `rows`, each as often as it stands there; NaN where it is not defined."""

    def with_imaginary(self, won: Sequence[bool]) -> Self:  # noqa: ARG002
        """The same with one imaginary text more for each of `won`, on which the model did all, or nothing.

        Itself where no text can be all or nothing: correlations, and means of what seldom is the same twice.
        """
        return self


@dataclass(frozen=True)
class Share(Measure):
    """The share of texts on which something holds.

    Args:
        hits: (n,) where it does.
    """

    hits: Hits

    @property
    def n(self) -> int:
        """How many texts it is a figure of."""
        return len(self.hits)

    @property
    def value(self) -> float:
        """The figure of all of them: one division of whole numbers."""
        return int(self.hits.sum()) / len(self.hits)

    def over(self, rows: Rows) -> float:
        """The figure of the texts at `rows`."""
        return float(self.hits[rows].mean())


@dataclass(frozen=True)
class Mean(Measure):
    """The mean of one value a text.

    Args:
        values: (n,) finite.
    """

    values: Values

    @property
    def n(self) -> int:
        """How many texts it is a figure of."""
        return len(self.values)

    def over(self, rows: Rows) -> float:
        """The figure of the texts at `rows`."""
        return float(self.values[rows].mean())


class MeanShare(Mean):
    """The mean of one share a text, which often is 0 or 1: F1 of an answer's words, nDCG of a query."""

    def with_imaginary(self, won: Sequence[bool]) -> Self:
        """With texts of 1 and of 0."""
        return type(self)(np.append(self.values, np.array(won, np.float64)))


@dataclass(frozen=True)
class FScore(Measure):
    """F1 over all decisions together (micro-averaged): 2 TP / (2 TP + FP + FN).

    Args:
        true_positives: (n,) of each text.
        false_positives: (n,) of each text.
        false_negatives: (n,) of each text.

    Where nothing is to be found and nothing was, it is 1.

    Source: van Rijsbergen 1979, Information Retrieval, chapter 7.
    """

    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]
    false_negatives: NDArray[np.int64]

    @property
    def n(self) -> int:
        """How many texts it is a figure of."""
        return len(self.true_positives)

    def over(self, rows: Rows) -> float:
        """The figure of the texts at `rows`."""
        found = 2 * int(self.true_positives[rows].sum())
        missed = int(self.false_positives[rows].sum()) + int(self.false_negatives[rows].sum())
        return found / (found + missed) if found + missed else 1.0

    def with_imaginary(self, won: Sequence[bool]) -> Self:
        """With texts of one decision, a true positive or a false negative."""
        hits = np.array(won, np.int64)
        return type(self)(
            np.append(self.true_positives, hits),
            np.append(self.false_positives, np.zeros_like(hits)),
            np.append(self.false_negatives, 1 - hits),
        )


@dataclass(frozen=True)
class Ratio(Measure):
    """One count divided by another, each summed over the texts: precision, recall.

    Args:
        counts: (n,) what is divided.
        totals: (n,) what it is divided by; where all are 0, the ratio is 1.
    """

    counts: NDArray[np.int64]
    totals: NDArray[np.int64]

    @property
    def n(self) -> int:
        """How many texts it is a figure of."""
        return len(self.totals)

    def over(self, rows: Rows) -> float:
        """The figure of the texts at `rows`."""
        total = int(self.totals[rows].sum())
        return int(self.counts[rows].sum()) / total if total else 1.0

    def with_imaginary(self, won: Sequence[bool]) -> Self:
        """With texts of a total of one."""
        hits = np.array(won, np.int64)
        return type(self)(np.append(self.counts, hits), np.append(self.totals, np.ones_like(hits)))


@dataclass(frozen=True)
class GeometricMean(Measure):
    """The geometric mean of probabilities, of which a text may have several.

    Args:
        sums: (n,) of their natural logarithms, for each text.
        counts: (n,) how many they are.
    """

    sums: Values
    counts: NDArray[np.int64]

    @property
    def n(self) -> int:
        """How many texts it is a figure of."""
        return len(self.counts)

    def over(self, rows: Rows) -> float:
        """The figure of the texts at `rows`; NaN where they have none."""
        total = int(self.counts[rows].sum())
        return float(np.exp(self.sums[rows].sum() / total)) if total else float("nan")


@dataclass(frozen=True)
class RankCorrelation(Measure):
    """Spearman's correlation: how alike two lists of numbers put the texts in order.

    Args:
        first: (n,) finite.
        second: (n,) finite.

    Source: Spearman 1904, The American Journal of Psychology 15(1), 72-101; equal numbers share their mean rank.
    """

    first: Values
    second: Values

    @property
    def n(self) -> int:
        """How many texts it is a figure of."""
        return len(self.first)

    def over(self, rows: Rows) -> float:
        """The figure of the texts at `rows`; NaN where one list has the same number everywhere."""
        from scipy.stats import rankdata  # here, as the runtime loads this file with the answers and must start fast

        ranks = [rankdata(values[rows]) for values in (self.first, self.second)]
        centred = [one - one.mean() for one in ranks]
        spread = np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum())
        return float((centred[0] * centred[1]).sum() / spread) if spread > 0 else float("nan")
