"""Scores: by hand, by law, and against scikit-learn."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, f1_score

from limbeck.evaluate import scores
from limbeck.evaluate.scores import Doubt
from limbeck.tasks.measures import FScore, Mean, MeanShare, Measure, RankCorrelation, Ratio, Share

RIGHT_5_OF_6 = Share(np.array([True, True, True, True, False, True]))
RIGHT_3_OF_6 = Share(np.array([True, True, False, True, False, False]))
HOW = Doubt(confidence=0.95, samples=500, seed=0)


def test_share_equals_scikit_learns_accuracy() -> None:
    """The accuracy that customers compare with their own figure must be the usual one."""
    generator = np.random.default_rng(5)
    labels, answers = generator.integers(0, 4, size=(2, 333))
    found = scores.of_one(Share(answers == labels), HOW)
    assert found.value == accuracy_score(labels, answers)
    assert found.interval.low < found.value < found.interval.high
    assert found.n == 333


def test_agreement_with_itself_is_one() -> None:
    """A model must agree with itself, and still not be called certain by 50 texts."""
    found = scores.of_one(Share(np.ones(50, dtype=bool)), HOW)
    assert (found.value, found.interval.high) == (1.0, pytest.approx(1.0))
    assert 0.9 < found.interval.low < 0.95


def test_retention_by_hand() -> None:
    """3 right of the teacher's 5 is 0.6; a plain ratio of rounded percents would not be."""
    found = scores.retention(RIGHT_3_OF_6, RIGHT_5_OF_6, HOW)
    assert found is not None
    assert (found.value, found.n) == (0.6, 6)
    assert found.interval.low < 0.6 < found.interval.high


def test_retention_of_the_teacher_by_itself_is_one() -> None:
    """Anything else would be an artefact of the resampling."""
    found = scores.retention(RIGHT_5_OF_6, RIGHT_5_OF_6, HOW)
    assert found is not None
    assert found.value == 1.0


def test_retention_meets_a_written_bound_exactly() -> None:
    """49 right of the teacher's 50 must be the 0.98 of the recipe, not 0.9799999 by two divisions."""
    teacher = Share(np.arange(87) < 50)
    student = Share(np.arange(87) < 49)
    found = scores.retention(student, teacher, HOW)
    assert found is not None
    assert found.value == 0.98


def test_nothing_is_retained_of_a_teacher_that_knows_nothing() -> None:
    """A division by zero, or an infinite retention, would pass a useless artifact."""
    assert scores.retention(RIGHT_3_OF_6, Share(np.zeros(6, dtype=bool)), HOW) is None


def test_difference_by_hand_and_turned_around() -> None:
    """3/6 - 5/6 = -1/3; swapping the two must swap the sign, or a loss could be told as a gain."""
    found = scores.difference(RIGHT_3_OF_6, RIGHT_5_OF_6, HOW)
    turned = scores.difference(RIGHT_5_OF_6, RIGHT_3_OF_6, HOW)
    assert found.value == pytest.approx(-1 / 3)
    assert turned.value == -found.value
    assert found.interval.low < found.value < found.interval.high


def test_measures_that_are_no_shares_are_resampled_in_pairs() -> None:
    """A correlation has no Wilson interval; and two models that err alike must not be told apart by chance."""
    draw = np.random.default_rng(3)
    truth = draw.normal(size=400)
    good, also_good = (RankCorrelation(truth + noise, truth) for noise in draw.normal(size=(2, 400)) * [[0.3], [0.31]])
    alone = scores.of_one(good, HOW)
    assert alone.interval.low < good.value < alone.interval.high
    assert alone.interval.method == "BCa bootstrap"
    kept = scores.retention(good, good, HOW)
    assert kept is not None
    assert (kept.interval.low, kept.value, kept.interval.high) == (1.0, 1.0, 1.0)
    difference = scores.difference(good, also_good, HOW)
    assert difference.value == pytest.approx(good.value - also_good.value)
    assert difference.interval.low < difference.value < difference.interval.high


