"""Ranges of activations: what each method clips, what it keeps, and that zero is always among it."""

import math

import numpy as np
import pytest
import torch

from limbeck.errors import CalibrationError
from limbeck.quantization.histogram import Histogram
from limbeck.quantization.ranges import RANGE_METHODS, ActivationRange, RangeMethod, range_of, squared_error


def normal_with(outlier: float, *, n: int = 100_000, seed: int = 0) -> torch.Tensor:
    """Standard normal values and one outlier."""
    values = torch.randn(n, generator=torch.Generator().manual_seed(seed))
    values[0] = outlier
    return values


def test_scale_and_zero_point_by_hand() -> None:
    """They turn every code of the graph into a value; a slip here is in every answer."""
    # Asymmetric: (3 + 1) / 255 = 0.0156863, and 1 / 0.0156863 = 63.75 rounds to 64.
    scale, zero_point = ActivationRange(-1.0, 3.0).scale_and_zero_point()
    assert (float(scale), zero_point) == (pytest.approx(4 / 255), 64)
    # Symmetric, the larger side counts: 3 in 127 steps.
    scale, zero_point = ActivationRange(-1.0, 3.0).scale_and_zero_point(symmetric=True)
    assert (float(scale), zero_point) == (pytest.approx(3 / 127), 0)
    assert ActivationRange(0.0, 0.0).scale_and_zero_point() == (1.0, 0)
    assert ActivationRange(-3.0, 0.0).scale_and_zero_point()[1] == 255


def test_min_max_by_hand() -> None:
    """The method that clips nothing must clip nothing, and reach zero where the values do not."""
    histogram = Histogram.of(torch.tensor([2.0, 5.0]))
    assert range_of(histogram, "min_max") == ActivationRange(0.0, 5.0)
    assert range_of(histogram, "min_max", symmetric=True) == ActivationRange(-5.0, 5.0)
    assert range_of(Histogram.of(torch.tensor([-2.0, -5.0])), "min_max") == ActivationRange(-5.0, 0.0)


def test_percentile_by_hand() -> None:
    """One value of a hundred on a side is a per cent; one off by one clips ten times as much at 99.9."""
    # -50 .. 49 once each: 98 % leaves out one value on each side, symmetric 99 % leaves out -50 alone.
    histogram = Histogram.of(torch.arange(-50.0, 50.0))
    chosen = range_of(histogram, "percentile", percentile=98)
    assert chosen.low == -49.0
    assert chosen.high == pytest.approx(48.0, abs=histogram.width)
    chosen = range_of(histogram, "percentile", percentile=99, symmetric=True)
    assert chosen.high == pytest.approx(49.0, abs=histogram.width)
    assert chosen.low == -chosen.high
    assert range_of(histogram, "percentile", percentile=100) == ActivationRange(-50.0, 49.0)


@pytest.mark.parametrize("percentile", [90.0, 99.0, 99.9, 100.0])
def test_percentile_is_numpys(percentile: float) -> None:
    """Our counting and numpy's sorting of all values must agree to a bin."""
    values = normal_with(26.0)
    histogram = Histogram.of(values)
    tail = (100 - percentile) / 2
    chosen = range_of(histogram, "percentile", percentile=percentile)
    expected = np.percentile(values.numpy(), [tail, 100 - tail])
    np.testing.assert_allclose([chosen.low, chosen.high], expected, atol=histogram.width)
    chosen = range_of(histogram, "percentile", percentile=percentile, symmetric=True)
    assert chosen.high == pytest.approx(np.percentile(np.abs(values.numpy()), percentile), abs=histogram.width)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("outlier", [3.0, 26.0, 3000.0])
def test_least_squares_is_the_best_of_all(outlier: float, bits: int, symmetric: bool) -> None:
    """A search that stops in a dip would be worse than no search."""
    values = normal_with(outlier)
    histogram = Histogram.of(values)
    errors = {
        method: squared_error(
            histogram, range_of(histogram, method, bits=bits, symmetric=symmetric), bits=bits, symmetric=symmetric
        )
        for method in RANGE_METHODS
    }
    assert errors["mean_squared_error"] == min(errors.values())


def test_least_squares_by_brute_force() -> None:
    """Against all pairs of bounds on a grid of its own, over the values themselves instead of their histogram."""
    values = torch.nn.functional.gelu(normal_with(9.0, n=4000) * 2)
    chosen = range_of(Histogram.of(values), "mean_squared_error", bits=4)
    low, high = float(values.min()), float(values.max())

    def error(span: ActivationRange) -> float:
        scale, zero_point = span.scale_and_zero_point(bits=4)
        codes = (torch.round(values / float(scale)) + zero_point).clamp(0, 15)
        return float((((codes - zero_point) * float(scale) - values) ** 2).mean())

    best = min(
        error(ActivationRange(low * a, high * b)) for a in np.linspace(0, 1, 12) for b in np.linspace(0.02, 1, 99)
    )
    assert error(chosen) <= 1.02 * best  # steps of 4 % in each bound
    assert error(chosen) < 0.8 * error(ActivationRange(low, high))


