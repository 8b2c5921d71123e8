"""How fast two sides answer the same texts on this machine, now: interleaved, so that a noisy machine is noisy to both.

A side timed after the other meets another machine: warmer, or throttled, or busy with something else. Here each round
times every side, the order turns around from round to round, and the spread between rounds is told with the result.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from limbeck.errors import DataError, RecipeError
from limbeck.progress import SILENT, Progress
from limbeck.records import Latency, Timing

BATCH_SIZE = 32

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


def time_sides(
    sides: Sequence[Side],
    texts: Sequence[str],
    text_pairs: Sequence[str] | None = None,
    *,
    rounds: int,
    warm_up: int = 10,
    progress: Progress = SILENT,
    clock: Callable[[], float] = time.perf_counter,
    processor: Callable[[], float] = time.process_time,
) -> tuple[Timing, ...]:
    """Time every side on the same texts: one by one (latency), and all at once in batches (throughput).

    Args:
        sides: What to time, all with the same number of threads.
        texts: (n,) real texts; their lengths make the result.
        text_pairs: (n,) second texts, or None.
        rounds: Each round times every side once both ways.
        warm_up: Texts that each side answers before the clock runs.
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
    for side in sides:
        for index in range(min(warm_up, len(texts))):
            _answer_one(side, texts, text_pairs, index)
        if warm_up:
            _answer_all(side, texts[: 2 * side.batch_size], text_pairs and text_pairs[: 2 * side.batch_size])
    latencies: list[list[float]] = [[] for _ in sides]
    throughputs: list[list[float]] = [[] for _ in sides]
    had = [0.0 for _ in sides]
    with progress.bar("latency and throughput", total=2 * rounds * len(sides), unit="passes") as bar:
        for round_index in range(rounds):
            order = range(len(sides)) if round_index % 2 == 0 else reversed(range(len(sides)))
            for at in order:
                side = sides[at]
                with _no_garbage_collection():
                    before = processor()
                    for index in range(len(texts)):
                        start = clock()
                        _answer_one(side, texts, text_pairs, index)
                        latencies[at].append(clock() - start)
                    had[at] += processor() - before
                bar.advance(note=side.name)
                with _no_garbage_collection():
                    start = clock()
                    _answer_all(side, texts, text_pairs)
                    throughputs[at].append(len(texts) / (clock() - start))
                bar.advance(note=side.name)
    return tuple(
        _summed_up(side, latencies[at], throughputs[at], processor_seconds=had[at]) for at, side in enumerate(sides)
    )


def _answer_one(side: Side, texts: Sequence[str], text_pairs: Sequence[str] | None, index: int) -> None:
    side.answer(texts[index : index + 1], None if text_pairs is None else text_pairs[index : index + 1])


def _answer_all(side: Side, texts: Sequence[str], text_pairs: Sequence[str] | None) -> None:
    side.answer(texts, text_pairs)


def _summed_up(side: Side, seconds: list[float], rates: list[float], *, processor_seconds: float) -> Timing:
    p50, p99 = 1000 * np.percentile(seconds, [50, 99])
    median = float(np.median(rates))
    return Timing(
        name=side.name,
        batch_1=Latency(p50_ms=float(p50), p99_ms=float(p99), n=len(seconds)),
        texts_per_second_batch_32=median,
        spread=(max(rates) - min(rates)) / median,
        threads=side.threads,
        processor_share=min(1.0, processor_seconds / sum(seconds)),
    )


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
