"""Which drawings the report has: each a figure with its title, the colours it uses, and what it says in words."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from limbeck.ground import wording
from limbeck.records.run import CurvePoint, TrainingRecord
from limbeck.records.score import Score
from limbeck.records.verdict import Check, DistillationGain, Verdict
from limbeck.report.figures import (
    Bar,
    Curve,
    Whisker,
    bar_chart,
    interval_chart,
    line_chart,
)
from limbeck.report.measures import texts_a_second
from limbeck.report.roles import Role, role_of, sides, timings_in_order
from limbeck.report.svg import WIDTH
from limbeck.tasks import TASKS, Task

MAX_POINTS = 240
_LATENCY_NOTE = "Bar: p50. Thin line: up to p99 (an arrow: beyond the edge). Shorter is faster."
OBJECTIVE_NAMES = {
    "total": "Weighted sum of the objectives",
    "soft_labels": "Soft labels",
    "true_labels": "True labels",
    "last_hidden": "Last hidden state",
    "similarities": "Similarities of texts",
    "margins": "Margins between passages",
    "layer_hidden": "Hidden states between layers",
    "attention_maps": "Attention maps",
    "relations": "Relations of queries, keys and values",
}


@dataclass(frozen=True)
class Panel:
    """One figure of the page.

    Args:
        title: What is drawn, and in which unit.
        drawing: The SVG.
        legend: (role, name) of the colours, where names do not stand in the drawing.
        note: What to know when reading it; may be empty.
    """

    title: str
    drawing: Markup
    legend: tuple[tuple[Role, str], ...] = ()
    note: str = ""


def fidelity_panels(verdict: Verdict) -> tuple[Panel, ...]:
    """Agreement, retention and score of every model with their intervals, and the tolerance where one is set."""
    bounds = {check.tolerance: check for check in verdict.checks}
    found = sides(verdict)
    panels = []
    for title, attribute in (
        ("Agreement with the teacher", "agreement"),
        ("Retention", "retention"),
        (TASKS[verdict.task].score.title, "score"),
    ):
        scores: list[tuple[Role, str, Score]] = [
            (side.role, side.name, score) for side in found if (score := getattr(side.scores, attribute)) is not None
        ]
        if scores:
            panels.append(_fidelity_panel(title, scores, bounds.get(f"min_{attribute}")))
    return tuple(panels)


def gain_panel(gain: DistillationGain, task: Task) -> Panel | None:
    """The paired differences of student and baseline, about zero."""
    scores = [
        (name, score)
        for name, score in ((task.agreement.name, gain.agreement), (task.score.name, gain.score))
        if score is not None
    ]
    if not scores:
        return None
    whiskers = [
        Whisker(
            "student",
            name[:1].upper() + name[1:],
            score.value,
            score.interval.low,
            score.interval.high,
            wording.points(score.value),
        )
        for name, score in scores
    ]
    drawing = interval_chart(
        whiskers,
        title="Student minus baseline, in points",
        description="; ".join(f"{name} {wording.points(score.value)}, {points_range(score)}" for name, score in scores)
        + ".",
        value_words=lambda value, decimals: wording.signed(100 * value, decimals=max(0, decimals - 2)),
        bound=0.0,
        bound_words="no difference",
        width=WIDTH,
    )
    return Panel("Student minus baseline, in points", drawing)


def points_range(score: Score) -> str:
    """The interval of a difference: "from +0.6 to +3.2"; "unknown" where so few texts tell nothing."""
    if not (math.isfinite(score.interval.low) and math.isfinite(score.interval.high)):
        return "unknown"
    return f"from {wording.signed(100 * score.interval.low)} to {wording.signed(100 * score.interval.high)}"


def size_and_speed_panels(verdict: Verdict) -> tuple[Panel, ...]:
    """Bars of size, of latency and of throughput; speed only where it was measured."""
    sizes = [
        Bar(side.role, side.name, side.scores.size_bytes, wording.size(side.scores.size_bytes))
        for side in sides(verdict)
        if side.scores.size_bytes is not None
    ]
    panels = [_bars("Size on disk", sizes, "Shorter is smaller.")]
    if verdict.timings:
        latencies = [
            Bar(
                role_of(timing.name),
                timing.name,
                timing.batch_1.p50_ms,
                wording.milliseconds(timing.batch_1.p50_ms),
                timing.batch_1.p99_ms,
            )
            for timing in timings_in_order(verdict)
        ]
        panels.append(
            _bars(
                "Latency of a single text",
                latencies,
                _LATENCY_NOTE,
            )
        )
        rates = [
            Bar(
                role_of(timing.name),
                timing.name,
                timing.texts_per_second_batch_32,
                f"{texts_a_second(timing.texts_per_second_batch_32)} a second",
            )
            for timing in timings_in_order(verdict)
        ]
        panels.append(_bars("Texts a second, batches of 32", rates, "Longer is faster."))
    return tuple(panels)


def training_panels(trainings: Sequence[TrainingRecord], task: Task) -> tuple[Panel, ...]:
    """Validation agreement and score, then the loss of each objective, with a line for every model trained."""
    panels = [
        _curve_panel(
            title,
            [
                (
                    training,
                    [
                        (point.step, value)
                        for point in training.curve
                        if (value := getattr(point, attribute)) is not None
                    ],
                )
                for training in trainings
            ],
            value_words=lambda value, decimals: wording.percent(value, decimals=max(0, decimals - 2)),
            from_zero=False,
            note="The ring marks the checkpoint that was kept.",
        )
        for title, attribute in (
            (f"{task.agreement.title} on validation texts", "validation_agreement"),
            (f"{task.score.title} on validation texts", "validation_score"),
        )
    ]
    objectives = dict.fromkeys(key for training in trainings for point in training.curve for key in point.losses)
    for objective in sorted(objectives, key=lambda key: (key != "total", key)):
        lines = [
            (
                training,
                [
                    (point.step, point.losses[objective])
                    for point in thinned(training.curve)
                    if objective in point.losses
                ],
            )
            for training in trainings
        ]
        is_shared = sum(bool(points) for _, points in lines) > 1
        panels.append(
            _curve_panel(
                f"Loss: {OBJECTIVE_NAMES.get(objective, objective.replace('_', ' ')).lower()}",
                lines,
                value_words=lambda value, decimals: f"{value:,.{decimals}f}",
                from_zero=True,
                note="Each model sums its own objectives, so compare shapes, not heights."
                if objective == "total" and is_shared
                else "",
            )
        )
    return tuple(panel for panel in panels if panel is not None)


def thinned(curve: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    """At most about `MAX_POINTS` points of a curve: every n-th, all comparisons, and the last."""
    stride = -(-len(curve) // MAX_POINTS)
    return tuple(
        point
        for index, point in enumerate(curve)
        if index % max(1, stride) == 0
        or index == len(curve) - 1
        or point.validation_agreement is not None
        or point.validation_score is not None
    )


def _fidelity_panel(title: str, scores: Sequence[tuple[Role, str, Score]], check: Check | None) -> Panel:
    whiskers = [
        Whisker(role, name, score.value, score.interval.low, score.interval.high, wording.percent(score.value))
        for role, name, score in scores
    ]
    ranges = [wording.percent_range(score.interval.low, score.interval.high) for _, _, score in scores]
    spoken = "; ".join(
        f"{whisker.name} {whisker.words}, interval {words}" for whisker, words in zip(whiskers, ranges, strict=True)
    )
    drawing = interval_chart(
        whiskers,
        title=title,
        description=spoken + ".",
        value_words=lambda value, decimals: wording.percent(value, decimals=max(0, decimals - 2)),
        bound=None if check is None else check.bound,
        bound_words="" if check is None else f"at least {wording.plain(100 * check.bound)} %",
    )
    return Panel(title, drawing)


def _bars(title: str, bars: Sequence[Bar], note: str) -> Panel:
    spoken = "; ".join(f"{bar.name} {bar.words}" for bar in bars)
    return Panel(title, bar_chart(bars, title=title, description=f"{spoken}."), note=note)


def _curve_panel(
    title: str,
    lines: Sequence[tuple[TrainingRecord, Sequence[tuple[int, float]]]],
    *,
    value_words: Callable[[float, int], str],
    from_zero: bool,
    note: str,
) -> Panel | None:
    lines = [(training, points) for training, points in lines if points]
    if all(len(points) < 2 for _, points in lines):
        return None  # a lone point is no curve; it stands in the table beneath
    curves = [
        Curve(
            role_of(training.name),
            tuple((step, value) for step, value in points),
            None if from_zero else training.best_step,
        )
        for training, points in lines
    ]
    spoken = "; ".join(
        f"{training.name} from {value_words(first, 4)} at step {first_step:,} "
        f"to {value_words(last, 4)} at step {last_step:,}"
        for training, points in lines
        for (first_step, first), (last_step, last) in [(points[0], points[-1])]
    )
    drawing = line_chart(curves, title=title, description=f"{spoken}.", value_words=value_words, from_zero=from_zero)
    return Panel(title, drawing, tuple((role_of(training.name), training.name) for training, _ in lines), note)
