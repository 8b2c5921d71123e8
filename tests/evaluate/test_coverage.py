"""Do intervals hold the truth as often as they say, and does the proof err as seldom: the benchmark, in small."""

import pytest

from benchmark_files import benchmark

BENCHMARK = benchmark("coverage")
PAIRED = [
    setting
    for setting in BENCHMARK.SETTINGS
    if setting.cells is not None and setting.n * sum(setting.cells[1:3]) > 5  # of fewer, no interval can be exact
]
QUICK = [setting for setting in BENCHMARK.SETTINGS if setting.kind in {"F1", "Spearman"} and setting.n == 100]


@pytest.mark.parametrize("setting", PAIRED, ids=lambda one: f"{one.kind}, {one.n}")
def test_intervals_of_pairs_hold_the_truth(setting: object) -> None:
    """4,000 sets of texts: three standard errors are a point, so 92 to 98 % is what 93 to 97 % may come out as."""
    assert 0.92 <= BENCHMARK.coverage(setting, repetitions=4000, samples=200, seed=1).held <= 0.98


@pytest.mark.parametrize("setting", QUICK, ids=lambda one: f"{one.kind}, {one.words}")
def test_bootstrap_intervals_hold_the_truth(setting: object) -> None:
    """250 sets with 300 draws each: three standard errors are four points, which an interval half as wide misses."""
    assert 0.91 <= BENCHMARK.coverage(setting, repetitions=250, samples=300, seed=1).held <= 0.99


@pytest.mark.parametrize(("n", "discordance"), [(100, 0.1), (300, 0.02), (560, 0.005), (872, 0.01), (872, 0.05)])
def test_the_proof_errs_in_five_of_a_hundred_cases_at_most(n: int, discordance: float) -> None:
    """A loss of exactly the margin must seldom be told as less; all outcomes are summed, nothing is left to chance.

    A test that never proves anything would pass too: where disagreement is common it must come near the 5 %.
    """
    exact, _ = BENCHMARK.error_at_margin(n, discordance)
    assert exact <= 0.05
    if discordance * n >= 40:
        assert exact >= 0.035


def test_the_usual_test_errs_more_often() -> None:
    """Why the exact one is taken: where the two hardly part, the normal distribution proves too much."""
    exact, usual = BENCHMARK.error_at_margin(560, 0.005)
    assert usual > 0.055
    assert exact <= 0.05
