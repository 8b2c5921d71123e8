"""A linear layer in a graph: a product of integers, of blocks, or of floats, as the scheme asks.

- Activations of 8 bits and a scale for each output: a product of integers. Weights of 2, 3 and 4 bits are widened to 8
  when an engine loads the file (`stored`), so that every number of bits runs at the speed of 8.
- A scale for each group of inputs: onnxruntime's MatMulNBits, which reads weights of 2, 4 and 8 bits as they lie. It
  is the one operator here that is not ONNX's own. It rounds activations of 8 bits group by group in each row.
- Float activations: weights become floats when an engine loads the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from limbeck.artifact.packing import Floats, PackedTensor, is_saturation_safe, to_bytes
from limbeck.errors import SchemeError
from limbeck.export.graph import ENGINES_OWN, Graph, Value
from limbeck.export.stored import by_row, constant_codes, constant_floats, constant_scale
from limbeck.export.weights import Weights

_INT8_PRODUCTS, _FLOAT_PRODUCTS = 4, 1
"""MatMulNBits' accuracy_level: what activations are rounded to before they are multiplied."""


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

    Layers that are not packed alike (mixed bits) are multiplied one by one.

    Args:
        graph: The graph written to.
        hidden: (rows, inputs).
        weights: Holds "<name>.weight" (outputs, inputs) and perhaps "<name>.bias" (outputs,) of each part.
        parts: The layers, in the order of their outputs.

    Returns: (rows, sum of outputs).

    Raises:
        SchemeError: Codes that a CPU without VNNI would saturate.
    """
    packed = [_packed(weights, part) for part in parts]
    if len({_kind(weights, part, one) for part, one in zip(parts, packed, strict=True)}) > 1:
        return graph.node("Concat", *(linear(graph, hidden, weights, [part]) for part in parts), axis=1)
    name = _joint_name([part.label for part in parts])
    bias = None
    if any(weights.has(f"{part.name}.bias") for part in parts):
        bias = graph.constant(f"{name}.bias", np.concatenate([_bias(weights, part) for part in parts]))
    whole = _joined([one for one in packed if one is not None])
    if whole is None:
        pieces = [weights.array(f"{part.name}.weight")[part.slice] * np.float32(part.factor) for part in parts]
        matrix = graph.constant(f"{name}.weight", np.concatenate(pieces))
        return graph.node("Gemm", hidden, matrix, *([bias] if bias else []), transB=1)
    hidden = _divided(graph, hidden, weights, parts[0])
    if whole.scale.ndim == 2:
        return _added(graph, _product_of_blocks(graph, hidden, weights, whole, name=name), bias)
    if weights.quantized.activation_bits == 8:
        return _added(graph, _product_of_integers(graph, hidden, weights, whole, name=name, parts=parts), bias)
    matrix = graph.once(("floats", name), lambda: constant_floats(graph, name, whole, shape=whole.codes.shape))
    return graph.node("Gemm", hidden, matrix, *([bias] if bias else []), transB=1)


def _joint_name(labels: Sequence[str]) -> str:
    """What layers that are multiplied together are called: "block.query+key+value"."""
    start, dot, _ = labels[0].rpartition(".")
    shared = start + dot
    return labels[0] + "".join(f"+{label.removeprefix(shared)}" for label in labels[1:])


def _packed(weights: Weights, part: Part) -> PackedTensor | None:
    """A part's outputs alone, its factor in the scales; None where it stays float."""
    packed = weights.packed.get(f"{part.name}.weight")
    if packed is None:
        return None
    scale = by_row(packed, packed.scale)[part.slice] * np.float32(part.factor)
    zero_point = None if packed.zero_point is None else by_row(packed, packed.zero_point)[part.slice]
    return PackedTensor(packed.codes[part.slice], scale, zero_point, axis=0, bits=packed.bits)


def _kind(weights: Weights, part: Part, packed: PackedTensor | None) -> tuple[object, ...]:
    """What layers must have in common to be multiplied together."""
    if packed is None:
        return ()
    factors = weights.factors(part.name)
    divided = None if factors is None else factors.tobytes()
    return packed.bits, packed.scale.shape[1:], packed.zero_point is None, divided


def _joined(packed: Sequence[PackedTensor]) -> PackedTensor | None:
    if not packed:
        return None
    zero_points = [one.zero_point for one in packed if one.zero_point is not None]
    return PackedTensor(
        np.concatenate([one.codes for one in packed]),
        np.concatenate([one.scale for one in packed]),
        np.concatenate(zero_points, dtype=np.uint8) if zero_points else None,
        axis=0,
        bits=packed[0].bits,
    )


