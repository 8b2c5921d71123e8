"""The bootstrap: against scipy's, by law, and figures of resamples against those of the texts drawn one by one."""

import numpy as np
import pytest
from scipy import stats

from limbeck.evaluate import intervals, resampling
from limbeck.tasks.measures import (
    FScore,
    GeometricMean,
    Mean,
    Measure,
    RankCorrelation,
    Ratio,
    Share,
    Weighed,
)

DRAW = np.random.default_rng(8)
N = 60
COUNTS = DRAW.integers(0, 4, size=(3, N))
MEASURES: dict[str, Measure] = {
    "share": Share(DRAW.random(N) < 0.9),
    "mean": Mean(DRAW.normal(size=N)),
    "F1": FScore(*COUNTS),
    "ratio": Ratio(COUNTS[0], COUNTS[0] + COUNTS[1]),
    "geometric": GeometricMean(-DRAW.random(N), COUNTS[2]),
    "ranks": RankCorrelation(DRAW.normal(size=N), DRAW.integers(0, 6, size=N).astype(float)),
}


def _of_texts(name: str, measure: Measure, rows: np.ndarray) -> float:
    """The figure of the drawn texts, worked out without any weights."""
    if isinstance(measure, Share):
        return float(measure.hits[rows].mean())
    if isinstance(measure, Mean):
        return float(measure.values[rows].mean())
    if isinstance(measure, FScore):
        found = 2 * measure.true_positives[rows].sum()
        return float(found / (found + (measure.false_positives + measure.false_negatives)[rows].sum()))
    if isinstance(measure, Ratio):
        return float(measure.counts[rows].sum() / measure.totals[rows].sum())
    if isinstance(measure, GeometricMean):
        return float(np.exp(measure.sums[rows].sum() / measure.counts[rows].sum()))
    assert isinstance(measure, RankCorrelation)
    return float(stats.spearmanr(measure.first[rows], measure.second[rows]).statistic)


@pytest.mark.parametrize("name", list(MEASURES))
def test_many_resamples_at_once_are_the_texts_drawn(name: str) -> None:
    """Speed must not change the law: every resample's figure is that of its texts, ties and repetitions included."""
    measure = MEASURES[name]
    rows = np.random.default_rng(9).integers(N, size=(20, N))
    weights = np.array([np.bincount(one, minlength=N) for one in rows], float)
    expected = [_of_texts(name, measure, one) for one in rows]
    np.testing.assert_allclose(measure.weighted(weights), expected, rtol=1e-12)
    np.testing.assert_allclose([measure.over(one) for one in rows], expected, rtol=1e-12)


def test_a_measure_that_only_knows_texts_is_resampled_too() -> None:
    """A measure of another room, without weights, must give the same interval."""

    class Plain(Measure):
        @property
        def n(self) -> int:
            return N

        def over(self, rows: np.ndarray) -> float:
            return float(MEASURES["mean"].values[rows].mean())  # type: ignore[attr-defined]

    def ends(measure: Measure) -> tuple[float, float]:
        return resampling.bca_ends(resampling.distribution(measure, samples=300, seed=1), shares=(0.025, 0.975))

    np.testing.assert_allclose(ends(Plain()), ends(MEASURES["mean"]), rtol=1e-9)
    assert not isinstance(Plain(), Weighed)


@pytest.mark.parametrize("name", ["mean", "F1", "ranks"])
def test_bca_is_scipys(name: str) -> None:
    """BCa must mean what scipy means by it.

    Bounds differ by the noise of quantile and bias of 4,000 and 8,000 resamples: 0.06 deviations; four times that.
    """
    measure = MEASURES[name]

    def statistic(rows: np.ndarray) -> float:
        return measure.over(rows.astype(np.int64))

    twin = stats.bootstrap(
        (np.arange(N),),
        statistic,
        n_resamples=4000,
        vectorized=False,
        confidence_level=0.9,
        method="BCa",
        rng=np.random.default_rng(3),
    )
    found = resampling.bca_ends(resampling.distribution(measure, samples=8000, seed=4), shares=(0.05, 0.95))
    noise = 0.25 * twin.standard_error
    assert found == pytest.approx(tuple(twin.confidence_interval), abs=noise)


def test_bca_corrects_what_scipys_corrects() -> None:
    """Of skewed numbers the corrected ends lie elsewhere than the plain ones; without corrections this would fail."""
    values = np.random.default_rng(12).lognormal(sigma=1.5, size=40)
    twin = stats.bootstrap((values,), np.mean, n_resamples=20_000, confidence_level=0.9, method="BCa",
                           batch=2000, rng=np.random.default_rng(3))  # fmt: skip
    found = resampling.bca_ends(resampling.distribution(Mean(values), samples=20_000, seed=4), shares=(0.05, 0.95))
    noise = 0.12 * twin.standard_error
    assert found == pytest.approx(tuple(twin.confidence_interval), abs=noise)
    plain = np.quantile(twin.bootstrap_distribution, 0.95)
    assert found[1] - plain > 2 * noise


