"""How far n texts can be trusted: Wilson intervals for shares, paired bootstrap intervals for ratios and differences.

Two models that answer the same texts are compared text by text: most texts are easy or hard for both, and only those on
which the two part carry news. An interval that ignores this is several times too wide.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from limbeck.records import Interval
from limbeck.tasks.measures import Hits, Measure

Counts = NDArray[np.int64]

WILSON = "wilson"
BOOTSTRAP = "percentile bootstrap"
PAIRED_BOOTSTRAP = "paired percentile bootstrap"


def wilson(successes: int, n: int, *, confidence: float) -> Interval:
    """Wilson's score interval of a share; sensible down to one text and at shares of 0 and 1.

    Args:
        successes: From 0 to n.
        n: Texts, at least 1.
        confidence: Such as 0.95.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.
    """
    found = binomtest(successes, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(float(found.low), float(found.high), confidence, WILSON)


def paired_ratio(first: Hits, second: Hits, *, confidence: float, samples: int, seed: int) -> Interval:
    """Interval of share(first) / share(second) over the same texts: retention.

    Resamples in which `second` has no hit have no ratio and are left out; that happens with a handful of texts only.

    Args:
        first: (n,) whether the student was right on each text.
        second: (n,) the same of the teacher.
        confidence: Such as 0.95.
        samples: Bootstrap resamples.
        seed: The same seed gives the same interval.

    Source: see `_paired_bootstrap`.
    """
    return _paired_bootstrap(_ratio, first, second, confidence=confidence, samples=samples, seed=seed)


def paired_difference(first: Hits, second: Hits, *, confidence: float, samples: int, seed: int) -> Interval:
    """Interval of share(first) - share(second) over the same texts; arguments as in `paired_ratio`.

    Source: see `_paired_bootstrap`.
    """
    return _paired_bootstrap(_difference, first, second, confidence=confidence, samples=samples, seed=seed)


def of_measure(measure: Measure, *, confidence: float, samples: int, seed: int) -> Interval:
    """Interval of any measure of one model; resamples in which it is not defined are left out.

    Two imaginary texts join, one won and one lost, where texts can be won and lost (see `Measure.with_imaginary`):
    without them, 50 texts without a fault would prove that there never is one.

    Args:
        measure: What each text adds to it.
        confidence: Such as 0.95.
        samples: Bootstrap resamples.
        seed: The same seed gives the same interval.

    Source: Efron, Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentile interval).
    """
    joined = measure.with_imaginary([True, False])
    found = _resampled(joined.n, joined.over, samples=samples, seed=seed)
    return _percentiles(found, confidence, BOOTSTRAP)


def of_pair(
    compare: Callable[[float, float], float],
    first: Measure,
    second: Measure,
    *,
    confidence: float,
    samples: int,
    seed: int,
) -> Interval:
    """Interval of a comparison of two models, both measured on the same resample of the texts.

    Two imaginary texts join, of which each model wins one; see `_paired_bootstrap`.

    Args:
        compare: Figures of the first and of the second model -> what is wanted: their ratio, their difference.
        first: Of one model.
        second: Of the other, on the same texts.
        confidence: Such as 0.95.
        samples: Bootstrap resamples.
        seed: The same seed gives the same interval.

    Source: as `of_measure`.
    """
    one, other = first.with_imaginary([True, False]), second.with_imaginary([False, True])

    def compared(rows: NDArray[np.int64]) -> float:
        return compare(one.over(rows), other.over(rows))

    return _percentiles(_resampled(one.n, compared, samples=samples, seed=seed), confidence, PAIRED_BOOTSTRAP)


def _resampled(
    n: int, statistic: Callable[[NDArray[np.int64]], float], *, samples: int, seed: int
) -> NDArray[np.float64]:
    draw = np.random.default_rng(seed)
    return np.array([statistic(draw.integers(n, size=n)) for _ in range(samples)])


def _percentiles(found: NDArray[np.float64], confidence: float, method: str) -> Interval:
    if np.isnan(found).all():  # one text, say, has no correlation
        return Interval(float("-inf"), float("inf"), confidence, method)
    low, high = np.nanquantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high), confidence, method)


def outcome_counts(first: Hits, second: Hits) -> Counts:
    """(4,) how many texts both hit, only the first hit, only the second hit, and neither hit."""
    kinds = 2 * (~first).astype(np.int64) + (~second).astype(np.int64)
    return np.bincount(kinds, minlength=4)


def _paired_bootstrap(
    statistic: Callable[[Counts], NDArray[np.float64]],
    first: Hits,
    second: Hits,
    *,
    confidence: float,
    samples: int,
    seed: int,
) -> Interval:
    """The percentile bootstrap over texts and two imaginary ones, of which each side wins one.

    Only four kinds of texts exist (see `outcome_counts`), so drawing n texts with replacement is drawing four counts
    from a multinomial distribution: the same law, without an (samples, n) array.

    Without the imaginary texts, a sample in which the sides never part gives an interval without width, as if n texts
    proved that they never will: of nominal 95 % intervals, far fewer than 95 % then hold the truth where changes are
    rare. On many texts the two weigh next to nothing.

    Source: Efron, Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentile interval); Bonett, Price
    2012, JEBS 37(4), 479-488 (one more text in each of the two cells that part).
    """
    counts = outcome_counts(first, second) + np.array([0, 1, 1, 0])
    n = int(counts.sum())
    resampled = np.random.default_rng(seed).multinomial(n, counts / n, size=samples)
    return _percentiles(statistic(resampled), confidence, PAIRED_BOOTSTRAP)


def _ratio(counts: Counts) -> NDArray[np.float64]:
    both, only_first, only_second, _ = counts.T
    below = (both + only_second).astype(np.float64)
    below[below == 0] = np.nan
    ratios: NDArray[np.float64] = (both + only_first) / below
    return ratios


def _difference(counts: Counts) -> NDArray[np.float64]:
    _, only_first, only_second, _ = counts.T
    differences: NDArray[np.float64] = (only_first - only_second) / counts.sum(axis=1)
    return differences
