"""The command line as tests run it: in this process with its arguments, its streams read apart."""

import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

_SECONDS = re.compile(r"^ +\d+ s  ", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What a command left.

    Args:
        code: Its exit code.
        out: What it wrote to stdout.
        err: What it wrote to stderr, without the seconds in front of its sentences.
    """

    code: int
    out: str
    err: str


def limbeck(*arguments: object, stdin: bytes = b"") -> Outcome:
    """Run `limbeck` with these arguments, through the function that the console script calls."""
    from limbeck.cli.main import run

    out, err = io.StringIO(), io.StringIO()
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    with _standing_in(argv=["limbeck", *map(str, arguments)], stdin=given, stdout=out, stderr=err):
        try:
            run()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Outcome(code, out.getvalue(), _SECONDS.sub("", err.getvalue()))


def refusal(message: str, hint: str, *, after: Sequence[str] = ()) -> str:
    """All of stderr when an input is refused, after these sentences."""
    return "".join(f"{sentence}\n" for sentence in after) + f"error: {message}\nhint:  {hint}\n"


@contextmanager
def _standing_in(**attributes: object) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in attributes.items():
            patch.setattr(sys, name, value)
        yield
