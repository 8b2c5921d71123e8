"""What benchmarks share: flags that they are asked by, `limbeck` as a command, the page that tells what they found."""

import argparse
import subprocess
import sys
from pathlib import Path

from limbeck.ground import machine


def flags(description: str, *, name: str | None) -> argparse.ArgumentParser:
    """A parser that knows teacher, data, what to call the data, and where the page is written.

    Args:
        description: The docstring of the benchmark, of which the first line is shown.
        name: What the data is called where nobody says; None where it must be said.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--name", default=name, required=name is None, help="what to call the data in the table")
    parser.add_argument("--result", type=Path, help="Markdown file to write")
    return parser


def run_limbeck(*words: object) -> None:
    """Run `limbeck`; a verdict of no is an answer, any other fault ends the benchmark."""
    command = [Path(sys.executable).with_name("limbeck"), *words]
    code = subprocess.run(list(map(str, command)), check=False).returncode
    if code not in {0, 1}:
        raise SystemExit(code)


def origin(command: str, **versions: str | None) -> list[str]:
    """The last lines of a page: what gives it again, and on which machine it was made.

    Args:
        command: As one types it.
        versions: Of what the benchmark needs besides limbeck.
    """
    told = machine.describe() | versions
    return ["", f"Command: `{command}`", "", "Machine and versions:", "", *(f"- {key}: {told[key]}" for key in told)]


def tell(page: str, options: argparse.Namespace) -> None:
    """Print a page, and write it where `--result` says."""
    print(page)
    if options.result:
        options.result.write_text(page, encoding="utf-8")
