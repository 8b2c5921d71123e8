"""Calibration: a simulation whose truth is known, scikit-learn's figures, and bins that equal probabilities share."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from limbeck.evaluate import Doubt
from limbeck.evaluate.calibration import _squares, _sums_by_text, bins_of, calibration_of, calibrations_of
from limbeck.tasks.decisions import Decisions

DOUBT = Doubt(0.95, 200, 0)
N, REPETITIONS = 300, 400


def drawn(draw: np.random.Generator, *, too_sure: float, n: int = N) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Decisions that are right less often than their probability says, by `too_sure`."""
    shares = draw.uniform(0.6, 1.0, n)
    return shares, draw.random(n) < shares - too_sure


def decisions(shares: NDArray[np.float64], right: NDArray[np.bool_]) -> Decisions:
    """One a text."""
    return Decisions(np.arange(len(shares)), right, right, shares)


@pytest.mark.parametrize("too_sure", [0.0, 0.06])
def test_correction_takes_the_bias_away(too_sure: float) -> None:
    """The plain error of a perfect model is far from 0 by chance alone: an artifact would be blamed for few texts.

    The truth is too_sure^2 in each bin. Means over 400 repetitions lie within four standard errors of it if corrected,
    and many standard errors off it if not.
    """
    draw = np.random.default_rng(1)
    plain, corrected = [], []
    for _ in range(REPETITIONS):
        shares, right = drawn(draw, too_sure=too_sure)
        place = bins_of(shares)
        counts = np.bincount(place)
        plain.append((counts / N * (np.bincount(place, weights=right - shares) / counts) ** 2).sum())
        found = _squares(_sums_by_text(place, right - shares, np.arange(N), N).sum(axis=0))
        assert found[0] == pytest.approx(plain[-1])
        corrected.append(found[1])
    standard_error = np.std(corrected) / np.sqrt(REPETITIONS)
    assert abs(np.mean(corrected) - too_sure**2) < 4 * standard_error
    assert np.mean(plain) - too_sure**2 > 20 * standard_error


def test_same_as_scikit_learn() -> None:
    """Bins of equal size, and Brier's score, as everybody else has them."""
    shares, right = drawn(np.random.default_rng(2), too_sure=0.1)
    found = calibration_of("artifact", decisions(shares, right), n_texts=N, doubt=DOUBT)
    share_right, mean_share = calibration_curve(right, shares, n_bins=15, strategy="quantile")
    assert [one.right.value for one in found.bins] == pytest.approx(share_right)
    assert [one.probability for one in found.bins] == pytest.approx(mean_share)
    assert found.expected_error == pytest.approx(np.abs(share_right - mean_share).mean())
    assert found.brier == pytest.approx(brier_score_loss(right, shares))
    assert (found.n, sum(one.right.n for one in found.bins)) == (N, N)


def test_interval_holds_the_truth_and_its_figure() -> None:
    """2,000 decisions that are 10 points too sure: told as about 10 points, and 0 is ruled out."""
    shares, right = drawn(np.random.default_rng(3), too_sure=0.1, n=2000)
    found = calibration_of("artifact", decisions(shares, right), n_texts=2000, doubt=DOUBT)
    assert found.interval.low <= found.corrected_error <= found.interval.high
    assert 0.05 < found.interval.low < 0.1 < found.interval.high < 0.15
    assert found.corrected_error < found.root_error


def test_perfect_models_are_not_blamed() -> None:
    """Where chance explains the distance, the corrected interval reaches 0."""
    shares, right = drawn(np.random.default_rng(4), too_sure=0.0, n=1000)
    found = calibration_of("teacher", decisions(shares, right), n_texts=1000, doubt=DOUBT)
    assert found.interval.low == 0.0
    assert found.expected_error > 0.01


def test_equal_probabilities_share_a_bin() -> None:
    """Half of all decisions at exactly 1: no bin may hold some of them and another the rest."""
    shares = np.concatenate([np.linspace(0.5, 0.9, 100), np.ones(100)])
    place = bins_of(shares)
    assert len(set(place[100:].tolist())) == 1
    assert place.tolist() == sorted(place.tolist())
    assert set(place.tolist()) == set(range(place.max() + 1))


def test_few_decisions_make_one_bin_and_none_make_nothing() -> None:
    """A diagram of bins of two texts each would be noise; decisions without a probability have no diagram."""
    shares = np.linspace(0.5, 1.0, 30)
    assert bins_of(shares).max() == 0
    none = Decisions(np.arange(3), np.arange(3), np.ones(3, np.bool_), np.full(3, np.nan))
    assert calibrations_of([("artifact", none)], n_texts=3, doubt=DOUBT) is None
