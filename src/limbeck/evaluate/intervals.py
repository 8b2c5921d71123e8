"""How far n texts can be trusted: which interval goes with which measure, and with two models on the same texts.

Two models that answer the same texts are compared text by text: most texts are easy or hard for both, and only those on
which the two part carry news. An interval that ignores this is several times too wide. How often each kind of interval
holds the truth is measured in docs/results/coverage.md.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.stats import binomtest

from limbeck.evaluate import pairs, resampling
from limbeck.records.score import Interval
from limbeck.tasks.measures import (
    GeometricMean,
    Hits,
    Mean,
    MeanShare,
    Measure,
    PooledMean,
    RankCorrelation,
    Values,
    Weights,
)

WILSON = "wilson"
SCORE = "score"
BCA = "BCa bootstrap"
PAIRED_BCA = "paired BCa bootstrap"
STUDENTIZED = "studentized bootstrap"
_FEWEST_RANKED = 12


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


def paired_ratio(first: Hits, second: Hits, *, confidence: float) -> Interval:
    """Score interval of share(first) / share(second) over the same texts: retention; see `pairs.ratio_score`.

    Args:
        first: (n,) whether the student was right on each text.
        second: (n,) the same of the teacher.
        confidence: Such as 0.95.
    """
    both, only_first, only_second, _ = outcome_counts(first, second)
    low, high = pairs.ratio_ends(both, only_first, only_second, confidence=confidence)
    return Interval(float(low), float(high), confidence, SCORE)


def paired_difference(first: Hits, second: Hits, *, confidence: float) -> Interval:
    """Score interval of share(first) - share(second) over the same texts; see `pairs.difference_score`.

    Args:
        first: See `paired_ratio`.
        second: See `paired_ratio`.
        confidence: Such as 0.95.
    """
    _, only_first, only_second, _ = outcome_counts(first, second)
    low, high = pairs.difference_ends(only_first, only_second, len(first), confidence=confidence)
    return Interval(float(low), float(high), confidence, SCORE)


def of_measure(measure: Measure, *, confidence: float, samples: int, seed: int) -> Interval:
    """Bootstrap interval of any measure of one model; resamples in which it is not defined are left out.

    Means of what may have a long tail are studentized, all else is BCa: see `resampling`. Two imaginary texts join, one
    won and one lost, where texts can be won and lost (see `Measure.with_imaginary`): without them, 50 texts without a
    fault would prove that there never is one.

    Args:
        measure: What each text adds to it.
        confidence: Such as 0.95.
        samples: Bootstrap resamples.
        seed: The same seed gives the same interval.
    """
    shares = _shares(confidence)
    parts = _long_tailed(measure)
    if parts is not None:
        low, high = resampling.studentized_ends(*parts, shares=shares, samples=samples, seed=seed)
        return Interval(low, high, confidence, STUDENTIZED)
    if _tells_nothing(measure):
        return Interval(-math.inf, math.inf, confidence, BCA)
    found = resampling.distribution(measure.with_imaginary([True, False]), samples=samples, seed=seed)
    low, high = resampling.bca_ends(found, shares=shares)
    return Interval(low, high, confidence, BCA)


def of_pair(
    compare: Callable[[Values, Values], Values],
    first: Measure,
    second: Measure,
    *,
    confidence: float,
    samples: int,
    seed: int,
) -> Interval:
    """BCa interval of a comparison of two models, both measured on the same resamples of the texts.

    Two imaginary texts join, of which each model wins one, as in `of_measure`.

    Args:
        compare: (resamples,) figures of the first and of the second model -> what is wanted: their ratio, difference.
        first: Of one model.
        second: Of the other, on the same texts.
        confidence: Such as 0.95.
        samples: Bootstrap resamples.
        seed: The same seed gives the same interval.

    Source: see `resampling.bca_ends`; Bonett, Price 2012, JEBS 37(4), 479-488 (one more text in each of the two cells
        that part).
    """
    if _tells_nothing(first):
        return Interval(-math.inf, math.inf, confidence, PAIRED_BCA)
    one = resampling.distribution(first.with_imaginary([True, False]), samples=samples, seed=seed)
    other = resampling.distribution(second.with_imaginary([False, True]), samples=samples, seed=seed)
    low, high = resampling.bca_ends(one.compared(other, compare), shares=_shares(confidence))
    return Interval(low, high, confidence, PAIRED_BCA)


def outcome_counts(first: Hits, second: Hits) -> tuple[int, int, int, int]:
    """How many texts both hit, only the first hit, only the second hit, and neither hit."""
    kinds = 2 * (~first).astype(np.int64) + (~second).astype(np.int64)
    both, only_first, only_second, neither = np.bincount(kinds, minlength=4).tolist()
    return both, only_first, only_second, neither


def _long_tailed(measure: Measure) -> tuple[Values, Weights] | None:
    """Each text's sum of values and their number, where the measure is a mean of what may have a long tail."""
    if isinstance(measure, PooledMean) and not isinstance(measure, GeometricMean):
        return measure.sums, measure.counts.astype(np.float64)
    if isinstance(measure, Mean) and not isinstance(measure, MeanShare):
        return measure.values, np.ones(measure.n)
    return None


def _tells_nothing(measure: Measure) -> bool:
    """Whether resamples cannot tell how sure a figure is (docs/lab-log.md).

    No imaginary text joins correlations, and where two models put few texts in one order every resample is in it too.
    """
    return isinstance(measure, RankCorrelation) and measure.n < _FEWEST_RANKED


def _shares(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2
