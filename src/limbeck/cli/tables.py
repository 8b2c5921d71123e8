"""Verdicts and inspections as tables on the terminal."""

from rich.table import Table
from rich.text import Text

from limbeck.cli.console import stderr, stdout
from limbeck.records import Verdict
from limbeck.report.measures import measures
from limbeck.report.roles import sides
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
        cells = (Text.assemble(cell.figure, "\n", (cell.small_print, "dim")) for cell in measure.cells)
        table.add_row(measure.name, *cells)
    stderr.print()
    stderr.print(table, soft_wrap=False)
    if verdict.gain is not None:
        stderr.print(f"\n{verdict.gain.sentence}", markup=False)
    for check in verdict.checks:
        stderr.print(f"{'held ' if check.passed else 'broken'}  {check.sentence}", markup=False)
    for sentence in verdict.not_checked:
        stderr.print(f"not checked  {sentence}", markup=False)
    if verdict.n_truncated:
        stderr.print(f"{verdict.n_truncated} of {verdict.n_held_out} texts were longer than allowed and were cut.")


def print_inspection(found: Inspection) -> None:
    """What a path is, section by section; on stdout."""
    stdout.print(found.title, style="bold", markup=False)
    for section in found.sections:
        stdout.print(f"\n{section.heading}", style="bold", markup=False)
        rows = Table.grid(padding=(0, 2))
        for name, value in section.rows:
            rows.add_row(Text(name, "dim"), Text(str(value)))
        stdout.print(rows)
