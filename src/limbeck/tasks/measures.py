"""What is measured on texts, so that it can be measured again on any choice of them: shares, means, F1, correlations.

A measure holds what each text adds to it. Intervals come from measuring resamples of the texts (see
`limbeck.evaluate.intervals`), and two models are compared by measuring both on the same resample.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
Rows = NDArray[np.int64]
Values = NDArray[np.float64]
Weights = NDArray[np.float64]
"""(resamples, n) how often each text was drawn: whole numbers."""


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

    @cached_property
    def worked_out(self) -> dict[Any, Any]:
        """What was worked out of it already and is wanted again: its figures on resamples, by number and seed."""
        return {}

    @abstractmethod
    def over(self, rows: Rows) -> float:
        """The figure of the texts at `rows`, each as often as it stands there; NaN where it is not defined."""

    def weighted(self, weights: Weights) -> Values:
        """(resamples,) the figure of each resample; those of this file tell all of them at once."""
        rows = np.arange(self.n)
        return np.array([self.over(np.repeat(rows, drawn.astype(np.int64))) for drawn in weights], np.float64)

    def with_imaginary(self, won: Sequence[bool]) -> Self:  # noqa: ARG002
        """The same with one imaginary text more for each of `won`, on which the model did all, or nothing.

        Itself where no text can be all or nothing: correlations, and means of what seldom is the same twice.
        """
        return self


class Weighed(Measure):
    """A measure that needs no more of a resample than how often each text was drawn."""

    def over(self, rows: Rows) -> float:
        """The figure of the texts at `rows`, each as often as it stands there; NaN where it is not defined."""
        return float(self.weighted(np.bincount(rows, minlength=self.n).astype(np.float64)[None])[0])

    @abstractmethod
    def weighted(self, weights: Weights) -> Values:
        """(resamples,) the figure of each resample; NaN where it is not defined."""


@dataclass(frozen=True)
class Share(Weighed):
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

    def weighted(self, weights: Weights) -> Values:
        """(resamples,) the figure of each."""
        return _share(weights, self.hits)


@dataclass(frozen=True)
class Mean(Weighed):
    """The mean of one value a text.

    Args:
        values: (n,) finite.
    """

    values: Values

    @property
    def n(self) -> int:
        """How many texts it is a figure of."""
        return len(self.values)

    @property
    def value(self) -> float:
        """The figure of all of them."""
        return float(self.values.mean())

    def weighted(self, weights: Weights) -> Values:
        """(resamples,) the figure of each."""
        return _share(weights, self.values)


class MeanShare(Mean):
    """The mean of one share a text, which often is 0 or 1: F1 of an answer's words, nDCG of a query."""

    def with_imaginary(self, won: Sequence[bool]) -> Self:
        """With texts of 1 and of 0."""
        return type(self)(np.append(self.values, np.array(won, np.float64)))


@dataclass(frozen=True)
class FScore(Weighed):
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

    def weighted(self, weights: Weights) -> Values:
        """(resamples,) the figure of each."""
        found = 2 * (weights @ self.true_positives)
        return _divided(found, found + weights @ (self.false_positives + self.false_negatives), where_empty=1.0)

    def with_imaginary(self, won: Sequence[bool]) -> Self:
        """With texts of one decision, a true positive or a false negative."""
        hits = np.array(won, np.int64)
        return type(self)(
            np.append(self.true_positives, hits),
            np.append(self.false_positives, np.zeros_like(hits)),
            np.append(self.false_negatives, 1 - hits),
        )


@dataclass(frozen=True)
class Ratio(Weighed):
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

    def weighted(self, weights: Weights) -> Values:
        """(resamples,) the figure of each."""
        return _divided(weights @ self.counts, weights @ self.totals, where_empty=1.0)

    def with_imaginary(self, won: Sequence[bool]) -> Self:
        """With texts of a total of one."""
        hits = np.array(won, np.int64)
        return type(self)(np.append(self.counts, hits), np.append(self.totals, np.ones_like(hits)))


