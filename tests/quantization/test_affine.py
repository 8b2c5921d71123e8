"""Scales: finer than 7 bits, and exact on CPUs that add pairs of products in 16 bits."""

import numpy as np
import pytest

from limbeck.artifact.packing import is_saturation_safe
from limbeck.quantization.affine import quantize_linear, quantize_table
from limbeck.recipe.scheme import Scheme

W8A8 = Scheme.parse("w8a8e8")


def vpmaddubsw_product(activations: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """What AVX2 without VNNI computes: pair sums clipped to 16 bits, then added in 32 bits.

    Args:
        activations: (rows, inputs) uint8.
        codes: (outputs, inputs) int8.

    Returns: (rows, outputs) int32.

    Source: Intel SDM, VPMADDUBSW and VPMADDWD; pairs as in MLAS, MlasGemmU8S8CopyPackBAvx2.
    """
    odd = codes.shape[1] % 2
    products = np.einsum(
        "rk,ok->rok", np.pad(activations, ((0, 0), (0, odd))).astype(np.int32), np.pad(codes, ((0, 0), (0, odd)))
    )
    pairs = products.reshape(*products.shape[:2], -1, 2).sum(axis=-1)
    return np.clip(pairs, -32768, 32767).sum(axis=-1, dtype=np.int32)


def worst_activations(codes: np.ndarray) -> np.ndarray:
    """Rows that drive pair sums furthest: all 255, and 255 where one output's weights have one sign."""
    rows = [np.full(codes.shape[1], 255), *(255 * (codes > 0)), *(255 * (codes < 0))]
    return np.array(rows).astype(np.uint8)


def weights_of(kind: str) -> np.ndarray:
    """(outputs, inputs) weights that strain the rule in different ways."""
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(24, 95)).astype(np.float32)
    return {
        "normal": normal,
        "heavy tails": (normal**5).astype(np.float32),
        "all equal": np.full((3, 8), 0.37, np.float32),
        "equal within pairs": np.repeat(normal[:, :40], 2, axis=1),
        "one large": np.where(generator.random((24, 95)) < 0.01, 100, normal).astype(np.float32),
        "half steps": (generator.integers(-127, 128, (24, 95)) / 2).astype(np.float32),
    }[kind]


KINDS = ["normal", "heavy tails", "all equal", "equal within pairs", "one large", "half steps"]


@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_exact_without_vnni(kind: str) -> None:
    """If they were not, one file would give two answers on two CPUs."""
    codes = quantize_linear(weights_of(kind), scheme=W8A8).codes
    assert is_saturation_safe(codes)
    activations = worst_activations(codes)
    exact = activations.astype(np.int32) @ codes.T.astype(np.int32)
    np.testing.assert_array_equal(vpmaddubsw_product(activations, codes), exact)


def test_the_emulation_saturates_where_the_rule_is_broken() -> None:
    """An emulation that never clips would prove nothing."""
    codes = np.array([[127, 127, -127, -127]], np.int8)
    activations = np.array([[255, 255, 0, 0], [0, 0, 255, 255]], np.uint8)
    # 2 * 255 * 127 = 64770 is clipped to 32767, -64770 to -32768
    assert vpmaddubsw_product(activations, codes).tolist() == [[32767], [-32768]]


@pytest.mark.parametrize("kind", KINDS)
def test_error_stays_within_half_a_step(kind: str) -> None:
    """Codes clipped to be safe, instead of scaled, would distort the largest weights."""
    weights = weights_of(kind)
    packed = quantize_linear(weights, scheme=W8A8)
    assert (np.abs(weights - packed.dequantize()) <= packed.scale[:, None] * 0.50002).all()


def test_steps_are_finer_than_seven_bits() -> None:
    """Halving all codes would be safe too, and cost twice the error; that is what the rule is for."""
    weights = weights_of("normal")
    steps = quantize_linear(weights, scheme=W8A8).scale
    seven_bits = np.abs(weights).max(axis=1) / 64
    assert (steps <= seven_bits * 1.01).all()
    assert np.mean(steps / seven_bits) < 0.7  # 64/127 = 0.50 would be full range


def test_table_uses_the_whole_range_by_row() -> None:
    """A scale for the whole table would blur rare words with small rows."""
    table = np.array([[0.1, -0.2], [5.0, 2.5], [0.0, 0.0]], np.float32)
    packed = quantize_table(table)
    # 0.1 / (0.2 / 127) = 63.5 rounds to the even 64
    assert packed.codes.tolist() == [[64, -127], [127, 64], [0, 0]]
    np.testing.assert_allclose(packed.scale, [0.2 / 127, 5 / 127, 1], rtol=1e-6)


def test_vanishing_weights_stay_finite() -> None:
    """A scale that underflows to zero would turn codes into NaN."""
    weights = np.array([[1e-45, 0.0], [0.0, 0.0], [1e-38, -1e-38]], np.float32)
    for packed in (quantize_linear(weights, scheme=W8A8), quantize_table(weights)):
        assert np.isfinite(packed.dequantize()).all()
        assert (packed.scale > 0).all()
        np.testing.assert_allclose(packed.dequantize(), weights, atol=1e-38)
