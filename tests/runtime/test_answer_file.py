"""Answers in a file: constant memory, and a killed run that goes on to the same bytes."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limbeck.errors import DataError, LimbeckError, OutputError
from limbeck.runtime import Model, load
from limbeck.runtime.answer_file import write_answers
from small_artifact import write_artifact
from watching import Events, Interrupted

RUN = "from limbeck.cli.main import run; run()"
N_LINES = 5_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact."""
    return write_artifact(tmp_path_factory.mktemp("artifact"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    """That artifact, loaded."""
    return load(folder, threads=1)


@pytest.fixture(scope="module")
def texts() -> bytes:
    """Lines of 1 to 12 words."""
    draw = np.random.default_rng(0)
    words = ["play", "rain", "wake", "me", "song"]
    return b"".join(
        " ".join(draw.choice(words, size=size)).encode() + b"\n" for size in draw.integers(1, 13, size=N_LINES)
    )


class Generated:
    """Lines made as they are asked for, counted."""

    def __init__(self, n_lines: int) -> None:
        self.left, self.taken = n_lines, 0

    def readline(self, _size: int, /) -> bytes:
        """One more."""
        self.left, self.taken = self.left - 1, self.taken + 1
        return b"play a song\n" if self.left >= 0 else b""

    def read(self, size: int, /) -> bytes:
        """Nothing asks for it where no earlier run was."""
        raise AssertionError(size)


class Ahead(Events):
    """Notes at every advance how many lines were taken from a source that are not answered yet."""

    def __init__(self, source: Generated) -> None:
        super().__init__()
        self.source, self.seen, self.ahead = source, 0, []

    def advanced(self, bar: Any) -> None:
        """A chunk was answered: what was taken since the last one was held at once."""
        self.ahead.append(self.source.taken - self.seen)
        self.seen = bar.advanced


def test_no_more_is_held_than_lines_answered_together(model: Model, tmp_path: Path) -> None:
    """A failure would need gigabytes for millions of lines."""
    lines = Generated(20_000)
    ahead = Ahead(lines)
    done = write_answers(model, lines, tmp_path / "answers", chunk=256, progress=ahead)
    assert (done.n_lines, done.n_answers, done.n_found) == (20_000, 20_000, 0)
    assert max(ahead.ahead) == 256


def test_broken_off_anywhere_it_goes_on(model: Model, texts: bytes, tmp_path: Path) -> None:
    """A failure would answer lines again, or leave some out, where a run ended between two batches."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    write_answers(model, io.BytesIO(texts), whole, chunk=500)
    for at in (2, 3, 4):
        with pytest.raises(Interrupted):
            write_answers(model, io.BytesIO(texts), out, chunk=500, progress=Events(at))
        assert not out.exists()
    done = write_answers(model, io.BytesIO(texts), out, chunk=500, in_bytes=len(texts))
    assert (done.n_found, done.n_answers) == ((2 + 3 + 4) * 500, N_LINES)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        (b"stop\n" * 600, {}, "The input does not begin with the 500 lines that were answered in {out}.partial."),
        (b"play\n" * 300, {}, "The input does not begin with the 500 lines that were answered in {out}.partial."),
        (b"play\n" * 600, {"in_full": True}, "{out} was begun otherwise; since then have changed: in_full."),
    ],
)  # fmt: skip
def test_what_was_begun_goes_on_with_the_same_input_only(
    model: Model, tmp_path: Path, given: bytes, settings: dict[str, Any], message: str
) -> None:
    """A failure would put answers to two inputs, or of two kinds, into one file."""
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        write_answers(model, io.BytesIO(b"play\n" * 600), out, chunk=500, progress=Events(1))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(LimbeckError) as caught:
        write_answers(model, io.BytesIO(given), out, chunk=500, **settings)
    assert caught.value.message == message.format(out=out)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_finished_file_is_kept(model: Model, tmp_path: Path) -> None:
    """A failure would overwrite answers that took hours."""
    out = tmp_path / "out"
    write_answers(model, io.BytesIO(b"play\n"), out)
    with pytest.raises(OutputError, match="is there already"):
        write_answers(model, io.BytesIO(b"stop\n"), out)
    with pytest.raises(OutputError, match="is a folder"):
        write_answers(model, io.BytesIO(b"stop\n"), tmp_path)
    assert json.loads(out.read_text())["text"] == "play"


def test_bad_input_leaves_nothing_or_what_was_answered(model: Model, tmp_path: Path) -> None:
    """A failure would litter a folder with empty files, or throw away the answers before a bad line."""
    with pytest.raises(DataError, match=r"^Line 2 is not UTF-8"):
        write_answers(model, io.BytesIO(b"play\n\xff\n"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match=r"^Line 3 is not UTF-8"):
        write_answers(model, io.BytesIO(b"play\nplay\n\xff\n"), tmp_path / "out", chunk=2)
    done = write_answers(model, io.BytesIO(b"play\nplay\nstop\n"), tmp_path / "out", chunk=2)
    assert (done.n_found, done.n_answers) == (2, 3)


@pytest.mark.parametrize("is_renamed", [False, True])
def test_answers_that_somebody_removed_are_given_anew(model: Model, tmp_path: Path, is_renamed: bool) -> None:
    """A failure would write as many zero bytes as there had been answers, and call that done.

    Killed between giving the file its name and removing the journal, a run leaves a whole file and a journal.
    """
    out, whole = tmp_path / "out", tmp_path / "whole"
    given = b"play\n" * 600
    write_answers(model, io.BytesIO(given), whole, chunk=500)
    with pytest.raises(Interrupted):
        write_answers(model, io.BytesIO(given), out, chunk=500, progress=Events(1))
    partial = tmp_path / "out.partial"
    if is_renamed:
        partial.replace(out)
        out.unlink()
    else:
        partial.unlink()
    done = write_answers(model, io.BytesIO(given), out, chunk=500)
    assert (done.n_found, done.n_answers) == (0, 600)
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_a_damaged_journal_is_told(model: Model, tmp_path: Path) -> None:
    """A failure would show a stack trace, or begin anew over answers that took hours."""
    (tmp_path / "out.journal").write_text("[]")
    with pytest.raises(OutputError, match="is not what limbeck wrote"):
        write_answers(model, io.BytesIO(b"play\n"), tmp_path / "out")


def test_a_killed_command_goes_on_to_the_same_bytes(folder: Path, texts: bytes, tmp_path: Path) -> None:
    """A failure would lose hours of work, or leave a file with a line missing, twice, or half."""
    command = [sys.executable, "-c", RUN, "predict", str(folder), "--threads", "1", "--probabilities", "--out"]
    at_once, killed = tmp_path / "at_once.jsonl", tmp_path / "killed.jsonl"
    subprocess.run([*command, str(at_once)], input=texts, check=True)
    half = texts[: len(texts) // 2]
    with subprocess.Popen([*command, str(killed)], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(half)
        process.stdin.flush()
        journal = tmp_path / "killed.jsonl.journal"
        while not journal.exists():
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not killed.exists()
    n_found = json.loads(journal.read_text())["n_answers"]
    assert 0 < n_found < N_LINES / 2
    with (tmp_path / "killed.jsonl.partial").open("ab") as stream:
        stream.write(b'{"text": "half a l')
    again = subprocess.run([*command, str(killed)], input=texts, check=True, capture_output=True)
    assert f"{n_found} of {N_LINES} lines had been answered before" in again.stderr.decode()
    assert killed.read_bytes() == at_once.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["at_once.jsonl", "killed.jsonl"]