def _bias(weights: Weights, part: Part) -> Floats:
    if weights.has(f"{part.name}.bias"):
        return weights.array(f"{part.name}.bias")[part.slice] * np.float32(part.factor)
    return np.zeros(weights.floats[f"{part.name}.weight"][part.slice].shape[0], np.float32)


def _divided(graph: Graph, hidden: Value, weights: Weights, part: Part) -> Value:
    """Outlying inputs divided by their factors, once for all who read the same."""
    factors = weights.factors(part.name)
    if factors is None:
        return hidden
    inverse = 1 / factors
    return graph.once(
        ("divided", hidden, inverse.tobytes()),
        lambda: graph.node("Mul", hidden, graph.constant(f"{part.name}.inverse_factors", inverse)),
    )


def _added(graph: Graph, product: Value, bias: Value | None) -> Value:
    return graph.node("Add", product, bias) if bias else product


def _product_of_integers(
    graph: Graph, hidden: Value, weights: Weights, packed: PackedTensor, *, name: str, parts: Sequence[Part]
) -> Value:
    """8-bit activations times 8-bit weights, 32-bit sums, scaled back.

    onnxruntime fuses this chain into one DynamicQuantizeMatMul (or MatMulIntegerToFloat where the codes of `hidden`
    are shared or its range is fixed); other engines run it as it stands.
    """
    span = next((weights.quantized.spans[part.name] for part in parts if part.name in weights.quantized.spans), None)
    if span is None:
        quantized, hidden_scale, zero_point = graph.dynamically_quantized(hidden)
    else:
        quantized, hidden_scale, zero_point = graph.statically_quantized(hidden, *span)
    matrix = graph.once(("codes", name), lambda: _matrix(graph, packed, name=name))
    sums = graph.node("Cast", graph.node("MatMulInteger", quantized, matrix, zero_point), to=TensorProto.FLOAT)
    scales = graph.node("Mul", hidden_scale, constant_scale(graph, name, packed.scale, bits=packed.bits))
    return graph.node("Mul", sums, scales)


def _matrix(graph: Graph, packed: PackedTensor, *, name: str) -> Value:
    """(inputs, outputs) int8: code minus zero point."""
    if packed.bits == 8:
        if packed.zero_point is not None:
            raise SchemeError(
                f"'{name}' has zero points and 8 bits; what is multiplied, code minus zero point, needs 9.",
                hint="Leave -asymmetric out of the scheme.",
            )
        if not is_saturation_safe(packed.codes):
            raise SchemeError(
                f"The codes of '{name}' could saturate on CPUs without VNNI: two neighbouring ones sum to more than "
                "128.",
                hint="Take the scales of limbeck.quantize, which rule this out.",
            )
        return graph.constant(f"{name}.codes", packed.codes.T)
    signed = packed.zero_point is None
    codes = constant_codes(graph, name, packed.codes, bits=packed.bits, signed=signed)
    if packed.zero_point is not None:
        zero_point = graph.constant(f"{name}.zero_point", packed.zero_point.astype(np.float32)[:, None])
        codes = graph.node("Sub", codes, zero_point)
    return graph.node("Transpose", graph.node("Cast", codes, to=TensorProto.INT8), perm=[1, 0])


def _product_of_blocks(graph: Graph, hidden: Value, weights: Weights, packed: PackedTensor, *, name: str) -> Value:
    """Weights in groups of inputs, each with its scale, read as they lie in the file."""
    n_outputs, n_inputs = packed.codes.shape
    n_groups = packed.scale.shape[1]
    middle = 2 ** (packed.bits - 1) if packed.zero_point is None else 0
    codes = (packed.codes.astype(np.int16) + middle).astype(np.uint8)
    blocks = to_bytes(codes.reshape(n_outputs, n_groups, -1), bits=packed.bits)
    inputs = [
        hidden,
        graph.constant(f"{name}.blocks", blocks),
        constant_scale(graph, name, packed.scale, bits=packed.bits),
    ]
    if packed.zero_point is not None:
        inputs.append(graph.constant(f"{name}.zero_point", to_bytes(packed.zero_point, bits=packed.bits)))
    return graph.node(
        "MatMulNBits",
        *inputs,
        domain=ENGINES_OWN,
        K=n_inputs,
        N=n_outputs,
        bits=packed.bits,
        block_size=n_inputs // n_groups,
        accuracy_level=_INT8_PRODUCTS if weights.quantized.activation_bits == 8 else _FLOAT_PRODUCTS,
    )
