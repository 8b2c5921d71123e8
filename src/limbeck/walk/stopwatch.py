"""Timing what the walk runs: a progress that looks at the clock, texts of all lengths, and rounds that are compared."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from limbeck.ground.progress import SILENT, Bar, Progress
from limbeck.records.plan import Estimate
from limbeck.text.batching import Indices

N_ROUNDS = 3


class Stopwatch:
    """A `Progress` that hands on what it is told, and times bars and their advances.

    Args:
        behind: Where everything goes; None keeps silent.
    """

    def __init__(self, behind: Progress | None = None) -> None:
        self._behind = behind or SILENT
        self.laps: list[float] = []

    @property
    def seconds(self) -> float:
        """Of all advances of all bars."""
        return sum(self.laps)

    def say(self, sentence: str) -> None:
        """Nothing: what is timed says what the walk will say."""

    def bar(self, what: str, *, total: int | None, unit: str, done: int = 0) -> "_TimedBar":
        """A bar whose advances are timed."""
        return _TimedBar(self._behind.bar(f"timing: {what}", total=total, unit=unit, done=done), self.laps)


class _TimedBar:
    def __init__(self, behind: Bar, laps: list[float]) -> None:
        self._behind, self._laps = behind, laps
        self._last = time.perf_counter()

    def advance(self, amount: int = 1, *, note: str = "") -> None:  # noqa: ARG002  (scores of a trial say nothing)
        now = time.perf_counter()
        self._laps.append(now - self._last)
        self._last = now
        self._behind.advance(amount)

    def __enter__(self) -> Self:
        self._behind.__enter__()
        self._last = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._behind.__exit__(kind, error, trace)


@dataclass(frozen=True)
class Rounds:
    """Seconds that something takes, each number by a round of its own."""

    seconds: tuple[float, ...]

    def __add__(self, other: "Rounds") -> "Rounds":
        return Rounds(tuple(one + two for one, two in zip(self.seconds, other.seconds, strict=True)))

    def estimate(self) -> Estimate:
        """As a plan tells it."""
        return Estimate(float(np.median(self.seconds)), min(self.seconds), max(self.seconds))


NO_TIME = Rounds((0.0,) * N_ROUNDS)


def spread(lengths: Sequence[int], n: int, *, shift: int = 0) -> list[int]:
    """Positions of `n` texts, evenly spread from the shortest to the longest.

    Args:
        lengths: (texts,) tokens of each.
        n: How many; all, where there are no more.
        shift: Another one gives other texts, where there are enough.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")
    if n >= len(order):
        return [int(position) for position in order]
    step = len(order) / n
    return [int(order[int((index + (shift + 0.5) / N_ROUNDS) * step)]) for index in range(n)]


def padded(lengths: Sequence[int], batches: Sequence[Indices]) -> int:
    """Tokens of batches, padding included."""
    sizes = np.asarray(lengths, np.int64)
    return sum(len(batch) * int(sizes[batch].max()) for batch in batches)
