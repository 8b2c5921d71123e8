"""Verdicts, sweeps and inspections as tables on the terminal."""

from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from limbeck.cli.console import stderr, stdout
from limbeck.records.sweep import SweepRecord
from limbeck.records.verdict import Verdict
from limbeck.report.fidelity import sentences
from limbeck.report.measures import Cell, measures
from limbeck.report.roles import sides
from limbeck.report.sweep_page import cells, columns, fidelity_name
from limbeck.runtime.inspection import Inspection


def print_verdict(verdict: Verdict) -> None:
    """The verdict first, then the comparison, then what was not checked; on stderr."""
    word = Text(" PASSED ", "bold white on green") if verdict.passed else Text(" REFUSED ", "bold white on red")
    stderr.print()
    stderr.print(word, Text(verdict.sentence))
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("")
    for side in sides(verdict):
        table.add_column(side.name, justify="right")
    for measure in measures(verdict):
        table.add_row(measure.name, *_figures(measure.cells))
    stderr.print()
    stderr.print(table, soft_wrap=False)
    if verdict.gain is not None:
        stderr.print(f"\n{verdict.gain.sentence}", markup=False)
    if verdict.fidelity is not None:
        stderr.print()
        for sentence in sentences(verdict.fidelity):
            stderr.print(sentence, markup=False)
    _print_checks(verdict)
    if verdict.engine != "onnxruntime":
        stderr.print(f"\nThe artifact was answered by {verdict.engine}.")
    if verdict.non_inferiority is not None:
        stderr.print(f"\n{verdict.non_inferiority.sentence}", markup=False)
    if verdict.drift is not None:
        stderr.print(f"\n{verdict.drift.sentence}", markup=False)
    if verdict.n_truncated:
        stderr.print(f"{verdict.n_truncated} of {verdict.n_held_out} texts were longer than allowed and were cut.")


def _print_checks(verdict: Verdict) -> None:
    """What held and what broke, why answers changed, and what nobody looked at."""
    for check in verdict.checks:
        stderr.print(f"{'held ' if check.passed else 'broken'}  {check.sentence}", markup=False)
    for reason in verdict.reasons[:3]:
        stderr.print(f"because {reason.sentence}", markup=False)
        for text in reason.texts:
            stderr.print(f"          {text}", markup=False, no_wrap=True, overflow="ellipsis")
    for sentence in verdict.not_checked:
        stderr.print(f"not checked  {sentence}", markup=False)


def print_sweep(record: SweepRecord) -> None:
    """What came of a sweep in a sentence, then all pairs, within 80 columns; on stderr."""
    stderr.print()
    stderr.print(record.sentence, markup=False)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("student, scheme")
    for name in columns(record):
        table.add_column(name.removeprefix("Latency, ").lower(), justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_row("teacher", *weighed(cells(record.teacher_scores, record.teacher_timing, record)))
    for pair in record.pairs:
        verdict = Text("passed", "green") if pair.passed else Text("refused", "red")
        mark = " *" if pair.on_front else ""
        table.add_row(pair.name, *weighed(cells(pair.scores, pair.timing, record)), Text.assemble(verdict, mark))
    stderr.print()
    stderr.print(table, soft_wrap=False)
    fidelity = fidelity_name(record).lower()
    stderr.print(
        f"\n*  no other pair is at least as good in {fidelity}, size and latency,\n   and better in one of them"
    )


def weighed(row: Iterable[Cell]) -> Iterator[Text]:
    """The figures of a model; an interval stands beneath what models are weighed by, as there is room for one."""
    row = list(row)
    intervals = [cell.small_print for cell in row if cell.model in {"Retention", "Agreement"}]
    for cell in row:
        small_print = cell.small_print if cell.small_print in intervals[:1] else ""
        yield Text.assemble(cell.figure, *(("\n", (small_print, "dim")) if small_print else ()))


def _figures(row: Sequence[Cell]) -> Iterator[Text]:
    return (Text.assemble(cell.figure, "\n", (cell.small_print, "dim")) for cell in row)


def print_inspection(found: Inspection) -> None:
    """What a path is, section by section; on stdout."""
    stdout.print(found.title, style="bold", markup=False)
    for section in found.sections:
        stdout.print(f"\n{section.heading}", style="bold", markup=False)
        rows = Table.grid(padding=(0, 2))
        for name, value in section.rows:
            rows.add_row(Text(name, "dim"), Text(str(value)))
        stdout.print(rows)