@pytest.mark.parametrize("symmetric", [False, True])
def test_its_error_is_the_values_own(symmetric: bool) -> None:
    """An error of bins that strays from that of the values would choose for another model."""
    values = normal_with(26.0)
    histogram = Histogram.of(values)
    span = ActivationRange(-4.0, 5.0)
    scale, zero_point = span.scale_and_zero_point(symmetric=symmetric)
    lowest, highest = (-127, 127) if symmetric else (0, 255)
    twin = torch.fake_quantize_per_tensor_affine(values, float(scale), zero_point, lowest, highest)
    expected = float(((twin - values) ** 2).double().mean())
    assert squared_error(histogram, span, symmetric=symmetric) == pytest.approx(expected, rel=0.02)


def divergence_by_loops(counts: list[float], cut: int, levels: int) -> float:
    """KL(P || Q) of Migacz's slides, spelled out for a histogram of values above zero."""
    reference = counts[:cut]
    reference[-1] += sum(counts[cut:])
    candidate = [0.0] * cut
    for level in range(levels):
        inside = [i for i in range(cut) if i * levels // cut == level]
        held = [i for i in inside if reference[i] > 0]
        for i in held:
            candidate[i] = sum(counts[j] for j in inside) / len(held)
    if any(reference[i] > 0 and candidate[i] == 0 for i in range(cut)):
        return math.inf
    total, whole = sum(reference), sum(candidate)
    return sum(
        reference[i] / total * math.log(reference[i] / total / (candidate[i] / whole))
        for i in range(cut)
        if reference[i] > 0
    )


def test_entropy_by_slow_loops() -> None:
    """Against the method's own description, in plain loops: a threshold elsewhere is another method."""
    counts = np.random.default_rng(0).poisson(4000 * np.exp(-np.arange(200) / 12))
    counts[-1] = 3  # an outlier, with empty bins before it
    histogram = Histogram(exponent=-4, first_bin=0, counts=counts, minimum=0.0, maximum=12.49)
    divergences = {cut: divergence_by_loops(counts.tolist(), cut, 4) for cut in range(4, 201)}
    best = min(divergences, key=divergences.__getitem__)
    assert range_of(histogram, "entropy", bits=2) == ActivationRange(0.0, best / 16)
    assert 10 < best < 100


@pytest.mark.parametrize("symmetric", [False, True])
def test_entropy_cuts_an_outlier_and_keeps_the_rest(symmetric: bool) -> None:
    """One stray value in 100,000 must not take two thirds of the codes."""
    chosen = range_of(Histogram.of(normal_with(26.0)), "entropy", symmetric=symmetric)
    assert 3 < chosen.high < 6
    assert 3 < -chosen.low < 6


def test_entropy_keeps_what_is_evenly_spread() -> None:
    """Where nothing is rare, nothing is to be clipped."""
    values = torch.rand(200_000, generator=torch.Generator().manual_seed(0)) * 2 - 1
    chosen = range_of(Histogram.of(values), "entropy")
    assert min(chosen.high, -chosen.low) > 0.98


@pytest.mark.parametrize("method", RANGE_METHODS)
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        torch.zeros(9),
        torch.full((9,), 0.25),
        torch.full((9,), -1e-40),
        torch.tensor([1e30, -1.0]),
        torch.tensor([5.0, 6.0] * 50),
        torch.cat([torch.zeros(1000), torch.tensor([1.0])]),
    ],
)
def test_zero_is_always_within(values: torch.Tensor, method: RangeMethod, symmetric: bool) -> None:
    """Without a code for zero, padding would leak into the answers; degenerate values must not divide by nothing."""
    chosen = range_of(Histogram.of(values), method, symmetric=symmetric)
    assert -math.inf < chosen.low <= 0 <= chosen.high < math.inf
    assert chosen.low >= min(float(values.min()), -float(values.abs().max()) if symmetric else 0.0)
    scale, zero_point = chosen.scale_and_zero_point(symmetric=symmetric)
    assert 0 < scale < math.inf
    assert 0 <= zero_point <= 255


@pytest.mark.parametrize(
    ("histogram", "choices", "message"),
    [
        (
            Histogram.empty(),
            {"method": "entropy"},
            "A range needs values, and none were counted.\nHint: Calibrate on some texts first.",
        ),
        (
            Histogram.of(torch.ones(1)),
            {"method": "kl"},
            "The range method 'kl' is unknown (known: min_max, percentile, mean_squared_error, entropy).\n"
            'Hint: Take "min_max" where nothing may be clipped.',
        ),
        (
            Histogram.of(torch.ones(1)),
            {"method": "percentile", "percentile": 0.0},
            "Expected a percentile above 0 and at most 100, came 0.0.\nHint: Usual is 99.99.",
        ),
    ],
)
def test_refusals(histogram: Histogram, choices: dict[str, object], message: str) -> None:
    """An unknown method that fell back on another one would be measured under the wrong name."""
    with pytest.raises(CalibrationError) as caught:
        range_of(histogram, **choices)  # type: ignore[arg-type]
    assert str(caught.value) == message
