"""Two models right or wrong on the same texts: score intervals, McNemar's test, and the exact test against a margin.

Only the texts on which one is right and the other wrong carry news. Their numbers are b (only the first is right) and c
(only the second is right), of n texts; the difference of the shares is (b - c) / n.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, gammaln, ndtri, xlog1py, xlogy
from scipy.stats import binomtest

Figures = NDArray[np.float64]

_HALVINGS = 60
_OUTSIDE = 0.02  # part of the error that the test leaves to discordances outside of their interval
_GRID = 64  # discordances within it that are tried
_TAIL = 7.0  # standard deviations; what lies beyond has a probability below 1e-11


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value that both are right equally often; 1 where they never part.

    Args:
        only_first: Texts on which only the first is right.
        only_second: Texts on which only the second is.

    Source: McNemar 1947, Psychometrika 12, 153-157; exact by the binomial distribution.
    """
    parted = only_first + only_second
    return float(binomtest(only_first, parted).pvalue) if parted else 1.0


def difference_score(only_first: ArrayLike, only_second: ArrayLike, n: ArrayLike, difference: ArrayLike) -> Figures:
    """Score statistic of a difference of two paired shares, standard normal where it is the true one; broadcast.

    (b - c - n d) / sqrt(v), with v the variance that `difference_variance` gives.

    Args:
        only_first: b.
        only_second: c.
        n: Texts.
        difference: d, from -1 to 1.

    Source: Tango 1998, Equivalence test and confidence interval for the difference in proportions for the paired-sample
        design, Statistics in Medicine 17, 891-908.
    """
    b, c, texts, d = (np.asarray(one, np.float64) for one in (only_first, only_second, n, difference))
    return _standardised(b - c - texts * d, difference_variance(b, c, texts, d))


def difference_variance(only_first: ArrayLike, only_second: ArrayLike, n: ArrayLike, difference: ArrayLike) -> Figures:
    """Variance of b - c where the true difference is d and all else is as likely as can be; broadcast.

    n (2 q + d (1 - d)), with q the likeliest share of c where the difference is d.

    Args:
        only_first: b.
        only_second: c.
        n: Texts; 1 where b and c are shares.
        difference: d, from -1 to 1.

    Source: see `difference_score`.
    """
    b, c, texts, d = (np.asarray(one, np.float64) for one in (only_first, only_second, n, difference))
    linear = (2 * texts - b + c) * d - b - c
    root = np.sqrt(np.maximum(linear**2 + 8 * texts * c * d * (1 - d), 0))
    found: Figures = np.maximum(texts * (2 * (root - linear) / (4 * texts) + d * (1 - d)), 0)
    return found


def ratio_score(both: ArrayLike, only_first: ArrayLike, only_second: ArrayLike, ratio: ArrayLike) -> Figures:
    """Score statistic of a ratio of two paired shares, standard normal where it is the true one; broadcast.

    ((a + b) - r (a + c)) / sqrt((r - 1) (a + b + c) + (1 + r) q), with q the likeliest number of c where the ratio is
    r: then a + b + c texts are a, b and c in the shares p, (r - 1) p + r q and q.

    Args:
        both: a.
        only_first: b.
        only_second: c.
        ratio: r > 0.

    Source: Tang, Tang, Chan 2003, On tests of equivalence via non-unity relative risk for matched-pair design,
        Statistics in Medicine 22, 1217-1233.
    """
    a, b, c, r = (np.asarray(one, np.float64) for one in (both, only_first, only_second, ratio))
    met = a + b + c
    linear = (a + c) * r**2 - (a + b + 2 * c)
    root = np.sqrt(np.maximum(linear**2 - 4 * (1 + r) * c * (1 - r) * met, 0))
    likeliest = (root - linear) / (2 * (1 + r))
    return _standardised((a + b) - r * (a + c), (r - 1) * met + (1 + r) * likeliest)


def difference_ends(only_first: ArrayLike, only_second: ArrayLike, n: ArrayLike, *, confidence: float) -> Figures:
    """(..., 2) Tango's two-sided interval of the difference: where its score is not too far from zero.

    Args:
        only_first: (...) b.
        only_second: (...) c.
        n: (...) texts.
        confidence: Such as 0.95.
    """
    b, c, texts = np.broadcast_arrays(*(np.asarray(one, np.float64) for one in (only_first, only_second, n)))
    return _ends(lambda d: difference_score(b, c, texts, d), b.shape, (-1.0, 1.0), confidence)


def ratio_ends(both: ArrayLike, only_first: ArrayLike, only_second: ArrayLike, *, confidence: float) -> Figures:
    """(..., 2) the two-sided score interval of the ratio; it may reach to infinity.

    Args:
        both: (...) a.
        only_first: (...) b.
        only_second: (...) c.
        confidence: Such as 0.95.
    """
    a, b, c = np.broadcast_arrays(*(np.asarray(one, np.float64) for one in (both, only_first, only_second)))
    found = _ends(lambda u: ratio_score(a, b, c, np.exp(u)), a.shape, (-12.0, 12.0), confidence)
    ends = np.exp(found)
    ends[..., 0] = np.where(a + b == 0, 0, ends[..., 0])
    ends[..., 1] = np.where(a + c == 0, np.inf, ends[..., 1])
    return ends


