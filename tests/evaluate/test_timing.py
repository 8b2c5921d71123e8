"""Timing, on a clock that the test winds itself: what is timed, in which order, and how it is summed up."""

import gc
from collections.abc import Sequence
from typing import Self

import pytest

from limbeck.errors import DataError, RecipeError
from limbeck.evaluate.time_budget import Cost, Extent, affordable, spread_rows
from limbeck.evaluate.timing import LENGTH_CALLS, LengthText, Side, time_sides
from limbeck.ground.progress import SILENT
from limbeck.records.verdict import Timing


class Clock:
    """A clock that moves only when a side answers."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time now, in seconds."""
        return self.now


class Double:
    """A side that takes `seconds` a text (less in batches), and remembers how it was called."""

    def __init__(self, clock: Clock, name: str, seconds: Sequence[float], log: list[tuple[str, int]]) -> None:
        self.clock, self.name, self.seconds, self.log = clock, name, seconds, log
        self.pairs: list[Sequence[str] | None] = []
        self.collecting: list[bool] = []
        self.calls = 0

    def __call__(self, texts: Sequence[str], text_pairs: Sequence[str] | None) -> None:
        """Answer: move the clock, and remember the call."""
        self.log.append((self.name, len(texts)))
        self.pairs.append(text_pairs)
        self.collecting.append(gc.isenabled())
        self.clock.now += self.seconds[self.calls % len(self.seconds)] * (1 if len(texts) == 1 else len(texts) / 2)
        self.calls += 1


def test_latency_and_throughput_by_hand() -> None:
    """A unit or a percentile mixed up here would stand on the first line of every report.

    4 texts one by one, then all at once, twice. The fast side takes 10 ms for a text alone and 5 ms for one in a batch:
    200 texts a second. The slow side needs twice that in the first round and four times that in the second: 100 and 50
    texts a second have the median 75 and the spread 2/3.
    """
    clock, log = Clock(), []
    fast = Side("artifact (int8)", Double(clock, "artifact", [0.010], log), threads=2)
    slow = Side("teacher", Double(clock, "teacher", [0.020] * 5 + [0.040] * 5, log), threads=2)
    texts = ["a", "b", "c", "d"]
    artifact, teacher = time_sides([fast, slow], texts, rounds=2, warm_up=0, clock=clock)
    assert (artifact.name, artifact.threads, artifact.batch_1.n) == ("artifact (int8)", 2, 8)
    assert (artifact.batch_1.p50_ms, artifact.batch_1.p99_ms) == pytest.approx((10, 10))
    assert (artifact.texts_per_second_batch_32, artifact.spread) == pytest.approx((200, 0), abs=1e-6)
    # 4 calls of 20 ms and 4 of 40: the median lies half-way.
    assert (teacher.batch_1.p50_ms, teacher.batch_1.p99_ms) == pytest.approx((30, 40))
    assert (teacher.texts_per_second_batch_32, teacher.spread) == pytest.approx((75, 50 / 75))


def test_slowest_calls_make_p99() -> None:
    """A tail told too mildly would surprise whoever promises it to customers.

    100 calls of 1, 2, ... 100 ms: the 99th percentile lies on the line between the 99th and the 100th, at 99.01 ms.
    """
    clock, log = Clock(), []
    double = Double(clock, "artifact", [call / 1000 for call in range(1, 101)], log)
    (timing,) = time_sides([Side("artifact", double, threads=1)], ["a"] * 100, rounds=1, warm_up=0, clock=clock)
    assert (timing.batch_1.p50_ms, timing.batch_1.p99_ms) == pytest.approx((50.5, 99.01))


def test_calls_of_several_sizes_and_texts_of_several_lengths_by_hand() -> None:
    """A failure would tell the throughput of one batch size as that of another, or mix up lengths.

    5 texts by twos are calls of 2, 2 and 1: 10 ms for each text alone, 5 ms in company, so 0.030 s and 166.7 texts a
    second. A size of 8 is beyond 5 texts. The long text is answered 20 times a round, by itself.
    """
    clock, log = Clock(), []
    side = Side("artifact", Double(clock, "artifact", [0.010], log), threads=1)
    (timing,) = time_sides(
        [side],
        list("abcde"),
        rounds=2,
        warm_up=0,
        call_sizes=(2, 8),
        at_lengths=(LengthText(16, "x " * 14),),
        clock=clock,
    )
    (by_twos,) = timing.throughputs
    assert (by_twos.texts_per_call, by_twos.texts_per_second) == (2, pytest.approx(5 / 0.030))
    assert by_twos.spread == pytest.approx(0, abs=1e-6)
    (long,) = timing.at_lengths
    assert (long.n_tokens, long.latency.n, long.latency.p50_ms) == (16, 2 * LENGTH_CALLS, pytest.approx(10))
    assert timing.batch_1.n == 10
    one_round = [1] * 5 + [5] + [2, 2, 1] + [1] * LENGTH_CALLS
    assert [n for _, n in log] == one_round * 2


