"""What is put together of several nodes: products of integers with their scales and biases, rows that are looked up.

Each function here gives the values of a node's outputs, or None where the node is an operator like any other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import onnx
from onnx import helper
from torch import nn

from limbeck.artifact.packing import from_bytes
from limbeck.lowering.constants import Array, Coded, Constant, floats_of, fold, worth_coding
from limbeck.lowering.layers import FloatProduct, IntegerProduct, Sliced, Taken, Widened, takes_groups
from limbeck.lowering.values import Later, Product, Read, Rounded, RoundedScale, Rows, Sums

_INT8_PRODUCTS = 4
"""MatMulNBits' accuracy_level of 8-bit activations."""
_ROWWISE = frozenset({"Add", "BitShift", "BitwiseAnd", "Cast", "Mul", "Reshape", "Slice", "Sub"})
"""What may be done to a table's rows before they are looked up."""


class Reader(Protocol):
    """Who reads the graph."""

    def name(self, value: Read, name: str) -> str:
        """The name of a value as the program runs."""

    def layer(self, layer: nn.Module, inputs: tuple[Any, ...], name: str) -> str:
        """The name of what a module gives."""


def rows(node: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """What is done to rows that are looked up, done to the whole table; None where that is not the same."""
    given = [one for one in inputs if isinstance(one, Rows)]
    others = [one for one in inputs if isinstance(one, np.ndarray)]
    is_rowwise = node.op_type in _ROWWISE and len(given) + len(others) == len(inputs)
    if not given or not is_rowwise or len({one.ids for one in given}) > 1:
        return None
    if node.op_type == "Reshape":  # the two axes of the ids are one in the table
        if others[0][:2].tolist() != [0, 0]:
            return None
        others = [np.concatenate([[given[0].table.shape[0]], others[0][2:]])]
    waiting = iter(others)
    tables: list[Constant] = [one.table if isinstance(one, Rows) else next(waiting) for one in inputs]
    return [Rows(fold(node, tables)[0], given[0].ids)]


def _dynamic(reader: Reader, node: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """Rounding by the value's own range."""
    if isinstance(inputs[0], np.ndarray):
        return None
    value = reader.name(inputs[0], node.input[0])
    return [Rounded(value), RoundedScale(value), np.empty(0, np.uint8)]


def _fixed(reader: Reader, node: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """Rounding by a fixed range."""
    scale, zero_point = (np.asarray(one) for one in inputs[1:])
    return [Rounded(reader.name(inputs[0], node.input[0]), (float(scale), int(zero_point)))]


def _integers(_reader: Reader, _: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """Codes times codes."""
    rounded, weights = inputs[:2]
    if isinstance(rounded, Rounded) and isinstance(weights, np.ndarray):
        return [Sums(rounded, weights)]
    return None


def _cast(_reader: Reader, _: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """Sums of integers as floats."""
    return [inputs[0]] if isinstance(inputs[0], Sums) else None


def _mul(_reader: Reader, _: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """Scales times scales, and sums times scales."""
    for one, other in (inputs, inputs[::-1]):
        if isinstance(one, RoundedScale) and isinstance(other, np.ndarray):
            return [replace(one, factor=other)]
        if isinstance(one, Sums) and isinstance(other, RoundedScale) and other.factor is not None:
            return [_product(one, other.factor)]
        if isinstance(one, Sums) and one.rounded.span is not None and isinstance(other, np.ndarray):
            return [_product(one, other / np.float32(one.rounded.span[0]))]
    return None


def _add(reader: Reader, node: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """A product and its bias."""
    for one, other in (inputs, inputs[::-1]):
        if isinstance(one, Product) and isinstance(other, np.ndarray) and other.ndim == 1:
            return [Later(reader.layer(one.make(other), (one.value,), node.output[0]))]
    return None


def _blocks(reader: Reader, node: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """Weights with a scale for each group of inputs; see `export.linear`."""
    told = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    blocks, scale, *zero_points = (np.asarray(one) for one in inputs[1:])
    n_outputs, bits = told["N"], told["bits"]
    codes = from_bytes(blocks, bits=bits, n_columns=told["block_size"], signed=False).astype(np.int16)
    zero_point = np.full(codes.shape[:2], 2 ** (bits - 1), np.int16)
    if zero_points:
        stored = zero_points[0].reshape(n_outputs, -1)
        zero_point = from_bytes(stored, bits=bits, n_columns=codes.shape[1], signed=False).astype(np.int16)
    centred = (codes - zero_point[..., None]).reshape(n_outputs, -1)
    scale = scale.reshape(n_outputs, -1).astype(np.float32)
    value = reader.name(inputs[0], node.input[0])
    if told.get("accuracy_level") == _INT8_PRODUCTS and takes_groups(centred, scale):
        return [Product(value, lambda bias: IntegerProduct(centred, scale, bias=bias, span=None))]
    spread = np.repeat(scale, told["block_size"], axis=1)
    return [Product(value, lambda bias: FloatProduct(Widened(Coded(centred, (spread,))), bias=bias))]


def _gemm(reader: Reader, node: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """A product of floats, whose weights may be codes."""
    hidden, weights, *bias = inputs
    if not isinstance(weights, np.ndarray | Coded) or not all(isinstance(one, np.ndarray) for one in bias):
        return None
    weight = Widened(weights) if isinstance(weights, Coded) and worth_coding(weights) else floats_of(weights)
    layer = FloatProduct(weight, bias=np.asarray(bias[0]) if bias else None)
    return [Later(reader.layer(layer, (reader.name(hidden, node.input[0]),), node.output[0]))]


def _gather(reader: Reader, node: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """Rows of a constant, or what stands at places along another axis."""
    table, ids = inputs
    axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
    if not isinstance(table, np.ndarray | Coded) or isinstance(ids, np.ndarray):
        return None
    name = reader.name(ids, node.input[1])
    if axis == 0:
        return [Rows(table, name)]
    if isinstance(table, Coded) and worth_coding(table):
        return [Later(reader.layer(Taken(table, axis), (name,), node.output[0]))]
    return None


def _slice(reader: Reader, node: onnx.NodeProto, inputs: Sequence[Read]) -> list[Read] | None:
    """The beginning of a constant."""
    table, starts, ends, *axes = inputs
    if not isinstance(table, Coded) or not worth_coding(table) or isinstance(ends, np.ndarray):
        return None
    start, axis = (int(np.asarray(one)[0]) for one in (starts, axes[0]))
    return [Later(reader.layer(Sliced(table, start, axis), (reader.name(ends, node.input[2]),), node.output[0]))]


def _product(sums: Sums, scale: Array) -> Product:
    rounded = sums.rounded
    codes, flat = sums.weights.T, np.broadcast_to(scale.reshape(-1), sums.weights.shape[1:])
    return Product(rounded.value, lambda bias: IntegerProduct(codes, flat, bias=bias, span=rounded.span))


Recognise = Callable[[Reader, onnx.NodeProto, Sequence[Read]], list[Read] | None]
RECOGNISED: Mapping[str, Recognise] = {
    "Add": _add,
    "Cast": _cast,
    "DynamicQuantizeLinear": _dynamic,
    "Gather": _gather,
    "Gemm": _gemm,
    "MatMulInteger": _integers,
    "MatMulNBits": _blocks,
    "Mul": _mul,
    "QuantizeLinear": _fixed,
    "Slice": _slice,
}
"""By operator."""
