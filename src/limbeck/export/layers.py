"""The operators of a layer: linear, norm, activation, look-up; float32 or 8-bit as the weights are.

Two habits of onnxruntime shape what is written here, each measured (docs/lab-log.md):
its optimizer turns "Add, then LayerNormalization" of three-dimensional tensors into SkipLayerNormalization, and "Add,
then Gelu" into BiasGelu, both slower on a CPU than what they replace. Hidden states therefore flow as
(tokens, hidden), which the first fusion leaves alone, and biases join the matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from limbeck.errors import SchemeError
from limbeck.export.graph import Graph, Value
from limbeck.export.weights import Weights
from limbeck.packing import Codes, Floats, is_saturation_safe, pack

ACTIVATIONS = {
    "gelu": ("Gelu", {}),
    "gelu_python": ("Gelu", {}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "gelu_fast": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
}
"""Names in config.json -> the same function in ONNX. `gelu_new` and its kin are the tanh formula, by definition."""


@dataclass(frozen=True)
class Part:
    """One linear layer among those that are multiplied together.

    Args:
        name: Its parameter name, without ".weight".
        factor: What its output is multiplied by, weight and bias alike; costs nothing as it runs.
        rows: Its first output and the one after its last, where it is a piece of a larger layer.
    """

    name: str
    factor: float = 1.0
    rows: tuple[int, int] | None = None

    @property
    def label(self) -> str:
        """What its constants are called in the file."""
        return self.name if self.rows is None else f"{self.name}[{self.rows[0]}:{self.rows[1]}]"

    @property
    def slice(self) -> slice:
        """Its outputs among those of the whole layer."""
        return slice(None) if self.rows is None else slice(*self.rows)


def linear(graph: Graph, hidden: Value, weights: Weights, parts: Sequence[Part]) -> Value:
    """Linear layers over the same input as one product, their outputs side by side.

    Args:
        graph: The graph written to.
        hidden: (rows, inputs).
        weights: Holds "<name>.weight" (outputs, inputs) and perhaps "<name>.bias" (outputs,) of each part.
        parts: The layers, in the order of their outputs.

    Returns: (rows, sum of outputs).

    Raises:
        SchemeError: Codes that a CPU without VNNI would saturate.
    """
    name = "+".join(part.label for part in parts)
    bias = None
    if any(weights.has(f"{part.name}.bias") for part in parts):
        bias = graph.constant(f"{name}.bias", np.concatenate([_bias(weights, part) for part in parts]))
    if all(f"{part.name}.weight" in weights.packed for part in parts):
        return _linear_8_bit(graph, hidden, weights, parts, name=name, bias=bias)
    pieces = [weights.array(f"{part.name}.weight")[part.slice] * np.float32(part.factor) for part in parts]
    inputs = [hidden, graph.constant(f"{name}.weight", np.concatenate(pieces))]
    return graph.node("Gemm", *inputs, *([bias] if bias else []), transB=1)


def _bias(weights: Weights, part: Part) -> Floats:
    if weights.has(f"{part.name}.bias"):
        return weights.array(f"{part.name}.bias")[part.slice] * np.float32(part.factor)
    return np.zeros(weights.floats[f"{part.name}.weight"][part.slice].shape[0], np.float32)


def _linear_8_bit(
    graph: Graph, hidden: Value, weights: Weights, parts: Sequence[Part], *, name: str, bias: Value | None
) -> Value:
    """The same in 8 bits: activations quantized as it runs, 32-bit sums, scaled back.

    onnxruntime fuses this chain into one DynamicQuantizeMatMul (or MatMulIntegerToFloat where the codes of `hidden`
    are shared); other engines run it as it stands.
    """
    packed = [(weights.packed[f"{part.name}.weight"], part) for part in parts]
    codes = np.concatenate([tensor.codes[part.slice] for tensor, part in packed])
    if not is_saturation_safe(codes):
        raise SchemeError(
            f"The codes of '{name}' could saturate on CPUs without VNNI: two neighbouring ones sum to more than 128.",
            hint="Take the scales of limbeck.quantize, which rule this out.",
        )
    scale = np.concatenate([tensor.scale[part.slice] * np.float32(part.factor) for tensor, part in packed])
    quantized, hidden_scale, zero_point = graph.dynamically_quantized(hidden)
    matrix = graph.constant(f"{name}.codes", codes.T)
    sums = graph.node("Cast", graph.node("MatMulInteger", quantized, matrix, zero_point), to=TensorProto.FLOAT)
    scales = graph.node("Mul", hidden_scale, graph.constant(f"{name}.scale", scale))
    product = graph.node("Mul", sums, scales)
    return graph.node("Add", product, bias) if bias else product


def layer_norm(graph: Graph, hidden: Value, weights: Weights, name: str, *, epsilon: float) -> Value:
    """Normalise each row of (rows, hidden); a missing bias is none."""
    inputs = [hidden, graph.constant(f"{name}.weight", weights.array(f"{name}.weight"))]
    if weights.has(f"{name}.bias"):
        inputs.append(graph.constant(f"{name}.bias", weights.array(f"{name}.bias")))
    return graph.node("LayerNormalization", *inputs, axis=-1, epsilon=epsilon)


def activation(graph: Graph, hidden: Value, name: str) -> Value:
    """Apply the function that config.json calls `name`; exactly that function, never an approximation of it."""
    operator, attributes = ACTIVATIONS[name]
    return graph.node(operator, hidden, **attributes)


def look_up(graph: Graph, ids: Value, weights: Weights, name: str) -> Value:
    """Rows of an embedding table: codes are gathered first and turned to float after, so the table stays 8-bit.

    Args:
        graph: The graph written to.
        ids: (batch, tokens) int64.
        weights: Holds `name`.
        name: The table's parameter name.

    Returns: (batch, tokens, columns).
    """
    packed = weights.packed.get(name)
    if packed is None:
        return graph.node("Gather", graph.constant(name, weights.array(name)), ids, axis=0)
    codes = graph.node("Gather", graph.constant(f"{name}.codes", packed.codes), ids, axis=0)
    scale = graph.node("Gather", graph.constant(f"{name}.scale", packed.scale[:, None]), ids, axis=0)
    return graph.node("Mul", graph.node("Cast", codes, to=TensorProto.FLOAT), scale)


def small_table(graph: Graph, weights: Weights, name: str) -> Value:
    """A table as a constant: 8-bit on disk, turned to float once by the engine when it loads."""
    return cut_table(graph, weights, name, cut=weights.floats[name].shape[:1])


def cut_table(graph: Graph, weights: Weights, name: str, *, cut: tuple[int, ...]) -> Value:
    """The same with its rows cut into a grid: (rows, columns) -> (*cut, columns)."""
    packed = weights.packed.get(name)
    if packed is None:
        return graph.constant(name, weights.array(name).reshape(*cut, -1))
    return stored_8_bit(graph, name, packed.codes.reshape(*cut, -1), packed.scale.reshape(*cut, 1))


def packed_rows(graph: Graph, name: str, table: Floats) -> Value:
    """A computed table (..., columns) as a constant: 8-bit on disk with a scale for each row, float in memory."""
    rows = table.reshape(-1, table.shape[-1])
    largest = np.abs(rows).max(axis=1)
    packed = pack(rows, np.where(largest > 0, largest / 127, 1).astype(np.float32), axis=0)
    return stored_8_bit(graph, name, packed.codes.reshape(table.shape), packed.scale.reshape(*table.shape[:-1], 1))


def stored_8_bit(graph: Graph, name: str, codes: Codes, scale: Floats) -> Value:
    """Constant codes times constant scale, which every engine folds when it loads."""
    floats = graph.node("Cast", graph.constant(f"{name}.codes", codes), to=TensorProto.FLOAT)
    return graph.node("Mul", floats, graph.constant(f"{name}.scale", scale))