def test_the_interval_of_a_mean_is_students() -> None:
    """The bootstrap of a mean must agree with the textbook's interval, or other measures cannot be trusted either."""
    values = np.random.default_rng(4).normal(loc=0.8, scale=0.1, size=300)
    found = scores.of_one(Mean(values), Doubt(confidence=0.95, samples=4000, seed=1)).interval
    half = stats.t.ppf(0.975, 299) * values.std(ddof=1) / np.sqrt(300)
    np.testing.assert_allclose([found.low, found.high], [values.mean() - half, values.mean() + half], atol=0.002)


def test_f1_is_scikit_learns_on_every_resample() -> None:
    """A resample counts a text as often as it was drawn."""
    draw = np.random.default_rng(6)
    given, found = draw.integers(0, 2, size=(2, 50, 4)).astype(bool)
    counts = [(one & other).sum(axis=1) for one, other in ((found, given), (found, ~given), (~found, given))]
    rows = draw.integers(50, size=50)
    measure = FScore(*counts)
    assert measure.value == pytest.approx(f1_score(given, found, average="micro"))
    assert measure.over(rows) == pytest.approx(f1_score(given[rows], found[rows], average="micro"))


def test_a_correlation_without_spread_is_left_out() -> None:
    """Equal answers have no order; one NaN among the resamples must not spoil the interval."""
    constant = RankCorrelation(np.ones(5), np.arange(5.0))
    assert np.isnan(constant.value)
    found = scores.of_one(RankCorrelation(np.array([0.0] * 11 + [1.0]), np.arange(12.0)), HOW)
    assert np.isfinite([found.interval.low, found.interval.high]).all()


def _rare(measure: str, n: int, draw: np.random.Generator) -> Measure:
    """Texts of which one in fifty is missed: three spans a text, or a share that is 0 or 1."""
    if measure == "spans":
        missed = (draw.random((n, 3)) < 0.02).sum(axis=1)
        return FScore(3 - missed, np.zeros(n, np.int64), missed)
    missed = (draw.random(n) < 0.02).astype(np.int64)
    return MeanShare(1.0 - missed) if measure == "mean" else Ratio(1 - missed, np.ones(n, np.int64))


@pytest.mark.parametrize(("measure", "truth"), [("spans", 2 * 0.98 / 1.98), ("mean", 0.98), ("ratio", 0.98)])
def test_intervals_of_rare_faults_hold_the_truth(measure: str, truth: float) -> None:
    """A plain bootstrap of 60 texts holds it in 69 % of all cases; 92 % is 2.4 standard errors below 95 %."""
    draw, held = np.random.default_rng(5), 0
    for seed in range(300):
        found = scores.of_one(_rare(measure, 60, draw), Doubt(confidence=0.95, samples=300, seed=seed)).interval
        held += found.low <= truth <= found.high
    assert held / 300 >= 0.92


@pytest.mark.parametrize("measure", ["spans", "mean", "ratio"])
def test_no_fault_seen_is_not_no_fault_possible(measure: str) -> None:
    """50 texts without a fault must not be told as "100.0 to 100.0 %", nor two models that never part as equal."""
    faultless = {
        "spans": FScore(np.ones(50, np.int64), np.zeros(50, np.int64), np.zeros(50, np.int64)),
        "mean": MeanShare(np.ones(50)),
        "ratio": Ratio(np.ones(50, np.int64), np.ones(50, np.int64)),
    }[measure]
    alone = scores.of_one(faultless, HOW)
    assert 0.9 < alone.interval.low < 0.98
    assert alone.interval.high == alone.value == 1.0
    kept = scores.retention(faultless, faultless, HOW)
    assert kept is not None
    assert kept.interval.low < 0.98 < kept.value < 1.02 < kept.interval.high
    assert scores.difference(faultless, faultless, HOW).interval.low < -0.02
