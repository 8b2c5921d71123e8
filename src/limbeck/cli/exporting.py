"""`limbeck export`: an artifact in the form of another runtime, as a command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limbeck.cli.machine_words import print_json
from limbeck.cli.options import AsJson

if TYPE_CHECKING:
    from limbeck.targets import Export


def export(
    artifact: Annotated[Path, typer.Argument(help="The folder that ships.")],
    to: Annotated[str, typer.Option("--to", help="What it shall run in: executorch, ort-mobile or web.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write: new, empty, or an earlier export.")],
    data: Annotated[
        str | None, typer.Option("--data", help="Texts to compare answers on. Default: some that come with limbeck.")
    ] = None,
    texts: Annotated[int, typer.Option("--texts", min=1, help="The first so many of them.")] = 200,
    runtime_files: Annotated[
        Path | None,
        typer.Option(
            "--runtime-files",
            help="Of a web page: folder of its libraries (node_modules, or what npm pack wrote).",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write an artifact in the form of another runtime, once it answers there as it does here.

    Exit code 0; 1 where answers differ too much: then nothing is written, and the reasons are told; 2 for bad input.

    [bold]Example:[/bold] limbeck export runs/a/artifact --to ort-mobile --out phone
    ...
    ort-mobile answers 200 of 200 texts as the artifact does.
    ...
    """
    from limbeck.cli import console
    from limbeck.records.run import to_json
    from limbeck.targets import export_artifact

    console.silence_libraries()
    found = export_artifact(
        artifact,
        to=to,
        out=out,
        data_source=data,
        n_texts=texts,
        runtime_files=runtime_files,
        progress=console.ConsoleProgress(),
    )
    print_export(found)
    if as_json:
        print_json(to_json(found.record))
    raise typer.Exit(0 if found.folder else 1)


def print_export(found: "Export") -> None:
    """How answers compare, sizes, what is done otherwise, and where it lies or why it does not; on stderr."""
    from limbeck.cli.console import stderr
    from limbeck.ground import wording

    record = found.record
    told = record.agreement
    largest, spread = (wording.three_figures(value) for value in (told.largest_difference, told.spread))
    written, shipped = (wording.size(n_bytes) for n_bytes in (record.model_bytes, record.artifact_bytes))
    lines = [
        f"{record.target} answers {told.n_texts - told.n_changed} of {told.n_texts} texts as the artifact does.",
        f"Logits differ by {largest} at most, their spread is {spread} ({record.runtime}).",
        f"{record.model_file}: {written}; the artifact's graph: {shipped}.",
        *record.notes,
    ]
    if found.folder is None:
        lines += ["Refused, nothing was written:", *(f"  - {fault}" for fault in told.faults)]
    else:
        lines.append(f"Export: {found.folder}")
    stderr.print("\n".join(lines), markup=False)
