"""Help: at every command an example, and what it says comes of the example does come of it."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer.main
from command_line import limbeck

from limbeck.cli.app import app
from small_run import FLAGS, SmallRun

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
_NUMBER = re.compile(r"\d[\d.,]*")
_ELIDED = "..."


def _example(name: str) -> tuple[str, list[str]]:
    """A command's example, and the lines that it is said to print."""
    command, *shown = (COMMANDS[name].help or "").strip().split("\n\n")[-1].splitlines()
    return command.removeprefix("[bold]Example:[/bold] "), shown


@pytest.fixture
def folder_of_a_reader(walked: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the examples take for granted."""
    for name, source in (("my-encoder", walked.encoder), ("my-teacher", walked.teacher)):
        shutil.copytree(source, tmp_path / name)
    for name in ("texts.jsonl", "new.jsonl"):
        shutil.copyfile(walked.data, tmp_path / name)
    (tmp_path / "runs").mkdir()
    monkeypatch.setenv("LIMBECK_HOME", str(walked.signals.parent))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"demo", "serve"}))  # one takes minutes, one serves on
def test_an_example_prints_what_the_help_says(name: str, folder_of_a_reader: Path, walked: SmallRun) -> None:
    """A failure would show people output that no command gives.

    Figures may differ, the label of a text, and what a line adds where there are few texts.
    """
    command, shown = _example(name)
    if name in {"bench", "verify", "compare", "predict", "inspect", "export"}:
        for run in "ab":
            shutil.copytree(walked.run.folder, folder_of_a_reader / "runs" / run)
    quick = FLAGS if name in {"teach", "compress", "sweep", "verify", "compare"} else []
    quick = [*quick, "--schemes", "w8a8e8"] if name == "sweep" else quick
    quick = ["--rounds", "10"] if name == "bench" else quick
    found = limbeck(*shlex.split(command)[1:], *quick)
    assert found.code == 0, found.err
    printed = (found.out + found.err).replace('"negative"', '"positive"').splitlines()
    without_figures = [_NUMBER.sub("#", line.rstrip()) for line in printed]
    wanted = [_NUMBER.sub("#", line) for line in shown if line != _ELIDED]
    places = [next(at for at, line in enumerate(without_figures) if line.startswith(start)) for start in wanted]
    assert places == sorted(places)
    if shown[0] != _ELIDED:
        assert places[0] == 0
    if shown[-1] != _ELIDED and name != "verify":
        assert places[-1] == len(printed) - 1


def test_the_lines_of_the_demo_are_those_of_compress() -> None:
    """A failure would leave the one example that the tests cannot run behind the times."""
    _, demo = _example("demo")
    _, compress = _example("compress")
    assert [line.replace("limbeck-demo", "runs/a") for line in demo[1:]] == compress[-2:]


@pytest.mark.parametrize("name", [*sorted(COMMANDS), None])
def test_help_fits_a_terminal_and_says_nothing_on_stderr(name: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would break the example into pieces that nobody can copy."""
    monkeypatch.setenv("COLUMNS", "80")
    found = limbeck(*([] if name is None else [name]), "--help")
    assert (found.code, found.err) == (0, "")
    if name is not None:
        command, shown = _example(name)
        lines = [line.strip() for line in found.out.splitlines()]
        for line in (f"Example: {command}", *shown):
            assert line in lines
        assert limbeck(name, "-h").out == found.out
    else:
        for command in COMMANDS:
            assert re.search(rf"^│ {command} ", found.out, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("compres",), "No such command 'compres'"),
        (("compress", "--data", "d", "--out", "o"), "Missing option '--teacher'"),
        (("verify", "--verify.threads", "1", "--data", "d"), "Missing argument 'ARTIFACT'."),
        (("predict", "a", "--threads", "-1"), "Invalid value for '--threads'"),
    ],
)
def test_a_slip_in_the_command_is_told_in_two_lines(words: tuple[str, ...], told: str) -> None:
    """A failure would show a stack trace, or a page of help, for a typing error."""
    found = limbeck(*words)
    assert (found.code, found.out) == (2, "")
    first, second = found.err.splitlines()
    assert first.startswith("error: ")
    assert told in first
    assert second == "hint:  `limbeck --help` lists the commands, `limbeck COMMAND --help` their options."
