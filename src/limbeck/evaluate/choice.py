"""Which of several models to take: of those that the texts cannot tell from the best one, the smallest."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from limbeck.evaluate.front import Standing
from limbeck.ground import wording


@dataclass(frozen=True)
class Candidate:
    """One of the models.

    Args:
        name: What the sentence calls it.
        standing: What it is weighed by.
        worse_than: Indices of the models beside which the texts show it to be worse in some measure.
    """

    name: str
    standing: Standing
    worse_than: Collection[int]


def choose(
    candidates: Sequence[Candidate], *, fidelity: str, texts: str, speed_is_known: bool = True
) -> tuple[int, str]:
    """Which one to take, and why in a sentence.

    The best one is that of the highest fidelity. Of it and all that the texts do not show to be worse, the smallest is
    taken; of equally small ones (to three figures) the fastest (to two), of these the one of higher fidelity.

    Args:
        candidates: At least one.
        fidelity: What they are weighed by: "retention".
        texts: How many texts there were, in words.
        speed_is_known: Whether latencies say anything; on a busy machine they do not, and settle nothing.

    Returns: Its index, and the sentence.
    """
    places = range(len(candidates))
    best = max(places, key=lambda index: candidates[index].standing.fidelity)
    as_good = [index for index in places if best not in candidates[index].worse_than]
    orders = [_order(one, speed_is_known=speed_is_known) for one in candidates]
    taken = min(as_good, key=lambda index: orders[index])
    one, other = candidates[taken], candidates[best]
    speed = f", {wording.milliseconds(one.standing.latency_ms)} a text" if speed_is_known else ""
    figures = f"{wording.size(one.standing.size_bytes)}{speed}"
    opening = f"Take {one.name} ({figures})"
    measured = f"{fidelity} {wording.percent(one.standing.fidelity)}"
    if taken != best:
        reason = "smaller" if orders[taken][0] < orders[best][0] else "faster"
        against = wording.percent(other.standing.fidelity)
        return taken, (
            f"{opening}: {texts} do not tell its {measured} from the best, {other.name}'s {against}, and it is "
            f"{reason}."
        )
    if len(as_good) == 1:
        return taken, f"{opening}: it has the highest {measured}, and {texts} show every other one to be worse."
    return taken, (f"{opening}: it has the highest {measured}, and no model that may be as good by {texts} is smaller.")


def _order(candidate: Candidate, *, speed_is_known: bool) -> tuple[float, float, float]:
    standing = candidate.standing
    latency = float(f"{standing.latency_ms:.2g}") if speed_is_known else 0.0
    return float(f"{standing.size_bytes:.3g}"), latency, -standing.fidelity
