"""From an artifact's graph to steps in torch: constants folded, the rest written down as what is done as it runs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from torch import nn

from limbeck.errors import SchemeError
from limbeck.lowering.constants import Coded, Constant, compact, floats_of, fold, worth_coding
from limbeck.lowering.layers import FloatTable, Held, Table, Widened
from limbeck.lowering.operators import OPERATORS
from limbeck.lowering.recognising import RECOGNISED, rows
from limbeck.lowering.values import Later, Product, Read, Rows

_OUTPUTS = ("logits", "sentence_embedding")


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
        self.output = self.name(self._values[output], output)

    def _read(self, node: onnx.NodeProto) -> None:
        inputs = [self._values[name] if name else np.empty(0, np.int64) for name in node.input]
        recognise = RECOGNISED.get(node.op_type)
        found = None if recognise is None else recognise(self, node, inputs)
        if found is None and all(isinstance(one, np.ndarray | Coded) for one in inputs):
            found = list(fold(node, inputs))  # type: ignore[arg-type]  # all of them are constants
        if found is None:
            found = rows(node, inputs) or self._later(node, inputs)
        self._values.update(zip(node.output, found, strict=True))

    def _later(self, node: onnx.NodeProto, inputs: Sequence[Read]) -> "list[Read]":
        """What an operator gives as the program runs."""
        if node.op_type not in OPERATORS or node.domain not in {"", "ai.onnx"}:
            raise _unknown(f"holds {node.op_type}, which has no counterpart in a program for ExecuTorch")
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        operator = OPERATORS[node.op_type]
        given = tuple(
            one if isinstance(one, np.ndarray) and one.dtype.kind in "iu" else self.name(one, name)
            for one, name in zip(inputs, node.input, strict=True)
        )
        self.steps.append(Step(lambda *values: operator(values, attributes), given, tuple(node.output)))
        return [Later(name) for name in node.output]

    def name(self, value: Read, name: str) -> str:
        """The name of a value as the program runs; what was put off is written now, once."""
        if isinstance(value, Later):
            return value.name
        if name not in self._made:
            self._made[name] = self.layer(*_layer_of(value, name), name)
        return self._made[name]

    def layer(self, layer: nn.Module, inputs: tuple[Any, ...], name: str) -> str:
        """A step that asks a module; its output's name."""
        output = f"{name}.found"
        self.steps.append(Step(layer, inputs, (output,)))
        return output


def _needed(nodes: Iterable[onnx.NodeProto], output: str) -> list[onnx.NodeProto]:
    """The nodes that an output comes of, in their order."""
    wanted = {output}
    found = []
    for node in reversed(list(nodes)):
        if wanted & set(node.output):
            found.append(node)
            wanted |= set(node.input)
    return found[::-1]


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
        scale = (
            compact(np.prod(table.scales, axis=0, dtype=np.float32)) if table.scales else np.ones((1, 1), np.float32)
        )
        if scale.shape[1] == 1:
            return Table(table.codes, np.broadcast_to(scale[:, 0], len(table.codes)))
    return FloatTable(floats_of(table))


def _unknown(what: str) -> SchemeError:
    return SchemeError(
        f"The artifact's graph {what}.",
        hint="Export it to ort-mobile, or make the artifact anew with another quantize.scheme.",
    )
