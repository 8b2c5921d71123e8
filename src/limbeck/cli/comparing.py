"""`limbeck compare`: several models on the same texts, as a command and as a table on the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck.cli.machine_words import print_json
from limbeck.cli.options import AsJson, Signals

if TYPE_CHECKING:
    from limbeck.records.comparison import ComparisonRecord


def compare(
    context: typer.Context,
    models: Annotated[
        list[str], typer.Argument(help="Two or more: artifacts, ONNX files or folders, Hugging Face models.")
    ],
    data: Annotated[
        str, typer.Option("--data", help="File, folder with train/validation/test files, or hub data set.")
    ],
    teacher: Annotated[
        str | None, typer.Option("--teacher", help="The teacher; else its answers are looked for on this disk.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for compare.html and compare.json.")] = None,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="Recipe file (TOML). Default: that of the first artifact.")
    ] = None,
    signals: Signals = None,
    as_json: AsJson = False,
) -> None:
    """Set several models side by side on the same texts: which one to take, and what these texts cannot tell apart.

    Other people's ONNX models are judged by the same code; tokenizer.json and config.json lie beside them. Any recipe
    key is an option too, as in --verify.threads 2. Exit code 0, 2 for bad input.

    [bold]Example:[/bold] limbeck compare runs/a/artifact runs/b/artifact --data new.jsonl
    ...
    These 160 texts cannot tell apart: a and b.
    ...
    """
    from limbeck.cli import console
    from limbeck.cli.flags import apart, changes_from, recipe_from
    from limbeck.comparison import compare as compare_them

    console.silence_libraries()
    alone, flags = apart([*models, *context.args])
    options = ("--data", "--teacher", "--out", "--recipe", "--signals", "--json")
    found = compare_them(
        alone,
        data,
        teacher_source=teacher,
        out=out,
        recipe=None if recipe is None else recipe_from(recipe, ()),
        changes=changes_from(flags, options=options),
        signals=signals,
        progress=console.ConsoleProgress(),
    )
    print_comparison(found.record)
    if found.report is not None:
        console.stderr.print(f"Report: {found.report}", markup=False)
    if as_json:
        print_json(found.record.to_json())


def print_comparison(record: "ComparisonRecord") -> None:
    """Which one to take, all models, and every two of them tested; on stderr."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from limbeck.cli.console import stderr
    from limbeck.cli.tables import weighed
    from limbeck.report.compare_page import cells, columns, difference_cell, teacher_cells
    from limbeck.report.weighed import THROUGHPUT
    from limbeck.tasks import TASKS

    stderr.print(f"\n{record.sentence}\n{record.not_told_apart}\n", markup=False)
    shown = [name for name in columns(record) if name != THROUGHPUT]
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("model")
    for name in shown:
        table.add_column(name.removeprefix("Latency, ").lower(), justify="right", no_wrap=True)
    if record.teacher_scores is not None:
        table.add_row("teacher", *weighed(cell for cell in teacher_cells(record) if cell.model in shown))
    for model in record.models:
        row = weighed(cell for cell in cells(model, record) if cell.model in shown)
        table.add_row(f"{model.name}{' *' if model.on_front else ''}", *row)
    stderr.print(table, soft_wrap=False)
    fidelity = record.models[0].fidelity_name(TASKS[record.task].score.name)
    stderr.print(f"*  no other model is at least as good in {fidelity}, size and latency, and better in one\n")
    for pair in record.pairs:
        stderr.print(f"{pair.first} against {pair.second}", markup=False)
        for one in pair.told:
            difference, interval, said = difference_cell(one)
            stderr.print(f"  {one.name} {difference} ({interval}); {said}", markup=False)
    for note in record.notes:
        stderr.print(note, markup=False)
