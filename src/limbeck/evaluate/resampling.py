"""Bootstrap intervals, BCa and studentized: the texts are drawn anew, many draws at once.

What is drawn is how often each text counts, so that one product of matrices measures many resamples.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from limbeck.tasks.measures import Measure, Values, Weights

_CHUNK = 2**15  # numbers at once; a quarter of a megabyte of weights, which a core's cache holds
_MOST_LEFT_OUT = 500  # figures of all texts but one, or of all but a group of them


@dataclass(frozen=True)
class Distribution:
    """What a figure is on many choices of the texts; NaN where it is not defined.

    Args:
        value: Of all texts.
        drawn: (resamples,) of n texts drawn anew, with replacement.
        left_out: (n or groups,) of all texts but one, each in turn, or but a group of them.
    """

    value: float
    drawn: Values
    left_out: Values

    def compared(self, other: "Distribution", compare: Callable[[Values, Values], Values]) -> "Distribution":
        """That of a comparison with another figure on the same choices of the same texts."""
        (value,) = compare(np.array([self.value]), np.array([other.value]))
        return Distribution(float(value), compare(self.drawn, other.drawn), compare(self.left_out, other.left_out))


def distribution(measure: Measure, *, samples: int, seed: int) -> Distribution:
    """The measure on resamples and on all texts but a few; it is worked out once and kept with the measure.

    The same number of texts and the same seed give the same choices of texts, so that distributions of several models
    can be compared choice by choice. Of more than 500 texts, 500 groups drawn by chance are left out, each in turn:
    their errors have the same skewness.

    Args:
        measure: What each text adds to it.
        samples: Bootstrap resamples.
        seed: Of the choices.
    """
    known: dict[tuple[int, int], Distribution] = measure.worked_out
    if (samples, seed) not in known:
        n = measure.n
        (value,) = measure.weighted(np.ones((1, n)))
        known[samples, seed] = Distribution(
            float(value),
            np.concatenate([measure.weighted(weights) for weights in _drawn(n, samples, seed)]),
            np.concatenate([measure.weighted(weights) for weights in _left_out(n, seed)]),
        )
    return known[samples, seed]


def bca_ends(found: Distribution, *, shares: tuple[float, float]) -> tuple[float, float]:
    """Where these shares of a bootstrap distribution end, bias-corrected and accelerated (BCa) by the jackknife.

    Args:
        found: Resamples in which the figure is not defined are left out.
        shares: Such as 0.025 and 0.975.

    Returns: The ends; minus and plus infinity where no resample has a figure.

    Source: Efron 1987, Better bootstrap confidence intervals, JASA 82, 171-185, section 2 and eq. 6.6; DiCiccio, Efron
        1996, Bootstrap confidence intervals, Statistical Science 11, 189-228.
    """
    drawn = found.drawn[~np.isnan(found.drawn)]
    if not len(drawn):
        return -math.inf, math.inf
    value = float(np.median(drawn)) if math.isnan(found.value) else found.value
    below = (np.count_nonzero(drawn < value) + np.count_nonzero(drawn <= value)) / (2 * len(drawn))
    half_a_draw = 0.5 / len(drawn)
    bias = ndtri(np.clip(below, half_a_draw, 1 - half_a_draw))
    ends = bias + ndtri(np.array(shares))
    low, high = np.quantile(drawn, ndtr(bias + ends / np.maximum(1 - _acceleration(found.left_out) * ends, 1e-3)))
    return float(low), float(high)


def studentized_ends(
    sums: Values, counts: Weights, *, shares: tuple[float, float], samples: int, seed: int
) -> tuple[float, float]:
    """Where these shares of the bootstrap distribution of t end, told as means: for means of what has a long tail.

    Each resample's distance from the mean is measured in its own standard errors, those of a ratio of two sums.
    Resamples that have none, as all their numbers are the same, are left out.

    Args:
        sums: (n,) finite: of a text's values.
        counts: (n,) how many these are, some of them above 0.
        shares: Such as 0.025 and 0.975.
        samples: Bootstrap resamples.
        seed: The same seed gives the same ends.

    Returns: The ends; both the mean where all numbers are the same, minus and plus infinity of fewer than three texts:
        two have one resample with a spread, and that is they themselves.

    Source: Efron, Tibshirani 1993, An Introduction to the Bootstrap, section 12.5; Hall 1988, Annals of Statistics 16,
        927-953; of ratios, Davison, Hinkley 1997, Bootstrap Methods and their Application, section 2.7.2.
    """
    n, total = len(sums), float(counts.sum())
    mean = float(sums.sum()) / total
    off = sums - mean * counts
    error = float(np.sqrt((off**2).sum())) / total
    if np.count_nonzero(counts) < 3:
        return -math.inf, math.inf
    if error <= 1e-12 * max(1.0, abs(mean)):
        return mean, mean
    distances = []
    for weights in _drawn(n, samples, seed):
        drawn = weights @ counts
        away = np.divide(weights @ off, drawn, out=np.zeros_like(drawn), where=drawn > 0)
        squares = weights @ off**2 - 2 * away * (weights @ (off * counts)) + away**2 * (weights @ counts**2)
        errors = np.sqrt(np.maximum(squares, 0)) / np.maximum(drawn, 1)
        is_told = errors > 1e-9 * error
        distances.append(away[is_told] / errors[is_told])
    low, high = np.quantile(np.concatenate(distances), shares)
    return mean - float(high) * error, mean - float(low) * error


def _acceleration(left_out: Values) -> float:
    figures = left_out[~np.isnan(left_out)]
    if not len(figures):
        return 0.0
    pulls = figures.mean() - figures
    squares = float((pulls**2).sum())
    return float((pulls**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0


def _left_out(n: int, seed: int) -> Iterator[Weights]:
    """All texts but one, or but a group of them, in chunks."""
    groups = np.arange(n) if n <= _MOST_LEFT_OUT else np.random.default_rng(seed).permutation(n) % _MOST_LEFT_OUT
    n_groups = min(n, _MOST_LEFT_OUT)
    at_once = max(1, _CHUNK // n)
    for start in range(0, n_groups, at_once):
        out = np.arange(start, min(start + at_once, n_groups))
        yield (groups[None, :] != out[:, None]).astype(np.float64)


def _drawn(n: int, samples: int, seed: int) -> Iterator[Weights]:
    """How often each of n texts stands in each resample of n, in chunks."""
    draw = np.random.default_rng(seed)
    at_once = max(1, _CHUNK // n)
    for start in range(0, samples, at_once):
        size = min(at_once, samples - start)
        rows = draw.integers(n, size=(size, n), dtype=np.int32).astype(np.int64)
        rows += n * np.arange(size)[:, None]
        yield np.bincount(rows.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
