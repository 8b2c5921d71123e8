"""Rounding with compensation: by hand, against the paper's slow way, and never worse than rounding to nearest."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from limbeck.errors import CalibrationError, LimbeckError, SchemeError, ShapeError
from limbeck.quantization.compensation import compensated_codes
from limbeck.quantization.hessian import HessianObserver

Numbers = NDArray[np.float64]


def correlated(seed: int, *, n_inputs: int = 32, n_tokens: int = 200, strength: float = 2.0) -> torch.Tensor:
    """(tokens, inputs) of which most is a mixture of few causes, with channels of very different size."""
    generator = torch.Generator().manual_seed(seed)
    causes = torch.randn(n_tokens, n_inputs // 4, generator=generator)
    mixed = causes @ torch.randn(n_inputs // 4, n_inputs, generator=generator) * strength
    sizes = torch.exp(torch.randn(n_inputs, generator=generator) / 2)
    return (mixed + torch.randn(n_tokens, n_inputs, generator=generator)) * sizes


def hessian_of(inputs: torch.Tensor) -> torch.Tensor:
    """(inputs, inputs) 2 X X^T / tokens."""
    observer = HessianObserver("layer")
    observer.add(inputs)
    return observer.hessian


def grid_of(weight: torch.Tensor, *, bits: int, n_groups: int, symmetric: bool) -> tuple[Numbers, Numbers | None]:
    """(outputs, groups) scales and zero points from the lowest and highest weight of each group."""
    groups = weight.double().reshape(len(weight), n_groups, -1)
    low, high = groups.amin(dim=2).clamp(max=0).numpy(), groups.amax(dim=2).clamp(min=0).numpy()
    if symmetric:
        return np.maximum(-low, high) / (2 ** (bits - 1) - 0.5), None
    scale = (high - low) / (2**bits - 1)
    return scale, np.rint(-low / scale)


def values_of(codes: Numbers, scale: Numbers, zero_point: Numbers | None) -> Numbers:
    """(code - zero_point) * scale, with a column of scale for each group."""
    size = codes.shape[1] // scale.shape[1]
    shifted = codes - (0 if zero_point is None else np.repeat(zero_point, size, axis=1))
    return shifted * np.repeat(scale, size, axis=1)


def nearest(weight: Numbers, scale: Numbers, zero_point: Numbers | None, *, bits: int) -> Numbers:
    """Codes of plain rounding to nearest."""
    size = weight.shape[1] // scale.shape[1]
    zeros = 0 if zero_point is None else np.repeat(zero_point, size, axis=1)
    lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if zero_point is None else (0, 2**bits - 1)
    return np.clip(np.rint(weight / np.repeat(scale, size, axis=1)) + zeros, lowest, highest)


def output_error(weight: Numbers, values: Numbers, hessian: torch.Tensor) -> float:
    """Mean squared error of the outputs, summed over them: tr(E H E^T) / 2."""
    errors = weight - values
    return float(np.einsum("oi,ij,oj->", errors, hessian.numpy(), errors)) / 2


def by_elimination(
    weight: Numbers, hessian: Numbers, scale: Numbers, zero_point: Numbers | None, *, bits: int, order: list[int]
) -> Numbers:
    """Codes by the paper's equations 2 and 3 alone: one column at a time, the inverse shrunk by Gaussian elimination.

    delta = -(w_q - quant(w_q)) / [H^-1]_qq * [H^-1]_{:,q}
    H^-1 without q = H^-1 - [H^-1]_{:,q} [H^-1]_{q,:} / [H^-1]_qq

    Source: Frantar et al. 2022, "GPTQ", arXiv:2210.17323, equations 2 and 3.
    """
    left, inverse = weight.copy(), np.linalg.inv(hessian)
    codes = np.zeros_like(left)
    for q in order:
        codes[:, q] = nearest(left, scale, zero_point, bits=bits)[:, q]
        error = left[:, q] - values_of(codes, scale, zero_point)[:, q]
        left -= np.outer(error / inverse[q, q], inverse[:, q])
        inverse = inverse - np.outer(inverse[:, q], inverse[q, :]) / inverse[q, q]
    return codes


def test_two_inputs_by_hand() -> None:
    """The whole method in three lines; with a sign the wrong way round it doubles the error instead."""
    # H = [[1, 1/2], [1/2, 1]], H^-1 = 4/3 [[1, -1/2], [-1/2, 1]]; weights 0.4 and 0.4, scale 1.
    # Column 0 rounds to 0 with error 0.4; column 1 gets -0.4 / (4/3) * (-2/3) = +0.2, so 0.6, which rounds to 1.
    # Errors (0.4, -0.6): 0.16 + 0.36 - 0.24 = 0.28. To nearest: (0.4, 0.4): 0.16 + 0.16 + 0.16 = 0.48.
    hessian = torch.tensor([[1.0, 0.5], [0.5, 1.0]])
    weight = torch.tensor([[0.4, 0.4]])
    codes = compensated_codes(weight, hessian, bits=4, scale=np.ones(1, np.float32), damping=0)
    assert (codes.dtype, codes.tolist()) == (np.int8, [[0, 1]])
    assert output_error(weight.double().numpy(), codes, hessian.double()) * 2 == pytest.approx(0.28)


def test_three_inputs_by_hand_in_order_of_importance() -> None:
    """An order that is not undone would hand one input's weight to another."""
    # Inputs 0 and 2 are correlated, 1 is alone: H = [[1, 0, 1], [0, 9, 0], [1, 0, 4]].
    # By diagonal: 1, 2, 0. Column 1: 1.3 -> 1, and nothing follows from it. For inputs 0 and 2 the inverse is
    # 1/3 [[4, -1], [-1, 1]]. Column 2: 0.6 -> 1, error -0.4, and column 0 gets 0.4 / (1/3) * (-1/3) = -0.4, so that
    # 0.8 becomes 0.4, which rounds to 0. Column by column instead: 0.8 -> 1, error -0.2, and column 2 gets
    # 0.2 / (4/3) * (-1/3) = -0.05, so that 0.6 becomes 0.55, which rounds to 1.
    hessian = torch.tensor([[1.0, 0.0, 1.0], [0.0, 9.0, 0.0], [1.0, 0.0, 4.0]])
    weight = torch.tensor([[0.8, 1.3, 0.6]])
    one = np.ones(1, np.float32)
    assert compensated_codes(weight, hessian, bits=4, scale=one, damping=0).tolist() == [[0, 1, 1]]
    in_turn = compensated_codes(weight, hessian, bits=4, scale=one, damping=0, by_importance=False)
    assert in_turn.tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("by_importance", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(("bits", "n_groups"), [(4, 1), (3, 5), (2, 10)])
def test_codes_are_those_of_the_slow_way(bits: int, n_groups: int, symmetric: bool, by_importance: bool) -> None:
    """Blocks and Cholesky factors are there for speed; codes that differ would be another method."""
    weight = torch.randn(7, 160, generator=torch.Generator().manual_seed(3))  # more than a block of columns
    hessian = hessian_of(correlated(4, n_inputs=160, n_tokens=500))
    scale, zero_point = grid_of(weight, bits=bits, n_groups=n_groups, symmetric=symmetric)
    damped = hessian.numpy() + 0.01 * np.mean(np.diag(hessian)) * np.eye(160)
    order = np.argsort(-np.diag(hessian), kind="stable") if by_importance else np.arange(160)
    codes = compensated_codes(
        weight, hessian, bits=bits, scale=scale, zero_point=zero_point, by_importance=by_importance
    )
    slow = by_elimination(weight.double().numpy(), damped, scale, zero_point, bits=bits, order=order.tolist())
    np.testing.assert_array_equal(codes, slow)


@pytest.mark.parametrize("by_importance", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_outputs_are_closer_than_by_rounding(bits: int, symmetric: bool, by_importance: bool) -> None:
    """If compensation did not pay on correlated inputs, it would be cost without use."""
    ratios = []
    for seed in range(12):
        weight = torch.randn(16, 32, generator=torch.Generator().manual_seed(100 + seed))
        hessian = hessian_of(correlated(seed))
        scale, zero_point = grid_of(weight, bits=bits, n_groups=2, symmetric=symmetric)
        codes = compensated_codes(
            weight, hessian, bits=bits, scale=scale, zero_point=zero_point, by_importance=by_importance
        )
        floats = weight.double().numpy()
        plain = nearest(floats, scale, zero_point, bits=bits)
        ratios.append(
            output_error(floats, values_of(codes, scale, zero_point), hessian)
            / output_error(floats, values_of(plain, scale, zero_point), hessian)
        )
    assert max(ratios) < 1  # each of these layers, strongly correlated as they are
    assert np.mean(ratios) < 0.6


def test_weakly_correlated_inputs_lose_nothing_on_average() -> None:
    """Where little can be won, little may be lost."""
    ratios = []
    for seed in range(30):
        weight = torch.randn(16, 32, generator=torch.Generator().manual_seed(seed))
        hessian = hessian_of(correlated(seed, strength=0.05, n_tokens=2000))
        scale, _ = grid_of(weight, bits=3, n_groups=1, symmetric=True)
        floats = weight.double().numpy()
        codes = compensated_codes(weight, hessian, bits=3, scale=scale)
        plain = nearest(floats, scale, None, bits=3)
        ratios.append(output_error(floats, codes * scale, hessian) / output_error(floats, plain * scale, hessian))
    assert np.mean(ratios) <= 1


def test_uncorrelated_inputs_are_rounded_to_nearest() -> None:
    """With a diagonal Hessian there is nothing to compensate with."""
    weight = torch.randn(5, 12, generator=torch.Generator().manual_seed(0))
    scale, zero_point = grid_of(weight, bits=4, n_groups=3, symmetric=False)
    codes = compensated_codes(weight, torch.diag(torch.arange(1.0, 13)), bits=4, scale=scale, zero_point=zero_point)
    np.testing.assert_array_equal(codes, nearest(weight.double().numpy(), scale, zero_point, bits=4))


@pytest.mark.parametrize("n_groups", [1, 4])
def test_sleeping_inputs_keep_their_weights(n_groups: int) -> None:
    """Zeroed weights would answer wrongly as soon as a text wakes the input; a singular inverse would give NaN."""
    inputs = correlated(0)
    inputs[:, [3, 17]] = 0
    weight = torch.randn(8, 32, generator=torch.Generator().manual_seed(1))
    scale, _ = grid_of(weight, bits=4, n_groups=n_groups, symmetric=True)
    codes = compensated_codes(weight, hessian_of(inputs), bits=4, scale=scale)
    plain = nearest(weight.double().numpy(), scale, None, bits=4)
    np.testing.assert_array_equal(codes[:, [3, 17]], plain[:, [3, 17]])
    assert (codes != plain).any()
    np.testing.assert_array_equal(compensated_codes(weight, torch.zeros(32, 32), bits=4, scale=scale), plain)


def test_fewer_tokens_than_inputs_still_work() -> None:
    """A Hessian of low rank has no inverse of its own; damping gives it one."""
    weight = torch.randn(8, 32, generator=torch.Generator().manual_seed(1))
    hessian = hessian_of(correlated(0, n_tokens=5))
    scale, _ = grid_of(weight, bits=4, n_groups=1, symmetric=True)
    floats = weight.double().numpy()
    codes = compensated_codes(weight, hessian, bits=4, scale=scale)
    plain = nearest(floats, scale, None, bits=4)
    assert output_error(floats, codes * scale, hessian) < 0.2 * output_error(floats, plain * scale, hessian)


def test_granularities_agree() -> None:
    """One scale is one scale, however it is written."""
    weight = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))
    hessian = hessian_of(correlated(0, n_inputs=8))
    written = [np.float32([0.3]), np.full(6, 0.3, np.float32), np.full((6, 1), 0.3, np.float32), np.full((6, 4), 0.3)]
    codes = [compensated_codes(weight, hessian, bits=4, scale=scale) for scale in (*written, np.float32(0.3))]
    for other in codes[1:]:
        np.testing.assert_array_equal(codes[0], other)


