"""From an artifact's graph to steps in torch: constants folded, products of integers and looked-up rows recognised.

The graph is read once, node by node. A value is one of

- a constant, see `constants`;
- `Rows`: rows of a constant that ids choose, not looked up yet, as what follows is worked out on the whole table;
- a part of a product of integers (`Rounded`, `RoundedScale`, `Sums`, `Product`), put together when its last part is read;
- `Later`: what is known only as the program runs, by the name that the step gives it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from torch import nn

from limbeck.errors import SchemeError
from limbeck.lowering.constants import Array, Coded, Constant, compact, floats_of, fold, worth_coding
from limbeck.lowering.layers import FloatProduct, FloatTable, Held, IntegerProduct, Sliced, Table, Taken, Widened
from limbeck.lowering.layers import takes_groups
from limbeck.lowering.operators import OPERATORS
from limbeck.packing import Span, from_bytes

_OUTPUTS = ("logits", "sentence_embedding")
_INT8_PRODUCTS = 4
"""MatMulNBits' accuracy_level of 8-bit activations."""
_ROWWISE = frozenset({"Add", "BitShift", "BitwiseAnd", "Cast", "Mul", "Reshape", "Slice", "Sub"})
"""What may be done to a table's rows before they are looked up."""


@dataclass(frozen=True)
class Later:
    """Known as the program runs."""

    name: str


@dataclass(frozen=True)
class Rows:
    """Rows of a constant, chosen by ids."""

    table: Constant
    ids: str


@dataclass(frozen=True)
class Rounded:
    """8-bit codes of a value; `span` where its range is fixed."""

    value: str
    span: Span | None = None


@dataclass(frozen=True)
class RoundedScale:
    """The scale of a rounded value, times that of weights."""

    value: str
    factor: Array | None = None


@dataclass(frozen=True)
class Sums:
    """Codes times codes; weights (inputs, outputs)."""

    rounded: Rounded
    weights: Array


@dataclass(frozen=True)
class Product:
    """A linear layer whose bias, if any, is still to come; `make` takes it."""

    value: str
    make: Callable[[Array | None], nn.Module]


Read = Array | Coded | Rows | Rounded | RoundedScale | Sums | Product | Later


@dataclass(frozen=True)
class Step:
    """One thing to do as the program runs.

    Args:
        apply: Takes the values of `inputs`, gives that of the output, or a list of those of several.
        inputs: Names of values, or integers that stay as they are.
        outputs: Names.
    """

    apply: Callable[..., Any]
    inputs: tuple[Any, ...]
    outputs: tuple[str, ...]


