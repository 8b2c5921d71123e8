"""The batcher: what is taken together, what waits, what is refused, and that nothing is lost."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import numpy as np
import pytest

from limbeck.runtime.asked import Asked
from limbeck.serve.batcher import Batcher, Bounds, Values, Work
from limbeck.serve.refusals import RefusedError
from limbeck.text.tokens import EncodedTexts

BOUNDS = Bounds(batch_tokens=64, batch_texts=4, queue_tokens=200)


class Model:
    """Answers each row with its first token; computes only while it is let."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may = threading.Event()
        self.begun = threading.Event()

    def compute(self, rows: Sequence[tuple[EncodedTexts, int]]) -> list[Values]:
        """See `Computes`."""
        self.begun.set()
        assert self.may.wait(20)
        lengths = [len(encoded.ids[row]) for encoded, row in rows]
        self.batches.append(lengths)
        if 13 in lengths:
            raise ValueError("an unlucky row")
        return [np.array([[encoded.ids[row][0]]], np.float32) for encoded, row in rows]


class Watch:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []

    def batch(self, **about: Any) -> None:
        """See `Watches`."""
        self.batches.append(about)


def _asked(*lengths: int, first: int = 0) -> Asked:
    """Rows of these lengths whose first tokens count up."""
    ids = [[first + place] + [0] * (length - 1) for place, length in enumerate(lengths)]
    return Asked(EncodedTexts(ids, ids, ()))


def _run(
    story: Callable[[Batcher, Model, Watch], Coroutine[Any, Any, None]],
    *,
    bounds: Bounds = BOUNDS,
    workers: int = 1,
) -> tuple[Model, Watch]:
    async def told() -> tuple[Model, Watch]:
        model, watch = Model(), Watch()
        batcher = Batcher(model, bounds=bounds, workers=workers, watch=watch, name="one")
        try:
            await story(batcher, model, watch)
        finally:
            model.may.set()
            batcher.close()
            await asyncio.to_thread(batcher.join)
        assert not batcher.is_alive
        assert batcher.waiting == (0, 0)
        return model, watch

    return asyncio.run(asyncio.wait_for(told(), 30))


async def _hold(batcher: Batcher, model: Model) -> Work:
    """Keep the worker busy with one row, so that what comes next waits."""
    held = batcher.submit(_asked(2))
    await asyncio.to_thread(model.begun.wait, 20)
    return held


def test_rows_of_like_length_go_together_and_the_oldest_first() -> None:
    """Padding would cost more than the texts; or a long text would wait for ever behind short ones.

    By hand, 4 rows and 64 tokens a batch: first the row of 20, as it came first, with its neighbours 21 and 19 (3 x 21
    is 63); then that of 5, the oldest left, with 4, 6 and 3; then the 50.
    """

    async def story(batcher: Batcher, model: Model, watch: Watch) -> None:
        held = await _hold(batcher, model)
        works = [batcher.submit(_asked(length, first=length)) for length in (20, 5, 21, 50, 4, 19, 6, 3)]
        assert batcher.waiting == (8, 128)
        model.may.set()
        found = [(await work.done).tolist() for work in [held, *works]]
        assert found == [[[0]], *([[length]] for length in (20, 5, 21, 50, 4, 19, 6, 3))]

    model, watch = _run(story)
    assert model.batches == [[2], [19, 20, 21], [3, 4, 5, 6], [50]]
    assert [(one["texts"], one["tokens"], one["padded"]) for one in watch.batches[1:]] == [
        (3, 60, 63),
        (4, 18, 24),
        (1, 50, 50),
    ]


def test_rows_that_are_not_worth_their_padding_wait_for_their_like() -> None:
    """A failure would pad short texts to long ones for the sake of full batches.

    By hand, where a call costs 32 tokens: three rows of 30 are 90 tokens for 122, with one of 8 98 for 152, so the 8s
    stay. Of theirs, four are 32 for 64; with a 20 52 for 132, less. One 20 with a 19 is 39 for 72, alone 20 for 52.
    """

    async def story(batcher: Batcher, model: Model, watch: Watch) -> None:
        held = await _hold(batcher, model)
        works = [batcher.submit(_asked(length)) for length in (30, 8, 30, 8, 20, 8, 30, 8, 19)]
        model.may.set()
        for work in [held, *works]:
            await work.done

    model, _ = _run(story, bounds=Bounds(batch_tokens=512, batch_texts=32, queue_tokens=500))
    assert model.batches == [[2], [30, 30, 30], [8, 8, 8, 8], [19, 20]]


