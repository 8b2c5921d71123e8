"""The verdict in one sentence: what was kept and won, or which tolerances were missed."""

from collections.abc import Sequence

from limbeck.ground import wording
from limbeck.records.reason import Reason
from limbeck.records.verdict import ARTIFACT, TEACHER, Check, ModelScores, Timing
from limbeck.tasks import Task

_TOO_BUSY = 0.5  # spread between rounds from which on a ratio of speeds would be chance
_MUCH_LOST = 0.98  # retention below which the sentence says what was lost
_TOO_LITTLE = 0.6  # of a core; one call computes all the time, so whatever is lacking others had


def side(timings: Sequence[Timing], model: str) -> Timing | None:
    """The timing whose name begins with `model` ("artifact", "teacher"), or None; of several, the first."""
    return next((timing for timing in timings if timing.name.startswith(model)), None)


def verdict_sentence(
    artifact: ModelScores,
    teacher: ModelScores | None,
    *,
    checks: Sequence[Check],
    timings: Sequence[Timing],
    task: Task,
    reasons: Sequence[Reason] = (),
) -> str:
    """What a reader should know who reads nothing else.

    Args:
        artifact: Its scores.
        teacher: The teacher's, or None where its answers are not at hand.
        checks: Every tolerance that was checked.
        timings: Artifact's and teacher's, where measured.
        task: What was asked.
        reasons: Why answers changed, the most telling first.
    """
    missed = [check.sentence for check in checks if not check.passed]
    if missed:
        refused = f"The artifact was refused: {'; '.join(missed)}."
        is_news = bool(reasons) and reasons[0].sentence not in refused
        return f"{refused} The most telling reason: {reasons[0].sentence}." if is_news else refused
    mind = "".join(f" But {reason.sentence}." for reason in reasons[:1] if reason.p_value is None)
    opening = "The artifact passed: it" if checks else "The artifact was held to no tolerance: it"
    why = _busy(timings)
    if why is None:
        return f"{opening} {_enumerated(_findings(artifact, teacher, timings, task))}.{mind}"
    told = f"{opening} {_enumerated(_findings(artifact, teacher, (), task))}."
    return f"{told} Its speed could not be told: the machine was busy, and {why}.{mind}"


def _findings(artifact: ModelScores, teacher: ModelScores | None, timings: Sequence[Timing], task: Task) -> list[str]:
    score, words = artifact.agreement, task.agreement
    if score is None:
        score, words = artifact.score, task.score
    assert score is not None, "judge() refuses texts with neither teacher nor labels"
    findings = [
        score.in_a_clause(words.clause, texts=wording.counted(score.n, *(f"held-out {unit}" for unit in words.units)))
    ]
    if artifact.retention is not None:
        verb = "keeps" if artifact.retention.value <= 1 else "reaches"
        lost = _lost(artifact, teacher)
        findings.append(f"{verb} {wording.percent(artifact.retention.value)} of its {task.score.name}{lost}")
    comparisons = []
    if teacher is not None and teacher.size_bytes is not None:
        comparisons.append(_compared(teacher.size_bytes / artifact.known_bytes, "smaller", "larger", alike="as large"))
    ours, theirs = side(timings, ARTIFACT), side(timings, TEACHER)
    if ours is not None and theirs is not None:
        ratio = theirs.batch_1.p50_ms / ours.batch_1.p50_ms
        comparisons.append(_compared(ratio, "faster", "slower", alike="as fast") + " at batch 1")
    if comparisons:
        findings.append(f"is {' and '.join(comparisons)}")
    return findings


def _lost(artifact: ModelScores, teacher: ModelScores | None) -> str:
    """What a retention that not every task accepts means in points, so that nobody takes a share for a trifle."""
    assert artifact.retention is not None
    if artifact.retention.value >= _MUCH_LOST or teacher is None or teacher.score is None or artifact.score is None:
        return ""
    return f" ({wording.points(artifact.score.value - teacher.score.value)})"


def _busy(timings: Sequence[Timing]) -> str | None:
    return busy_because([timing for timing in (side(timings, ARTIFACT), side(timings, TEACHER)) if timing is not None])


def busy_because(compared: Sequence[Timing]) -> str | None:
    """What shows that models did not have the machine to themselves while they were timed; None where nothing does."""
    spread = max((timing.spread for timing in compared), default=0.0)
    share = min((timing.processor_share for timing in compared), default=1.0)
    if share < _TOO_LITTLE:
        return f"gave them {wording.percent(share)} of a core"
    return f"rounds differ by {wording.percent(spread)}" if spread > _TOO_BUSY else None


def _compared(ratio: float, better: str, worse: str, *, alike: str) -> str:
    """A ratio above 1 is told as `better`, one below as `worse`, one that rounds to 1 as `alike`."""
    if wording.multiple(max(ratio, 1 / ratio)) == "1.0":
        return f"about {alike}"
    return f"{wording.multiple(ratio)} times {better}" if ratio > 1 else f"{wording.multiple(1 / ratio)} times {worse}"


def _enumerated(findings: Sequence[str]) -> str:
    # Three are joined by commas alone, because the last may hold an "and" of its own.
    return " and ".join(findings) if len(findings) == 2 else ", ".join(findings)
