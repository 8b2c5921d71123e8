"""How long work tells that it goes on: a protocol, and the silent one.

The light rooms know only this protocol; the command line gives one that draws bars with the time left.
"""

from types import TracebackType
from typing import Protocol, Self


class Bar(Protocol):
    """One piece of work of a known size."""

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Tell that `amount` more units are done; `note` is a short word on how it goes."""

    def __enter__(self) -> Self:
        """Start drawing."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing, whatever happened."""


class Progress(Protocol):
    """Where stages tell what they do."""

    def say(self, sentence: str) -> None:
        """One line for the reader: a stage begins, or something was found."""

    def bar(self, what: str, *, total: int | None, unit: str, done: int = 0) -> Bar:
        """A bar for `total` units (None: nobody knows how many), of which `done` were done by an earlier run."""


class _SilentBar:
    def advance(self, amount: int = 1, *, note: str = "") -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _Silent:
    def say(self, sentence: str) -> None: ...

    def bar(self, what: str, *, total: int | None, unit: str, done: int = 0) -> Bar:
        return _SilentBar()


SILENT: Progress = _Silent()
