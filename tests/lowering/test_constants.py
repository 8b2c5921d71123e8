"""Constants folded: integers that are scaled keep their bits, and stand for the same numbers as before."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from limbeck.lowering.constants import Coded, compact, fold, worth_coding

CODES = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)


def node(operator: str, n_inputs: int, **attributes: object) -> onnx.NodeProto:
    """An operator of so many inputs."""
    return helper.make_node(operator, [f"in{place}" for place in range(n_inputs)], ["out"], **attributes)


def coded() -> Coded:
    """The codes as floats, as a graph has them."""
    (found,) = fold(node("Cast", 1, to=TensorProto.FLOAT), [CODES])
    assert isinstance(found, Coded)
    return found


def test_scales_and_divisions_leave_codes_as_they_are() -> None:
    """A table of one byte a number would grow to four."""
    scale, factors = np.array([[0.5], [1.5], [2.5]], np.float32), np.array([1.0, 2.0, 4.0, 3.0], np.float32)
    (scaled,) = fold(node("Mul", 2), [coded(), scale])
    (divided,) = fold(node("Div", 2), [scaled, factors])
    assert isinstance(divided, Coded)
    np.testing.assert_array_equal(divided.codes, CODES)
    np.testing.assert_allclose(divided.values(), CODES * scale / factors, rtol=1e-6)
    assert [compact(one).shape for one in divided.scales] == [(3, 1), (1, 4)]


def test_codes_of_few_bits_are_put_together_as_codes() -> None:
    """Widened planes would be taken for floats: 3 bits are a plane of 2 and four times a plane of 1, minus 4."""
    low, high = np.array([[0, 3]], np.uint8), np.array([[1, 0]], np.uint8)
    cast = node("Cast", 1, to=TensorProto.FLOAT)
    fours = fold(node("Mul", 2), [fold(cast, [high])[0], np.float32(4)])[0]
    whole = fold(node("Add", 2), [fold(cast, [low])[0], fours])[0]
    (found,) = fold(node("Add", 2), [whole, np.float32(-4)])
    assert isinstance(found, Coded)
    assert found.scales == ()
    assert found.codes.tolist() == [[0, -1]]


def test_what_is_laid_out_otherwise_keeps_its_scales_beside_its_codes() -> None:
    """Rows would get each other's scales."""
    (scaled,) = fold(node("Mul", 2), [coded(), np.array([[0.5], [1.5], [2.5]], np.float32)])
    (turned,) = fold(node("Transpose", 1, perm=[1, 0]), [scaled])
    (cut,) = fold(node("Reshape", 2), [turned, np.array([2, 6], np.int64)])
    assert isinstance(cut, Coded)
    np.testing.assert_array_equal(cut.values(), scaled.values().T.reshape(2, 6))  # type: ignore[union-attr]


def test_a_row_that_is_added_is_an_offset() -> None:
    """A table of positions with its segment's row would become floats."""
    (moved,) = fold(node("Add", 2), [coded(), np.array([0.25, 0.5, 0.75, 1.0], np.float32)])
    assert isinstance(moved, Coded)
    np.testing.assert_allclose(moved.values(), CODES + np.array([0.25, 0.5, 0.75, 1.0], np.float32))


@pytest.mark.parametrize(("rows", "kept"), [(4, False), (64, True)])
def test_small_constants_are_not_worth_their_scales(rows: int, kept: bool) -> None:
    """Each would cost an operator for each text, to spare a few bytes."""
    assert worth_coding(Coded(np.zeros((rows, 64), np.int16))) is kept
