"""Doubles of `Progress`: one that writes down what it is told and can break off the work at any moment."""

from types import TracebackType
from typing import Self


class Interrupted(Exception):  # noqa: N818  (what happened, not what is wrong)
    """Stands for a kill: nothing in limbeck catches it."""


class Events:
    """Writes down sentences and bars; raises `Interrupted` at one event.

    Args:
        interrupt_at: Number of the event to break off at, from 1; None never does. Events are sentences and advances.
        interrupt_in: Break off at the first advance of the bar of this name, or at the sentence that begins so.
        after: With `interrupt_in`: how many advances of that bar go well before.
    """

    def __init__(self, interrupt_at: int | None = None, *, interrupt_in: str | None = None, after: int = 0) -> None:
        self.sentences: list[str] = []
        self._bars: list[_Bar] = []
        self._interrupt_at, self._interrupt_in, self._after = interrupt_at, interrupt_in, after
        self._n_events = 0

    @property
    def bars(self) -> list[tuple[str, int, str, int, int]]:
        """Of each bar: what, total, unit, done before, advanced."""
        return [(bar.what, bar.total, bar.unit, bar.done, bar.advanced) for bar in self._bars]

    def say(self, sentence: str) -> None:
        """Write down a sentence."""
        self.sentences.append(sentence)
        self.happened()
        if self._interrupt_in is not None and sentence.startswith(self._interrupt_in):
            raise Interrupted(sentence)

    def bar(self, what: str, *, total: int, unit: str, done: int = 0) -> "_Bar":
        """Write down a bar."""
        self._bars.append(_Bar(self, what, total, unit, done))
        return self._bars[-1]

    def happened(self) -> None:
        """Count an event."""
        self._n_events += 1
        if self._n_events == self._interrupt_at:
            raise Interrupted(str(self._n_events))

    def advanced(self, bar: "_Bar") -> None:
        """Count an advance of a bar."""
        self.happened()
        if bar.what == self._interrupt_in and bar.n_advances > self._after:
            raise Interrupted(bar.what)


class _Bar:
    def __init__(self, events: Events, what: str, total: int, unit: str, done: int) -> None:
        self.what, self.total, self.unit, self.done = what, total, unit, done
        self.advanced = self.n_advances = 0
        self.notes: list[str] = []
        self._events = events

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        self.advanced += amount
        self.n_advances += 1
        self.notes.append(note)
        self._events.advanced(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
