"""`limbeck`: the way in, its errors and exit codes (0 fine, 1 the verdict is no, 2 bad input)."""

import sys
from io import TextIOWrapper
from typing import NoReturn

from limbeck.cli import alone
from limbeck.errors import LimbeckError


def run() -> NoReturn:
    """Run the command line; every fault of the input becomes one message on stderr and exit code 2."""
    if isinstance(sys.stdout, TextIOWrapper):  # elsewhere than on a terminal some systems take another encoding
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        code = _work()
    except LimbeckError as error:
        _tell(error.message, error.hint)
        code = 2
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The same command goes on from here.\n")
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    sys.exit(code)


def _work() -> int:
    what = alone.handed_over()
    if what is not None:
        alone.serve(what)
        return 0
    from limbeck.cli.app import command

    return command()


def _tell(message: str, hint: str) -> None:
    from limbeck.cli.console import stderr

    stderr.print("[bold red]error:[/bold red] ", end="")
    stderr.print(message, markup=False)
    stderr.print("[bold]hint:[/bold]  ", end="")
    stderr.print(hint, markup=False)
