"""`limbeck predict`: lines in, answers out, in order and in constant memory; with --out resumable."""

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from limbeck.progress import Progress
    from limbeck.runtime import Model


def predict(
    artifact: Annotated[Path, typer.Argument(help="The folder that ships.")],
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help='Lines are JSON objects with "text" and, for pairs, "text_pair".')
    ] = False,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Give every label's probability, or all that was computed.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="File of answers. Killed, the same command goes on with it.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=0, help="0 takes the physical cores.")] = 0,
    engine: Annotated[
        str, typer.Option("--engine", help="onnxruntime, openvino, or auto: the fastest here, measured once.")
    ] = "onnxruntime",
) -> None:
    """Answer texts from stdin, one a line, as JSON lines on stdout.

    Any number of lines, in their order, in constant memory. With --out the file is whole or absent: killed at any
    point, the same command with the same input goes on, and the file becomes what it would have become at once.

    [bold]Example:[/bold] limbeck predict runs/a/artifact < texts.txt
    {"text": "lovely film", "label": "positive", "probability": 0.998436470449821}
    """
    from limbeck.cli import console
    from limbeck.progress import SILENT
    from limbeck.runtime import load

    model = load(artifact, threads=threads, engine=engine, progress=console.ConsoleProgress())
    is_watched = not (sys.stdin.isatty() or (out is None and sys.stdout.isatty()))
    progress = console.ConsoleProgress() if is_watched else SILENT
    if out is None:
        n_answers, n_truncated = _print_answers(model, json_lines=json_lines, in_full=probabilities, progress=progress)
    else:
        from limbeck.runtime.answer_file import write_answers

        written = write_answers(
            model,
            sys.stdin.buffer,
            out,
            json_lines=json_lines,
            in_full=probabilities,
            in_bytes=_size_of_stdin(),
            progress=progress,
        )
        n_answers, n_truncated = written.n_answers, written.n_truncated
        if written.n_found:
            progress.say(f"{written.n_found} of {written.n_lines} lines had been answered before")
    if n_truncated:
        console.stderr.print(
            f"{n_truncated} of {n_answers} texts were longer than {model.manifest.max_tokens} tokens and were cut."
        )


def _print_answers(model: "Model", *, json_lines: bool, in_full: bool, progress: "Progress") -> tuple[int, int]:
    """How many texts were answered on stdout, and how many of them were cut."""
    from limbeck.runtime.lines import LINES_AT_ONCE, LinesBar, predict_together

    out = sys.stdout  # before a bar puts itself in its place
    chunk = 1 if sys.stdin.isatty() else LINES_AT_ONCE
    n_answers = n_truncated = 0
    with LinesBar(progress, n_bytes=_size_of_stdin()) as bar:
        for answered in predict_together(model, sys.stdin.buffer, json_lines=json_lines, chunk=chunk):
            out.write("".join(one.as_line(model.label_names, in_full=in_full) for one in answered.predictions))
            out.flush()
            n_answers += len(answered.predictions)
            n_truncated += answered.n_truncated
            bar.reached(answered.end)
    return n_answers, n_truncated


def _size_of_stdin() -> int | None:
    """Bytes of the file that stdin is; None of a pipe."""
    try:
        found = os.fstat(sys.stdin.fileno())
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
