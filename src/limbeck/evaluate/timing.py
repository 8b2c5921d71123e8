"""How fast two sides answer the same texts on this machine, now: interleaved, so that a noisy machine is noisy to both.

A side timed after the other meets another machine: warmer, or throttled, or busy with something else. Here each round
times every side, the order turns around from round to round, and the spread between rounds is told with the result.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import DataError, RecipeError
from limbeck.evaluate.time_budget import Cost, Extent, affordable, spread_rows, usual
from limbeck.ground.progress import SILENT, Progress
from limbeck.records.speed import Latency, LatencyAt, Throughput
from limbeck.records.verdict import Timing

BATCH_SIZE = 32
LENGTH_CALLS = 20
"""How often a text of a chosen length is answered in one round."""
_WARM_UP_SHARE = 0.1
"""Of the seconds that timing may take, for the answers before it."""

Answer = Callable[[Sequence[str], Sequence[str] | None], object]


@dataclass(frozen=True)
class Side:
    """One model to be timed, from text to answer, tokenization included.

    Args:
        name: As in `Timing.name`: "artifact (int8)", "teacher (PyTorch float32)".
        answer: Takes texts and their second texts (or None) and comes back when all answers are there. It is called
            with one text, and with all of them, which it cuts into batches of at most `batch_size` as it likes.
        threads: Threads that it computes with.
        batch_size: Texts in a batch of a long call.
    """

    name: str
    answer: Answer
    threads: int
    batch_size: int = BATCH_SIZE


@dataclass(frozen=True)
class LengthText:
    """A text, or a pair, of so many tokens as the artifact's tokenizer counts them."""

    n_tokens: int
    text: str
    text_pair: str | None = None


def time_sides(
    sides: Sequence[Side],
    texts: Sequence[str],
    text_pairs: Sequence[str] | None = None,
    *,
    rounds: int,
    warm_up: int = 10,
    call_sizes: Sequence[int] = (),
    at_lengths: Sequence[LengthText] = (),
    seconds: float | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], float] = time.perf_counter,
    processor: Callable[[], float] = time.process_time,
) -> tuple[Timing, ...]:
    """Time every side on the same texts: one by one (latency), and all at once in batches (throughput).

    Args:
        sides: What to time, all with the same number of threads.
        texts: (n,) real texts; their lengths make the result.
        text_pairs: (n,) second texts, or None.
        rounds: Each round times every side once each way.
        warm_up: Texts that each side answers before the clock runs.
        call_sizes: Numbers of texts to hand over at once, besides one and all; a size above n is left out.
        at_lengths: Texts of chosen lengths, each answered by itself `LENGTH_CALLS` times a round.
        seconds: What timing may take, about; where all would take longer, all sides have fewer texts, evenly spread,
            and then fewer rounds. None: no matter how long. It needs a warm-up, which tells how quick the sides are.
        progress: Where to tell how far it is.
        clock: Seconds that only ever grow.
        processor: Seconds that this process had on any core.

    Returns: One timing a side, in the order given. Latency percentiles are over all calls of all rounds; throughput is
        the median of the rounds.

    Raises:
        DataError: No text.
        RecipeError: No round, or sides with unequal threads or unequal batches: their times would say nothing.
    """
    _check(sides, texts, rounds)
    sizes = [size for size in call_sizes if size <= len(texts)]
    watches = [_Watch(side, _Asked(texts, text_pairs, sizes, at_lengths), clock, processor) for side in sides]
    allowed = None if seconds is None else _WARM_UP_SHARE * seconds / len(sides)
    costs = [watch.warm_up(warm_up, seconds=allowed) for watch in watches]
    extent = wanted = Extent(len(texts), rounds, LENGTH_CALLS)
    if seconds is not None and warm_up:
        extent = affordable(wanted, sum(costs, Cost(0.0)), seconds=seconds)
    for watch in watches:
        watch.narrow(extent)
    n_passes = 2 + len(watches[0].asked.sizes) + len(at_lengths)
    n_all = n_passes * extent.rounds * len(sides)
    with _what_is_there_kept(), progress.bar("latency and throughput", total=n_all, unit="passes") as bar:
        for round_index in range(extent.rounds):
            for watch in watches if round_index % 2 == 0 else reversed(watches):
                for timed in watch.passes():
                    with _no_garbage_collection():
                        timed()
                    bar.advance(note=watch.side.name)
    return tuple(
        replace(watch.summed_up(), n_texts=extent.texts, n_rounds=extent.rounds, is_shortened=extent != wanted)
        for watch in watches
    )


@dataclass(frozen=True)
class _Asked:
    """What every side is asked."""

    texts: Sequence[str]
    text_pairs: Sequence[str] | None
    sizes: Sequence[int]
    at_lengths: Sequence[LengthText]
    length_calls: int = LENGTH_CALLS


