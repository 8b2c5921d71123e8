"""The encoder that most families share: embeddings, blocks with the norm after each residual, a head on one token.

A family says where its weights live; this file says what is computed. Where the head reads the first token, only that
one asks in the last block: keys and values are made for all tokens, everything after for one a text. Without a head the
last block is as the others, and every token's last state counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from onnx import TensorProto

from limbeck.export.attention import (
    Heads,
    Rescore,
    Tokens,
    attend,
    attend_from_first,
    by_text,
    by_token,
    first_tokens,
    read_tokens,
)
from limbeck.export.graph import Graph, Value
from limbeck.export.layers import activation, layer_norm
from limbeck.export.linear import Part, linear
from limbeck.export.tables import look_up, small_table
from limbeck.export.weights import Weights


@dataclass(frozen=True)
class Embeddings:
    """Where the embeddings live.

    Args:
        prefix: Start of their parameter names, with the dot.
        positions: "from zero", "skipping padding" (RoBERTa's way: counted over tokens that are not padding, starting
            after `pad_id`), or "none".
        segments: "input" (`token_type_ids` chooses the row), "first row" (needs positions), or "none".
        pad_id: Padding token's id; read by "skipping padding".
        projection: Linear layer that widens the embeddings, or None.
    """

    prefix: str
    positions: str = "from zero"
    segments: str = "none"
    pad_id: int = 0
    projection: str | None = None


@dataclass(frozen=True)
class Block:
    """Parameter names of one block."""

    heads: Heads
    attention_output: str
    attention_norm: str
    up: str
    down: str
    output_norm: str


@dataclass(frozen=True)
class Head:
    """The classification head: perhaps a hidden layer with an activation, then the logits."""

    hidden: str
    activation: str
    logits: str


@dataclass(frozen=True)
class PostNormEncoder:
    """A whole model of this kind; without a head, every token's last state counts."""

    embeddings: Embeddings
    blocks: Sequence[Block]
    hidden_size: int
    activation: str
    epsilon: float
    head: Head | None


def write_post_norm(
    graph: Graph,
    weights: Weights,
    encoder: PostNormEncoder,
    *,
    tokens: Tokens | None = None,
    rescore: Sequence[Rescore] = (),
) -> Value:
    """Write the model; gives its logits (B, classes), or without a head the last states (B * S, hidden).

    Args:
        graph: The graph written to.
        weights: The student's parameters.
        encoder: Where they live.
        tokens: The inputs, where the caller has read them already.
        rescore: How each block's scores are changed; none, or one for each block.
    """
    tokens = tokens or read_tokens(graph)
    hidden = write_embeddings(graph, weights, encoder, tokens)
    shares_weights = len({block.heads.key.name for block in encoder.blocks}) < len(encoder.blocks)
    for index, block in enumerate(encoder.blocks):
        attend_here = partial(
            attend, graph, hidden, weights, block.heads, tokens=tokens, rescore=rescore[index] if rescore else None
        )
        if encoder.head is None or index < len(encoder.blocks) - 1:
            asking, context = hidden, attend_here()
        else:
            texts = by_text(graph, hidden, tokens, encoder.hidden_size)
            asking = first_tokens(graph, texts)
            if shares_weights:  # one copy of the weights for all blocks, so one way to multiply by them
                context = first_tokens(graph, by_text(graph, attend_here(), tokens, encoder.hidden_size))
            elif rescore:
                context = attend_here(asking=asking)
            else:
                context = attend_from_first(graph, asking, weights, block.heads, tokens=tokens, texts=texts)
        attended = linear(graph, context, weights, [Part(block.attention_output)])
        attended = graph.node("Add", attended, asking)
        attended = layer_norm(graph, attended, weights, block.attention_norm, epsilon=encoder.epsilon)
        inner = activation(graph, linear(graph, attended, weights, [Part(block.up)]), encoder.activation)
        hidden = graph.node("Add", linear(graph, inner, weights, [Part(block.down)]), attended)
        hidden = layer_norm(graph, hidden, weights, block.output_norm, epsilon=encoder.epsilon)
    if encoder.head is None:
        return hidden
    pooled = activation(graph, linear(graph, hidden, weights, [Part(encoder.head.hidden)]), encoder.head.activation)
    return linear(graph, pooled, weights, [Part(encoder.head.logits)])


def write_embeddings(graph: Graph, weights: Weights, encoder: PostNormEncoder, tokens: Tokens) -> Value:
    """Words + segments + positions, normalised, widened: (B * S, hidden)."""
    places = encoder.embeddings
    word_table, segment_table = f"{places.prefix}word_embeddings.weight", f"{places.prefix}token_type_embeddings.weight"
    hidden = look_up(graph, "input_ids", weights, word_table)
    if places.segments == "input":
        rows = graph.node("Gather", small_table(graph, weights, segment_table), "token_type_ids", axis=0)
        hidden = graph.node("Add", hidden, rows)
    if places.positions != "none":
        hidden = graph.node("Add", hidden, _positions(graph, weights, places, tokens))
    hidden = by_token(graph, hidden, weights.floats[word_table].shape[1])
    hidden = layer_norm(graph, hidden, weights, f"{places.prefix}LayerNorm", epsilon=encoder.epsilon)
    return hidden if places.projection is None else linear(graph, hidden, weights, [Part(places.projection)])


def _positions(graph: Graph, weights: Weights, places: Embeddings, tokens: Tokens) -> Value:
    """A row for each place: (S, columns), or (B, S, columns) where padding is skipped."""
    table = small_table(graph, weights, f"{places.prefix}position_embeddings.weight")
    if places.segments == "first row":
        # Two constants: the engine adds them once, when it loads.
        first = weights.array(f"{places.prefix}token_type_embeddings.weight")[0]
        table = graph.node("Add", table, graph.constant(f"{places.prefix}token_type_embeddings.first", first))
    if places.positions == "from zero":
        return graph.node("Slice", table, graph.integers([0]), tokens.length, graph.integers([0]))
    is_token = graph.node("Not", graph.node("Equal", "input_ids", graph.integers(places.pad_id)))
    counted = graph.node("Cast", is_token, to=TensorProto.INT64)
    positions = graph.node("Mul", graph.node("CumSum", counted, graph.integers(1)), counted)
    return graph.node("Gather", table, graph.node("Add", positions, graph.integers(places.pad_id)), axis=0)
