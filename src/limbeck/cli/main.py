"""`limbeck`: the way in, its errors and exit codes.

0 fine, 1 the verdict is no, 2 bad input or a place that takes no more, 70 a fault of limbeck, 130 stopped by hand.
"""

import os
import sys
import traceback
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn

from limbeck.cli import alone
from limbeck.errors import LimbeckError

_OWN_FAULT = 70  # EX_SOFTWARE of sysexits.h: 1 would read as a verdict
_GO_ON = {"bench", "compress", "demo", "sweep", "teach"}
"""Commands that go on where they were stopped; `predict` does where it writes a file."""


def run() -> NoReturn:
    """Run the command line; every fault of the input becomes one message on stderr and exit code 2."""
    if isinstance(sys.stdout, TextIOWrapper):  # elsewhere than on a terminal some systems take another encoding
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        code = _work()
        sys.stdout.flush()
    except LimbeckError as error:
        _tell(error.message, error.hint)
        code = 2
    except KeyboardInterrupt:
        goes_on = _GO_ON & set(sys.argv[1:2]) or ("predict" in sys.argv[1:2] and "--out" in sys.argv)
        sys.stderr.write(f"\nStopped.{' The same command goes on from here.' if goes_on else ''}\n")
        code = 130
    except BrokenPipeError:
        _end_stdout()
        code = 0
    except OSError as error:
        _end_stdout()
        _tell(
            f"{error.filename or 'standard output'}: {error.strerror or error}.",
            "Mend what is told here, or give another path.",
        )
        code = 2
    except Exception:  # noqa: BLE001  (exit code 1 means that a verdict is no)
        traceback.print_exc()
        _tell("This is a fault of limbeck, not of what it was given.", "Tell its authors what stands above.")
        code = _OWN_FAULT
    sys.exit(code)


def _end_stdout() -> None:
    """Nobody takes what is left of it: Python would fail again at its end, with a code of its own."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
