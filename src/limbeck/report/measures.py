"""The rows of the comparison: each measure in plain words, with one cell a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from limbeck.ground import wording
from limbeck.records.score import Score
from limbeck.records.verdict import Check, Verdict
from limbeck.report.roles import Role, Side, first_of, sides
from limbeck.tasks import TASKS


@dataclass(frozen=True)
class Cell:
    """One figure of one model, and the small print beneath it (its interval, or how it compares with the teacher)."""

    role: Role
    model: str
    figure: str
    small_print: str = ""


@dataclass(frozen=True)
class Measure:
    """One row: what is measured, what that means, and a cell for every model."""

    name: str
    meaning: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Tolerance:
    """One check in words."""

    name: str
    accepted: str
    measured: str
    held: bool
    sentence: str


_Figure = Callable[[Side], tuple[str, str]]


def measures(verdict: Verdict) -> tuple[Measure, ...]:
    """The rows of the comparison; a measure that no model has is left out."""
    found = sides(verdict)
    teacher = first_of("teacher", found)
    task = TASKS[verdict.task]
    rows: list[tuple[str, str, _Figure]] = [
        (task.score.title, task.score.meaning, lambda side: share_figure(side.scores.score)),
        (
            "Retention",
            f"The model’s {task.score.name} divided by the teacher’s.",
            lambda side: share_figure(side.scores.retention),
        ),
        (task.agreement.title, task.agreement.meaning, lambda side: share_figure(side.scores.agreement)),
        *_further(found),
        ("Size on disk", "What must ship for it to answer: model and tokenizer.", lambda side: _size(side, teacher)),
        ("Parameters", "Numbers that were learned.", lambda side: (wording.millions(side.scores.n_parameters), "")),
        (
            "Latency, p50",
            "Half of single texts are answered within this time, tokenization included.",
            lambda side: _latency(side, teacher),
        ),
        ("Latency, p99", "99 of 100 single texts are answered within this time.", _slow_latency),
        ("Texts a second", "Throughput in batches of 32.", lambda side: _throughput(side, teacher)),
    ]
    table = []
    for name, meaning, figure in rows:
        cells = tuple(Cell(side.role, side.name, *figure(side)) for side in found)
        if any(cell.figure != wording.NOTHING for cell in cells):
            table.append(Measure(name, meaning, cells))
    return tuple(table)


def _further(found: Sequence[Side]) -> list[tuple[str, str, _Figure]]:
    """What the task measures besides its score and agreement."""
    meanings = {one.name: one.meaning for side in found for one in side.scores.further}

    def figure(side: Side, name: str) -> tuple[str, str]:
        return share_figure(next((one.score for one in side.scores.further if one.name == name), None))

    return [(name[:1].upper() + name[1:], meaning, partial(figure, name=name)) for name, meaning in meanings.items()]


def tolerances(checks: Sequence[Check]) -> tuple[Tolerance, ...]:
    """The checks in words."""
    return tuple(
        Tolerance(tolerance_name(check), _bound(check), _measured(check), check.passed, check.sentence)
        for check in checks
    )


def tolerance_name(check: Check) -> str:
    """What a check is about: "min_agreement" reads "Agreement"; units and the direction stand with the figures."""
    name = check.tolerance.removeprefix("min_further.").removeprefix("min_").removeprefix("max_")
    name = name.removesuffix("_mb").removesuffix("_ms").replace("_", " ")
    return {
        "non inferior": "Not worse than the teacher",
        "size": "Size on disk",
        "latency": "Latency, p50",
        "pair of weights": "Pair of weights (saturation)",
    }.get(name, name.capitalize())


def _bound(check: Check) -> str:
    side = "at most" if check.tolerance.startswith("max_") else "at least"
    factor, unit = _unit(check.tolerance)
    return f"{side} {wording.plain(factor * check.bound)} {unit}".rstrip().replace("-", "−")


def _measured(check: Check) -> str:
    """With as many decimals as show on which side of the bound it lies."""
    factor, unit = _unit(check.tolerance)
    if not unit:
        return wording.plain(check.measured)
    figure = wording.told_apart(factor * check.measured, factor * check.bound, decimals=2 if unit == "ms" else 1)
    return f"{figure} {unit}".replace("-", "−")


def _unit(tolerance: str) -> tuple[float, str]:
    if tolerance.endswith("_mb"):
        return 1.0, "MB"
    if tolerance.endswith("_of_weights"):
        return 1.0, ""
    if tolerance == "non_inferior":
        return 100.0, "points"
    return (1.0, "ms") if tolerance.endswith("_ms") else (100.0, "%")


def share_figure(score: Score | None) -> tuple[str, str]:
    """A share and, as its small print, its interval."""
    if score is None:
        return wording.NOTHING, ""
    return wording.percent(score.value), wording.percent_range(score.interval.low, score.interval.high)


def _size(side: Side, teacher: Side | None) -> tuple[str, str]:
    n_bytes = side.scores.size_bytes
    print_small = ""
    of_teacher = None if teacher is None or side is teacher else teacher.scores.size_bytes
    if n_bytes is not None and of_teacher is not None and 0 < n_bytes < of_teacher:
        print_small = f"{wording.times(of_teacher / n_bytes)} smaller"
    return wording.size(n_bytes), print_small


def _latency(side: Side, teacher: Side | None) -> tuple[str, str]:
    if side.timing is None:
        return wording.NOTHING, ""
    p50_ms = side.timing.batch_1.p50_ms
    print_small = ""
    if teacher is not None and teacher.timing is not None and side is not teacher and p50_ms > 0:
        print_small = compared(teacher.timing.batch_1.p50_ms / p50_ms, "faster", "slower")
    return wording.milliseconds(p50_ms), print_small


def _slow_latency(side: Side) -> tuple[str, str]:
    return (wording.NOTHING if side.timing is None else wording.milliseconds(side.timing.batch_1.p99_ms)), ""


def _throughput(side: Side, teacher: Side | None) -> tuple[str, str]:
    if side.timing is None:
        return wording.NOTHING, ""
    rate = side.timing.texts_per_second_batch_32
    print_small = ""
    if teacher is not None and teacher.timing is not None and side is not teacher:
        print_small = compared(rate / teacher.timing.texts_per_second_batch_32, "faster", "slower")
    return texts_a_second(rate), print_small


def texts_a_second(rate: float) -> str:
    """Throughput with three figures at least: "1,044", "128", "9.31"."""
    return wording.three_figures(rate)


def compared(ratio: float, better: str, worse: str) -> str:
    """How many times better one is than another: "5.3× smaller"; below 1 how many times worse."""  # noqa: RUF002
    return f"{wording.times(ratio)} {better}" if ratio >= 1 else f"{wording.times(1 / ratio)} {worse}"