@dataclass(frozen=True)
class PooledMean(Weighed):
    """The mean of values of which a text may have several.

    Args:
        sums: (n,) of them, for each text.
        counts: (n,) how many they are.
    """

    sums: Values
    counts: NDArray[np.int64]

    @property
    def n(self) -> int:
        """How many texts it is a figure of."""
        return len(self.counts)

    def weighted(self, weights: Weights) -> Values:
        """(resamples,) the figure of each; NaN where its texts have no value."""
        return _divided(weights @ self.sums, weights @ self.counts, where_empty=np.nan)


class GeometricMean(PooledMean):
    """The geometric mean of probabilities, of which a text may have several; `sums` are of their natural logarithms."""

    def weighted(self, weights: Weights) -> Values:
        """(resamples,) the figure of each; NaN where its texts have no probability."""
        found: Values = np.exp(super().weighted(weights))
        return found


@dataclass(frozen=True)
class Places:
    """Where numbers stand when they are put in order.

    Args:
        order: (n,) texts from the least number to the greatest.
        starts: (different numbers,) where in that order each begins.
        group: (n,) which of the different numbers a text has.
    """

    order: Rows
    starts: Rows
    group: Rows


@dataclass(frozen=True)
class RankCorrelation(Weighed):
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

    def weighted(self, weights: Weights) -> Values:
        """(resamples,) the figure of each; NaN where one list has the same number everywhere.

        The ranks of a resample follow from how often each text was drawn, so that texts are put in order once, not
        once a resample; it is the same figure.
        """
        first, second = _ranks(weights, self._first_places), _ranks(weights, self._second_places)
        middle = (weights.sum(axis=1, keepdims=True) + 1) / 2  # the mean rank, with ties too
        first -= middle
        second -= middle
        first_weighted = first * weights
        common = np.einsum("sn,sn->s", first_weighted, second)
        squares = np.einsum("sn,sn->s", first_weighted, first) * np.einsum("sn,sn,sn->s", second, second, weights)
        spread = np.sqrt(squares)
        return _divided(common, spread, where_empty=np.nan)

    @cached_property
    def _first_places(self) -> Places:
        return _places_of(self.first)

    @cached_property
    def _second_places(self) -> Places:
        return _places_of(self.second)


def _places_of(values: Values) -> Places:
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    is_first = np.append(True, ordered[1:] != ordered[:-1])
    group = np.empty(len(values), np.int64)
    group[order] = np.cumsum(is_first) - 1
    return Places(order, np.flatnonzero(is_first), group)


def _ranks(weights: Weights, places: Places) -> Values:
    """(resamples, n) the rank of each text, equal numbers sharing their mean rank; those not drawn have one too."""
    ordered = weights.take(places.order, axis=1)
    drawn = ordered if len(places.starts) == weights.shape[1] else np.add.reduceat(ordered, places.starts, axis=1)
    up_to = np.cumsum(drawn, axis=1)
    up_to -= (drawn - 1) / 2
    return up_to.take(places.group, axis=1)


def _share(weights: Weights, values: Hits | Values) -> Values:
    found: Values = (weights @ values) / weights.sum(axis=1)
    return found


def _divided(above: Values, below: Values, *, where_empty: float) -> Values:
    found = np.full_like(above, where_empty, dtype=np.float64)
    np.divide(above, below, out=found, where=below > 0)
    return found


@dataclass(frozen=True)
class Quantile(Measure):
    """The value that a share of the texts does not reach.

    Args:
        values: (n,) finite.
        share: From 0 to 1.
    """

    values: Values
    share: float

    @property
    def n(self) -> int:
        """How many texts it is a figure of."""
        return len(self.values)

    def over(self, rows: Rows) -> float:
        """The figure of the texts at `rows`; NaN of none."""
        return float(np.quantile(self.values[rows], self.share)) if len(rows) else math.nan
