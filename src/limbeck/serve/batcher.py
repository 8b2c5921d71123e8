"""Batches of whoever asks at once: rows wait by length, and workers take what fits together.

    handler --submit--> waiting rows --take--> worker thread: one batch --deliver--> handler

A worker takes the row that came first and its nearest neighbours in length, as many as are worth their padding, up to
the bounds of a batch. So nobody waits for ever, and almost nothing is padding. What waits is bounded in tokens; more is
refused at once.
"""

import asyncio
import math
import threading
import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from limbeck.runtime.asked import Asked
from limbeck.runtime.asked import Row as EncodedRow
from limbeck.serve.refusals import overloaded, too_large

_REMEMBERED = 0.2
"""Share of the last batch in the running speed."""
_LONGEST_RETRY = 60
_CALL_TOKENS = 32
"""What a batch costs besides its tokens, in tokens: calling the engine, answering (docs/lab-log.md)."""

Values = NDArray[np.float32]


class Computes(Protocol):
    """What computes batches: a model of the runtime."""

    def compute(self, rows: Sequence[EncodedRow]) -> list[Values]:
        """See `limbeck.runtime.Model.compute`."""


class Watches(Protocol):
    """Who is told of batches; called from any thread."""

    def batch(self, *, texts: int, tokens: int, padded: int, seconds: float, waited: Sequence[float]) -> None:
        """One batch was computed.

        Args:
            texts: Its rows.
            tokens: Its tokens.
            padded: Rows x longest row.
            seconds: That it took.
            waited: (rows,) seconds that each had waited.
        """


@dataclass(frozen=True)
class Bounds:
    """What a batch may hold, and what may wait.

    Args:
        batch_tokens: Rows x longest row of a batch.
        batch_texts: Rows of a batch.
        queue_tokens: Of all rows that wait.
        max_wait: Seconds that a row may wait for others.
    """

    batch_tokens: int
    batch_texts: int
    queue_tokens: int
    max_wait: float = 0.0


class Work:
    """One request's rows, on their way.

    Args:
        asked: What is to be computed.
        loop: Where `done` is waited for.
    """

    __slots__ = ("_n_left", "_values", "asked", "came", "done", "is_dropped", "loop")

    def __init__(self, asked: Asked, *, loop: asyncio.AbstractEventLoop) -> None:
        self.asked = asked
        self.loop = loop
        self.done: asyncio.Future[Values] = loop.create_future()
        self.came = time.monotonic()
        self.is_dropped = False
        self._n_left = len(asked.encoded.ids)
        self._values: Values | None = None

    def take(self, row: int, values: Values) -> None:
        """Take in what was computed of a row; on the loop."""
        encoded = self.asked.encoded
        if self._values is None:
            self._values = np.empty((encoded.n_answers, values.shape[1]), np.float32)
        if encoded.reading is None:
            self._values[row] = values[0]
        else:
            self._values[encoded.answers_of((row,))] = values
        self._n_left -= 1
        if self._n_left == 0 and not self.done.done():
            self.done.set_result(self._values)

    def fail(self, error: BaseException) -> None:
        """Take in that a batch could not be computed; on the loop."""
        self.is_dropped = True
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(slots=True, eq=False)
class Waiting:
    """A row that waits: in the order of length, then of arrival."""

    length: int
    number: int
    work: Work
    row: int