def test_codes_use_their_whole_range_and_no_more() -> None:
    """A code out of range would wrap around when it is packed: a large weight with the other sign."""
    weight = 9 * torch.randn(16, 32, generator=torch.Generator().manual_seed(1))
    for bits in (2, 3, 4):
        codes = compensated_codes(weight, hessian_of(correlated(0)), bits=bits, scale=np.float32([0.5]))
        assert (codes.min(), codes.max()) == (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        codes = compensated_codes(
            weight, hessian_of(correlated(0)), bits=bits, scale=np.float32([0.5]), zero_point=np.array([1])
        )
        assert (codes.min(), codes.max()) == (0, 2**bits - 1)


def test_what_is_given_is_not_changed() -> None:
    """A layer whose float weights were shifted while it was rounded could not be rounded again."""
    weight, hessian = torch.randn(4, 8, dtype=torch.float64), hessian_of(correlated(0, n_inputs=8))
    before = weight.clone(), hessian.clone()
    compensated_codes(weight, hessian, bits=4, scale=np.float32([0.3]), by_importance=False)
    torch.testing.assert_close((weight, hessian), before, rtol=0, atol=0)


EYE, WEIGHT, SCALE = torch.eye(4), torch.ones(2, 4), np.ones(1, np.float32)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (
            {"bits": 8},
            SchemeError,
            "Expected 2, 3 or 4 bits to round with compensation, came 8.\n"
            "Hint: At 8 bits rounding to nearest loses almost nothing.",
        ),
        ({"damping": -1.0}, SchemeError, "Expected a damping of at least 0, came -1.0.\nHint: Usual is 0.01."),
        (
            {"hessian": torch.eye(3)},
            ShapeError,
            "Expected a Hessian with a row and a column for each input of the weight (outputs, inputs) = (2, 4), came "
            "(3, 3).\nHint: Take the Hessian of the very layer that is rounded.",
        ),
        (
            {"scale": np.ones((2, 3), np.float32)},
            ShapeError,
            "Expected one scale for the tensor, (2,) for its outputs, or (2, groups) with groups that divide its 4 "
            "inputs, came (2, 3).\nHint: Groups are of neighbouring inputs, all of one size.",
        ),
        (
            {"zero_point": np.ones(3, np.int8)},
            ShapeError,
            "Expected one zero point for the tensor, (2,) for its outputs, or (2, groups) with groups that divide its "
            "4 inputs, came (3,).\nHint: Groups are of neighbouring inputs, all of one size.",
        ),
        (
            {"hessian": torch.ones(4, 4), "damping": 0.0},
            CalibrationError,
            "The Hessian of 4 inputs with a damping of 0 cannot be inverted.\n"
            "Hint: Calibrate on more texts, or raise the damping tenfold.",
        ),
        (
            {"hessian": torch.full((4, 4), math.nan)},
            CalibrationError,
            "The Hessian of 4 inputs with a damping of 0.01 cannot be inverted.\n"
            "Hint: Calibrate on more texts, or raise the damping tenfold.",
        ),
    ],
)
def test_refusals(given: dict[str, object], kind: type[LimbeckError], message: str) -> None:
    """Codes from parts that do not belong together look like any other codes."""
    chosen = {"hessian": EYE, "bits": 4, "scale": SCALE} | given
    hessian = chosen.pop("hessian")
    with pytest.raises(kind) as caught:
        compensated_codes(WEIGHT, hessian, **chosen)  # type: ignore[arg-type]
    assert str(caught.value) == message
