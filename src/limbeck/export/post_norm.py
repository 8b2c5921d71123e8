"""The encoder that most families share: embeddings, blocks with the norm after each residual, a head on one token.

A family says where its weights live; this file says what is computed. In the last block only the first token asks,
since the head reads nothing else: keys and values are made for all tokens, everything after for one a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from limbeck.export.attention import Heads, Rescore, Tokens, attend, first_tokens, flat, read_tokens
from limbeck.export.graph import Graph, Value
from limbeck.export.layers import Part, activation, layer_norm, linear, look_up, small_table
from limbeck.export.weights import Weights


@dataclass(frozen=True)
class Embeddings:
    """Where the embeddings live.

    Args:
        prefix: Start of their parameter names, with the dot.
        positions: "from zero", "skipping padding" (RoBERTa's way: counted over tokens that are not padding, starting
            after `pad_id`), or "none".
        segments: "input" (`token_type_ids` chooses the row), "first row", or "none".
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
    """A whole classifier of this kind."""

    embeddings: Embeddings
    blocks: Sequence[Block]
    hidden_size: int
    activation: str
    epsilon: float
    head: Head


def write_post_norm(
    graph: Graph,
    weights: Weights,
    encoder: PostNormEncoder,
    *,
    tokens: Tokens | None = None,
    rescore: Sequence[Rescore] = (),
) -> Value:
    """Write the classifier; gives its logits (B, classes).

    Args:
        graph: The graph written to.
        weights: The student's parameters.
        encoder: Where they live.
        tokens: The inputs, where the caller has read them already.
        rescore: How each block's scores are changed; none, or one for each block.
    """
    tokens = tokens or read_tokens(graph)
    hidden = write_embeddings(graph, weights, encoder, tokens)
    for index, block in enumerate(encoder.blocks):
        is_last = index == len(encoder.blocks) - 1
        asking = first_tokens(graph, hidden, tokens, encoder.hidden_size) if is_last else hidden
        context = attend(
            graph,
            hidden,
            weights,
            block.heads,
            tokens=tokens,
            asking=asking if is_last else None,
            rescore=rescore[index] if rescore else None,
        )
        attended = linear(graph, context, weights, [Part(block.attention_output)])
        attended = graph.node("Add", attended, asking)
        attended = layer_norm(graph, attended, weights, block.attention_norm, epsilon=encoder.epsilon)
        inner = activation(graph, linear(graph, attended, weights, [Part(block.up)]), encoder.activation)
        hidden = graph.node("Add", linear(graph, inner, weights, [Part(block.down)]), attended)
        hidden = layer_norm(graph, hidden, weights, block.output_norm, epsilon=encoder.epsilon)
    pooled = activation(graph, linear(graph, hidden, weights, [Part(encoder.head.hidden)]), encoder.head.activation)
    return linear(graph, pooled, weights, [Part(encoder.head.logits)])


def write_embeddings(graph: Graph, weights: Weights, encoder: PostNormEncoder, tokens: Tokens) -> Value:
    """Words + positions + segments, normalised, widened: (B * S, hidden)."""
    places = encoder.embeddings
    hidden = look_up(graph, tokens.ids, weights, f"{places.prefix}word_embeddings.weight")
    if places.segments == "input":
        segments = small_table(graph, weights, f"{places.prefix}token_type_embeddings.weight")
        rows = graph.node("Gather", segments, flat(graph, "token_type_ids"), axis=0)
        hidden = graph.node("Add", hidden, rows)
    if places.positions != "none":
        hidden = _add_positions(graph, weights, places, tokens, hidden)
    elif places.segments == "first row":
        first = weights.array(f"{places.prefix}token_type_embeddings.weight")[0]
        hidden = graph.node("Add", hidden, graph.constant(f"{places.prefix}token_type_embeddings.first", first))
    hidden = layer_norm(graph, hidden, weights, f"{places.prefix}LayerNorm", epsilon=encoder.epsilon)
    return hidden if places.projection is None else linear(graph, hidden, weights, [Part(places.projection)])


def _add_positions(graph: Graph, weights: Weights, places: Embeddings, tokens: Tokens, hidden: Value) -> Value:
    table_name = f"{places.prefix}position_embeddings.weight"
    table = small_table(graph, weights, table_name)
    if places.segments == "first row":
        # Two constants: the engine adds them once, when it loads.
        first = weights.array(f"{places.prefix}token_type_embeddings.weight")[0]
        table = graph.node("Add", table, graph.constant(f"{places.prefix}token_type_embeddings.first", first))
    size = weights.floats[table_name].shape[1]
    if places.positions == "skipping padding":
        is_token = graph.node("Not", graph.node("Equal", "input_ids", graph.integers(places.pad_id)))
        counted = graph.node("Cast", is_token, to=7)
        positions = graph.node("Mul", graph.node("CumSum", counted, graph.integers(1)), counted)
        positions = graph.node("Add", flat(graph, positions), graph.integers(places.pad_id))
        return graph.node("Add", hidden, graph.node("Gather", table, positions, axis=0))
    rows = graph.node("Slice", table, graph.integers([0]), tokens.length, graph.integers([0]))
    by_text = graph.node("Reshape", hidden, graph.node("Concat", tokens.shape, graph.integers([size]), axis=0))
    return graph.node("Reshape", graph.node("Add", by_text, rows), graph.integers([-1, size]))
