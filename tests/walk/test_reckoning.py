"""What judging an artifact will take, reckoned by hand from a timing of each side."""

import pytest

from limbeck.evaluate import fresh, n_respelled
from limbeck.recipe.verify import VerifyTable
from limbeck.records.speed import Latency
from limbeck.records.verdict import Timing
from limbeck.text.examples import Examples
from limbeck.walk.reckoning import _Judging


def _timing(name: str, *, single_ms: float, a_second: float) -> Timing:
    return Timing(name, Latency(single_ms, single_ms, 24), a_second, 0.0, threads=1)


# Milliseconds of a text alone and in a batch: the artifact's 10 and 5, its float graph's 20 and 10, the teacher's 100
# and 50.
SIDES = (
    _timing("scheme", single_ms=10, a_second=200),
    _timing("float", single_ms=20, a_second=100),
    _timing("teacher", single_ms=100, a_second=20),
)


def _seconds(*, padding: float = 1.0, asks_teacher: bool = True, **settings: object) -> float:
    table = VerifyTable.model_validate({"timing_texts": 40, "timing_rounds": 2, "timing_seconds": 1000} | settings)
    judging = _Judging(
        table,
        n_held_out=1000,
        n_respelled=n_respelled("classification", table, n_texts=1000),
        asks_teacher=asks_teacher,
        lengths=(0.5, 2.0),
    )
    return judging.seconds(SIDES, padding=padding)


def test_each_part_of_judging_counts() -> None:
    """A failure would promise a run that is done when its verdict begins.

    A round of 40 texts: each alone and in three sizes of call (all, 8, 32), 0.11 + 3 * 0.055 = 0.275 s; 20 calls of two
    lengths, 0.11 * (1 + 2) = 0.33 s. Two rounds: 2 * (11 + 6.6) = 35.2 s. Answers: 1,000 * (0.005 + 0.01) = 15 s.
    Other spellings: four of 200 texts, 0.005 + 0.05 s each, 44 s. Where half of the time is allowed, one round of 32
    texts and ten calls is what fits.
    """
    assert _seconds(robustness=False) == pytest.approx(35.2 + 15)
    assert _seconds() == pytest.approx(35.2 + 15 + 44)
    assert _seconds(asks_teacher=False) == pytest.approx(35.2 + 15 + 4)
    assert _seconds(robustness=False, timing_seconds=17.6) == pytest.approx(32 * 0.275 + 10 * 0.33 + 15)
    assert _seconds(robustness=False, padding=2.0) > 1.4 * _seconds(robustness=False)


def test_how_many_texts_are_asked_about_again() -> None:
    """By hand: four spellings, three where words keep their places, none of what hides tokens."""
    table = VerifyTable()
    assert n_respelled("classification", table, n_texts=5000) == 800
    assert n_respelled("token-classification", table, n_texts=50) == 150
    assert n_respelled("fill-mask", table, n_texts=5000) == 0
    assert n_respelled("classification", VerifyTable(robustness=False), n_texts=5000) == 0


def test_fresh_processes_are_reckoned_by_one_start_of_each_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: sides of 2 and 8 s are four rounds of 10 s, or as many as 35 s allow: three, two of them timed."""
    lasting = {("a",): 2.0, ("b",): 8.0}
    monkeypatch.setattr(fresh, "_run", lambda start, _: (lasting[start.arguments], {"peak_bytes": 1}))
    starts, some = [fresh.Start(one) for one in lasting], Examples(("text",), None, None, ())
    assert fresh.reckoned(starts, some, n=3, seconds=1000) == 40
    assert fresh.reckoned(starts, some, n=3, seconds=35) == 30
    assert fresh.reckoned(starts, some, n=0, seconds=1000) == 0
    assert [one.n for one in fresh.measure(starts, some, n=3, seconds=35) if one] == [2, 2]
