"""`limbeck bench`: how fast an artifact answers on this machine, as a table, as JSON and as a page."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck.cli.machine_words import print_json
from limbeck.cli.options import AsJson

if TYPE_CHECKING:
    from limbeck.records.bench import BenchRecord


def bench(
    artifact: Annotated[Path, typer.Argument(help="The folder that ships.")],
    engines: Annotated[
        str | None, typer.Option("--engine", help="As in onnxruntime,openvino. Default: all that are installed.")
    ] = None,
    threads: Annotated[
        str | None, typer.Option("--threads", help="As in 1,2. Default: one, and the physical cores.")
    ] = None,
    lengths: Annotated[str, typer.Option("--lengths", help="Tokens of a text.")] = "16,32,128",
    call_sizes: Annotated[str, typer.Option("--call-sizes", help="Texts handed over in a call.")] = "1,8,32",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often each is timed at most.")] = 100,
    out: Annotated[Path | None, typer.Option("--out", help="File for the page (HTML).")] = None,
    as_json: AsJson = False,
) -> None:
    """Time an artifact on this machine: every engine, several lengths, call sizes and numbers of threads.

    All are timed in turns, from texts to logits. A spread of more than a quarter is told: then something else had the
    cores. Killed at any point, the same command goes on from there. Exit code 0, 2 for bad input.

    [bold]Example:[/bold] limbeck bench runs/a/artifact --engine onnxruntime --threads 1
    ...
    The fastest for 1 text of 16 tokens: onnxruntime, 1 thread, p50 0.10 ms
    """
    from limbeck.benching import bench as bench_it
    from limbeck.cli import console
    from limbeck.cli.flags import numbers_from, words_from

    console.silence_libraries()
    record = bench_it(
        artifact,
        engines=() if engines is None else words_from(engines),
        threads=() if threads is None else numbers_from(threads, option="--threads"),
        lengths=numbers_from(lengths, option="--lengths"),
        call_sizes=numbers_from(call_sizes, option="--call-sizes"),
        rounds=rounds,
        out=out,
        progress=console.ConsoleProgress(),
    )
    print_bench(record)
    if out is not None:
        console.stderr.print(f"Page: {out}", markup=False)
    if as_json:
        print_json(record.to_json())


def print_bench(record: "BenchRecord") -> None:
    """Every cell, whether the machine was busy, and the fastest for a single text; on stderr."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from limbeck.cli.console import stderr
    from limbeck.ground import wording
    from limbeck.report.bench_page import COLUMNS, figures, noise_of

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0, header_style="bold")
    for name in ("Tokens", "Texts", "Engine", *COLUMNS):
        table.add_column(name, justify="left" if name == "Engine" else "right", no_wrap=" " not in name)
    for cell in record.cells:
        table.add_row(str(cell.n_tokens), str(cell.n_texts), cell.side, *figures(cell))
    stderr.print(table, soft_wrap=False)
    noisy = noise_of(record)
    if noisy is not None:
        apart = wording.percent(noisy, decimals=0)
        stderr.print(f"The machine was busy: medians differ by up to {apart}. Time again before use.")
    best = min(record.cells, key=lambda cell: (cell.n_texts, cell.n_tokens, cell.p50_ms))
    stderr.print(
        f"The fastest for {wording.counted(best.n_texts, 'text')} of {best.n_tokens} tokens: {best.side}, "
        f"p50 {wording.milliseconds(best.p50_ms)}",
        markup=False,
    )
