"""What a graph computes of constants alone, worked out here; integers that are scaled stay integers with their scales.

An engine that loads an artifact turns the codes of small tables and of some weights to floats once. Here they keep
their bits: a constant that came of codes is held as

    value = code * scale * scale ... + offset

each in the value's shape, as what is done to shapes is then done to all alike; `compact` makes them small again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

Array = NDArray[Any]
_SMALLEST = 4096
"""Codes of fewer numbers are not worth their scales."""
_LARGEST_CODE = 255
_SHAPERS = frozenset({"Reshape", "Transpose", "Slice", "Squeeze", "Unsqueeze", "Concat", "Gather", "Identity"})


@dataclass(frozen=True)
class Coded:
    """A constant float tensor that came of integers.

    Args:
        codes: int16, -128 .. 255.
        scales: Each float32 of the same shape; none for codes as they are.
        offset: float32 of the same shape; None for zeros.
    """

    codes: NDArray[np.int16]
    scales: tuple[Array, ...] = ()
    offset: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value."""
        return self.codes.shape

    def values(self) -> NDArray[np.float32]:
        """The value itself."""
        found = self.codes.astype(np.float32)
        for scale in self.scales:
            found = found * scale
        return found if self.offset is None else found + self.offset

    def shaped(self, shape: Callable[[Array], Array]) -> "Coded":
        """The same numbers laid out otherwise."""
        scales = tuple(shape(np.ascontiguousarray(scale)) for scale in self.scales)
        return Coded(shape(self.codes), scales, None if self.offset is None else shape(self.offset))


Constant = Array | Coded


def fold(node: onnx.NodeProto, inputs: Sequence[Constant]) -> list[Constant]:
    """What an operator gives for constants.

    Args:
        node: Of ONNX's own operators.
        inputs: Its inputs, those that are left out included as empty arrays.
    """
    operator = node.op_type
    if operator == "Cast" and isinstance(inputs[0], np.ndarray) and _becomes_coded(node, inputs[0]):
        return [Coded(inputs[0].astype(np.int16))]
    coded = next((value for value in inputs if isinstance(value, Coded)), None)
    if coded is None:
        return list(_evaluated(node, [np.asarray(value) for value in inputs]))
    if operator in _SHAPERS and inputs[0] is coded and not any(isinstance(one, Coded) for one in inputs[1:]):
        others = [np.asarray(value) for value in inputs[1:]]
        return [coded.shaped(lambda part: _evaluated(node, [part, *others])[0])]
    if operator == "Cast" and _to(node) == onnx.TensorProto.FLOAT:
        return [coded]
    plain = [value.values() if isinstance(value, Coded) else np.asarray(value) for value in inputs]
    if operator in {"Add", "Sub", "Mul", "Div"}:
        return [_combined(node, inputs, plain)]
    return list(_evaluated(node, plain))


def floats_of(value: Constant) -> Array:
    """A constant as an array."""
    return value.values() if isinstance(value, Coded) else value


def worth_coding(value: Constant) -> bool:
    """Whether a constant is large enough to be kept as codes."""
    return isinstance(value, Coded) and value.codes.size >= _SMALLEST and bool(value.codes.min() >= -_LARGEST_CODE // 2)


def compact(values: Array) -> Array:
    """An array with each axis along which it does not change cut to one."""
    for axis in range(values.ndim):
        first = values.take([0], axis=axis)
        if values.shape[axis] > 1 and (values == first).all():
            values = first
    return values


def _combined(node: onnx.NodeProto, inputs: Sequence[Constant], plain: Sequence[Array]) -> Constant:
    """Sum, difference, product or quotient of two constants, one of them coded."""
    left, right = inputs
    found: Array = _evaluated(node, plain)[0]
    bare = all(not isinstance(one, Coded) or not (one.scales or one.offset is not None) for one in inputs)
    if bare and all(_is_whole(one) for one in plain) and np.abs(found).max(initial=0) <= _LARGEST_CODE:
        return Coded(found.astype(np.int16))
    if isinstance(left, Coded) == isinstance(right, Coded):
        return found
    coded, other = (left, plain[1]) if isinstance(left, Coded) else (right, plain[0])
    assert isinstance(coded, Coded)
    if found.shape != coded.shape or (node.op_type in {"Sub", "Div"} and coded is right):
        return found
    spread: Array = np.array(np.broadcast_to(other, found.shape), np.float32)
    if node.op_type in {"Mul", "Div"}:
        factor = spread if node.op_type == "Mul" else 1 / spread
        return Coded(coded.codes, (*coded.scales, factor), None if coded.offset is None else coded.offset * factor)
    moved = spread if node.op_type == "Add" else -spread
    return Coded(coded.codes, coded.scales, moved if coded.offset is None else coded.offset + moved)


def _is_whole(values: Array) -> bool:
    return bool((values == np.rint(values)).all())


def _becomes_coded(node: onnx.NodeProto, values: Array) -> bool:
    return values.dtype.kind in "iu" and values.dtype.itemsize == 1 and _to(node) == onnx.TensorProto.FLOAT


def _to(node: onnx.NodeProto) -> int:
    return int(next(attribute.i for attribute in node.attribute if attribute.name == "to"))


def _evaluated(node: onnx.NodeProto, inputs: Sequence[Array]) -> list[Array]:
    """By the onnx package's own evaluator."""
    given = {name: value for name, value in zip(node.input, inputs, strict=True) if name}
    return [np.asarray(found) for found in ReferenceEvaluator(node).run(None, given)]