class _Watch:
    """One side, and the times it took."""

    def __init__(self, side: Side, asked: _Asked, clock: Callable[[], float], processor: Callable[[], float]) -> None:
        self.side, self.asked, self._clock, self._processor = side, asked, clock, processor
        self._single: list[float] = []
        self._rates: list[float] = []
        self._rates_of: dict[int, list[float]] = {}
        self._at: dict[int, list[float]] = {one.n_tokens: [] for one in asked.at_lengths}
        self._had = 0.0

    def warm_up(self, n: int, *, seconds: float | None = None) -> Cost:
        """Answers that are no part of a timing, but tell about what it will take.

        Args:
            n: Texts, one by one; as many lengths and a large call follow. None at all where it is 0.
            seconds: What this may take, about; a first and a second answer are given in any case.
        """
        if not n:
            return Cost(0.0)
        began, singles = self._clock(), []
        for index in range(min(n, len(self.asked.texts))):
            singles.append(self._seconds_of(lambda index=index: self._answer(index, index + 1)))  # type: ignore[misc]
            if seconds is not None and index and self._clock() - began > seconds / 2:
                break
        single = usual(singles)
        n_together = 2 * self.side.batch_size
        if seconds is not None:
            n_together = max(1, min(n_together, int(seconds / max(single, 1e-9))))
        n_together = min(n_together, len(self.asked.texts))
        together = self._seconds_of(lambda: self._answer(0, n_together)) / n_together
        lengths = [self._seconds_of(lambda one=one: self._answer_length(one)) for one in self.asked.at_lengths]  # type: ignore[misc]
        return Cost(single + (1 + len(self.asked.sizes)) * together, sum(lengths))

    def narrow(self, extent: Extent) -> None:
        """Ask no more than this."""
        texts, pairs = self.asked.texts, self.asked.text_pairs
        if extent.texts < len(texts):
            rows = spread_rows(len(texts), extent.texts)
            texts, pairs = [texts[row] for row in rows], None if pairs is None else [pairs[row] for row in rows]
        sizes = [size for size in self.asked.sizes if size <= len(texts)]
        self.asked = _Asked(texts, pairs, sizes, self.asked.at_lengths, extent.length_calls)
        self._rates_of = {size: [] for size in sizes}

    def passes(self) -> Iterator[Callable[[], None]]:
        """What a round does, one after the other."""
        yield self._one_by_one
        yield lambda: self._rates.append(self._rate(len(self.asked.texts)))
        for size in self.asked.sizes:
            yield lambda size=size: self._rates_of[size].append(self._rate(size))  # type: ignore[misc]
        for one in self.asked.at_lengths:
            yield lambda one=one: self._at[one.n_tokens].extend(self._times_of(one))  # type: ignore[misc]

    def summed_up(self) -> Timing:
        """The percentiles and medians of all rounds."""
        return Timing(
            name=self.side.name,
            batch_1=latency_of(self._single),
            texts_per_second_batch_32=float(np.median(self._rates)),
            spread=_spread(self._rates),
            threads=self.side.threads,
            processor_share=min(1.0, self._had / sum(self._single)),
            throughputs=tuple(
                Throughput(size, float(np.median(rates)), _spread(rates)) for size, rates in self._rates_of.items()
            ),
            at_lengths=tuple(LatencyAt(n_tokens, latency_of(times)) for n_tokens, times in self._at.items()),
        )

    def _one_by_one(self) -> None:
        before = self._processor()
        for index in range(len(self.asked.texts)):
            start = self._clock()
            self._answer(index, index + 1)
            self._single.append(self._clock() - start)
        self._had += self._processor() - before

    def _rate(self, texts_per_call: int) -> float:
        n = len(self.asked.texts)
        start = self._clock()
        for at in range(0, n, texts_per_call):
            self._answer(at, at + texts_per_call)
        return n / (self._clock() - start)

    def _times_of(self, one: LengthText) -> Iterator[float]:
        for _ in range(self.asked.length_calls):
            yield self._seconds_of(lambda: self._answer_length(one))

    def _seconds_of(self, work: Callable[[], None]) -> float:
        start = self._clock()
        work()
        return self._clock() - start

    def _answer(self, start: int, stop: int) -> None:
        pairs = self.asked.text_pairs
        self.side.answer(self.asked.texts[start:stop], None if pairs is None else pairs[start:stop])

    def _answer_length(self, one: LengthText) -> None:
        self.side.answer([one.text], None if one.text_pair is None else [one.text_pair])


def latency_of(seconds: Sequence[float] | NDArray[np.float64]) -> Latency:
    """The percentiles of calls.

    Args:
        seconds: (calls,) what each took.
    """
    p50, p95, p99 = 1000 * np.percentile(seconds, [50, 95, 99])
    return Latency(p50_ms=float(p50), p95_ms=float(p95), p99_ms=float(p99), n=len(seconds))


def _spread(values: Sequence[float]) -> float:
    return float((max(values) - min(values)) / np.median(values))


@contextmanager
def _what_is_there_kept() -> Iterator[None]:
    """All objects that are there now are left out of what looks for garbage: it would take longer than a short pass."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _check(sides: Sequence[Side], texts: Sequence[str], rounds: int) -> None:
    if not texts:
        raise DataError("There is no text to time on.", hint="Give at least one held-out text.")
    if rounds < 1:
        raise RecipeError(f"Timing needs at least 1 round, got {rounds}.", hint="Set verify.timing_rounds to 3.")
    for what, key, values in (
        ("threads", "verify.threads", [side.threads for side in sides]),
        ("batch size", "the batch size of each side", [side.batch_size for side in sides]),
    ):
        if len(set(values)) > 1:
            told = ", ".join(f"{side.name} has {value}" for side, value in zip(sides, values, strict=True))
            raise RecipeError(
                f"Sides are timed against each other with equal {what} only, but {told}.",
                hint=f"Give {key} the same value for every side.",
            )
