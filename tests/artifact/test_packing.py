"""Packed tensors: codes and scales by hand, by law, and what is refused."""

import numpy as np
import pytest

from limbeck.artifact.packing import (
    PackedTensor,
    code_range,
    from_bytes,
    is_saturation_safe,
    pack,
    packed_size,
    pair_sums,
    short,
    stored_scale,
    to_bytes,
)
from limbeck.errors import ShapeError


def test_pack_and_unpack_by_hand() -> None:
    """A wrong axis or rounding would ship another model than the one that was trained."""
    tensor = np.array([[1.0, -2.54, 0.0], [0.26, 0.1, -0.04]], np.float32)
    packed = pack(tensor, np.array([0.02, 0.1], np.float32), axis=0)
    # 1/0.02 = 50, -2.54/0.02 = -127, 0 | 0.26/0.1 = 2.6 -> 3, 0.1/0.1 = 1, -0.04/0.1 = -0.4 -> 0
    assert packed.codes.tolist() == [[50, -127, 0], [3, 1, 0]]
    np.testing.assert_allclose(packed.dequantize(), [[1.0, -2.54, 0.0], [0.3, 0.1, 0.0]], rtol=1e-6)
    assert packed.nbytes == 6 + 2 * 4


def test_scale_along_the_second_axis_by_hand() -> None:
    """Scales that ran along the wrong dimension would go unnoticed on square matrices."""
    packed = pack(np.array([[1.0, 10.0], [3.0, -20.0]], np.float32), np.array([1.0, 10.0], np.float32), axis=1)
    assert packed.codes.tolist() == [[1, 1], [3, -2]]
    assert packed.dequantize().tolist() == [[1.0, 10.0], [3.0, -20.0]]


def test_zero_point_is_taken_off_before_scaling() -> None:
    """An asymmetric tensor would come back shifted."""
    codes = np.array([[10, -6]], np.int8)
    packed = PackedTensor(codes, np.array([0.5], np.float32), np.array([-6], np.int8), axis=0)
    assert packed.dequantize().tolist() == [[8.0, 0.0]]
    assert packed.nbytes == 2 + 4 + 1


def test_error_is_at_most_half_a_step() -> None:
    """The promise that every claim on precision rests on."""
    tensor = np.random.default_rng(0).normal(size=(40, 31)).astype(np.float32)
    scale = np.abs(tensor).max(axis=1) / np.float32(127)
    packed = pack(tensor, scale, axis=0)
    # a hair above 1/2: value / scale and code * scale round once each
    assert (np.abs(tensor - packed.dequantize()) <= scale[:, None] * 0.50002).all()
    assert np.abs(packed.codes.astype(int)).max() == 127


def test_values_beyond_the_range_are_held_at_its_end() -> None:
    """-128 has no positive twin: a symmetric tensor that used it would overflow when negated."""
    packed = pack(np.array([-500.0, 500.0], np.float32), np.array([1.0, 1.0], np.float32), axis=0)
    assert packed.codes.tolist() == [-127, 127]


def test_codes_of_three_bits_by_hand() -> None:
    """A failure would store codes that another program, or another release, reads as other ones.

    -4, 3, 1 are 100, 011, 001 in two's complement; lowest bits first: 001 110 100 -> 00111010 0 = byte 0b01011100, 0.
    """
    stored = to_bytes(np.array([[-4, 3, 1]], np.int8), bits=3)
    assert stored.tolist() == [[0b01011100, 0]]
    assert from_bytes(stored, bits=3, n_columns=3, signed=True).tolist() == [[-4, 3, 1]]
    assert from_bytes(stored, bits=3, n_columns=3, signed=False).tolist() == [[4, 3, 1]]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("n_columns", [1, 7, 8, 13])
def test_codes_come_back_from_their_bytes(bits: int, symmetric: bool, n_columns: int) -> None:
    """A failure would change weights by storing them, in rows that do not fill their last byte for one."""
    lowest, highest = code_range(bits, symmetric=symmetric)
    draw = np.random.default_rng(bits)
    codes = draw.integers(lowest, highest + 1, size=(5, 3, n_columns)).astype(np.int8 if symmetric else np.uint8)
    stored = to_bytes(codes, bits=bits)
    assert stored.shape == (5, 3, packed_size(n_columns, bits))
    assert packed_size(8, bits) == bits
    np.testing.assert_array_equal(from_bytes(stored, bits=bits, n_columns=n_columns, signed=symmetric), codes)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("n_groups", [0, 1, 4])
