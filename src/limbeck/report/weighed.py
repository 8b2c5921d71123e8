"""Models side by side: the figures that they are weighed by, and pictures of what closeness to the teacher costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from limbeck.ground import wording
from limbeck.records.score import Score
from limbeck.records.verdict import ModelScores, Timing
from limbeck.report.html import NOISY_SPREAD
from limbeck.report.measures import Cell, compared, share_figure, texts_a_second
from limbeck.report.panels import Panel
from limbeck.report.roles import Role
from limbeck.report.scatter import Mark, scatter_chart
from limbeck.tasks import Task

SIZE, LATENCY, THROUGHPUT = "Size", "Latency, p50", "Texts a second"


@dataclass(frozen=True)
class Placed:
    """A model in the pictures.

    Args:
        name: Its name.
        kind: Its shape and colour, from 0.
        words: A figure or two that stand within its mark.
        size_bytes: What must ship.
        latency_ms: Of a single text, p50.
        fidelity: What it is weighed by.
        on_front: Whether no other one beats it.
    """

    name: str
    kind: int
    words: str
    size_bytes: int
    latency_ms: float
    fidelity: Score
    on_front: bool


def weighed_cells(
    columns: Sequence[str],
    scores: ModelScores,
    timing: Timing | None,
    *,
    task: Task,
    role: Role = "artifact",
    teacher: tuple[ModelScores | None, Timing | None] = (None, None),
) -> tuple[Cell, ...]:
    """The figures of one model, in the order of the columns.

    Args:
        columns: Names of figures: the titles of the task's score and agreement, "Retention", and those above.
        scores: The model's.
        timing: The model's; None where it was not timed.
        task: What was asked.
        role: Whether it is the teacher.
        teacher: What size and speed are compared with; nothing for the teacher itself.
    """
    of_teacher = None if teacher[0] is None else teacher[0].size_bytes
    n_bytes, p50_ms, rate = scores.size_bytes, p50_of(timing), rate_of(timing)
    found = {
        task.score.title: share_figure(scores.score),
        "Retention": share_figure(scores.retention),
        task.agreement.title: share_figure(scores.agreement),
        SIZE: (wording.size(n_bytes), _compared(of_teacher, n_bytes, "smaller", "larger")),
        LATENCY: (wording.milliseconds(p50_ms), _compared(p50_of(teacher[1]), p50_ms, "faster", "slower")),
        THROUGHPUT: (wording.NOTHING if rate is None else texts_a_second(rate), ""),
    }
    return tuple(Cell(role, name, *found[name]) for name in columns)


def front_panels(placed: Sequence[Placed], *, fidelity: str, bound: float | None = None) -> tuple[Panel, ...]:
    """Two pictures: size against fidelity, and latency against fidelity.

    Args:
        placed: The models, at least one.
        fidelity: What they are weighed by: "Retention".
        bound: The least fidelity that is accepted; None draws no line.
    """
    unit, factor = ("MB", 1e6) if max(one.size_bytes for one in placed) >= 1e6 else ("kB", 1e3)
    sides: tuple[tuple[str, str, Callable[[Placed], float], Callable[[Placed], str]], ...] = (
        (
            "size",
            f"size on disk, {unit}",
            lambda one: one.size_bytes / factor,
            lambda one: wording.size(one.size_bytes),
        ),
        (
            "latency",
            "p50 of a single text, ms",
            lambda one: one.latency_ms,
            lambda one: wording.milliseconds(one.latency_ms),
        ),
    )
    panels = []
    for against, across_title, across, across_figure in sides:
        title = f"{fidelity} against {against}"
        spoken = [
            f"{one.name}: {across_figure(one)}, {wording.percent(one.fidelity.value)}"
            f"{', on the front' if one.on_front else ''}"
            for one in placed
        ]
        drawing = scatter_chart(
            [_mark(one, across(one)) for one in placed],
            title=title,
            description="; ".join(spoken) + ".",
            across_words=wording.plain,
            across_title=across_title,
            upright_words=lambda value, decimals: wording.percent(value, decimals=max(0, decimals - 2)),
            bound=bound,
        )
        panels.append(Panel(title, drawing))
    return tuple(panels)


def noise_of(timings: Sequence[Timing | None]) -> float | None:
    """The largest spread between rounds, where it is one that a reader should be warned of."""
    spreads = [timing.spread for timing in timings if timing is not None]
    return max((spread for spread in spreads if spread > NOISY_SPREAD), default=None)


def p50_of(timing: Timing | None) -> float | None:
    """Milliseconds of a single text, if they were measured."""
    return None if timing is None else timing.batch_1.p50_ms


def rate_of(timing: Timing | None) -> float | None:
    """Texts a second, if they were measured."""
    return None if timing is None else timing.texts_per_second_batch_32


def _mark(one: Placed, across: float) -> Mark:
    score = one.fidelity
    return Mark(
        kind=one.kind,
        across=across,
        upright=score.value,
        low=score.interval.low,
        high=score.interval.high,
        words=one.words,
        is_full=one.on_front,
    )


def _compared(theirs: float | None, ours: float | None, better: str, worse: str) -> str:
    return "" if theirs is None or ours is None else compared(theirs / ours, better, worse)