def test_acceleration_is_the_jackknifes() -> None:
    """By hand: pulls on a mean are how far each number lies above it, over n - 1."""
    values = np.array([0.0, 1.0, 1.0, 6.0])
    pulls = values - values.mean()
    expected = (pulls**3).sum() / (6 * (pulls**2).sum() ** 1.5)
    assert resampling._acceleration(
        resampling.distribution(Mean(values), samples=200, seed=0).left_out
    ) == pytest.approx(expected)


def test_acceleration_of_many_texts_comes_from_groups() -> None:
    """Of 3,000 texts 500 groups stand for the texts; their skewness must come out about the same."""
    values = np.random.default_rng(1).exponential(size=3000)
    pulls = values - values.mean()
    exact = (pulls**3).sum() / (6 * (pulls**2).sum() ** 1.5)
    assert resampling._acceleration(
        resampling.distribution(Mean(values), samples=200, seed=0).left_out
    ) == pytest.approx(exact, rel=0.4)


def test_models_are_compared_choice_by_choice() -> None:
    """Were each model measured on draws of its own, the pairing would be lost without a word."""
    draw = np.random.default_rng(7)
    truth = draw.normal(size=80)
    models = [RankCorrelation(truth + draw.normal(size=80), truth) for _ in range(2)]
    one, other = (resampling.distribution(model, samples=50, seed=2) for model in models)
    weights = np.concatenate(list(resampling._drawn(80, 50, 2)))
    np.testing.assert_allclose(
        one.compared(other, np.subtract).drawn, models[0].weighted(weights) - models[1].weighted(weights)
    )
    assert resampling.distribution(models[0], samples=50, seed=2) is one


def test_studentized_by_twin() -> None:
    """Resample by resample, with standard errors written out."""
    values = np.random.default_rng(2).exponential(size=40)
    low, high = _studentized(values, shares=(0.05, 0.95), samples=20_000, seed=5)
    rows = np.random.default_rng(6).integers(40, size=(20_000, 40))
    drawn = values[rows]
    distances = (drawn.mean(axis=1) - values.mean()) / (drawn.std(axis=1, ddof=1) / np.sqrt(40))
    ends = values.mean() - np.quantile(distances, [0.95, 0.05]) * values.std(ddof=1) / np.sqrt(40)
    assert (low, high) == pytest.approx(tuple(ends), abs=0.05 * values.std() / np.sqrt(40))


def test_studentized_with_several_values_a_text_by_twin() -> None:
    """Words of one text belong together: a mean over all words has the standard error of a ratio of two sums."""
    draw = np.random.default_rng(3)
    counts = draw.poisson(4, size=40).astype(float)
    sums = counts * draw.exponential(size=40)

    def told(rows: np.ndarray) -> tuple[float, float]:
        mean = sums[rows].sum() / counts[rows].sum()
        return mean, float(np.sqrt(((sums[rows] - mean * counts[rows]) ** 2).sum()) / counts[rows].sum())

    mean, error = told(np.arange(40))
    drawn = np.array([told(rows) for rows in np.random.default_rng(6).integers(40, size=(4000, 40))])
    ends = mean - np.quantile((drawn[:, 0] - mean) / drawn[:, 1], [0.95, 0.05]) * error
    found = resampling.studentized_ends(sums, counts, shares=(0.05, 0.95), samples=4000, seed=5)
    assert found == pytest.approx(tuple(ends), abs=0.2 * error)


def test_means_of_few_numbers_and_of_equal_numbers() -> None:
    """One text has no spread to learn from, two only one resample with a spread; equal ones have none."""
    for few in ([0.9], [0.1, 0.9]):
        assert _studentized(np.array(few), shares=(0.025, 0.975), samples=200, seed=0) == (-np.inf, np.inf)
    same = _studentized(np.full(9, 0.9), shares=(0.025, 0.975), samples=200, seed=0)
    assert same == pytest.approx((0.9, 0.9))


def _studentized(values: np.ndarray, *, shares: tuple[float, float], samples: int, seed: int) -> tuple[float, float]:
    """Of one value a text."""
    return resampling.studentized_ends(values, np.ones(len(values)), shares=shares, samples=samples, seed=seed)


def test_an_undefined_figure_has_an_interval_without_ends() -> None:
    """A correlation of equal numbers tells nothing, and must say so."""
    constant = RankCorrelation(np.ones(5), np.arange(5.0))
    found = intervals.of_measure(constant, confidence=0.95, samples=200, seed=0)
    assert (found.low, found.high) == (-np.inf, np.inf)
