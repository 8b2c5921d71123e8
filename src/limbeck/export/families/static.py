"""The static student: rows gathered, averaged by their weights, projected, classified. No token looks at another.

A row's scale, where tables are of few bits, joins its weight, so that codes are multiplied once: in the product that
sums them up.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from limbeck.export.graph import Graph, Value
from limbeck.export.layers import activation
from limbeck.export.linear import Part, linear
from limbeck.export.stored import by_row, gathered_codes
from limbeck.export.weights import Weights
from limbeck.student.ngrams import FACTORS, MODULUS
from limbeck.student.static import LEAST_WEIGHT, NGRAMS, NUMBERS, TOKENS

INPUTS = ("input_ids", "attention_mask")


def write(graph: Graph, weights: Weights, config: Any, is_vector: bool) -> Value:  # noqa: ANN401  (a config)
    """Write a static student; gives its logits, or its sentence vectors."""
    mask = graph.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    averaged = _average(graph, weights, TOKENS, "input_ids", mask)
    if config.ngram_rows:
        rows, is_known = _known_runs(graph, weights, config, mask)
        averaged = graph.node("Add", averaged, _average(graph, weights, NGRAMS, rows, is_known))
    sentence = linear(graph, averaged, weights, [Part("projection")])
    if is_vector:
        return sentence
    return linear(graph, activation(graph, sentence, config.hidden_act), weights, [Part("classifier")])


def _average(graph: Graph, weights: Weights, name: str, ids: Value, mask: Value) -> Value:
    """See `student.static.weighted_average`; (texts, columns)."""
    table = f"embeddings.{name}.weight"
    own = np.exp(weights.array(f"log_weights.{name}"))
    counts = _looked_up(graph, f"{name}.weights", own, ids, mask)
    packed = weights.packed.get(table)
    if packed is None:
        factors, rows = counts, graph.node("Gather", graph.constant(table, weights.array(table)), ids, axis=0)
    else:
        factors = _looked_up(graph, f"{name}.scaled_weights", own * by_row(packed, packed.scale), ids, mask)
        rows = gathered_codes(graph, table, packed.codes, ids, bits=packed.bits)
    summed = graph.node("MatMul", graph.node("Unsqueeze", factors, graph.integers([1])), rows)
    total = graph.node("ReduceSum", counts, graph.integers([1]), keepdims=1)
    total = graph.node("Max", total, graph.floats(LEAST_WEIGHT))
    return graph.node("Div", graph.node("Squeeze", summed, graph.integers([1])), total)


def _looked_up(graph: Graph, name: str, values: np.ndarray, ids: Value, mask: Value) -> Value:
    """One number for each id, zero where the mask is: (texts, tokens)."""
    found = graph.node("Gather", graph.constant(name, values.astype(np.float32)), ids, axis=0)
    return graph.node("Mul", found, mask)


def _known_runs(graph: Graph, weights: Weights, config: Any, mask: Value) -> tuple[Value, Value]:  # noqa: ANN401
    """The row of the run that starts at each token, and 1 where that run has it; runs by length, side by side."""
    lengths = range(2, config.longest_ngram + 1)
    ids, ends = _longer(graph, "input_ids", config.longest_ngram), _longer(graph, mask, config.longest_ngram)
    numbers = _joined(graph, [_numbers_of(graph, ids, length, config.longest_ngram) for length in lengths])
    counted = _joined(graph, [_shifted(graph, ends, length - 1, config.longest_ngram) for length in lengths])
    rows = graph.node("Mod", numbers, graph.integers(config.ngram_rows))
    owners = graph.constant(NUMBERS, weights.array(NUMBERS).astype(np.int32))
    owner = graph.node("Cast", graph.node("Gather", owners, rows, axis=0), to=TensorProto.INT64)
    is_owner = graph.node("Cast", graph.node("Equal", owner, numbers), to=TensorProto.FLOAT)
    return rows, graph.node("Mul", is_owner, counted)


def _numbers_of(graph: Graph, ids: Value, length: int, longest: int) -> Value:
    """See `student.ngrams.numbers_of`."""
    found = graph.integers(length)
    for place, factor in enumerate(FACTORS[:length]):
        product = graph.node("Mul", _shifted(graph, ids, place, longest), graph.integers(factor))
        found = graph.node("Add", product, found)
    return graph.node("Mod", found, graph.integers(MODULUS))


def _longer(graph: Graph, values: Value, longest: int) -> Value:
    """With zeros behind, as many as the longest run reaches beyond its first token."""
    return graph.node("Pad", values, graph.integers([0, 0, 0, longest - 1]))


def _shifted(graph: Graph, longer: Value, places: int, longest: int) -> Value:
    """What stands so many places later, cut to the length that there was before zeros came behind."""
    start, end, axis = graph.integers([places]), places - (longest - 1), graph.integers([1])
    return graph.node("Slice", longer, start, graph.integers([end or np.iinfo(np.int64).max]), axis)


def _joined(graph: Graph, parts: Sequence[Value]) -> Value:
    return graph.node("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
