"""Two models on the same texts: exact tests, their correction over several pairs, and which model to take."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from limbeck.evaluate import Doubt, Standing, differences
from limbeck.evaluate.choice import Candidate, choose
from limbeck.evaluate.pairs import mcnemar_p
from limbeck.evaluate.several import holm
from limbeck.tasks.measures import Mean, Share

DOUBT = Doubt(confidence=0.95, samples=400, seed=0)


def _share(*, right: int, of: int) -> Share:
    return Share(np.arange(of) < right)


@pytest.mark.parametrize(("only_first", "only_second"), list(itertools.product((0, 1, 3, 9, 40), (0, 1, 5, 21))))
def test_mcnemar_is_the_sum_over_coins(only_first: int, only_second: int) -> None:
    """A failure would call chance a difference. By twin: the tails of the binomial distribution, added up."""
    n = only_first + only_second
    tail = sum(binom.pmf(k, n, 0.5) for k in range(min(only_first, only_second) + 1))
    assert math.isclose(mcnemar_p(only_first, only_second), min(1.0, 2 * tail), rel_tol=1e-9)
    assert mcnemar_p(only_first, only_second) == mcnemar_p(only_second, only_first)


def test_holm_by_hand() -> None:
    """A failure would find differences among many pairs that are not there.

    Of 0.01, 0.04, 0.03, 0.005 the smallest counts four times: 0.02; then 3 x 0.01 = 0.03, 2 x 0.03 = 0.06; the largest
    counts once, 0.04, and may not fall below the one before it: 0.06.
    """
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_holm_keeps_its_promise() -> None:
    """A failure would let false alarms through. By simulation: one of ten true nulls in about 5 %."""
    draw = np.random.default_rng(0)
    alarms = np.mean([min(holm(draw.random(10).tolist())) < 0.05 for _ in range(4000)])
    assert 0.035 < alarms < 0.065


def test_shares_are_tested_exactly() -> None:
    """A failure would print one test's figures beside another's.

    By hand: the first is right on 60 of 100 texts, the second on 40 of these and on no other, so 20 only by the first.
    By twin: scipy's exact test of 20 of 20 is 2^-19, and Holm doubles it for two pairs.
    """
    first, second = _share(right=60, of=100), _share(right=40, of=100)
    told, alike = differences([(first, second), (second, second)], DOUBT, name="accuracy")
    assert (told.only_first, told.only_second) == (20, 0)
    assert told.difference.value == pytest.approx(0.2)
    assert told.p_value == binomtest(20, 20).pvalue == pytest.approx(2.0**-19)
    assert told.corrected_p_value == pytest.approx(2.0**-18)
    assert told.told_apart
    assert (alike.difference.value, alike.p_value, alike.told_apart) == (0.0, 1.0, False)
    assert alike.difference.interval.low < 0 < alike.difference.interval.high


def test_means_are_told_apart_by_a_wider_interval_when_there_are_many() -> None:
    """A failure would give every pair its own 5 % of false alarms.

    By construction: differences of 1 and of -1 whose mean lies a little above what one interval needs, and below what
    ten intervals together need.
    """
    draw = np.random.default_rng(1)
    noise = draw.normal(size=400)
    # Two standard errors and a quarter from zero: beyond 1.96, within 2.81.
    shift = 2.25 * noise.std() / math.sqrt(len(noise))
    first, second = Mean(noise - noise.mean() + shift), Mean(np.zeros(400))
    alone = differences([(first, second)], DOUBT, name="cosine")
    among = differences([(first, second)] * 10, DOUBT, name="cosine")
    assert alone[0].told_apart
    assert not any(one.told_apart for one in among)
    assert {one.p_value for one in among} == {None}
    assert among[0].difference == alone[0].difference


def _candidate(name: str, fidelity: float, size: float, latency: float, *worse_than: int) -> Candidate:
    return Candidate(name, Standing(fidelity, size, latency), frozenset(worse_than))


def test_the_smallest_that_is_not_shown_to_be_worse_is_taken() -> None:
    """A failure would sell a model whose loss was proven, or one that is needlessly large."""
    best = _candidate("large", 0.97, 20e6, 2.0)
    as_good = _candidate("small", 0.96, 5e6, 1.0)
    worse = _candidate("tiny", 0.90, 1e6, 0.5, 0)
    index, sentence = choose([best, as_good, worse], fidelity="retention", texts="these 800 texts")
    assert index == 1
    assert sentence == (
        "Take small (5.00 MB, 1.00 ms a text): these 800 texts do not tell its retention 96.0 % from the best, large's "
        "97.0 %, and it is smaller."
    )


def test_of_equally_small_ones_the_fastest_is_taken() -> None:
    """A failure would choose by a byte in a million, or by the machine's noise."""
    slow, fast = _candidate("slow", 0.97, 5_000_400, 2.0), _candidate("fast", 0.96, 5_000_900, 1.0)
    index, sentence = choose([slow, fast], fidelity="retention", texts="these 9 texts")
    assert index == 1
    assert sentence.endswith("and it is faster.")
    alike = _candidate("alike", 0.96, 5_000_100, 2.001)
    index, sentence = choose([slow, alike], fidelity="retention", texts="these 9 texts")
    assert index == 0
    assert sentence.endswith("no model that may be as good by these 9 texts is smaller.")


def test_where_all_others_are_worse_the_best_is_taken() -> None:
    """A failure would give up proven accuracy for megabytes without saying so."""
    best, worse = _candidate("large", 0.97, 20e6, 2.0), _candidate("small", 0.90, 5e6, 1.0, 0)
    index, sentence = choose([best, worse], fidelity="agreement", texts="these 9 texts")
    assert index == 0
    assert sentence == (
        "Take large (20.0 MB, 2.00 ms a text): it has the highest agreement 97.0 %, and these 9 texts show every other "
        "one to be worse."
    )


def test_a_busy_machine_settles_nothing() -> None:
    """A failure would choose by the noise of whatever else ran."""
    first, second = _candidate("first", 0.97, 5_000_000, 9.0), _candidate("second", 0.96, 5_000_000, 1.0)
    assert choose([first, second], fidelity="retention", texts="these 9 texts")[0] == 1
    index, sentence = choose([first, second], fidelity="retention", texts="these 9 texts", speed_is_known=False)
    assert index == 0
    assert sentence.startswith("Take first (5.00 MB): ")
