"""Serving starts the process anew: what it is handed, when it is not, and what it then no longer holds."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from limbeck.cli import alone
from limbeck.cli.alone import Work
from limbeck.serve.settings import Limits, Settings
from small_artifact import write_artifact

RUN = "from limbeck.cli.main import run; run()"
WORK = Work(["mine=a b", "ü"], Settings(port=0, token="s3 cret", max_wait_ms=1.5, limits=Limits(texts=7)))


class _StartedAnew(BaseException):
    """In place of the process's end."""


def _caught(program: str, arguments: list[str], variables: dict[str, str]) -> NoReturn:
    raise _StartedAnew(program, arguments, variables)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when this process was the command, with nothing that would end it."""
    monkeypatch.setattr(os, "execve", _caught)
    monkeypatch.setattr(sys, "argv", ["limbeck", "serve", "mine=a b", "ü"])
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-X", "utf8", "limbeck", *sys.argv[1:]])


@pytest.mark.usefixtures("called")
def test_what_is_handed_over_comes_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server would listen elsewhere, or without its token."""
    with pytest.raises(_StartedAnew) as ended:
        alone.hand_over(WORK)
    program, arguments, variables = ended.value.args
    assert (program, arguments) == (sys.executable, [sys.executable, *sys.orig_argv[1:]])
    added = {name: value for name, value in variables.items() if os.environ.get(name) != value}
    for name, value in added.items():
        monkeypatch.setenv(name, value)
    assert alone.handed_over() == WORK
    assert alone.handed_over() is None  # children of the server are handed nothing


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        (os, "name", "nt"),
        (sys, "executable", ""),
        (sys, "orig_argv", ["python3", "program.py", "some", "thing", "else"]),
        (sys, "argv", ["-", "serve", "mine=a b", "ü"]),
    ],
)
def test_a_process_that_cannot_start_anew_stays(
    where: object, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program would be started anew, and do twice what it did before it called limbeck."""
    monkeypatch.setattr(where, name, value)
    alone.hand_over(WORK)


def test_faults_met_after_the_start_are_told_as_ever(tmp_path: Path) -> None:
    """What is found out only when artifacts are loaded would end in a stack trace."""
    command = [
        sys.executable,
        "-c",
        RUN,
        "serve",
        f"a={write_artifact(tmp_path / 'a')}",
        f"a={tmp_path}",
        "--port",
        "0",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "hint:  " in done.stderr
    assert "Traceback" not in done.stderr
