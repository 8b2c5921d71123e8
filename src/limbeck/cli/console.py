"""What people see while limbeck works: sentences and bars on stderr, plain lines where it is no terminal."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from limbeck.ground import wording

_LINE_SECONDS = 10.0

stderr = Console(stderr=True, highlight=False, soft_wrap=True)
stdout = Console(highlight=False, soft_wrap=True)


class ConsoleProgress:
    """`limbeck.ground.progress.Progress` on stderr."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def say(self, sentence: str) -> None:
        """One line, with the seconds since the command began."""
        # escaped: labels, columns and paths may hold brackets
        stderr.print(f"[dim]{time.monotonic() - self._start:5.0f} s[/dim]  {escape(sentence)}", markup=True)

    def bar(self, what: str, *, total: int | None, unit: str, done: int = 0) -> "_TerminalBar | _LineBar":
        """A moving bar on a terminal; elsewhere a line every ten seconds."""
        if stderr.is_terminal:
            return _TerminalBar(what, total=total, unit=unit, done=done)
        return _LineBar(what, total=total, unit=unit, done=done)


class _TerminalBar:
    def __init__(self, what: str, *, total: int | None, unit: str, done: int) -> None:
        self._what, self._total, self._unit, self._done = what, total, unit, done
        self._progress = Progress(
            TextColumn("         {task.description}"),
            BarColumn(bar_width=24),
            TextColumn(
                "{task.completed:.0f}" + ("" if total is None else "/{task.total:.0f}") + " {task.fields[unit]}"
            ),
            TimeElapsedColumn(),
            TextColumn("[dim]left[/dim]"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}[/dim]"),
            console=stderr,
        )
        self._task: TaskID | None = None

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        assert self._task is not None
        if note:
            self._progress.update(self._task, advance=amount, note=note)
        else:
            self._progress.advance(self._task, amount)

    def __enter__(self) -> Self:
        self._progress.start()
        self._task = self._progress.add_task(
            self._what, total=self._total, completed=self._done, unit=self._unit, note=""
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


class _LineBar:
    def __init__(self, what: str, *, total: int | None, unit: str, done: int) -> None:
        self._what, self._total, self._unit = what, total, unit
        self._done, self._before, self._note = done, done, ""

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        self._done += amount
        self._note = note or self._note
        if time.monotonic() - self._told > _LINE_SECONDS:
            self._tell()

    def __enter__(self) -> Self:
        self._start = self._told = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and time.monotonic() - self._start > 1:
            self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        passed = self._told - self._start
        rate = (self._done - self._before) / passed if passed > 0 else 0.0
        n_left = 0 if self._total is None else self._total - self._done
        left = f", about {wording.duration(n_left / rate)} left" if rate and n_left > 0 else ""
        of = "" if self._total is None else f"/{self._total}"
        note = f", {self._note}" if self._note else ""
        stderr.print(
            f"         {self._what}: {self._done}{of} {self._unit} in {wording.duration(passed)}{left}{note}",
            markup=False,
        )


def silence_libraries() -> None:
    """Keep other libraries' remarks and bars off the user's screen; limbeck says what matters of them."""
    import os
    import warnings

    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