class GraphReader:
    """Reads a graph into `steps`.

    Args:
        path: An artifact's quantized graph.

    Raises:
        SchemeError: It holds an operator that has no counterpart here.
    """

    def __init__(self, path: Path) -> None:
        graph = onnx.load(str(path)).graph
        self.steps: list[Step] = []
        self.inputs = tuple(given.name for given in graph.input)
        named = {given.name for given in graph.output}
        output = next(name for name in _OUTPUTS if name in named)
        self._values: dict[str, Read] = {name: Later(name) for name in self.inputs}
        self._values |= {given.name: numpy_helper.to_array(given) for given in graph.initializer}
        self._made: dict[str, str] = {}
        for node in _needed(graph.node, output):
            self._read(node)
        self.output = self._name(self._values[output], output)

    def _read(self, node: onnx.NodeProto) -> None:
        inputs = [self._values[name] if name else np.empty(0, np.int64) for name in node.input]
        recognise = _RECOGNISED.get(node.op_type)
        found = None if recognise is None else recognise(self, node, inputs)
        if found is None and all(isinstance(one, np.ndarray | Coded) for one in inputs):
            found = fold(node, inputs)  # type: ignore[arg-type]  # all of them are constants
        if found is None:
            found = _rows(node, inputs) or self._later(node, inputs)
        self._values.update(zip(node.output, found, strict=True))

    def _later(self, node: onnx.NodeProto, inputs: Sequence[Read]) -> "list[Read]":
        """What an operator gives as the program runs."""
        if node.op_type not in OPERATORS or node.domain not in {"", "ai.onnx"}:
            raise _unknown(f"holds {node.op_type}, which has no counterpart in a program for ExecuTorch")
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        operator = OPERATORS[node.op_type]
        given = tuple(
            one if isinstance(one, np.ndarray) and one.dtype.kind in "iu" else self._name(one, name)
            for one, name in zip(inputs, node.input, strict=True)
        )
        self.steps.append(Step(lambda *values: operator(values, attributes), given, tuple(node.output)))
        return [Later(name) for name in node.output]

    def _name(self, value: Read, name: str) -> str:
        """The name of a value as the program runs; what was put off is written now, once."""
        if isinstance(value, Later):
            return value.name
        if name not in self._made:
            self._made[name] = self._layer(*_layer_of(value, name), name)
        return self._made[name]

    def _layer(self, layer: nn.Module, inputs: tuple[Any, ...], name: str) -> str:
        """A step that asks a module; its output's name."""
        output = f"{name}.found"
        self.steps.append(Step(layer, inputs, (output,)))
        return output

    # What is recognised, by operator: each gives the values of the node's outputs, or None for the plain way.

    def _dynamic(self, node: onnx.NodeProto, inputs: "Sequence[Read]") -> "list[Read] | None":
        if isinstance(inputs[0], np.ndarray):
            return None
        value = self._name(inputs[0], node.input[0])
        return [Rounded(value), RoundedScale(value), np.empty(0, np.uint8)]

    def _fixed(self, node: onnx.NodeProto, inputs: "Sequence[Read]") -> "list[Read] | None":
        scale, zero_point = (np.asarray(one) for one in inputs[1:])
        return [Rounded(self._name(inputs[0], node.input[0]), (float(scale), int(zero_point)))]

    def _integers(self, _: onnx.NodeProto, inputs: "Sequence[Read]") -> "list[Read] | None":
        rounded, weights = inputs[:2]
        if isinstance(rounded, Rounded) and isinstance(weights, np.ndarray):
            return [Sums(rounded, weights)]
        return None

    def _cast(self, _: onnx.NodeProto, inputs: "Sequence[Read]") -> "list[Read] | None":
        return [inputs[0]] if isinstance(inputs[0], Sums) else None

    def _mul(self, _: onnx.NodeProto, inputs: "Sequence[Read]") -> "list[Read] | None":
        for one, other in (inputs, inputs[::-1]):
            if isinstance(one, RoundedScale) and isinstance(other, np.ndarray):
                return [replace(one, factor=other)]
            if isinstance(one, Sums) and isinstance(other, RoundedScale) and other.factor is not None:
                return [_product(one, other.factor)]
            if isinstance(one, Sums) and one.rounded.span is not None and isinstance(other, np.ndarray):
                return [_product(one, other / np.float32(one.rounded.span[0]))]
        return None

    def _add(self, node: onnx.NodeProto, inputs: "Sequence[Read]") -> "list[Read] | None":
        for one, other in (inputs, inputs[::-1]):
            if isinstance(one, Product) and isinstance(other, np.ndarray) and other.ndim == 1:
                return [Later(self._layer(one.make(other), (one.value,), node.output[0]))]
        return None

    def _blocks(self, node: onnx.NodeProto, inputs: "Sequence[Read]") -> "list[Read] | None":
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
        value = self._name(inputs[0], node.input[0])
        if told.get("accuracy_level") == _INT8_PRODUCTS and takes_groups(centred, scale):
            return [Product(value, lambda bias: IntegerProduct(centred, scale, bias=bias, span=None))]
        spread = np.repeat(scale, told["block_size"], axis=1)
        return [Product(value, lambda bias: FloatProduct(Widened(Coded(centred, (spread,))), bias=bias))]

    def _gemm(self, node: onnx.NodeProto, inputs: "Sequence[Read]") -> "list[Read] | None":
        hidden, weights, *bias = inputs
        if not isinstance(weights, np.ndarray | Coded) or not all(isinstance(one, np.ndarray) for one in bias):
            return None
        weight = Widened(weights) if isinstance(weights, Coded) and worth_coding(weights) else floats_of(weights)
        layer = FloatProduct(weight, bias=np.asarray(bias[0]) if bias else None)
        return [Later(self._layer(layer, (self._name(hidden, node.input[0]),), node.output[0]))]

    def _gather(self, node: onnx.NodeProto, inputs: "Sequence[Read]") -> "list[Read] | None":
        table, ids = inputs
        axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
        if not isinstance(table, np.ndarray | Coded) or isinstance(ids, np.ndarray):
            return None
        name = self._name(ids, node.input[1])
        if axis == 0:
            return [Rows(table, name)]
        if isinstance(table, Coded) and worth_coding(table):
            return [Later(self._layer(Taken(table, axis), (name,), node.output[0]))]
        return None

    def _slice(self, node: onnx.NodeProto, inputs: "Sequence[Read]") -> "list[Read] | None":
        table, starts, ends, *axes = inputs
        if not isinstance(table, Coded) or not worth_coding(table) or isinstance(ends, np.ndarray):
            return None
        start, axis = (int(np.asarray(one)[0]) for one in (starts, axes[0]))
        return [Later(self._layer(Sliced(table, start, axis), (self._name(ends, node.input[2]),), node.output[0]))]


