"""Every command line in the documents is one that limbeck takes, and every option is told."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from limbeck.cli.app import app
from limbeck.recipe.knobs import known_keys

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
KEYS = {f"--{key}" for key, table in known_keys().items() if table is None}
LINES = sorted(
    {
        line
        for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for block in re.findall(r"^```bash\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if re.match(r"(\.venv/bin/)?limbeck ", line)
    }
    | {
        command
        for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        for command in re.findall(r"`(limbeck [a-z]+[^`]*)`", path.read_text("utf-8"))
    }
)


def _options(name: str) -> set[str]:
    return {option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("--")}


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_of_the_documents_is_taken(line: str) -> None:
    """An option that was renamed would live on in the guides, and fail in the hands of their readers."""
    _, name, *words = shlex.split(line, comments=True)
    if name.isupper():  # `limbeck COMMAND --help`
        return
    assert name in COMMANDS
    takes_keys = COMMANDS[name].context_settings.get("ignore_unknown_options", False)
    for word in words:
        if word.startswith("--") and word != "--help":
            assert word in _options(name) | (KEYS if takes_keys else set()), word


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_reference_tells_every_option(name: str) -> None:
    """An option that stands nowhere is one that nobody uses."""
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8")
    assert f"| `{name}` |" in reference
    for option in _options(name) - {"--help"}:
        row = re.search(rf"^\| `{option}` \| ([^|]*) \|", reference, re.MULTILINE)
        assert row, option
        told = row.group(1)
        assert name in told or (told.startswith("all but") and name not in told), option


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_help_ends_with_an_example(name: str) -> None:
    """Most people read the example and nothing else. tests/cli runs it, and compares what is said to come of it."""
    last = (COMMANDS[name].help or "").strip().split("\n\n")[-1].splitlines()
    assert last[0].startswith(f"[bold]Example:[/bold] limbeck {name}")
    assert len(last) > 1
