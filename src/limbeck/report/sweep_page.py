"""A sweep's record as one HTML page: every pair in a table, and size and latency against fidelity in pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from limbeck import wording
from limbeck.records import Check, ModelScores, Timing
from limbeck.report.html import NOISY_SPREAD, confidence_of, environment, part_rows, recipe_toml
from limbeck.report.measures import Cell, Tolerance, compared, share_figure, tolerances
from limbeck.report.names import last_name
from limbeck.report.panels import Panel
from limbeck.report.roles import Role
from limbeck.report.scatter import Mark, scatter_chart
from limbeck.report.texts import printable
from limbeck.sweep_record import SweepRecord, SweptPair
from limbeck.tasks import TASKS


@dataclass(frozen=True)
class Row:
    """One pair in the table.

    Args:
        pair: The pair.
        name: Student and scheme.
        kind: Number of its scheme: the shape and colour of its mark.
        cells: Its figures, in the order of `columns`.
        missed: The tolerances that did not hold.
    """

    pair: SweptPair
    name: str
    kind: int
    cells: tuple[Cell, ...]
    missed: tuple[Tolerance, ...]


def render_sweep(record: SweepRecord) -> str:
    """The report of a sweep, as one HTML page; the same record gives the same page, and it names no outside address.

    Args:
        record: What the sweep has to tell.
    """
    schemes = tuple(dict.fromkeys(pair.scheme for pair in record.pairs))
    timings = [timing for timing in (record.teacher_timing, *(pair.timing for pair in record.pairs)) if timing]
    return (
        environment()
        .get_template("sweep.html")
        .render(
            record=record,
            task=TASKS[record.task],
            subject=printable(last_name(record.teacher.get("name", "teacher"))),
            n_passed=sum(pair.passed for pair in record.pairs),
            keys=_keys(record),
            columns=columns(record),
            teacher_cells=cells(record.teacher_scores, record.teacher_timing, record),
            rows=[_row(pair, record, kind=schemes.index(pair.scheme)) for pair in record.pairs],
            schemes=schemes,
            fidelity=fidelity_name(record).lower(),
            panels=_panels(record, schemes),
            remedied=any(pair.shipped_scheme != pair.scheme for pair in record.pairs),
            accepted=tolerances(tuple({check.tolerance: check for check in _checks(record)}.values())),
            bound=next(iter(tolerances([check for check in (_bound(record),) if check])), None),
            confidence=confidence_of(pair.scores for pair in record.pairs),
            noisy=max((timing.spread for timing in timings if timing.spread > NOISY_SPREAD), default=None),
            parts=part_rows(record.data),
            recipe_toml=recipe_toml(record.recipe),
        )
    )


def fidelity_name(record: SweepRecord) -> str:
    """What pairs are weighed by: retention, or agreement where texts have no labels."""
    return "Agreement" if record.pairs[0].scores.retention is None else "Retention"


def columns(record: SweepRecord) -> tuple[str, ...]:
    """The names of the figures of a pair; what texts without labels cannot tell is left out."""
    task = TASKS[record.task]
    judged_by_labels = () if record.teacher_scores.score is None else (task.score.title, "Retention")
    return (*judged_by_labels, task.agreement.title, "Size", "Latency, p50")


def cells(scores: ModelScores, timing: Timing | None, record: SweepRecord) -> tuple[Cell, ...]:
    """The figures of a pair or of the teacher, in the order of `columns`."""
    is_teacher = scores is record.teacher_scores
    role: Role = "teacher" if is_teacher else "artifact"
    n_bytes, p50_ms = scores.size_bytes, _p50_ms(timing)
    of_teacher = (None, None) if is_teacher else (record.teacher_scores.size_bytes, _p50_ms(record.teacher_timing))
    task = TASKS[record.task]
    found = {
        task.score.title: share_figure(scores.score),
        "Retention": share_figure(scores.retention),
        task.agreement.title: share_figure(scores.agreement),
        "Size": (
            wording.size(n_bytes),
            _compared(of_teacher[0], n_bytes, "smaller", "larger"),
        ),
        "Latency, p50": (
            wording.milliseconds(p50_ms),
            _compared(of_teacher[1], p50_ms, "faster", "slower"),
        ),
    }
    return tuple(Cell(role, name, *found[name]) for name in columns(record))


def _row(pair: SweptPair, record: SweepRecord, *, kind: int) -> Row:
    missed = tuple(tolerance for tolerance in tolerances(pair.checks) if not tolerance.held)
    return Row(pair, pair.name, kind, cells(pair.scores, pair.timing, record), missed)


def _keys(record: SweepRecord) -> list[tuple[str, str, str]]:
    """(what, figure, which pair) of the best that passed in each respect."""
    passed = [pair for pair in record.pairs if pair.passed]
    if not passed:
        return []
    closest = max(passed, key=lambda pair: pair.fidelity.value)
    smallest = min(passed, key=lambda pair: pair.scores.known_bytes)
    fastest = min(passed, key=lambda pair: pair.timing.batch_1.p50_ms)
    return [
        ("Closest that passed", wording.percent(closest.fidelity.value), closest.name),
        ("Smallest that passed", wording.size(smallest.scores.size_bytes), smallest.name),
        ("Fastest that passed", wording.milliseconds(fastest.timing.batch_1.p50_ms), fastest.name),
    ]


def _panels(record: SweepRecord, schemes: Sequence[str]) -> tuple[Panel, ...]:
    name, check = fidelity_name(record), _bound(record)
    largest = max(pair.scores.known_bytes for pair in record.pairs)
    unit, factor = ("MB", 1e6) if largest >= 1e6 else ("kB", 1e3)
    sides: tuple[tuple[str, str, Callable[[SweptPair], float], Callable[[SweptPair], str]], ...] = (
        (
            "Size",
            f"size on disk, {unit}",
            lambda pair: pair.scores.known_bytes / factor,
            lambda pair: wording.size(pair.scores.size_bytes),
        ),
        (
            "Latency",
            "p50 of a single text, ms",
            lambda pair: pair.timing.batch_1.p50_ms,
            lambda pair: wording.milliseconds(pair.timing.batch_1.p50_ms),
        ),
    )
    panels = []
    for title, across_title, across, across_figure in sides:
        marks, spoken = [], []
        for pair in record.pairs:
            score = pair.fidelity
            marks.append(
                Mark(
                    kind=schemes.index(pair.scheme),
                    across=across(pair),
                    upright=score.value,
                    low=score.interval.low,
                    high=score.interval.high,
                    words=str(pair.layers),
                    is_full=pair.on_front,
                )
            )
            ending = ", on the front" if pair.on_front else ""
            spoken.append(f"{pair.name}: {across_figure(pair)}, {wording.percent(score.value)}{ending}")
        whole_title = f"{name} against {title.lower()}"
        drawing = scatter_chart(
            marks,
            title=whole_title,
            description="; ".join(spoken) + ".",
            across_words=wording.plain,
            across_title=across_title,
            upright_words=lambda value, decimals: wording.percent(value, decimals=max(0, decimals - 2)),
            bound=None if check is None else check.bound,
        )
        panels.append(Panel(whole_title, drawing))
    return tuple(panels)


def _checks(record: SweepRecord) -> list[Check]:
    return [check for pair in record.pairs for check in pair.checks]


def _bound(record: SweepRecord) -> Check | None:
    """The tolerance of what pairs are weighed by; it is the same for all."""
    wanted = f"min_{fidelity_name(record).lower()}"
    return next((check for check in _checks(record) if check.tolerance == wanted), None)


def _p50_ms(timing: Timing | None) -> float | None:
    return None if timing is None else timing.batch_1.p50_ms


def _compared(theirs: float | None, ours: float | None, better: str, worse: str) -> str:
    return "" if theirs is None or ours is None else compared(theirs / ours, better, worse)
