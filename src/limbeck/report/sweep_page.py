"""A sweep's record as one HTML page: every pair in a table, and size and latency against fidelity in pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from limbeck.ground import wording
from limbeck.records.sweep import SweepRecord, SweptPair
from limbeck.records.verdict import Check, ModelScores, Timing
from limbeck.report.html import confidence_of, environment, part_rows, recipe_toml
from limbeck.report.measures import Cell, Tolerance, tolerances
from limbeck.report.names import last_name
from limbeck.report.panels import Panel
from limbeck.report.texts import printable
from limbeck.report.weighed import LATENCY, SIZE, Placed, front_panels, noise_of, weighed_cells
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
            noisy=noise_of([record.teacher_timing, *(pair.timing for pair in record.pairs)]),
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
    return (*judged_by_labels, task.agreement.title, SIZE, LATENCY)


def cells(scores: ModelScores, timing: Timing | None, record: SweepRecord) -> tuple[Cell, ...]:
    """The figures of a pair or of the teacher, in the order of `columns`."""
    is_teacher = scores is record.teacher_scores
    return weighed_cells(
        columns(record),
        scores,
        timing,
        task=TASKS[record.task],
        role="teacher" if is_teacher else "artifact",
        teacher=(None, None) if is_teacher else (record.teacher_scores, record.teacher_timing),
    )


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
    check = _bound(record)
    placed = [
        Placed(
            name=pair.name,
            kind=schemes.index(pair.scheme),
            words=str(pair.layers),
            size_bytes=pair.scores.known_bytes,
            latency_ms=pair.timing.batch_1.p50_ms,
            fidelity=pair.fidelity,
            on_front=pair.on_front,
        )
        for pair in record.pairs
    ]
    return front_panels(placed, fidelity=fidelity_name(record), bound=None if check is None else check.bound)


def _checks(record: SweepRecord) -> list[Check]:
    return [check for pair in record.pairs for check in pair.checks]


def _bound(record: SweepRecord) -> Check | None:
    """The tolerance of what pairs are weighed by; it is the same for all."""
    wanted = f"min_{fidelity_name(record).lower()}"
    return next((check for check in _checks(record) if check.tolerance == wanted), None)