def test_rounds_are_interleaved_and_turn_around() -> None:
    """One side always timed on the warmer or the busier machine would win or lose by that alone."""
    clock, log = Clock(), []
    sides = [Side(name, Double(clock, name, [1.0], log), threads=1) for name in ("a", "b")]
    time_sides(sides, ["x", "y"], rounds=3, warm_up=0, clock=clock)
    one_pass = {name: [(name, 1), (name, 1), (name, 2)] for name in ("a", "b")}
    assert log == [*one_pass["a"], *one_pass["b"], *one_pass["b"], *one_pass["a"], *one_pass["a"], *one_pass["b"]]


def test_warm_up_is_not_timed() -> None:
    """The first calls load, plan and fill caches; timed, they would make p99 a figure about starting."""
    clock, log = Clock(), []
    double = Double(clock, "artifact", [9.0, 9.0, 9.0, 0.010, 0.010, 0.010, 0.010], log)
    (timing,) = time_sides([Side("artifact", double, threads=1)], ["a", "b", "c"], rounds=1, warm_up=2, clock=clock)
    assert log == [("artifact", 1), ("artifact", 1), ("artifact", 3)] + [("artifact", 1)] * 3 + [("artifact", 3)]
    assert (timing.batch_1.p50_ms, timing.batch_1.p99_ms, timing.batch_1.n) == (pytest.approx(10), pytest.approx(10), 3)


def test_pairs_reach_the_side() -> None:
    """Timing single texts in place of pairs would halve every latency of a pair task."""
    clock, log = Clock(), []
    double = Double(clock, "artifact", [1.0], log)
    time_sides([Side("artifact", double, threads=1)], ["a", "b"], ["c", "d"], rounds=1, warm_up=1, clock=clock)
    assert double.pairs == [["c"], ["c", "d"], ["c"], ["d"], ["c", "d"]]


@pytest.mark.parametrize("was_on", [True, False])
def test_garbage_collection_is_held_off_and_put_back(was_on: bool) -> None:
    """A collection within a timed call is noise; one left off afterwards would eat the user's memory."""
    clock, log = Clock(), []
    double = Double(clock, "artifact", [1.0], log)
    (gc.enable if was_on else gc.disable)()
    try:
        time_sides([Side("artifact", double, threads=1)], ["a"], rounds=2, warm_up=0, clock=clock)
        assert gc.isenabled() is was_on
    finally:
        gc.enable()
    assert double.collecting == [False] * 4


def test_progress_is_told() -> None:
    """Timing a slow teacher takes longer than two seconds; a silent terminal looks like a crash."""
    advanced: list[tuple[int, str]] = []

    class Bar:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *fault: object) -> None:
            pass

        def advance(self, amount: int = 1, *, note: str = "") -> None:
            advanced.append((amount, note))

    class Told(type(SILENT)):
        def bar(self, what: str, *, total: int, unit: str, done: int = 0) -> Bar:
            assert (what, total, unit, done) == ("latency and throughput", 4, "passes", 0)
            return Bar()

    clock, log = Clock(), []
    time_sides(
        [Side("artifact", Double(clock, "artifact", [1.0], log), threads=1)],
        ["a"],
        rounds=2,
        progress=Told(),
        clock=clock,
    )
    assert advanced == [(1, "artifact")] * 4


def test_unequal_threads_are_refused() -> None:
    """A speed-up measured with more threads on one side is the commonest lie of speed tables."""
    sides = [
        Side("artifact", lambda texts, pairs: None, threads=2),
        Side("teacher", lambda texts, pairs: None, threads=1),
    ]
    with pytest.raises(RecipeError) as caught:
        time_sides(sides, ["a"], rounds=1)
    assert str(caught.value) == (
        "Sides are timed against each other with equal threads only, but artifact has 2, teacher has 1.\n"
        "Hint: Give verify.threads the same value for every side."
    )


def test_unequal_batches_are_refused() -> None:
    """The same lie with batches."""
    sides = [
        Side("artifact", lambda texts, pairs: None, threads=1, batch_size=64),
        Side("teacher", lambda texts, pairs: None, threads=1),
    ]
    with pytest.raises(RecipeError, match="equal batch size only, but artifact has 64, teacher has 32"):
        time_sides(sides, ["a"], rounds=1)


