"""A figure with its interval: what every measure on held-out texts is told as. Plain data."""

from dataclasses import dataclass

from limbeck.ground import wording


@dataclass(frozen=True)
class Interval:
    """A confidence interval, and how it was made.

    Args:
        low: Lower bound.
        high: Upper bound.
        confidence: Share of repetitions in which such an interval holds the true value.
        method: "wilson", "score", "BCa bootstrap", "paired BCa bootstrap" or "studentized bootstrap".
    """

    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True)
class Score:
    """A measure on `n` held-out texts, with its interval: a share, a ratio of shares, or a difference of shares."""

    value: float
    interval: Interval
    n: int

    def in_a_clause(self, clause: str, *, texts: str) -> str:
        """In words; see `wording.in_a_clause`."""
        low, high, confidence = self.interval.low, self.interval.high, self.interval.confidence
        return wording.in_a_clause(clause, self.value, low=low, high=high, confidence=confidence, texts=texts)
