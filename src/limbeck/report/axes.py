"""From figures to places on a drawing: round tick values, and the straight line from value to pixel."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LOG_FACTORS = ((1.0,), (1.0, 2.0, 5.0), (1.0, 3.0))


def round_ticks(low: float, high: float, *, at_most: int) -> tuple[float, ...]:
    """At most `at_most` round values, evenly spaced, the outer two just about `low` and `high`.

    Steps are 1, 2, 2.5 or 5 times a power of ten, so that every tick can be written in few digits.

    Args:
        low: Smallest value to be shown.
        high: Largest value to be shown, not below `low`.
        at_most: 3 or more.
    """
    if not high > low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    power = 10.0 ** math.floor(math.log10((high - low) / at_most))
    for factor in (1.0, 10.0, 100.0):
        for step in (power * factor * round_step for round_step in _ROUND_STEPS):
            first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
            if last - first + 1 <= at_most:
                return tuple(float(f"{index * step:.12g}") for index in range(first, last + 1))
    raise AssertionError((low, high, at_most))


@dataclass(frozen=True)
class Scale:
    """A straight line from values to pixels.

    Args:
        low: Value at `start`.
        high: Value at `end`.
        start: Pixel of `low`.
        end: Pixel of `high`; below `start` for an axis that runs upwards.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value; values off the scale are held at its ends."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))


def tick_decimals(ticks: Sequence[float]) -> int:
    """Decimals that tell neighbouring ticks apart."""
    step = min(right - left for left, right in itertools.pairwise(ticks))
    for decimals in range(9):
        if abs(round(step, decimals) - step) < step * 1e-6:
            return decimals
    return 9


def log_ticks(low: float, high: float, *, at_most: int) -> tuple[float, ...]:
    """Round values within `low` and `high` for an axis on which equal steps are equal factors.

    Powers of ten, with their doubles and fives where they are few, or their threefold where these would be too many;
    evenly spaced values over ranges that hold fewer than three of them.

    Args:
        low: Where the axis begins, above 0.
        high: Where it ends, above `low`.
        at_most: 5 or more.
    """
    powers = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for factors in _LOG_FACTORS:
        values = (float(f"{power * factor:.12g}") for power in powers for factor in factors)
        found = tuple(value for value in values if low <= value <= high)
        if 3 <= len(found) <= at_most:
            return found
    return tuple(value for value in round_ticks(low, high, at_most=at_most + 1) if low <= value <= high)


@dataclass(frozen=True)
class LogScale:
    """A line from values to pixels on which equal factors are equally long; as in `Scale`, but low is above 0."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value; values off the scale are held at its ends."""
        line = Scale(math.log(self.low), math.log(self.high), self.start, self.end)
        return line(math.log(value))
