"""A comparison's record as one HTML page: every model in a table, the front in pictures, every two of them tested."""

from collections.abc import Sequence
from dataclasses import dataclass

from limbeck.ground import wording
from limbeck.records.comparison import ComparedModel, ComparedPair, ComparisonRecord
from limbeck.records.verdict import PairedDifference
from limbeck.report.html import confidence_of, environment, part_rows
from limbeck.report.measures import Cell
from limbeck.report.weighed import (
    LATENCY,
    SIZE,
    THROUGHPUT,
    Placed,
    front_panels,
    noise_of,
    p50_of,
    weighed_cells,
)
from limbeck.tasks import TASKS


@dataclass(frozen=True)
class Row:
    """One model in the table.

    Args:
        number: Its place, from 1: what stands within its mark.
        model: The model.
        cells: Its figures, in the order of `columns`.
    """

    number: int
    model: ComparedModel
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class TestedPair:
    """Two models in the table of pairs.

    Args:
        pair: The two.
        cells: For each measure its difference with its interval, then what the test of it says.
    """

    pair: ComparedPair
    cells: tuple[tuple[str, str, str], ...]


def render_comparison(record: ComparisonRecord) -> str:
    """The report of a comparison, as one HTML page; the same record gives the same page. It names no outside address.

    Args:
        record: What the comparison has to tell.
    """
    task = TASKS[record.task]
    first = record.models[0]
    fidelity = first.fidelity_name(task.score.name)
    taken = next(model for model in record.models if model.name == record.choice)
    tested = record.pairs[0].told
    return (
        environment()
        .get_template("compare.html")
        .render(
            record=record,
            task=task,
            subject=f"{wording.counted(len(record.models), 'model')} on {wording.counted(record.n_held_out, 'text')}",
            keys=_keys(taken, fidelity),
            fidelity=fidelity,
            columns=columns(record),
            teacher_cells=None if record.teacher_scores is None else teacher_cells(record),
            teacher_name=record.teacher_timing.name if record.teacher_timing else "teacher",
            rows=[Row(at, model, cells(model, record)) for at, model in enumerate(record.models, start=1)],
            panels=front_panels(_placed(record.models), fidelity=fidelity[:1].upper() + fidelity[1:]),
            measured=[one.name for one in tested],
            has_exact_test=any(one.p_value is not None for one in tested),
            has_other_test=any(one.p_value is None for one in tested),
            pairs=[TestedPair(pair, tuple(map(difference_cell, pair.told))) for pair in record.pairs],
            confidence=confidence_of(model.scores for model in record.models),
            risk=wording.plain(1 - tested[0].difference.interval.confidence),
            noisy=noise_of([record.teacher_timing, *(model.timing for model in record.models)]),
            n_cut=[(model.name, model.n_truncated) for model in record.models if model.n_truncated],
            parts=part_rows(record.data),
        )
    )


def columns(record: ComparisonRecord) -> tuple[str, ...]:
    """The names of the figures of a model; what these texts cannot tell is left out."""
    task, scores = TASKS[record.task], record.models[0].scores
    known = (
        (task.score.title, scores.score),
        ("Retention", scores.retention),
        (task.agreement.title, scores.agreement),
    )
    return (*(title for title, score in known if score is not None), SIZE, LATENCY, THROUGHPUT)


def cells(model: ComparedModel, record: ComparisonRecord) -> tuple[Cell, ...]:
    """The figures of one model, in the order of `columns`."""
    return weighed_cells(
        columns(record),
        model.scores,
        model.timing,
        task=TASKS[record.task],
        teacher=(record.teacher_scores, record.teacher_timing),
    )


def teacher_cells(record: ComparisonRecord) -> tuple[Cell, ...]:
    """The teacher's figures, in the order of `columns`."""
    assert record.teacher_scores is not None
    return weighed_cells(
        columns(record), record.teacher_scores, record.teacher_timing, task=TASKS[record.task], role="teacher"
    )


def difference_cell(one: PairedDifference) -> tuple[str, str, str]:
    """A difference in points, its interval, and what its test says."""
    low, high = one.difference.interval.low, one.difference.interval.high
    interval = f"{wording.signed(100 * low)} to {wording.signed(100 * high)}"
    if one.p_value is None or one.corrected_p_value is None:
        said = "told apart" if one.told_apart else "not told apart"
    else:
        said = f"{one.only_first} : {one.only_second}, {wording.p_clause(one.corrected_p_value)}"
    return wording.points(one.difference.value), interval, said


def _placed(models: Sequence[ComparedModel]) -> list[Placed]:
    return [
        Placed(
            name=model.name,
            kind=number - 1,
            words=str(number),
            size_bytes=model.scores.known_bytes,
            latency_ms=model.timing.batch_1.p50_ms,
            fidelity=model.fidelity,
            on_front=model.on_front,
        )
        for number, model in enumerate(models, start=1)
    ]


def _keys(taken: ComparedModel, fidelity: str) -> list[tuple[str, str, str]]:
    """(what, figure, small print) of the model to take."""
    score = taken.fidelity
    return [
        (
            fidelity[:1].upper() + fidelity[1:],
            wording.percent(score.value),
            wording.percent_range(score.interval.low, score.interval.high),
        ),
        ("Size", wording.size(taken.scores.size_bytes), ""),
        ("Latency, p50", wording.milliseconds(p50_of(taken.timing)), ""),
    ]
