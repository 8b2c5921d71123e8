"""Packed weights in a graph: how codes of few bits lie in the file, and the operators that bring them back.

Onnxruntime has no product of 8-bit activations with 2, 3 or 4-bit weights that comes near its 8-bit one where a batch
has more than a handful of tokens (docs/lab-log.md has the figures). So few bits are a matter of the file: the graph
widens the codes of a layer to 8 bits by operators whose inputs are constant, which an engine computes once when it
loads. A table is widened row by row as rows are looked up, so that it stays small in memory too.

Codes lie in planes, not side by side: with 4 bits, byte k of a row of n holds codes k (low half) and k + n/2 (high
half), so that widening is one shift and one mask of the whole plane. 3 bits are a plane of 2 and a plane of 1.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from limbeck.artifact.packing import Codes, Floats, PackedTensor, code_range, stored_scale
from limbeck.export.graph import Graph, Value

_PLANES = {2: (2,), 3: (2, 1), 4: (4,)}
"""Bits of a code -> bits of the planes that hold it, lowest first."""


def constant_scale(graph: Graph, name: str, scale: Floats, *, bits: int) -> Value:
    """Scales as a float32 constant; in the file those of few bits are float16, and an engine widens them once.

    Args:
        graph: The graph written to.
        name: What the scales belong to.
        scale: Any shape.
        bits: Of the codes that are scaled.
    """
    stored = stored_scale(scale, bits=bits)
    constant = graph.constant(f"{name}.scale", stored)
    return constant if stored.dtype == np.float32 else graph.node("Cast", constant, to=TensorProto.FLOAT)


def constant_codes(graph: Graph, name: str, codes: Codes, *, bits: int, signed: bool) -> Value:
    """Constant codes as a float tensor (rows, columns); in the file they take `bits` each.

    Args:
        graph: The graph written to.
        name: Start of the constants' names.
        codes: (rows, columns), within `code_range`.
        bits: 2, 3, 4 or 8.
        signed: Whether codes may be negative.
    """
    if bits == 8:
        return graph.node("Cast", graph.constant(f"{name}.codes", codes), to=TensorProto.FLOAT)
    stored = [graph.constant(f"{name}.{what}", plane) for what, plane in _planes(codes, bits=bits, signed=signed)]
    return _widened(graph, stored, bits=bits, n_columns=codes.shape[-1], signed=signed, n_leading=1)


def gathered_codes(graph: Graph, name: str, codes: Codes, ids: Value, *, bits: int) -> Value:
    """Rows of signed codes as floats (*ids, columns); only those that are looked up are widened.

    Args:
        graph: The graph written to.
        name: Start of the constants' names.
        codes: (rows, columns) int8.
        ids: (batch, tokens) int64.
        bits: 2, 4 or 8.
    """
    if bits == 8:
        rows = graph.node("Gather", graph.constant(f"{name}.codes", codes), ids, axis=0)
        return graph.node("Cast", rows, to=TensorProto.FLOAT)
    stored = [
        graph.node("Gather", graph.constant(f"{name}.{what}", plane), ids, axis=0)
        for what, plane in _planes(codes, bits=bits, signed=True)
    ]
    return _widened(graph, stored, bits=bits, n_columns=codes.shape[-1], signed=True, n_leading=2)


def constant_floats(graph: Graph, name: str, packed: PackedTensor, *, shape: Sequence[int]) -> Value:
    """A packed weight as a float tensor, which an engine computes once when it loads.

    Args:
        graph: The graph written to.
        name: Start of the constants' names.
        packed: (rows, columns).
        shape: What it is cut into, in the order of its numbers.
    """
    n_rows = len(packed.codes)
    codes = constant_codes(graph, name, packed.codes, bits=packed.bits, signed=packed.zero_point is None)
    scale = packed.scale
    n_groups = scale.shape[1] if scale.ndim == 2 else 1
    lined_up = (n_rows if packed.axis == 0 else 1, n_groups, 1)
    grouped = graph.node("Reshape", codes, graph.integers([n_rows, n_groups, -1]))
    if packed.zero_point is not None:
        zero_point = packed.zero_point.astype(np.float32).reshape(lined_up)
        grouped = graph.node("Sub", grouped, graph.constant(f"{name}.zero_point", zero_point))
    floats = graph.node("Mul", grouped, constant_scale(graph, name, scale.reshape(lined_up), bits=packed.bits))
    return graph.node("Reshape", floats, graph.integers(shape))


def _planes(codes: Codes, *, bits: int, signed: bool) -> list[tuple[str, NDArray[np.uint8]]]:
    """Named arrays (rows, 1, bytes), the lowest bits of the codes first."""
    lowest, _ = code_range(bits, symmetric=signed)
    left: NDArray[np.uint8] = (codes.astype(np.int16) - lowest).astype(np.uint8)
    planes = []
    for width in _PLANES[bits]:
        planes.append((f"codes_{width}_bits", _side_by_side(left & (2**width - 1), width=width)))
        left = np.right_shift(left, width).astype(np.uint8)
    return planes


def _side_by_side(values: NDArray[np.uint8], *, width: int) -> NDArray[np.uint8]:
    """(rows, columns) -> (rows, 1, bytes): equal stretches of a row, one over the other."""
    n_each = 8 // width
    n_rows, n_columns = values.shape
    n_bytes = -(-n_columns // n_each)
    stretches = np.pad(values, ((0, 0), (0, n_bytes * n_each - n_columns))).reshape(n_rows, n_each, n_bytes)
    shifts = (width * np.arange(n_each, dtype=np.uint8))[None, :, None]
    stored: NDArray[np.uint8] = np.bitwise_or.reduce(stretches << shifts, axis=1, keepdims=True)
    return stored


def _widened(
    graph: Graph, stored: Sequence[Value], *, bits: int, n_columns: int, signed: bool, n_leading: int
) -> Value:
    """Planes (..., 1, bytes), with `n_leading` axes in front -> codes as floats (..., columns)."""
    whole: Value | None = None
    below = 0
    for width, plane in zip(_PLANES[bits], stored, strict=True):
        apart = _apart(graph, plane, width=width, n_columns=n_columns, n_leading=n_leading)
        floats = graph.node("Cast", apart, to=TensorProto.FLOAT)
        if whole is None:
            whole = floats
        else:
            whole = graph.node("Add", whole, graph.node("Mul", floats, graph.floats(2.0**below)))
        below += width
    assert whole is not None
    lowest, _ = code_range(bits, symmetric=signed)
    return graph.node("Add", whole, graph.floats(float(lowest))) if lowest else whole


def _apart(graph: Graph, plane: Value, *, width: int, n_columns: int, n_leading: int) -> Value:
    """(..., 1, bytes) uint8 -> (..., columns) uint8: every stretch shifted down at once, one beneath the other."""
    n_each = 8 // width
    shifts = graph.bytes([[width * number] for number in range(n_each)])
    stretches = graph.node("BitShift", plane, shifts, direction="RIGHT")
    stretches = graph.node("BitwiseAnd", stretches, graph.bytes(2**width - 1))
    together = graph.node("Reshape", stretches, graph.integers([0] * n_leading + [-1]))
    if n_columns % n_each == 0:
        return together
    return graph.node("Slice", together, graph.integers([0]), graph.integers([n_columns]), graph.integers([-1]))


def by_row(packed: PackedTensor, values: NDArray[Any]) -> NDArray[Any]:
    """Scales or zero points of each row, also where the whole tensor has one."""
    return np.broadcast_to(values, len(packed.codes)) if packed.axis is None else values
