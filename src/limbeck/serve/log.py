"""What a server tells of itself: a JSON object a line, on stderr."""

import datetime as dt
import json
import logging
import sys
from typing import Any, Literal, TextIO

Level = Literal["info", "warning", "error"]


class Log:
    """Writes events.

    Args:
        stream: Where to; None is stderr, as it is at the time of each line.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def tell(self, event: str, *, level: Level = "info", **about: Any) -> None:  # noqa: ANN401  (what JSON can hold)
        """One line: when, how grave, what, and about what."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        row = {"time": now.replace("+00:00", "Z"), "level": level, "event": event, **about}
        print(json.dumps(row, ensure_ascii=False, default=str), file=self._stream or sys.stderr, flush=True)


class LogHandler(logging.Handler):
    """What other libraries log, warnings and worse, as events of ours.

    Args:
        log: Where to.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one record."""
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        about = {"traceback": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        self._log.tell(record.getMessage(), level=level, logger=record.name, **about)