def above_p(only_first: int, only_second: int, n: int, difference: float, *, alpha: float = 0.05) -> float:
    """Exact p-value that the true difference of two paired shares is `difference` or less.

    The largest probability, under any share of discordant texts that is not absurd, of a score as high as this one. It
    is an unconditional test: with p-values up to `alpha` taken as proof, it errs with a probability of `alpha` at most,
    with any number of texts and however rarely the two part. "Not absurd" is an exact interval of the discordance, and
    the small probability that it lies outside of that is added (a fiftieth of `alpha`).

    Args:
        only_first: b.
        only_second: c.
        n: Texts.
        difference: At the edge of what is to be disproved, such as -0.005.
        alpha: The error that is accepted.

    Source: Hsueh, Liu, Chen 2001, Unconditional exact tests for equivalence or noninferiority for paired binary
        endpoints, Biometrics 57, 478-483; Berger, Boos 1994, P values maximized over a confidence set for the nuisance
        parameter, JASA 89, 1012-1016.
    """
    outside = _OUTSIDE * alpha
    parted = binomtest(only_first + only_second, n).proportion_ci(confidence_level=1 - outside, method="exact")
    low, high = max(parted.low, abs(difference), 1e-12), parted.high
    if high < low:  # so few part that the difference is nearer to zero: less than one above it, more than one below
        return 1.0 if difference > 0 else outside
    discordances = np.clip(np.linspace(np.sqrt(low), np.sqrt(high), _GRID) ** 2, low, high)
    of_first, of_second = (discordances + difference) / 2, (discordances - difference) / 2
    middle, spread = n * of_second, np.sqrt(n * of_second * (1 - of_second))
    counts = np.arange(
        max(0, int((middle - _TAIL * spread).min()) - 20), min(n, int((middle + _TAIL * spread).max()) + 20) + 1
    )
    least = _least_first(counts, n, difference, float(difference_score(only_first, only_second, n, difference)))
    p = of_second[:, None]
    log_choices = gammaln(n + 1) - gammaln(counts + 1) - gammaln(n - counts + 1)
    of_count = np.exp(log_choices + xlogy(counts, p) + xlog1py(n - counts, -p))
    rest = np.clip(of_first / np.maximum(1 - of_second, 1e-300), 0, 1)[:, None]
    is_open = (least > 0) & (least <= n - counts)
    reached = betainc(np.where(is_open, least, 1), np.where(is_open, n - counts - least + 1, 1), rest)
    reached = np.where(is_open, reached, least == 0)
    return float(min(1.0, (of_count * reached).sum(axis=1).max() + outside))


def exact_ends(only_first: int, only_second: int, n: int, *, alpha: float) -> tuple[float, float]:
    """One-sided exact bounds of the difference, below and above: what `above_p` does not disprove at `alpha`.

    Together they are an interval of a confidence of 1 - 2 alpha.

    Args:
        only_first: b.
        only_second: c.
        n: Texts.
        alpha: Error of each bound, such as 0.05.
    """
    low = _exact_low(only_first, only_second, n, alpha)
    return low, -_exact_low(only_second, only_first, n, alpha)


def _exact_low(b: int, c: int, n: int, alpha: float) -> float:
    value = (b - c) / n
    first_guess = float(difference_ends(b, c, n, confidence=1 - 2 * alpha)[0])
    low, high = max(-1.0, 2 * first_guess - value - 1 / n), value
    if above_p(b, c, n, low, alpha=alpha) > alpha:
        low = -1.0
    while high - low > 0.002 * max(value - first_guess, 1 / n):
        middle = (low + high) / 2
        low, high = (middle, high) if above_p(b, c, n, middle, alpha=alpha) <= alpha else (low, middle)
    return low


def _least_first(counts: NDArray[np.int64], n: int, difference: float, score: float) -> NDArray[np.int64]:
    """(counts,) for each number of texts that only the second has, how many of the first's reach this score."""
    low, high = np.full(len(counts), -1), n - counts + 1  # one past what can be: never
    while (high - low > 1).any():
        middle = (low + high) // 2
        reaches = difference_score(np.maximum(middle, 0), counts, n, difference) >= score - 1e-9
        is_done = high - low <= 1
        high = np.where(reaches & ~is_done, middle, high)
        low = np.where(~reaches & ~is_done, middle, low)
    return high


def _standardised(distance: Figures, variance: Figures) -> Figures:
    """A distance in standard deviations; where there is none, zero or infinitely far."""
    deviation = np.sqrt(np.maximum(variance, 0))
    has_none = deviation < 1e-9
    certain = np.where(np.abs(distance) < 1e-9, 0.0, np.copysign(np.inf, distance))
    found: Figures = np.where(has_none, certain, distance / np.where(has_none, 1, deviation))
    return found


def _ends(
    score: Callable[[Figures], Figures], shape: tuple[int, ...], within: tuple[float, float], confidence: float
) -> Figures:
    far = ndtri((1 + confidence) / 2)
    ends = []
    for wanted in (far, -far):
        low, high = np.full(shape, within[0]), np.full(shape, within[1])
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            is_above = score(middle) > wanted
            low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
        ends.append((low + high) / 2)
    return np.stack(ends, axis=-1)
