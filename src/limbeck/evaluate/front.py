"""Which of several artifacts are worth a look: those that no other one beats in everything at once."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """What one artifact is weighed by.

    Args:
        fidelity: Retention or agreement; more is better.
        size_bytes: Less is better.
        latency_ms: Less is better.
    """

    fidelity: float
    size_bytes: float
    latency_ms: float


def on_front(standings: Sequence[Standing]) -> tuple[bool, ...]:
    """Which of them no other beats; one that equals another in everything is not beaten by it.

    One beats another that is at least as good in fidelity, size and latency, and better in one of them.

    Args:
        standings: All of them.

    Returns: A mark for each, in the order given.
    """
    return tuple(not any(_beats(other, one) for other in standings) for one in standings)


def _beats(one: Standing, other: Standing) -> bool:
    differences = (
        one.fidelity - other.fidelity,
        other.size_bytes - one.size_bytes,
        other.latency_ms - one.latency_ms,
    )
    return min(differences) >= 0 < max(differences)