def test_no_text_and_no_round_are_refused() -> None:
    """Both would end in a percentile of nothing."""
    side = Side("artifact", lambda texts, pairs: None, threads=1)
    with pytest.raises(DataError) as no_text:
        time_sides([side], [], rounds=1)
    assert str(no_text.value) == "There is no text to time on.\nHint: Give at least one held-out text."
    with pytest.raises(RecipeError) as no_round:
        time_sides([side], ["a"], rounds=0)
    assert str(no_round.value) == "Timing needs at least 1 round, got 0.\nHint: Set verify.timing_rounds to 3."


def test_the_share_of_a_core_is_what_the_process_had() -> None:
    """A failure would tell times of a machine that others had as those of the model."""
    seconds, processor = iter(range(1000)), iter(x / 4 for x in range(1000))
    sides = [Side("artifact", lambda _texts, _pairs: None, threads=1)]
    [timing] = time_sides(
        sides, ["a", "b"], rounds=2, warm_up=0, clock=lambda: next(seconds), processor=lambda: next(processor)
    )
    assert timing.processor_share == pytest.approx(2 * 0.25 / 4)  # two passes of two texts, a second each


def _timed(seconds: float | None, slow: float, *, n: int = 200) -> tuple[tuple[Timing, Timing], float, list[str]]:
    """An artifact of 1 ms and a teacher of `slow` seconds: both timings, what the clock says, the teacher's texts."""
    clock, log, read = Clock(), [], []
    quick, double = Double(clock, "artifact", [0.001], log), Double(clock, "teacher", [slow], log)

    def answer(texts: Sequence[str], text_pairs: Sequence[str] | None) -> None:
        read.extend(texts)
        double(texts, text_pairs)

    artifact, teacher = time_sides(
        [Side("artifact", quick, threads=1), Side("teacher", answer, threads=1)],
        [str(row) for row in range(n)],
        rounds=3,
        call_sizes=(8, 32, 128),
        at_lengths=(LengthText(16, "x"), LengthText(32, "y")),
        seconds=seconds,
        clock=clock,
    )
    return (artifact, teacher), clock.now, read


@pytest.mark.parametrize("slow", [0.5, 0.1, 0.003])
def test_a_slow_side_is_timed_within_its_time_and_both_on_the_same_texts(slow: float) -> None:
    """A failure would keep people waiting for minutes, or compare medians of different texts."""
    sides, lasted, read = _timed(60, slow)
    assert lasted < 1.3 * 60
    assert len({(one.n_texts, one.n_rounds, one.batch_1.n) for one in sides}) == 1
    teacher = sides[1]
    assert teacher.n_texts is not None
    assert teacher.n_rounds is not None
    assert teacher.batch_1.n == teacher.n_texts * teacher.n_rounds
    assert teacher.is_shortened == (slow > 0.01)
    assert (teacher.n_texts == 200) == (slow < 0.01)
    assert (teacher.n_rounds == 3) == (slow < 0.2)
    if teacher.is_shortened:
        assert lasted > 20  # the time that there is, is used
        last = [text for text in read if text.isdigit()][-teacher.n_texts :]
        assert int(last[0]) == 0
        assert int(last[-1]) == 199  # evenly spread, not the first ones


def test_no_time_at_all_still_times_one_text() -> None:
    """A failure would divide by nothing, or tell a percentile of nothing."""
    sides, _, _ = _timed(0.001, 5.0)
    assert {(one.n_texts, one.n_rounds) for one in sides} == {(1, 1)}
    sides, _, _ = _timed(None, 5.0, n=10)
    assert {(one.n_texts, one.n_rounds, one.is_shortened) for one in sides} == {(10, 3, False)}


def test_what_can_be_afforded_by_hand() -> None:
    """Texts are left out before rounds, down to 32; a text costs 0.1 s a round, all lengths together 0.2 s a call."""
    wanted, cost = Extent(texts=200, rounds=3, length_calls=20), Cost(0.1, 0.2)
    assert affordable(wanted, cost, seconds=72) == wanted  # 3 * (20 + 4)
    assert affordable(wanted, cost, seconds=36) == Extent(100, 3, 10)
    assert affordable(wanted, cost, seconds=9) == Extent(32, 2, 5)  # a round of these is 4.2 s
    assert affordable(wanted, cost, seconds=2.1) == Extent(16, 1, 2)
    assert affordable(Extent(4, 1, 20), Cost(1.0), seconds=2) == Extent(2, 1, 5)
    assert spread_rows(10, 3) == [0, 4, 9]
    assert spread_rows(3, 10) == [0, 1, 2]
