"""Answers to a stream of any length in a file: a killed run goes on where it stopped, and the file is whole or absent.

Beside `answers.jsonl` lie, until it is whole:

    answers.jsonl.partial   the answers so far; its last line may be half
    answers.jsonl.journal   how many of its bytes count, and how far the stream was read for them

The journal is written behind the answers, so what it tells is always there. Who goes on cuts the rest off, reads what
was answered again, for it must be the same, and answers the following lines in the company in which they would have
stood: the file becomes what it would have become at once, byte for byte.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from limbeck.errors import DataError, OutputError
from limbeck.ground import files
from limbeck.ground.progress import SILENT, Progress
from limbeck.runtime.lines import BEGINNING, LINES_AT_ONCE, LinesBar, Place, predict_together
from limbeck.runtime.model import Model

_JOURNAL_SECONDS = 1.0
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class AnswerFile:
    """What was answered.

    Args:
        n_lines: Lines of the stream that were read.
        n_found: How many of them an earlier run had answered.
        n_truncated: Texts that were cut to the artifact's `max_tokens`.
        n_answers: Texts that were answered.
    """

    n_lines: int
    n_found: int
    n_truncated: int
    n_answers: int


@dataclass(frozen=True)
class _Journal:
    """How far an unfinished file has come.

    Args:
        made_of: What answers, and how.
        read: How far the stream was read.
        read_sha256: Of what was read.
        n_bytes: Bytes of the answers.
        n_answers: Lines of the answers.
        n_truncated: Texts among them that were cut.
    """

    made_of: dict[str, Any]
    read: Place = BEGINNING
    read_sha256: str = hashlib.sha256().hexdigest()
    n_bytes: int = 0
    n_answers: int = 0
    n_truncated: int = 0


def write_answers(
    model: Model,
    in_stream: BinaryIO,
    out: Path,
    *,
    json_lines: bool = False,
    in_full: bool = False,
    chunk: int = LINES_AT_ONCE,
    in_bytes: int | None = None,
    progress: Progress = SILENT,
) -> AnswerFile:
    """Answer each line of a stream into a file of JSON lines; called again after a kill, it goes on.

    Args:
        model: The loaded artifact.
        in_stream: As `predict_lines` takes it, from its beginning also when going on.
        out: The file; it is there only when all lines are answered.
        json_lines: As `predict_lines` takes it.
        in_full: Rows hold all that was computed, such as the probability of each label.
        chunk: Lines answered at once.
        in_bytes: Size of the whole stream, for the bar; None where nobody knows.
        progress: Told how far it is.

    Raises:
        DataError: A line cannot be read, which the message names; or the stream is not the one that was begun with.
        OutputError: `out` is there already, or was begun by another model or with other settings, or another process
            writes it, or the disk is full.
    """
    partial, journal_path = (out.with_name(out.name + ending) for ending in (".partial", ".journal"))
    made_of = {
        "model": model.fingerprint,
        "engine": model.settings.engine,
        "json_lines": json_lines,
        "in_full": in_full,
        "lines_at_once": chunk,
    }
    _refuse_finished(out)
    with files.disk_faults_told(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("ab") as stream:
            files.lock(stream, busy=out)
            journal = _begun(journal_path, made_of, out)
            _refuse_finished(out)  # by another process, before this one had the lock
            if stream.tell() < journal.n_bytes:  # removed, or renamed and removed: nothing is left to go on with
                journal = _Journal(made_of)
            stream.truncate(journal.n_bytes)
            watched = _Watched(in_stream)
            _read_again(watched, journal, out)
            n_found, kept = journal.read.n_lines, -math.inf
            try:
                with LinesBar(progress, n_bytes=in_bytes, begin=journal.read) as bar:
                    for reached in _answered(model, watched, stream, journal):
                        journal = reached
                        if time.monotonic() - kept > _JOURNAL_SECONDS:
                            _keep(journal, journal_path, stream)
                            kept = time.monotonic()
                        bar.reached(journal.read)
            except BaseException:
                if not journal.n_answers:
                    partial.unlink()
                    raise
                _keep(journal, journal_path, stream)
                raise
            _keep(journal, journal_path, stream)
        partial.replace(out)
        journal_path.unlink()
    return AnswerFile(journal.read.n_lines, n_found, journal.n_truncated, journal.n_answers)


def _answered(model: Model, watched: "_Watched", stream: BinaryIO, journal: _Journal) -> Iterator[_Journal]:
    """Answer on from where a journal ends; what it then would tell, each time that lines were written."""
    json_lines, in_full, chunk = (journal.made_of[name] for name in ("json_lines", "in_full", "lines_at_once"))
    for answered in predict_together(model, watched, json_lines=json_lines, chunk=chunk, begin=journal.read):
        content = "".join(one.as_line(model.label_names, in_full=in_full) for one in answered.predictions).encode()
        stream.write(content)
        journal = replace(
            journal,
            read=answered.end,
            read_sha256=watched.sha256,
            n_bytes=journal.n_bytes + len(content),
            n_answers=journal.n_answers + len(answered.predictions),
            n_truncated=journal.n_truncated + answered.n_truncated,
        )
        yield journal


class _Watched:
    """A stream of lines, and the hash of what was read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._digest = stream, hashlib.sha256()

    def read(self, n_bytes: int) -> bytes:
        return self._seen(self._stream.read(n_bytes))

    def readline(self, n_bytes: int) -> bytes:
        return self._seen(self._stream.readline(n_bytes))

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def _seen(self, content: bytes) -> bytes:
        self._digest.update(content)
        return content


def _refuse_finished(out: Path) -> None:
    if out.is_dir():
        raise OutputError(f"{out} is a folder.", hint="Give the name of a file, such as answers.jsonl.")
    if out.exists():
        raise OutputError(
            f"{out} is there already.", hint="A finished file is never overwritten: remove it, or give another --out."
        )


def _begun(path: Path, made_of: dict[str, Any], out: Path) -> _Journal:
    """The journal of an earlier run, or a new one.

    Raises:
        OutputError: The earlier run answered otherwise.
    """
    if not path.exists():
        return _Journal(made_of)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        journal = _Journal(**(found | {"read": Place(**found["read"])}))
    except (ValueError, TypeError, KeyError):
        raise OutputError(
            f"{path} is not what limbeck wrote.", hint=f"Remove it to begin {out.name} anew, or give another --out."
        ) from None
    changed = [name for name, value in made_of.items() if journal.made_of.get(name) != value]
    if changed:
        raise OutputError(
            f"{out} was begun otherwise; since then have changed: {', '.join(changed)}.",
            hint=f"Give the same artifact and options, remove {path} to begin anew, or give another --out.",
        )
    return journal


def _read_again(watched: _Watched, journal: _Journal, out: Path) -> None:
    """Read what was answered before, in pieces.

    Raises:
        DataError: It is not what was answered.
    """
    left = journal.read.n_bytes
    while left and (piece := watched.read(min(left, _PIECE_BYTES))):
        left -= len(piece)
    if left or watched.sha256 != journal.read_sha256:
        raise DataError(
            f"The input does not begin with the {journal.read.n_lines} lines that were answered in {out}.partial.",
            hint="Give the same input again, or another --out.",
        )


def _keep(journal: _Journal, path: Path, stream: BinaryIO) -> None:
    """Bring the answers to the disk, then the journal that tells of them."""
    stream.flush()
    os.fsync(stream.fileno())
    files.write_json(path, asdict(journal))
