"""Embedding tables in a graph: looked up row by row, or held whole as a constant; float32 or few bits as they are."""

import numpy as np

from limbeck.artifact.packing import Floats, pack
from limbeck.export.graph import Graph, Value
from limbeck.export.stored import by_row, constant_codes, constant_floats, constant_scale, gathered_codes
from limbeck.export.weights import Weights


def look_up(graph: Graph, ids: Value, weights: Weights, name: str) -> Value:
    """Rows of an embedding table: codes are gathered first and turned to float after, so the table stays small.

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
    codes = gathered_codes(graph, name, packed.codes, ids, bits=packed.bits)
    scales = constant_scale(graph, name, by_row(packed, packed.scale)[:, None], bits=packed.bits)
    scale = graph.node("Gather", scales, ids, axis=0)
    return graph.node("Mul", codes, scale)


def whole_table(graph: Graph, weights: Weights, name: str) -> Value:
    """A table that `look_up` takes rows from, as (rows, columns) floats to multiply with: from the same constants.

    Few bits on disk, turned to float once by the engine when it loads.
    """
    packed = weights.packed.get(name)
    if packed is None:
        return graph.constant(name, weights.array(name))
    codes = constant_codes(graph, name, packed.codes, bits=packed.bits, signed=True)
    return graph.node(
        "Mul", codes, constant_scale(graph, name, by_row(packed, packed.scale)[:, None], bits=packed.bits)
    )


def small_table(graph: Graph, weights: Weights, name: str) -> Value:
    """A table as a constant: few bits on disk, turned to float once by the engine when it loads."""
    return cut_table(graph, weights, name, cut=weights.floats[name].shape[:1])


def cut_table(graph: Graph, weights: Weights, name: str, *, cut: tuple[int, ...]) -> Value:
    """The same with its rows cut into a grid: (rows, columns) -> (*cut, columns)."""
    packed = weights.packed.get(name)
    shape = (*cut, weights.floats[name].shape[1])
    if packed is None:
        return graph.constant(name, weights.array(name).reshape(shape))
    floats = constant_floats(graph, name, packed, shape=shape)
    factors = weights.factors(name)
    return floats if factors is None else graph.node("Div", floats, graph.constant(f"{name}.factors", factors))


def packed_rows(graph: Graph, name: str, table: Floats) -> Value:
    """A computed table (..., columns) as a constant: 8-bit on disk with a scale for each row, float in memory."""
    rows = table.reshape(-1, table.shape[-1])
    largest = np.abs(rows).max(axis=1)
    packed = pack(rows, np.where(largest > 0, largest / 127, 1).astype(np.float32), axis=0)
    return constant_floats(graph, name, packed, shape=table.shape)
