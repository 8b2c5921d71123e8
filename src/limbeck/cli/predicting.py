"""`limbeck predict`: texts or lines in, answers out, in order and in constant memory; with --out resumable."""

import io
import json
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from limbeck.cli.options import Engine

if TYPE_CHECKING:
    from limbeck.ground.progress import Progress
    from limbeck.runtime import Model


def predict(
    artifact: Annotated[Path, typer.Argument(help="The folder that ships.")],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts to answer; without any, lines are read from stdin.")
    ] = None,
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
    engine: Engine = "onnxruntime",
) -> None:
    """Answer texts, or lines from stdin (limbeck predict runs/a/artifact < texts.txt), as JSON lines on stdout.

    Any number of lines, in their order, in constant memory. With --out the file is whole or absent: killed at any
    point, the same command with the same input goes on, and the file becomes what it would have become at once.

    [bold]Example:[/bold] limbeck predict runs/a/artifact "lovely film"
    {"text": "lovely film", "label": "positive", "probability": 0.998436470449821}
    """
    from limbeck.cli import console
    from limbeck.ground.progress import SILENT
    from limbeck.runtime import load

    model = load(artifact, threads=threads, engine=engine, progress=console.ConsoleProgress())
    given = _from_stdin(json_lines=json_lines) if texts is None else _from_command(texts, json_lines=json_lines)
    if given.is_typed:
        console.stderr.print("Reading texts from the terminal, one a line; Ctrl-D ends.")
    is_watched = texts is None and not (given.is_typed or (out is None and sys.stdout.isatty()))
    progress = console.ConsoleProgress() if is_watched else SILENT
    if out is None:
        n_answers, n_truncated = _print_answers(model, given, in_full=probabilities, progress=progress)
    else:
        from limbeck.runtime.answer_file import write_answers

        written = write_answers(
            model,
            given.stream,
            out,
            json_lines=given.json_lines,
            in_full=probabilities,
            in_bytes=given.n_bytes,
            progress=progress,
        )
        n_answers, n_truncated = written.n_answers, written.n_truncated
        if written.n_found:
            progress.say(f"{written.n_found} of {written.n_lines} lines had been answered before")
    if n_truncated:
        console.stderr.print(
            f"{n_truncated} of {n_answers} texts were longer than {model.manifest.max_tokens} tokens and were cut."
        )


@dataclass(frozen=True)
class _Given:
    """Lines to answer.

    Args:
        stream: Of them.
        json_lines: Whether each is a JSON object.
        n_bytes: Of the stream; None where nobody knows.
        is_typed: Whether somebody types them, and waits for each answer.
    """

    stream: BinaryIO
    json_lines: bool
    n_bytes: int | None
    is_typed: bool = False


def _from_stdin(*, json_lines: bool) -> _Given:
    return _Given(sys.stdin.buffer, json_lines, _size_of_stdin(), is_typed=sys.stdin.isatty())


def _from_command(texts: Sequence[str], *, json_lines: bool) -> _Given:
    """Texts of any lines as one line each."""
    lines = [" ".join(text.splitlines()) if json_lines else json.dumps({"text": text}) for text in texts]
    content = "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")
    return _Given(io.BytesIO(content), json_lines=True, n_bytes=len(content))


def _print_answers(model: "Model", given: _Given, *, in_full: bool, progress: "Progress") -> tuple[int, int]:
    """How many texts were answered on stdout, and how many of them were cut."""
    from limbeck.runtime.lines import LINES_AT_ONCE, LinesBar, predict_together

    out = sys.stdout  # before a bar puts itself in its place
    chunk = 1 if given.is_typed else LINES_AT_ONCE
    n_answers = n_truncated = 0
    with LinesBar(progress, n_bytes=given.n_bytes) as bar:
        for answered in predict_together(model, given.stream, json_lines=given.json_lines, chunk=chunk):
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
