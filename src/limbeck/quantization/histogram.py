"""A streaming histogram: counts of all values seen so far, in bounded memory, that never loses or moves a count.

Bins are 2^e wide and lie on a grid anchored at zero: bin i holds the values of i * 2^e <= value < (i + 1) * 2^e. The
exponent e is the smallest at which the bins from the lowest to the highest value are at most `MOST_BINS`. Where new
values lie outside, neighbouring bins are merged, 2i and 2i + 1 into i, as often as it takes: the range doubles, and

    floor(floor(value / 2^e) / 2) = floor(value / 2^(e + 1)),

so that every count lands in the very bin in which it would have been counted at the wider width. Hence the law: a
histogram depends on which values were seen and on nothing else, neither on their order, nor on how they were cut into
batches, nor on how many machines counted them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck.errors import CalibrationError

MOST_BINS = 4096
"""Between half as many and as many bins span the values: eight to sixteen for each step of 8 bits."""

_FLOAT32_DIGITS = 24
_LOWEST_EXPONENT = -126
_PIECE = 1 << 20

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """Counts of values in bins of one width.

    Args:
        exponent: A bin is 2^exponent wide.
        first_bin: Index of the bin of `counts[0]`, on the grid anchored at zero.
        counts: (bins,) int64 from the bin of the minimum to that of the maximum, at most `MOST_BINS`; none when nothing
            was seen.
        minimum: The smallest value, exactly.
        maximum: The largest value, exactly.
    """

    exponent: int
    first_bin: int
    counts: Counts
    minimum: float
    maximum: float

    @classmethod
    def empty(cls) -> Self:
        """Nothing seen yet."""
        return cls(_LOWEST_EXPONENT, 0, np.zeros(0, np.int64), math.inf, -math.inf)

    @classmethod
    def of(cls, values: torch.Tensor) -> Self:
        """Count the values of one batch.

        Args:
            values: Any shape, finite within float32.
        """
        if values.numel() == 0:
            return cls.empty()
        flat = values.detach().float().flatten()
        lowest, highest = torch.aminmax(flat)
        minimum, maximum = float(lowest), float(highest)
        exponent = _exponent(minimum, maximum)
        first = _bin(minimum, exponent)
        counts = np.zeros(_bin(maximum, exponent) - first + 1, np.int64)
        # Scaling by a power of two is exact, and so are floors below 2^24. Pieces bound what lies beside the values.
        for piece in flat.split(_PIECE):
            bins = piece.mul(2.0**-exponent).floor_().sub_(float(first)).to(torch.int32)
            counts += torch.bincount(bins, minlength=len(counts)).cpu().numpy()
        return cls(exponent, first, counts, minimum, maximum)

    @property
    def n_values(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    @property
    def width(self) -> float:
        """Width of a bin, a power of two."""
        return math.ldexp(1.0, self.exponent)

    @property
    def centres(self) -> NDArray[np.float64]:
        """(bins,) the middle of each bin."""
        return (np.arange(len(self.counts), dtype=np.float64) + (self.first_bin + 0.5)) * self.width

    @property
    def nbytes(self) -> int:
        """Bytes of the counts, at most 8 * `MOST_BINS`."""
        return self.counts.nbytes

    def merged(self, other: Self) -> Self:
        """The histogram of all that both have seen; either may be empty.

        It is the one that a single histogram would have become that saw both sets of values, in any order.
        """
        if not len(other.counts):
            return self
        if not len(self.counts):
            return other
        minimum, maximum = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        exponent = _exponent(minimum, maximum)
        first = _bin(minimum, exponent)
        counts = np.zeros(_bin(maximum, exponent) - first + 1, np.int64)
        for part in (self, other):
            start, widened = _widened(part, exponent)
            counts[start - first : start - first + len(widened)] += widened
        return type(self)(exponent, first, counts, minimum, maximum)

    def with_zero(self) -> Self:
        """The same counts in bins so wide that those between the values and zero are no more than `MOST_BINS` either.

        Only values far from zero, all of one sign, need wider bins for it.
        """
        exponent = _exponent(min(self.minimum, 0.0), max(self.maximum, 0.0))
        start, counts = _widened(self, max(exponent, self.exponent))
        return type(self)(max(exponent, self.exponent), start, counts, self.minimum, self.maximum)

    def to_plain(self) -> dict[str, Any]:
        """As numbers and lists that JSON can hold, exactly; `from_plain` reads them back."""
        return {
            "exponent": self.exponent,
            "first_bin": self.first_bin,
            "counts": self.counts.tolist(),
            "minimum": self.minimum if len(self.counts) else None,
            "maximum": self.maximum if len(self.counts) else None,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `to_plain` wrote.

        Raises:
            CalibrationError: It is something else, or was changed: its parts contradict one another.
        """
        try:
            counts = np.array(plain["counts"], np.int64)
            if counts.size == 0:
                return cls.empty()
            exponent, first_bin = int(plain["exponent"]), int(plain["first_bin"])
            minimum, maximum = float(plain["minimum"]), float(plain["maximum"])
            is_whole = (
                counts.ndim == 1
                and min(counts[0], counts[-1]) > 0
                and counts.min() >= 0
                and exponent == _exponent(minimum, maximum)
                and (first_bin, len(counts)) == (_bin(minimum, exponent), _bin(maximum, exponent) - first_bin + 1)
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            is_whole = False
        if not is_whole:
            raise CalibrationError(
                f"Expected a histogram with exponent, first_bin, counts, minimum and maximum that fit together, came "
                f"{_shortened(plain)}.",
                hint="Calibrate again; a histogram cannot be edited by hand.",
            )
        return cls(exponent, first_bin, counts, minimum, maximum)


def _widened(histogram: Histogram, exponent: int) -> tuple[int, Counts]:
    """Its first bin and its counts at a width of 2^exponent, which must not be finer than its own."""
    # Indices have at most `_FLOAT32_DIGITS` digits, so that any further shift leaves them at 0 or -1.
    shift = min(exponent - histogram.exponent, _FLOAT32_DIGITS + 1)
    bins = (np.arange(len(histogram.counts)) + histogram.first_bin) >> shift
    counts = np.zeros(bins[-1] - bins[0] + 1, np.int64)
    np.add.at(counts, bins - bins[0], histogram.counts)
    return int(bins[0]), counts


def _bin(value: float, exponent: int) -> int:
    return math.floor(math.ldexp(value, -exponent))


def _exponent(minimum: float, maximum: float) -> int:
    """The smallest exponent at which the values fit the bins, and at which float32 still tells two bins apart."""
    _, largest = math.frexp(max(abs(minimum), abs(maximum)))
    exponent = max(_LOWEST_EXPONENT, largest - _FLOAT32_DIGITS)
    while _bin(maximum, exponent) - _bin(minimum, exponent) >= MOST_BINS:
        exponent += 1
    return exponent


def _shortened(plain: object) -> str:
    told = repr(plain)
    return told if len(told) <= 80 else told[:77] + "..."
