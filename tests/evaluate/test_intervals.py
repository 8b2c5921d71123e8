"""Intervals of shares: by hand and by law; how often they hold the truth is counted in test_coverage.py."""

import numpy as np
import pytest

from limbeck.evaluate import intervals

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
    """Intervals and tests are made of these counts; two of them swapped would turn gains into losses."""
    first, second = hits(BOTH * 5 + FIRST * 3 + SECOND * 2 + NEITHER)
    assert intervals.outcome_counts(first, second) == (5, 3, 2, 1)


def test_no_change_seen_is_not_no_change_possible() -> None:
    """100 texts without a change do not prove that there is none: an interval leaves room for 3 or 4 in 100."""
    first, second = hits(BOTH * 90 + NEITHER * 10)
    difference = intervals.paired_difference(first, second, confidence=0.95)
    ratio = intervals.paired_ratio(first, second, confidence=0.95)
    assert (difference.low, difference.high) == pytest.approx((-0.037, 0.037), abs=0.002)
    assert (ratio.low, ratio.high) == pytest.approx((0.96, 1.04), abs=0.005)


@pytest.mark.parametrize("only", [BOTH, FIRST, SECOND, NEITHER])
def test_one_text_gives_a_wide_interval(only: list[tuple[bool, bool]]) -> None:
    """With one text, whatever it says, the bounds must exist, hold the measured value and be far apart."""
    first, second = hits(only)
    found = intervals.paired_difference(first, second, confidence=0.95)
    assert found.low <= float(first[0]) - float(second[0]) <= found.high
    assert found.high - found.low > 0.6
    if second[0]:
        ratio = intervals.paired_ratio(first, second, confidence=0.95)
        assert ratio.low <= float(first[0]) <= ratio.high
        assert 0 <= ratio.low < 0.4
        assert ratio.high > 1 or not first[0]


def test_pairing_makes_intervals_narrow() -> None:
    """Were the pairing lost, retention of near-twins would look several times less certain than it is."""
    first, second = hits(BOTH * 700 + FIRST * 10 + SECOND * 10 + NEITHER * 280)
    paired = intervals.paired_difference(first, second, confidence=0.95)
    apart = np.random.default_rng(0)
    unpaired = intervals.paired_difference(apart.permutation(first), apart.permutation(second), confidence=0.95)
    assert paired.high - paired.low < (unpaired.high - unpaired.low) / 3
