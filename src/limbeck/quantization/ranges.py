"""From a histogram of activations to the range that their codes span: four ways to weigh clipping against rounding.

A narrow range rounds finely and clips the outliers; a wide one does the reverse. Every range holds zero, so that zero
has a code of its own (padding, and the zeros of ReLU, stay exact).

- "min_max": everything; nothing is clipped.
- "percentile": all but a given share of the values, half of it on each side.
- "mean_squared_error": the range whose codes have the smallest squared error over the histogram.
- "entropy": the threshold whose codes keep most of the distribution, by the Kullback-Leibler divergence
  (Migacz 2017, "8-bit Inference with TensorRT", GPU Technology Conference: TensorRT's entropy calibrator).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import CalibrationError
from limbeck.quantization.histogram import Histogram

RangeMethod = Literal["min_max", "percentile", "mean_squared_error", "entropy"]
RANGE_METHODS: tuple[RangeMethod, ...] = get_args(RangeMethod)

PERCENTILE = 99.99
"""Per cent of the values that "percentile" keeps."""

_MOST_CUTS = 512
_SHRINKS = 2.0 ** (-np.arange(161) / 16)
_MOST_ROUNDS = 8

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class ActivationRange:
    """The values that activation codes reach from the lowest to the highest: low <= 0 <= high.

    Args:
        low: At most 0.
        high: At least 0.
    """

    low: float
    high: float

    def scale_and_zero_point(self, *, bits: int = 8, symmetric: bool = False) -> tuple[np.float32, int]:
        """Scale and zero point of the codes, with value = (code - zero_point) * scale.

        Asymmetric: codes 0 .. 2^bits - 1, scale = (high - low) / (2^bits - 1), zero_point = round(-low / scale).
        Symmetric: codes -(2^(bits-1) - 1) .. 2^(bits-1) - 1, scale = max(-low, high) / (2^(bits-1) - 1), zero point 0.
        A range of nothing but zero gets the scale 1.
        """
        span = 2 * max(-self.low, self.high) if symmetric else self.high - self.low
        steps = 2**bits - (2 if symmetric else 1)
        scale = np.float32(max(span / steps, float(np.finfo(np.float32).tiny)) if span > 0 else 1.0)
        return scale, 0 if symmetric else round(-self.low / float(scale))


def range_of(
    histogram: Histogram,
    method: RangeMethod,
    *,
    bits: int = 8,
    symmetric: bool = False,
    percentile: float = PERCENTILE,
) -> ActivationRange:
    """Choose the range of a layer's activations.

    Args:
        histogram: Of all values that calibration saw.
        method: One of `RANGE_METHODS`; see the top of this file.
        bits: Of the codes; "mean_squared_error" and "entropy" weigh rounding by it.
        symmetric: Codes on both sides of zero with zero point 0; the range is then as wide below zero as above.
        percentile: Above 0, at most 100; counts for "percentile" only.

    Raises:
        CalibrationError: Nothing was counted, or method or percentile are unknown or impossible.
    """
    if histogram.n_values == 0:
        raise CalibrationError("A range needs values, and none were counted.", hint="Calibrate on some texts first.")
    if method not in RANGE_METHODS:
        raise CalibrationError(
            f"The range method '{method}' is unknown (known: {', '.join(RANGE_METHODS)}).",
            hint='Take "min_max" where nothing may be clipped.',
        )
    if not 0 < percentile <= 100:
        raise CalibrationError(
            f"Expected a percentile above 0 and at most 100, came {percentile}.", hint=f"Usual is {PERCENTILE}."
        )
    whole = _holding_zero(histogram.minimum, histogram.maximum, symmetric=symmetric)
    choose: dict[RangeMethod, Callable[[], ActivationRange]] = {
        "min_max": lambda: whole,
        "percentile": lambda: _percentile(histogram, percentile / 100, symmetric=symmetric),
        "mean_squared_error": lambda: _least_squares(histogram, whole, bits=bits, symmetric=symmetric),
        "entropy": lambda: _least_divergence(histogram.with_zero(), whole, levels=2**bits, symmetric=symmetric),
    }
    return choose[method]()


def squared_error(histogram: Histogram, span: ActivationRange, *, bits: int = 8, symmetric: bool = False) -> float:
    """Mean squared error of codes over a range, each value taken for the centre of its bin."""
    scale, zero_point = span.scale_and_zero_point(bits=bits, symmetric=symmetric)
    lowest, highest = (-(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1) if symmetric else (0, 2**bits - 1)
    centres = histogram.centres
    codes = np.clip(np.rint(centres / scale) + zero_point, lowest, highest)
    return float(((codes - zero_point) * float(scale) - centres) ** 2 @ histogram.counts) / histogram.n_values


def _holding_zero(low: float, high: float, *, symmetric: bool) -> ActivationRange:
    low, high = min(low, 0.0), max(high, 0.0)
    if symmetric:
        low, high = -max(-low, high), max(-low, high)
    return ActivationRange(low, high)


def _percentile(histogram: Histogram, share: float, *, symmetric: bool) -> ActivationRange:
    """Bounds at outer edges of bins, so that at least `share` of the values lies within them."""
    edges = (np.arange(len(histogram.counts) + 1) + histogram.first_bin) * histogram.width
    # The outermost edges are the extremes themselves, which are known exactly.
    edges[0], edges[-1] = histogram.minimum, histogram.maximum
    if symmetric:
        outer = np.maximum(np.abs(edges[:-1]), np.abs(edges[1:]))
        order = np.argsort(outer, kind="stable")
        within = np.cumsum(histogram.counts[order])
        bound = float(outer[order][np.searchsorted(within, share * within[-1])])
        return ActivationRange(-bound, bound)
    below = np.cumsum(histogram.counts)
    cut = (1 - share) / 2 * below[-1]
    low = edges[np.searchsorted(below, cut, side="right")]
    high = edges[np.searchsorted(below, below[-1] - cut) + 1]
    return _holding_zero(float(low), float(high), symmetric=False)


def _least_squares(histogram: Histogram, whole: ActivationRange, *, bits: int, symmetric: bool) -> ActivationRange:
    """Shrink both bounds together, then one by one, by steps of 4 %, for as long as the error falls.

    It starts at `whole` and only ever improves on it.
    """

    def best(candidates: list[ActivationRange]) -> ActivationRange:
        return min(candidates, key=lambda one: squared_error(histogram, one, bits=bits, symmetric=symmetric))

    chosen = best([ActivationRange(whole.low * shrink, whole.high * shrink) for shrink in _SHRINKS])
    for _ in range(0 if symmetric else _MOST_ROUNDS):
        before = chosen
        chosen = best([chosen, *(ActivationRange(chosen.low, whole.high * shrink) for shrink in _SHRINKS)])
        chosen = best([chosen, *(ActivationRange(whole.low * shrink, chosen.high) for shrink in _SHRINKS)])
        if chosen == before:
            break
    return ActivationRange(float(chosen.low), float(chosen.high))


def _least_divergence(histogram: Histogram, whole: ActivationRange, *, levels: int, symmetric: bool) -> ActivationRange:
    """Try thresholds t on |value| and keep the one whose codes tell the distribution best.

    For each t the reference is the histogram within -t..t (asymmetric: as far as values reach), with what lies outside
    added to the outermost bins. The candidate is the same without it, its bins gathered into `levels` equal levels and
    each level spread evenly over its bins that hold anything. The chosen t has the smallest KL(reference || candidate).
    For values of one side this is Migacz's method. Thresholds at which the divergence is infinite (an outermost level
    holds nothing but what was clipped) are passed over; the whole range never is.
    """
    first, last = histogram.first_bin, histogram.first_bin + len(histogram.counts) - 1
    reach = max(-first, last + 1)
    low_end, high_end = (-reach, reach) if symmetric else (min(first, 0), max(last + 1, 0))
    counts = np.zeros(high_end - low_end)
    counts[first - low_end : last + 1 - low_end] = histogram.counts
    fewest = levels // 2 if min(-low_end, high_end) > 0 else levels
    best, best_cut = np.inf, reach
    for cut in range(reach, fewest - 1, -max(1, reach // _MOST_CUTS)):
        start, stop = max(-cut, low_end) - low_end, min(cut, high_end) - low_end
        divergence = _divergence(counts, start, stop, levels=levels)
        if divergence < best:
            best, best_cut = divergence, cut
    threshold = best_cut * histogram.width
    return ActivationRange(max(whole.low, -threshold), min(whole.high, threshold))


def _divergence(counts: Numbers, start: int, stop: int, *, levels: int) -> float:
    """KL(reference || candidate) in nats of the window start..stop; see `_least_divergence`."""
    inside = counts[start:stop]
    reference = inside.copy()
    reference[0] += counts[:start].sum()
    reference[-1] += counts[stop:].sum()
    is_held = reference > 0
    level = np.arange(len(inside)) * levels // len(inside)
    mass = np.bincount(level, weights=inside, minlength=levels)
    n_held = np.bincount(level, weights=is_held, minlength=levels)
    candidate = (mass / np.maximum(n_held, 1))[level][is_held]
    if (candidate == 0).any():
        return float("inf")
    reference = reference[is_held] / reference.sum()
    return float(reference @ np.log(reference / (candidate / candidate.sum())))