def test_every_value_within_range_is_half_a_step_away_at_most(bits: int, symmetric: bool, n_groups: int) -> None:
    """A failure would round weights further away than the docs promise; no groups stand for one scale for all."""
    draw = np.random.default_rng(7)
    tensor = draw.normal(size=(6, 16)).astype(np.float32)
    shape = (6, n_groups) if n_groups else (1,)
    scale = draw.uniform(0.05, 0.4, size=shape).astype(np.float32)
    zero_point = None if symmetric else draw.integers(0, 2**bits, size=shape).astype(np.uint8)
    packed = pack(tensor, scale, axis=0 if n_groups else None, bits=bits, zero_point=zero_point)
    lowest, highest = code_range(bits, symmetric=symmetric)
    held_back = (packed.codes == lowest) | (packed.codes == highest)
    step = np.repeat(scale, 16 // n_groups, axis=1) if n_groups else np.full((6, 16), scale[0])
    error = np.abs(tensor - packed.dequantize())
    assert (error[~held_back] <= (step * 0.5001)[~held_back]).all()
    assert (~held_back).any()
    scales = scale.nbytes if bits == 8 else scale.nbytes // 2
    assert packed.nbytes == 6 * packed_size(16, bits) + scales + (0 if zero_point is None else zero_point.nbytes)


def test_scales_of_few_bits_are_short() -> None:
    """A scale that float16 does not hold exactly would be another one in the file than in training."""
    scale = np.random.default_rng(0).uniform(2.0**-14, 10, size=500).astype(np.float32)
    found = short(scale)
    assert (found == found.astype(np.float16)).all()
    np.testing.assert_allclose(found, scale, rtol=2.0**-11)
    np.testing.assert_array_equal(short(found), found)
    assert stored_scale(found, bits=4).dtype == np.float16
    assert stored_scale(found, bits=8).dtype == np.float32
    assert (pack(np.ones((500, 4), np.float32), scale, axis=0, bits=4).scale == found).all()
    assert (pack(np.ones((500, 4), np.float32), scale, axis=0, bits=8).scale == scale).all()


@pytest.mark.parametrize("scale", [1e-9, 1e6, 0.1])
def test_what_float16_cannot_hold_stays_float32(scale: float) -> None:
    """A scale that becomes zero or infinite takes its whole layer with it."""
    stored = stored_scale(np.array([0.5, scale], np.float32), bits=4)
    assert (stored.dtype, stored[1]) == (np.float32, np.float32(scale))


def test_pair_sums_by_hand() -> None:
    """A pair sum that mixed signs, or lost the odd last input, would call dangerous codes safe."""
    weights = np.array([[100, 27, -5, -90, 3], [1, -120, 60, -60, -127]], np.int32)
    # row 0: 100+27 = 127, 5+90 = 95, 3 -> 127; row 1: 1 | 120, 60 | 60, 127 -> 127
    assert pair_sums(weights).tolist() == [127, 127]


@pytest.mark.parametrize(
    ("codes", "safe"),
    [
        ([[64, 64, -64, -64]], True),
        ([[127, 1]], True),
        ([[127, 2]], False),
        ([[2, 127, 127, -127]], False),
        ([[1, 127, 127, 1]], True),  # inputs 1 and 2 are no pair
        ([[-127, -2]], False),
    ],
)
def test_saturation_check_by_hand(codes: list[list[int]], safe: bool) -> None:
    """255 * 128 = 32640 fits 16 bits; 255 * 129 = 32895 does not, and older CPUs would answer otherwise."""
    assert is_saturation_safe(np.array(codes, np.int8)) is safe


def test_scale_that_does_not_fit_is_refused() -> None:
    """Broadcasting would silently scale columns by rows' scales."""
    with pytest.raises(ShapeError) as raised:
        pack(np.ones((2, 3), np.float32), np.ones(3, np.float32), axis=0)
    assert str(raised.value) == (
        "Expected a scale of shape (2,) for codes of shape (2, 3) along axis 0, came (3,).\n"
        "Hint: Give one scale for each slice of the codes along the axis."
    )
    with pytest.raises(ShapeError) as raised:
        PackedTensor(np.ones((2, 3), np.int8), np.ones(3, np.float32), None, axis=0)
    assert str(raised.value) == (
        "Expected a scale of shape (2,) for codes of shape (2, 3) along axis 0, came (3,).\n"
        "Hint: Give one scale for each slice of the codes along the axis."
    )
