"""ModernBERT: norms before each part, rotary positions, windows of attention in most layers, gated GELU, few biases.

Source: Warner et al. 2024, arXiv:2412.13663.
"""

import dataclasses
from typing import Any

import numpy as np
from onnx import TensorProto

from limbeck.export.attention import (
    NEVER,
    Heads,
    Tokens,
    Turn,
    attend,
    by_text,
    by_token,
    distances,
    first_tokens,
    places,
    read_tokens,
)
from limbeck.export.every_token import mean_of_tokens
from limbeck.export.graph import Graph, Value
from limbeck.export.layers import activation, layer_norm
from limbeck.export.linear import Part, linear
from limbeck.export.tables import look_up
from limbeck.export.weights import Weights

INPUTS = ("input_ids", "attention_mask")


def write(graph: Graph, weights: Weights, config: Any, every_token: bool) -> Value:  # noqa: ANN401
    """Write a ModernBertForSequenceClassification; gives its logits, or every token's last state."""
    tokens = read_tokens(graph)
    masked = {"full_attention": tokens}
    if "sliding_attention" in config.layer_types:
        masked["sliding_attention"] = _windowed(graph, tokens, reach=config.sliding_window)
    turns = {kind: _turn(graph, tokens, config, kind) for kind in sorted(set(config.layer_types))}
    size = config.hidden_size
    hidden = by_token(graph, look_up(graph, "input_ids", weights, "model.embeddings.tok_embeddings.weight"), size)
    hidden = layer_norm(graph, hidden, weights, "model.embeddings.norm", epsilon=config.norm_eps)
    reads_first = config.classifier_pooling == "cls" and not every_token
    for index, kind in enumerate(config.layer_types):
        layer = f"model.layers.{index}."
        only_first = reads_first and index == config.num_hidden_layers - 1
        normed = hidden
        if index > 0:
            normed = layer_norm(graph, hidden, weights, f"{layer}attn_norm", epsilon=config.norm_eps)
        if only_first:
            hidden = first_tokens(graph, by_text(graph, hidden, tokens, size))
        context = attend(
            graph,
            normed,
            weights,
            _heads(config, f"{layer}attn.Wqkv"),
            tokens=masked[kind],
            asking=first_tokens(graph, by_text(graph, normed, tokens, size)) if only_first else None,
            turn=turns[kind],
        )
        hidden = graph.node("Add", hidden, linear(graph, context, weights, [Part(f"{layer}attn.Wo")]))
        normed = layer_norm(graph, hidden, weights, f"{layer}mlp_norm", epsilon=config.norm_eps)
        hidden = graph.node("Add", hidden, _gated(graph, normed, weights, config, layer))
    hidden = layer_norm(graph, hidden, weights, "model.final_norm", epsilon=config.norm_eps)
    if every_token and weights.token_head is None:
        return hidden
    pooled = hidden if reads_first or every_token else mean_of_tokens(graph, by_text(graph, hidden, tokens, size))
    pooled = activation(graph, linear(graph, pooled, weights, [Part("head.dense")]), config.classifier_activation)
    pooled = layer_norm(graph, pooled, weights, "head.norm", epsilon=config.norm_eps)
    if every_token:
        return pooled
    return linear(graph, pooled, weights, [Part("classifier")])


def _heads(config: Any, name: str) -> Heads:  # noqa: ANN401  (a Hugging Face config)
    """Queries, keys and values as thirds of one layer."""
    size, n_heads = config.hidden_size, config.num_attention_heads
    return Heads(
        Part(name, (size // n_heads) ** -0.5, rows=(0, size)),
        Part(name, rows=(size, 2 * size)),
        Part(name, rows=(2 * size, 3 * size)),
        n_heads=n_heads,
        head_size=size // n_heads,
    )


def _windowed(graph: Graph, tokens: Tokens, *, reach: int) -> Tokens:
    """The masks of layers where a token sees only those at most `reach` places away."""
    apart = graph.node("Abs", distances(graph, tokens))
    is_near = graph.node("LessOrEqual", apart, graph.integers(reach))
    window = graph.node("Where", is_near, graph.floats(0.0), graph.floats(NEVER))
    first = graph.node("Slice", window, graph.integers([0]), graph.integers([1]), graph.integers([0]))
    return dataclasses.replace(
        tokens, mask=graph.node("Add", tokens.mask, window), first_mask=graph.node("Add", tokens.first_mask, first)
    )


def _turn(graph: Graph, tokens: Tokens, config: Any, kind: str) -> Turn:  # noqa: ANN401  (a Hugging Face config)
    """Rotary positions: x * cos + swapped(x) * sin, the halves of a head swapped, the first half of sin negated.

    Source: Su et al. 2021, arXiv:2104.09864, in the half-split layout of GPT-NeoX.
    """
    half = config.hidden_size // config.num_attention_heads // 2
    exponents = np.arange(half, dtype=np.float32) / np.float32(half)
    frequencies = (1.0 / config.rope_parameters[kind]["rope_theta"] ** exponents).astype(np.float32)
    place = graph.node("Cast", places(graph, tokens), to=TensorProto.FLOAT)
    column = graph.node("Unsqueeze", place, graph.integers([1]))
    angles = graph.node("Mul", column, graph.constant(f"{kind}.frequencies", np.tile(frequencies, 2)))
    cosines = graph.node("Cos", angles)
    signs = graph.constant("rotary.signs", np.repeat(np.asarray([-1, 1], np.float32), half))
    sines = graph.node("Mul", graph.node("Sin", angles), signs)

    def turn(graph: Graph, stack: Value) -> Value:
        first, second = graph.nodes("Split", stack, n_outputs=2, axis=-1, num_outputs=2)
        swapped = graph.node("Concat", second, first, axis=-1)
        return graph.node("Add", graph.node("Mul", stack, cosines), graph.node("Mul", swapped, sines))

    return turn


def _gated(graph: Graph, normed: Value, weights: Weights, config: Any, layer: str) -> Value:  # noqa: ANN401
    """Wo(activation(input) * gate), input and gate the halves of Wi's output."""
    both = linear(graph, normed, weights, [Part(f"{layer}mlp.Wi")])
    inner, gate = graph.nodes("Split", both, n_outputs=2, axis=-1, num_outputs=2)
    gated = graph.node("Mul", activation(graph, inner, config.hidden_activation), gate)
    return linear(graph, gated, weights, [Part(f"{layer}mlp.Wo")])
