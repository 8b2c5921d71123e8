"""How many texts and rounds can be timed within some seconds: the same for every side, however slow one of them is.

A slow teacher would take minutes to be timed on as many texts as its quick artifact. Were it alone timed on fewer, two
medians of different texts would be compared. So all sides have fewer texts, and below a number that tells something of
a distribution, fewer rounds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_FEWEST_TEXTS, _FEWEST_CALLS = 32, 5
"""As few are timed before rounds are left out; fewer than 32 are no full batch."""


@dataclass(frozen=True)
class Extent:
    """What every side is asked.

    Args:
        texts: How many texts, each by itself and in each size of call.
        rounds: How often.
        length_calls: How often in each round a text of a chosen length is answered.
    """

    texts: int
    rounds: int
    length_calls: int


@dataclass(frozen=True)
class Cost:
    """What timing takes of all sides together.

    Args:
        seconds_a_text: Of one text in one round: by itself, and in each size of call.
        seconds_a_length_call: Of one text of each chosen length.
    """

    seconds_a_text: float
    seconds_a_length_call: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.seconds_a_text + other.seconds_a_text, self.seconds_a_length_call + other.seconds_a_length_call
        )

    def of(self, extent: Extent) -> float:
        """Seconds of as much."""
        a_round = extent.texts * self.seconds_a_text + extent.length_calls * self.seconds_a_length_call
        return extent.rounds * a_round


def affordable(wanted: Extent, cost: Cost, *, seconds: float) -> Extent:
    """As much of what is wanted as the seconds allow, at least one text once.

    First there are fewer texts, then fewer rounds, then fewer texts still.

    Args:
        wanted: What the recipe asks for.
        cost: Of all sides together.
        seconds: What timing may take.
    """
    share = seconds / max(cost.of(wanted), 1e-9)
    if share >= 1:
        return wanted
    texts = max(min(_FEWEST_TEXTS, wanted.texts), math.floor(wanted.texts * share))
    calls = max(min(_FEWEST_CALLS, wanted.length_calls), math.floor(wanted.length_calls * share))
    one_round = Extent(texts, 1, calls)
    rounds = math.floor(seconds / cost.of(one_round))
    if rounds:
        return Extent(texts, min(rounds, wanted.rounds), calls)
    share = seconds / cost.of(one_round)
    return Extent(max(1, math.floor(texts * share)), 1, max(1, math.floor(calls * share)))


def spread_rows(n: int, n_taken: int) -> list[int]:
    """Which of n rows are taken where fewer are wanted: evenly spread, in their order."""
    found: list[int] = np.linspace(0, n - 1, min(n, n_taken)).round().astype(np.int64).tolist()
    return found


def usual(seconds: Sequence[float]) -> float:
    """What a call takes once the first one has loaded and planned all: the median of the others."""
    return float(np.median(seconds[1:] or seconds))
