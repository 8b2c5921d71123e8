"""What each stage cost, in words: a row for every stage, and the differences drawn about zero."""

from dataclasses import dataclass

from limbeck.ground import wording
from limbeck.records.verdict import (
    ARTIFACT_EXPORTED,
    DISTILLED,
    ELSEWHERE,
    IN_ALL,
    QUANTIZED,
    STUDENT_EXPORTED,
    PairedDifference,
    StageCost,
    StageCosts,
    Verdict,
)
from limbeck.report.figures import Whisker, interval_chart
from limbeck.report.measures import share_figure
from limbeck.report.panels import Panel, points_range
from limbeck.report.roles import Role, first_of, role_of, sides
from limbeck.report.svg import WIDTH
from limbeck.tasks import Task

MEANINGS = {
    DISTILLED: "The student, in float32, where the teacher stood.",
    QUANTIZED: "The same student in few bits: what ships.",
    ELSEWHERE: "The same file on processors that multiply integers in pairs.",
    IN_ALL: "What ships, where the teacher stood.",
    STUDENT_EXPORTED: "The float32 file, where the trained weights stood.",
    ARTIFACT_EXPORTED: "The file that ships, where its own codes stood, computed in floats.",
}
_ON_PYTORCH = frozenset({STUDENT_EXPORTED, ARTIFACT_EXPORTED})


@dataclass(frozen=True)
class StageRow:
    """One stage in words. Of a stage that was not measured, the note says why, and the figures are empty.

    Args:
        name: "Distilled".
        meaning: What stood before and what stands now.
        role: Whose colour it has.
        texts: How many texts it was measured on.
        changed: Answers that changed, of all.
        figures: Score and agreement behind it, each with its interval.
        changes: What it did to score and agreement: the difference, its interval, its p-value.
        note: Why it was not measured.
    """

    name: str
    meaning: str
    role: Role
    texts: str
    changed: str
    figures: tuple[tuple[str, str], ...]
    changes: tuple[tuple[str, str, str], ...]
    note: str


def way_rows(verdict: Verdict, costs: StageCosts) -> tuple[StageRow, ...]:
    """The teacher, and the stages on the way from it to what ships."""
    rows = [_row(cost) for cost in costs.stages if cost.name not in _ON_PYTORCH]
    teacher = first_of("teacher", sides(verdict))
    if teacher is None or teacher.scores.score is None:
        return tuple(rows)
    figures, nothing = (share_figure(teacher.scores.score), ("", "")), _change(None)
    name = wording.sentence_case(teacher.name)
    return (StageRow(name, "What it all began with.", "teacher", "", "", figures, (nothing, nothing), ""), *rows)


def twin_rows(costs: StageCosts) -> tuple[StageRow, ...]:
    """The files that were held against PyTorch."""
    return tuple(_row(cost) for cost in costs.stages if cost.name in _ON_PYTORCH)


def stages_panel(costs: StageCosts, task: Task) -> Panel | None:
    """The difference that each stage made to the score, without labels to the agreement; None where none is known."""
    has_score = any(cost.score_change for cost in costs.stages)
    words = task.score if has_score else task.agreement
    told = [
        (cost, change)
        for cost in costs.stages
        if (change := cost.score_change if has_score else cost.agreement_change) is not None
    ]
    if not told:
        return None
    title = f"{words.title} after minus before, in points"
    whiskers = [
        Whisker(
            role_of(cost.after),
            wording.sentence_case(cost.name),
            change.difference.value,
            change.difference.interval.low,
            change.difference.interval.high,
            wording.points(change.difference.value),
        )
        for cost, change in told
    ]
    spoken = "; ".join(
        f"{cost.name} {wording.points(change.difference.value)}, {points_range(change.difference)}"
        for cost, change in told
    )
    drawing = interval_chart(
        whiskers,
        title=title,
        description=f"{spoken}.",
        value_words=lambda value, decimals: wording.signed(100 * value, decimals=max(0, decimals - 2)),
        bound=0.0,
        bound_words="no difference",
        width=WIDTH,
    )
    return Panel(title, drawing)


def measured_names(costs: StageCosts, task: Task) -> tuple[str, ...]:
    """Titles of what the rows tell: the score where there are labels, and the agreement."""
    has_score = any(cost.score for cost in costs.stages)
    return (task.score.title, task.agreement.title) if has_score else (task.agreement.title,)


def _row(cost: StageCost) -> StageRow:
    measured = [(cost.score, cost.score_change), (cost.agreement, cost.agreement_change)]
    return StageRow(
        name=wording.sentence_case(cost.name),
        meaning=MEANINGS[cost.name],
        role=role_of(cost.after),
        texts=wording.count(cost.n),
        changed=wording.count(cost.n_changed),
        figures=tuple(share_figure(score) for score, _ in measured if score is not None),
        changes=tuple(_change(change) for score, change in measured if score is not None),
        note=cost.note,
    )


def _change(change: PairedDifference | None) -> tuple[str, str, str]:
    if change is None:
        return "", "", ""
    p_value = "" if change.p_value is None else wording.p_clause(change.p_value)
    low, high = (wording.signed(100 * end) for end in (change.difference.interval.low, change.difference.interval.high))
    return wording.points(change.difference.value), f"{low} to {high}", p_value
