"""Two models right or wrong on the same texts: against scipy, against published figures, and by summing outcomes."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, multinomial

from limbeck.evaluate import pairs


@pytest.mark.parametrize(("only_first", "only_second"), [(3, 10), (0, 6), (25, 25), (1, 0)])
def test_mcnemar_is_scipys_binomial_test(only_first: int, only_second: int) -> None:
    """Customers who recompute the p-value must get the same one."""
    twin = binomtest(min(only_first, only_second), only_first + only_second, 0.5).pvalue
    assert pairs.mcnemar_p(only_first, only_second) == pytest.approx(twin, rel=1e-12)


def test_models_that_never_part_are_not_told_apart() -> None:
    """No discordant text is no evidence at all."""
    assert pairs.mcnemar_p(0, 0) == 1.0


def test_tangos_published_interval() -> None:
    """Tango 1998, contact lenses: 43 both, 0 and 1 only one, 0 neither; the 90 % interval is -0.096 to 0.037."""
    np.testing.assert_allclose(pairs.difference_ends(0, 1, 44, confidence=0.9), [-0.096, 0.037], atol=5e-4)


def test_scores_maximise_the_likelihood() -> None:
    """A slip in the closed forms would shift every interval; the twin finds the likeliest share by search."""
    a, b, c, n, d, r = 60, 5, 9, 100, -0.1, 0.9

    def of_difference(q: float) -> float:
        return -(b * np.log(q + d) + c * np.log(q) + (n - b - c) * np.log(1 - 2 * q - d))

    q = minimize_scalar(of_difference, bounds=(0.1 + 1e-9, 0.5), method="bounded", options={"xatol": 1e-10}).x
    expected = (b - c - n * d) / np.sqrt(n * (2 * q + d * (1 - d)))
    assert pairs.difference_score(b, c, n, d) == pytest.approx(expected, abs=1e-6)

    met = (a + b + c) / n

    def of_ratio(q: float) -> float:
        both = (met - (1 + r) * q) / r
        return -(a * np.log(both) + b * np.log((r - 1) * both + r * q) + c * np.log(q))

    bounds = (met * (1 - r) / (r + (1 - r) * (1 + r)) + 1e-9, met / (1 + r) - 1e-9)
    q = minimize_scalar(of_ratio, bounds=bounds, method="bounded", options={"xatol": 1e-11}).x
    expected = ((a + b) - r * (a + c)) / np.sqrt(n * ((r - 1) * met + (1 + r) * q))
    assert pairs.ratio_score(a, b, c, r) == pytest.approx(expected, abs=1e-5)


def test_turned_around() -> None:
    """Swapping the models must turn the difference's sign and the ratio upside down."""
    low, high = pairs.difference_ends(4, 9, 120, confidence=0.95)
    np.testing.assert_allclose(pairs.difference_ends(9, 4, 120, confidence=0.95), [-high, -low], atol=1e-9)
    low, high = pairs.ratio_ends(80, 4, 9, confidence=0.95)
    np.testing.assert_allclose(pairs.ratio_ends(80, 9, 4, confidence=0.95), [1 / high, 1 / low], rtol=1e-6)


def test_the_score_rises_as_the_proof_needs() -> None:
    """The exact test looks at the margin only, which is right where the score rises with b and falls with c."""
    n = 40
    counts = np.arange(n + 1)
    for difference in (-0.3, -0.05, -0.005, 0.1):
        scores = pairs.difference_score(counts[:, None], counts[None, :], n, difference)
        possible = counts[:, None] + counts[None, :] <= n
        rises = np.diff(scores, axis=0)[possible[1:]]
        falls = np.diff(scores, axis=1)[possible[:, 1:]]
        assert rises.min() >= -1e-9
        assert falls.max() <= 1e-9


def test_the_exact_p_value_is_a_sum_over_outcomes() -> None:
    """By twin: all outcomes of 25 texts, one by one, under many discordances."""
    n, b, c, difference, alpha = 25, 3, 1, -0.1, 0.05
    score = float(pairs.difference_score(b, c, n, difference))
    near = binomtest(b + c, n).proportion_ci(1 - 0.02 * alpha, method="exact")
    worst = 0.0
    for discordance in np.linspace(max(near.low, 0.1), near.high, 200):
        cells = [(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance]
        total = 0.0
        for only_first in range(n + 1):
            for only_second in range(n + 1 - only_first):
                if pairs.difference_score(only_first, only_second, n, difference) >= score - 1e-9:
                    rest = n - only_first - only_second
                    total += float(np.exp(_log_probability((only_first, only_second, rest), cells)))
        worst = max(worst, total)
    assert pairs.above_p(b, c, n, difference, alpha=alpha) == pytest.approx(worst + 0.02 * alpha, rel=2e-3)


def _log_probability(counts: tuple[int, int, int], cells: list[float]) -> float:
    if counts[0] and cells[0] <= 1e-12:
        return -np.inf
    return float(multinomial.logpmf(counts, sum(counts), np.clip(cells, 1e-15, 1)))


def test_no_disagreement_proves_what_the_rule_of_three_says() -> None:
    """Without a discordant text, 0.5 points are proven from about 598 texts on, as 0.995^598 is 5 %.

    A test by the normal distribution says so from 539 on, and errs in 6.7 % of cases there.
    """
    assert pairs.above_p(0, 0, 590, -0.005) > 0.05
    assert pairs.above_p(0, 0, 620, -0.005) <= 0.05
    assert pairs.difference_score(0, 0, 560, -0.005) > 1.645


def test_a_difference_that_nobody_doubts_is_not_disproved() -> None:
    """Twins differ by less than a margin above zero; were the p-value small there, they would be told to be apart."""
    assert pairs.above_p(0, 0, 10_000, 0.005) == 1.0
    p_values = [pairs.above_p(2, 1, 2000, d) for d in (-0.5, -0.01, -0.002, 0.0, 0.002, 0.01, 0.5)]
    assert p_values == sorted(p_values)
    assert p_values[0] < 0.05
    assert p_values[-1] == 1.0


def test_bounds_and_test_agree() -> None:
    """A lower bound on one side of the margin and a test on the other could not both be printed."""
    for b, c, n in ((20, 25, 872), (0, 0, 700), (3, 9, 300)):
        low, high = pairs.exact_ends(b, c, n, alpha=0.05)
        assert low < (b - c) / n < high or (low < 0 < high)
        width = high - low
        assert pairs.above_p(b, c, n, low - 0.01 * width) <= 0.05 < pairs.above_p(b, c, n, low + 0.01 * width)
        assert pairs.above_p(c, b, n, -high - 0.01 * width) <= 0.05 < pairs.above_p(c, b, n, -high + 0.01 * width)


def test_models_that_part_on_every_text_have_exact_bounds() -> None:
    """A failure would end a verdict on an artifact with two labels exchanged in a warning instead of a refusal."""
    low, high = pairs.exact_ends(0, 32, 32, alpha=0.05)
    assert low == pytest.approx(-1.0, abs=0.01)
    assert -1.0 < high < -0.7
