"""Intervals: against scipy, by law, and by counting how often they hold the truth."""

import numpy as np
import pytest
from scipy import stats

from limbeck.evaluate import intervals
from limbeck.records import Interval

BOTH, FIRST, SECOND, NEITHER = [(True, True)], [(True, False)], [(False, True)], [(False, False)]


def hits(pairs: list[tuple[bool, bool]]) -> tuple[intervals.Hits, intervals.Hits]:
    """Two arrays of hits from pairs of them."""
    first, second = np.array(pairs, dtype=bool).T
    return first, second


def test_wilson_by_hand() -> None:
    """A wrong formula would put wrong bounds beside every accuracy in every report.

    8 of 10 at z = 1.96: the centre is (0.8 + z^2/20) / (1 + z^2/10) = 0.7167, the half-width
    z sqrt(0.016 + z^2/400) / (1 + z^2/10).
    """
    found = intervals.wilson(8, 10, confidence=0.95)
    z = 1.959964
    centre = (0.8 + z**2 / 20) / (1 + z**2 / 10)
    half = z * np.sqrt(0.8 * 0.2 / 10 + z**2 / 400) / (1 + z**2 / 10)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-6)
    assert (found.confidence, found.method) == (0.95, "wilson")


@pytest.mark.parametrize(("successes", "low", "high"), [(0, 0.0, 0.793), (1, 0.207, 1.0)])
def test_one_text_proves_little(successes: int, low: float, high: float) -> None:
    """An interval without width from a single text would sell a coin flip as a certainty."""
    found = intervals.wilson(successes, 1, confidence=0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


def test_four_kinds_of_texts_are_counted() -> None:
    """The bootstrap draws from these counts; two of them swapped would turn gains into losses."""
    first, second = hits(BOTH * 5 + FIRST * 3 + SECOND * 2 + NEITHER)
    assert intervals.outcome_counts(first, second).tolist() == [5, 3, 2, 1]


@pytest.mark.parametrize("measure", ["ratio", "difference"])
def test_bootstrap_equals_scipys(measure: str) -> None:
    """Drawing counts instead of texts must be the same law, or retention's interval has a private meaning.

    The twin resamples texts one by one: ours and the two imaginary ones. Bounds differ by resampling noise only: the
    standard error of a 2.5 % quantile from 20,000 resamples is about 0.01 standard deviations of the statistic.
    """
    first, second = hits(BOTH * 300 + FIRST * 12 + SECOND * 25 + NEITHER * 40)
    ours = intervals.paired_ratio if measure == "ratio" else intervals.paired_difference
    found = ours(first, second, confidence=0.9, samples=20_000, seed=1)

    def statistic(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        if measure == "ratio":
            return one.mean(axis=axis) / other.mean(axis=axis)
        return one.mean(axis=axis) - other.mean(axis=axis)

    twin = stats.bootstrap(
        (np.append(first, [True, False]).astype(float), np.append(second, [False, True]).astype(float)),
        statistic,
        n_resamples=20_000,
        batch=1000,
        paired=True,
        vectorized=True,
        confidence_level=0.9,
        method="percentile",
        rng=np.random.default_rng(2),
    )
    noise = 0.05 * twin.standard_error
    assert found.low == pytest.approx(twin.confidence_interval.low, abs=noise)
    assert found.high == pytest.approx(twin.confidence_interval.high, abs=noise)


@pytest.mark.parametrize("measure", [intervals.paired_ratio, intervals.paired_difference])
@pytest.mark.parametrize("cells", [(0.85, 0.03, 0.03, 0.09), (0.80, 0.05, 0.02, 0.13), (0.90, 0.002, 0.004, 0.094)])
def test_intervals_hold_the_truth_as_often_as_they_say(measure: object, cells: tuple[float, ...]) -> None:
    """A nominal 95 % that holds the truth in 55 % of all cases would call chance a gain.

    400 data sets of 300 texts with known shares, rare changes among them. The share of intervals that hold the truth
    has a standard error of 1.1 points, so 92 % is what three of them leave of 95 %. There is no upper bound: with one
    change expected in all, as in the last row, no interval can be exact, and ours errs on the careful side.
    """
    generator = np.random.default_rng(7)
    both, only_first, only_second, _ = cells
    is_ratio = measure is intervals.paired_ratio
    truth = (both + only_first) / (both + only_second) if is_ratio else only_first - only_second
    held = 0
    for repetition in range(400):
        counts = generator.multinomial(300, cells)
        kinds = np.repeat([(1, 1), (1, 0), (0, 1), (0, 0)], counts, axis=0).astype(bool)
        found = measure(kinds[:, 0], kinds[:, 1], confidence=0.95, samples=400, seed=repetition)  # type: ignore[operator]
        held += found.low <= truth <= found.high
    assert held / 400 >= 0.92


def test_no_change_seen_is_not_no_change_possible() -> None:
    """100 texts without a change do not prove that there is none: the rule of three leaves room for 3 in 100."""
    first, second = hits(BOTH * 90 + NEITHER * 10)
    difference = intervals.paired_difference(first, second, confidence=0.95, samples=2000, seed=0)
    ratio = intervals.paired_ratio(first, second, confidence=0.95, samples=2000, seed=0)
    assert (difference.low, difference.high) == pytest.approx((-0.03, 0.03), abs=0.015)
    assert (ratio.low, ratio.high) == pytest.approx((0.97, 1.03), abs=0.015)


@pytest.mark.parametrize("only", [BOTH, FIRST, SECOND, NEITHER])
def test_one_text_gives_a_wide_interval(only: list[tuple[bool, bool]]) -> None:
    """With one text, whatever it says, the bounds must exist, hold the measured value and be far apart."""
    first, second = hits(only)
    found = intervals.paired_difference(first, second, confidence=0.95, samples=500, seed=0)
    assert found.low <= float(first[0]) - float(second[0]) <= found.high
    assert found.high - found.low > 0.6
    if second[0]:
        ratio = intervals.paired_ratio(first, second, confidence=0.95, samples=500, seed=0)
        assert ratio.low <= float(first[0]) <= ratio.high
        # With the two imaginary texts there are three, so no ratio of whole counts lies above 3 hits for 1.
        assert 0 <= ratio.low < ratio.high <= 3


def test_pairing_makes_intervals_narrow() -> None:
    """Were the pairing lost, retention of near-twins would look several times less certain than it is."""
    first, second = hits(BOTH * 700 + FIRST * 10 + SECOND * 10 + NEITHER * 280)
    paired = intervals.paired_difference(first, second, confidence=0.95, samples=2000, seed=0)
    apart = np.random.default_rng(0)
    unpaired = intervals.paired_difference(
        apart.permutation(first), apart.permutation(second), confidence=0.95, samples=2000, seed=0
    )
    assert paired.high - paired.low < (unpaired.high - unpaired.low) / 3


def test_same_seed_same_interval() -> None:
    """A verdict that changes from run to run cannot be checked by anybody else."""
    first, second = hits(BOTH * 50 + FIRST * 5 + SECOND * 9)

    def once(seed: int) -> Interval:
        return intervals.paired_ratio(first, second, confidence=0.95, samples=999, seed=seed)

    assert once(3) == once(3)
    assert once(3) != once(4)