def test_rows_of_one_request_come_back_in_their_order() -> None:
    """A client would get another text's answer."""

    async def story(batcher: Batcher, model: Model, watch: Watch) -> None:
        model.may.set()
        lengths = np.random.default_rng(0).integers(1, 12, 25).tolist()
        assert (await batcher.submit(_asked(*lengths)).done)[:, 0].tolist() == list(range(25))

    _run(story)


def test_a_row_too_long_for_a_batch_is_one_by_itself() -> None:
    """The longest texts would never be answered."""

    async def story(batcher: Batcher, model: Model, watch: Watch) -> None:
        model.may.set()
        assert (await batcher.submit(_asked(100)).done).tolist() == [[0]]

    model, _ = _run(story)
    assert model.batches == [[100]]


def test_what_waits_is_bounded() -> None:
    """A queue without a bound takes the machine's memory, and answers when nobody waits any more."""

    async def story(batcher: Batcher, model: Model, watch: Watch) -> None:
        await _hold(batcher, model)
        batcher.submit(_asked(*[40] * 5))
        with pytest.raises(RefusedError, match="overloaded") as overloaded:
            batcher.submit(_asked(1))
        assert (overloaded.value.status, overloaded.value.retry_seconds) == (429, 1)
        with pytest.raises(RefusedError, match="have 201 tokens together") as too_large:
            batcher.submit(_asked(201))
        assert too_large.value.status == 413

    _run(story)


def test_a_client_that_went_away_is_not_computed_for() -> None:
    """Work for nobody would hold up everybody, just when there is too much of it."""

    async def story(batcher: Batcher, model: Model, watch: Watch) -> None:
        held = await _hold(batcher, model)
        gone, stays = batcher.submit(_asked(7, 8)), batcher.submit(_asked(9, first=9))
        batcher.drop(gone)
        assert batcher.waiting == (1, 9)
        model.may.set()
        assert (await stays.done).tolist() == [[9]]
        assert (await held.done).tolist() == [[0]]

    model, _ = _run(story)
    assert model.batches == [[2], [9]]


def test_a_batch_that_fails_ends_neither_the_worker_nor_other_requests() -> None:
    """One bad text would take the server down."""

    async def story(batcher: Batcher, model: Model, watch: Watch) -> None:
        await _hold(batcher, model)
        bad, good = batcher.submit(_asked(13)), batcher.submit(_asked(50, first=5))
        model.may.set()
        with pytest.raises(ValueError, match="unlucky"):
            await bad.done
        assert (await good.done).tolist() == [[5]]
        assert batcher.is_alive

    _run(story)


def test_what_waits_when_it_closes_is_still_computed() -> None:
    """A swap or a stop would lose what was accepted."""

    async def story(batcher: Batcher, model: Model, watch: Watch) -> None:
        await _hold(batcher, model)
        works = [batcher.submit(_asked(length, first=length)) for length in (5, 30, 60)]
        batcher.close()
        model.may.set()
        assert [(await work.done).item() for work in works] == [5, 30, 60]

    _run(story)


def test_a_row_waits_for_others_as_long_as_it_may() -> None:
    """The knob would do nothing: with time to wait, rows that come one after the other are one batch."""

    async def story(batcher: Batcher, model: Model, watch: Watch) -> None:
        model.may.set()
        works = [batcher.submit(_asked(5, first=index)) for index in range(4)]  # a full batch: nobody waits longer
        assert [(await work.done).item() for work in works] == [0, 1, 2, 3]

    model, _ = _run(story, bounds=Bounds(batch_tokens=64, batch_texts=4, queue_tokens=200, max_wait=60.0))
    assert model.batches == [[5, 5, 5, 5]]


def test_several_workers_lose_and_double_nothing() -> None:
    """Workers that take the same row, or none, show only under load."""

    async def story(batcher: Batcher, model: Model, watch: Watch) -> None:
        model.may.set()
        draw = np.random.default_rng(1)
        for _ in range(20):
            works = [batcher.submit(_asked(*draw.integers(1, 10, 2), first=10 * index)) for index in range(10)]
            found = [(await work.done)[:, 0].tolist() for work in works]
            assert found == [[10 * index, 10 * index + 1] for index in range(10)]

    model, _ = _run(story, workers=3)
    assert sum(map(len, model.batches)) == 400
