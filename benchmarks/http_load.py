"""A load of HTTP clients in one process, as light as Python allows: what the server is measured and tried with.

A client is one connection that sends a ready-made request, reads the answer and looks at it. In a closed loop each
sends the next request at once; in an open one requests come at random moments (a Poisson process) whatever has been
answered, so that waiting shows, and the latency counts from the moment that a request was due.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_HEAD = "POST {path} HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
_RETRY_SECONDS = 0.05


def request(path: str, body: bytes) -> bytes:
    """A request as it goes over the wire."""
    return _HEAD.format(path=path, length=len(body)).encode() + body


@dataclass
class Outcome:
    """What came of a load.

    Args:
        answered: Requests with status 200 whose answer was right.
        wrong: With an answer that is not that of their texts, or with another status.
        refused: With 429.
        lost: That ended without an answer.
        extra: Answers to no request: duplicates.
        latencies: Seconds of each answered request.
        seconds: That the load took.
    """

    answered: int = 0
    wrong: int = 0
    refused: int = 0
    lost: int = 0
    extra: int = 0
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Load:
    """Requests, and how an answer is looked at.

    Args:
        address: Host and port.
        requests: In turn, from a random one on.
        is_right: Of the index of a request and its answer's body.
        keep_latencies: Whether `Outcome.latencies` are filled.
        outcome: So far.
        is_over: Set to end a closed loop before its time.
    """

    address: tuple[str, int]
    requests: Sequence[bytes]
    is_right: Callable[[int, bytes], bool]
    keep_latencies: bool = True
    outcome: Outcome = field(default_factory=Outcome)
    is_over: bool = False

    async def closed(self, *, clients: int, seconds: float) -> Outcome:
        """Every client sends its next request as soon as it has an answer."""
        began = time.perf_counter()
        end = began + seconds
        await asyncio.gather(*[self._client_until(end, random.Random(number)) for number in range(clients)])
        self.outcome.seconds = time.perf_counter() - began
        return self.outcome

    async def open(self, *, clients: int, seconds: float, rate: float, seed: int = 0) -> Outcome:
        """Requests come at random, `rate` a second in the mean; each takes the first client that is free."""
        draw = random.Random(seed)
        due: deque[float] = deque()
        came = asyncio.Semaphore(0)
        began = time.perf_counter()
        end = began + seconds

        async def come() -> None:
            moment = began
            while (moment := moment + draw.expovariate(rate)) < end:
                if (wait := moment - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                due.append(moment)
                came.release()
            for _ in range(clients):
                came.release()

        async def serve(number: int) -> None:
            wire = _Wire(self, random.Random(number))
            while True:
                await came.acquire()
                if not due:
                    break
                await wire.one(due.popleft())
            wire.close()

        await asyncio.gather(come(), *[serve(number) for number in range(clients)])
        self.outcome.seconds = time.perf_counter() - began
        return self.outcome

    async def _client_until(self, end: float, draw: random.Random) -> None:
        wire = _Wire(self, draw)
        while (now := time.perf_counter()) < end and not self.is_over:
            if not await wire.one(now):
                await asyncio.sleep(_RETRY_SECONDS)
        wire.close()


class _Wire:
    """One connection, made anew where it ended."""

    def __init__(self, load: Load, draw: random.Random) -> None:
        self._load = load
        self._draw = draw
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def one(self, due: float) -> bool:
        """Send one request and look at its answer; False where it was refused or lost."""
        load = self._load
        index = self._draw.randrange(len(load.requests))
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection(*load.address)
        except OSError:
            return False  # nothing was asked
        reader, writer = self._reader, self._writer
        assert reader is not None
        try:
            if reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001  (an answer that nobody asked for)
                load.outcome.extra += 1
            writer.write(load.requests[index])
            head = await reader.readuntil(b"\r\n\r\n")
            lowered = head.lower()
            start = lowered.index(b"content-length:") + 15
            body = await reader.readexactly(int(head[start : lowered.index(b"\r", start)]))
        except (OSError, asyncio.IncompleteReadError):
            load.outcome.lost += 1
            self.close()
            return False
        status = head[9:12]
        if b"\nconnection: close" in lowered:
            self.close()
        if status == b"429":
            load.outcome.refused += 1
            return False
        if status == b"200" and load.is_right(index, body):
            load.outcome.answered += 1
            if load.keep_latencies:
                load.outcome.latencies.append(time.perf_counter() - due)
        else:
            load.outcome.wrong += 1
        return True

    def close(self) -> None:
        """Leave."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
