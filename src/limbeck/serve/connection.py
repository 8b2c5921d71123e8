"""One connection: what a request's head may weigh, and how long a client may keep it without a word or a byte taken.

uvicorn bounds neither, and both come before any route, token or limit: a head without an end fills the memory, and
whoever says nothing, or reads nothing of its answer, keeps a connection for ever, also from a server that would stop.
"""

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from limbeck.serve.refusals import RefusedError
from limbeck.serve.settings import Limits

_STOPPING_SECONDS = 5.0


class Connection(HttpToolsProtocol):
    """A connection that is looked at now and then; what two looks in a row find waiting for its client is ended.

    Args:
        limits: Of heads, and how often it is looked at.
        uvicorn: What uvicorn gives a connection.
    """

    def __init__(self, *, limits: Limits, **uvicorn: Any) -> None:  # noqa: ANN401  (uvicorn's own)
        super().__init__(**uvicorn)
        self._limits = limits
        self._seconds = limits.idle_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._n_heads = self._n_head_bytes = 0
        self._in_head = False
        self._before: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to look."""
        super().connection_made(transport)
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; of a head that goes on from the last time it is counted."""
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._n_head_bytes += len(data)
            if self._n_head_bytes > self._limits.head_bytes:
                self._refuse(431, f"The head of the request has more than {self._limits.head_bytes} bytes.")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._n_heads += 1
        self._n_head_bytes, self._in_head = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head ends."""
        self._in_head = False
        super().on_headers_complete()

    def shutdown(self) -> None:
        """End once what is under way is answered, and look more often whether the client takes it."""
        super().shutdown()
        self._seconds = min(self._seconds, _STOPPING_SECONDS)
        self._look_later()

    def _look_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(self._seconds, self._look)

    def _look(self) -> None:
        before, self._before = self._before, self._waits_for()
        self._look_later()
        if before is None or self._before is None or before[0] != self._before[0]:
            return
        (what, now), then = self._before, before[1]
        if what == "unread" and now >= then:
            self.transport.abort()
        elif what == "head" and now == then:
            self._refuse(408, f"The head of the request did not come within {self._seconds:g} seconds.")
        elif what == "rest" and now == then:
            self.transport.close()

    def _waits_for(self) -> tuple[str, int] | None:
        """What the client owes, and what would be another number had it moved; None where it owes nothing."""
        if unsent := self.transport.get_write_buffer_size():
            return "unread", unsent
        if self.transport.is_closing():
            return None
        has_asked = self._n_heads > self._in_head
        if has_asked and not self.cycle.response_complete:
            return None  # the server is at work, and looks itself after the body
        if self._in_head or not has_asked:
            return "head", self._n_heads
        return ("rest", self._n_heads) if self.cycle.more_body else None

    def _refuse(self, status: int, message: str) -> None:
        self.logger.warning(message)
        content = orjson.dumps(RefusedError(status, message).body(openai=False))
        told = [
            STATUS_LINE[status],
            b"content-type: application/json\r\n",
            b"content-length: %d\r\n" % len(content),
            b"connection: close\r\n\r\n",
            content,
        ]
        self.transport.write(b"".join(told))
        self.transport.close()