_RECOGNISED: Mapping[str, Callable[[GraphReader, onnx.NodeProto, Sequence[Read]], list[Read] | None]] = {
    "Add": GraphReader._add,
    "Cast": GraphReader._cast,
    "DynamicQuantizeLinear": GraphReader._dynamic,
    "Gather": GraphReader._gather,
    "Gemm": GraphReader._gemm,
    "MatMulInteger": GraphReader._integers,
    "MatMulNBits": GraphReader._blocks,
    "Mul": GraphReader._mul,
    "QuantizeLinear": GraphReader._fixed,
    "Slice": GraphReader._slice,
}


def _needed(nodes: Iterable[onnx.NodeProto], output: str) -> list[onnx.NodeProto]:
    """The nodes that an output comes of, in their order."""
    wanted = {output}
    found = []
    for node in reversed(list(nodes)):
        if wanted & set(node.output):
            found.append(node)
            wanted |= set(node.input)
    return found[::-1]


def _rows(node: onnx.NodeProto, inputs: Sequence[Read]) -> "list[Read] | None":
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


def _product(sums: Sums, scale: Array) -> Product:
    rounded = sums.rounded
    codes, flat = sums.weights.T, np.broadcast_to(scale.reshape(-1), sums.weights.shape[1:])
    return Product(rounded.value, lambda bias: IntegerProduct(codes, flat, bias=bias, span=rounded.span))


def _layer_of(value: Read, name: str) -> tuple[nn.Module, tuple[str, ...]]:
    """The module that gives a value, and what it is asked with."""
    if isinstance(value, Coded) and worth_coding(value):
        return Widened(value), ()
    if isinstance(value, np.ndarray | Coded):
        return Held(floats_of(value)), ()
    if isinstance(value, Rows):
        return _table(value.table), (value.ids,)
    if isinstance(value, Product):
        return value.make(None), (value.value,)
    raise _unknown(f"reads '{name}', a part of a product of integers, by itself")


def _table(table: Constant) -> nn.Module:
    if isinstance(table, Coded) and worth_coding(table) and table.codes.ndim == 2 and table.offset is None:
        scale = compact(np.prod(table.scales, axis=0, dtype=np.float32)) if table.scales else np.ones((1, 1), np.float32)
        if scale.shape[1] == 1:
            return Table(table.codes, np.broadcast_to(scale[:, 0], len(table.codes)))
    return FloatTable(floats_of(table))


def _unknown(what: str) -> SchemeError:
    return SchemeError(
        f"The artifact's graph {what}.",
        hint="Export it to ort-mobile, or make the artifact anew with another quantize.scheme.",
    )