class Batcher:
    """What waits for one model, and the threads that compute it.

    Args:
        model: Computes; from several threads at once, if there are several workers.
        bounds: Of batches and of what waits.
        workers: Threads.
        watch: Who is told.
        name: Of the model, for the threads' names.
    """

    def __init__(self, model: Computes, *, bounds: Bounds, workers: int, watch: Watches, name: str) -> None:
        self._model = model
        self._bounds = bounds
        self._watch = watch
        self._changed = threading.Condition()
        self._by_length: list[Waiting] = []
        self._by_arrival: deque[Waiting] = deque()
        self._taken: set[int] = set()
        self._tokens = 0
        self._number = 0
        self._is_closed = False
        self._tokens_a_second = 0.0
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{index}", daemon=True) for index in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether every worker runs."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def waiting(self) -> tuple[int, int]:
        """Texts and tokens that wait."""
        return len(self._by_length), self._tokens

    def submit(self, asked: Asked) -> Work:
        """Put a request's rows where workers find them; on the loop, and at once.

        Raises:
            RefusedError: It is too large for any queue, or the queue is too full for it now.
        """
        work = Work(asked, loop=asyncio.get_running_loop())
        lengths = asked.encoded.lengths
        n_tokens = sum(lengths)
        if n_tokens > self._bounds.queue_tokens:
            raise too_large(
                f"The texts have {n_tokens} tokens together, and one request may have {self._bounds.queue_tokens}. "
                "Send fewer at once."
            )
        with self._changed:
            if self._tokens + n_tokens > self._bounds.queue_tokens:
                raise overloaded("Model is overloaded: too many tokens wait.", retry_seconds=self._retry_seconds())
            for row, length in enumerate(lengths):
                self._number += 1
                one = Waiting(length, self._number, work, row)
                insort(self._by_length, one, key=_place)
                self._by_arrival.append(one)
            self._tokens += n_tokens
            self._changed.notify(len(self._threads))
        return work

    def drop(self, work: Work) -> None:
        """Forget a request whose client is gone; what of it is being computed is computed in vain."""
        with self._changed:
            work.is_dropped = True
            for one in [one for one in self._by_length if one.work is work]:
                self._remove(one)

    def close(self) -> None:
        """Let the workers end once nothing waits any more; returns at once."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait for the workers to end."""
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while batch := self._next():
            started = time.monotonic()
            rows = [(one.work.asked.encoded, one.row) for one in batch]
            try:
                found = self._model.compute(rows)
            except Exception as error:  # noqa: BLE001  (told to whoever asked; the next batch may well succeed)
                for work in {id(one.work): one.work for one in batch}.values():
                    _on_loop(work.loop, work.fail, error)
                continue
            seconds = time.monotonic() - started
            _on_loop(batch[0].work.loop, _deliver, batch, found)
            self._told(batch, started=started, seconds=seconds)

    def _told(self, batch: list[Waiting], *, started: float, seconds: float) -> None:
        lengths = [one.length for one in batch]
        speed = sum(lengths) / max(seconds, 1e-9)
        before = self._tokens_a_second or speed
        self._tokens_a_second = before + _REMEMBERED * (speed - before)
        self._watch.batch(
            texts=len(batch),
            tokens=sum(lengths),
            padded=len(batch) * max(lengths),
            seconds=seconds,
            waited=[started - one.work.came for one in batch],
        )

    def _next(self) -> list[Waiting]:
        """The next batch, once there is one; nothing when all is done."""
        with self._changed:
            while True:
                while not self._by_length and not self._is_closed:
                    self._changed.wait()
                if not self._by_length:
                    return []
                left = self._first().work.came + self._bounds.max_wait - time.monotonic()
                if self._is_closed or left <= 0 or self._is_full():
                    break
                self._changed.wait(left)
            batch = self._neighbours(self._first())
            for one in batch:
                self._remove(one)
        return batch

    def _first(self) -> Waiting:
        while self._by_arrival[0].number in self._taken:
            self._taken.discard(self._by_arrival.popleft().number)
        return self._by_arrival[0]

    def _is_full(self) -> bool:
        return len(self._by_length) >= self._bounds.batch_texts or self._tokens >= self._bounds.batch_tokens

    def _neighbours(self, first: Waiting) -> list[Waiting]:
        """A row and those nearest to it in length; the first may be too long for a batch.

        Of the batches that grow around it, up to what one may hold, the one whose tokens cost least: more rows share
        the cost of a call, and are padded further.
        """
        start = bisect_left(self._by_length, _place(first), key=_place)
        stop = start + 1
        longest = n_tokens = first.length
        best, rows = _worth(n_tokens, padded=longest), slice(start, stop)
        while stop - start < self._bounds.batch_texts:
            shorter = self._by_length[start - 1].length if start > 0 else None
            longer = self._by_length[stop].length if stop < len(self._by_length) else None
            n_texts = stop - start + 1
            if longer is not None and n_texts * longer > self._bounds.batch_tokens:
                longer = None
            if shorter is not None and n_texts * longest > self._bounds.batch_tokens:
                shorter = None
            if shorter is not None and (longer is None or first.length - shorter <= longer - first.length):
                start, n_tokens = start - 1, n_tokens + shorter
            elif longer is not None:
                stop, n_tokens, longest = stop + 1, n_tokens + longer, longer
            else:
                break
            worth = _worth(n_tokens, padded=n_texts * longest)
            if worth >= best:
                best, rows = worth, slice(start, stop)
        return self._by_length[rows]

    def _remove(self, one: Waiting) -> None:
        del self._by_length[bisect_left(self._by_length, _place(one), key=_place)]
        self._taken.add(one.number)
        self._tokens -= one.length
        if not self._by_length:
            self._by_arrival.clear()
            self._taken.clear()

    def _retry_seconds(self) -> int:
        """When what waits now will be done."""
        if not self._tokens_a_second:
            return 1
        return max(1, min(_LONGEST_RETRY, math.ceil(self._tokens / self._tokens_a_second / len(self._threads))))


def _worth(n_tokens: int, *, padded: int) -> float:
    """Tokens of texts for each that is paid for."""
    return n_tokens / (_CALL_TOKENS + padded)


def _place(one: Waiting) -> tuple[int, int]:
    return one.length, one.number


def _deliver(batch: list[Waiting], found: list[Values]) -> None:
    for one, values in zip(batch, found, strict=True):
        one.work.take(one.row, values)


def _on_loop(loop: asyncio.AbstractEventLoop, call: object, *arguments: object) -> None:
    """Call on a loop, unless it has ended: then nobody waits any more."""
    try:
        loop.call_soon_threadsafe(call, *arguments)  # type: ignore[arg-type]
    except RuntimeError:
        if not loop.is_closed():
            raise
