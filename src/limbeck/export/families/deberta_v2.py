"""DeBERTa v2 and v3: scores that also ask content about distance and distance about content.

    score(q, k) = (Q[q] K[k] + Q[q] P_key[q - k] + K[k] P_query[q - k]) / sqrt(D * terms)

Source: He, Liu, Gao, Chen 2021, arXiv:2006.03654, section 3.1; log buckets: He, Gao, Chen 2021, arXiv:2111.09543.
P_key and P_query are the table of relative positions after its projections. They depend on no input, so they are
computed here, once, and stored for each bucket of distance. As it runs, the graph takes from them only the 2 S
distances that a text of S tokens has, multiplies, and shifts row q of the product by q, so that column k holds the
distance q - k. Torch multiplies with all 512 buckets, and gathers (S, S) of them by index.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

from limbeck.artifact.packing import Floats
from limbeck.export.attention import Heads, Moved, Rescore, Tokens, places, read_tokens
from limbeck.export.graph import Graph, Value
from limbeck.export.linear import Part
from limbeck.export.post_norm import Block, Embeddings, Head, PostNormEncoder, write_post_norm
from limbeck.export.tables import packed_rows
from limbeck.export.weights import Weights

INPUTS = ("input_ids", "attention_mask")


def inputs(config: Any) -> tuple[str, ...]:  # noqa: ANN401  (a Hugging Face config)
    """The inputs: segments only where the model has a table for them (v3 has none)."""
    return (*INPUTS, "token_type_ids") if config.type_vocab_size > 0 else INPUTS


def write(graph: Graph, weights: Weights, config: Any, every_token: bool) -> Value:  # noqa: ANN401
    """Write a DebertaV2ForSequenceClassification; gives its logits, or every token's last state."""
    size, n_heads = config.hidden_size, config.num_attention_heads
    scale = 1.0 / math.sqrt(size // n_heads * (1 + _n_terms(config)))
    layers = [f"deberta.encoder.layer.{index}." for index in range(config.num_hidden_layers)]
    blocks = [
        Block(
            heads=Heads(
                Part(f"{layer}attention.self.query_proj", scale),
                Part(f"{layer}attention.self.key_proj"),
                Part(f"{layer}attention.self.value_proj"),
                n_heads=n_heads,
                head_size=size // n_heads,
            ),
            attention_output=f"{layer}attention.output.dense",
            attention_norm=f"{layer}attention.output.LayerNorm",
            up=f"{layer}intermediate.dense",
            down=f"{layer}output.dense",
            output_norm=f"{layer}output.LayerNorm",
        )
        for layer in layers
    ]
    encoder = PostNormEncoder(
        embeddings=Embeddings(
            "deberta.embeddings.",
            positions="from zero" if config.position_biased_input else "none",
            segments="input" if config.type_vocab_size > 0 else "none",
        ),
        blocks=blocks,
        hidden_size=size,
        activation=config.hidden_act,
        epsilon=config.layer_norm_eps,
        head=None if every_token else Head("pooler.dense", config.pooler_hidden_act, "classifier"),
    )
    tokens = read_tokens(graph)
    rescore = _rescores(graph, weights, config, tokens=tokens, layers=layers, scale=scale) if asks(config) else []
    return write_post_norm(graph, weights, encoder, tokens=tokens, rescore=rescore)


def asks(config: Any) -> list[str]:  # noqa: ANN401  (a Hugging Face config)
    """Which of "c2p" (content asks distance) and "p2c" (distance asks content) the model has."""
    named = config.pos_att_type or []
    return [ask for ask in ("c2p", "p2c") if config.relative_attention and ask in named]


def _n_terms(config: Any) -> int:  # noqa: ANN401  (a Hugging Face config)
    """The terms that the scale counts: transformers counts those that the config names, used or not."""
    return sum(ask in (config.pos_att_type or []) for ask in ("c2p", "p2c"))


@dataclass(frozen=True)
class _Distances:
    """Rows of the bucket tables, for the texts at hand.

    Args:
        falling: (2 S,) buckets of the distances S - 1 down to -S.
        rising: (2 S,) buckets of -(S - 1) up to S.
        from_first: (S,) buckets of 0 down to -(S - 1): what the first token sees.
        shift: (1,) S - 1.
        stop: (1,) S - 1 + S (2 S - 1).
        shifted: (4,) the shape B, N, S, 2 S - 1.
        length: (1,) S.
    """

    falling: Value
    rising: Value
    from_first: Value
    shift: Value
    stop: Value
    shifted: Value
    length: Value


def _rescores(
    graph: Graph,
    weights: Weights,
    config: Any,  # noqa: ANN401  (a Hugging Face config)
    *,
    tokens: Tokens,
    layers: list[str],
    scale: float,
) -> list[Rescore]:
    """For each block, what adds its two terms to the scores."""
    positions = _relative_positions(weights, config)
    seen = _distances(graph, config, tokens, n_buckets=len(positions))
    prefix = "" if config.share_att_key else "pos_"
    projections = {"c2p": (f"{prefix}key_proj", 1.0), "p2c": (f"{prefix}query_proj", scale)}
    rescores = []
    for layer in layers:
        tables = {}
        for ask in asks(config):
            name, factor = projections[ask]
            linear = f"{layer}attention.self.{name}"
            projected = positions @ weights.array(f"{linear}.weight").T + weights.array(f"{linear}.bias")
            by_head = (projected * np.float32(factor)).reshape(len(positions), config.num_attention_heads, -1)
            stored = np.ascontiguousarray(by_head.transpose(1, 0, 2))
            store = packed_rows if f"{linear}.weight" in weights.packed else Graph.constant
            tables[ask] = store(graph, f"{linear}.by_distance", stored)
        rescores.append(_rescore(seen, tables))
    return rescores


def _relative_positions(weights: Weights, config: Any) -> Floats:  # noqa: ANN401  (a Hugging Face config)
    """(2 * span, hidden): the table of relative positions, normalised where the model asks for it."""
    table = weights.array("deberta.encoder.rel_embeddings.weight")
    if "layer_norm" not in config.norm_rel_ebd:
        return table
    normed = torch.nn.functional.layer_norm(
        torch.from_numpy(table),
        table.shape[1:],
        torch.from_numpy(weights.array("deberta.encoder.LayerNorm.weight")),
        torch.from_numpy(weights.array("deberta.encoder.LayerNorm.bias")),
        config.layer_norm_eps,
    )
    return normed.numpy()


def _distances(graph: Graph, config: Any, tokens: Tokens, *, n_buckets: int) -> _Distances:  # noqa: ANN401
    """The buckets of all distances in texts of S tokens, and the numbers that shifting needs."""
    farthest = config.max_relative_positions if config.max_relative_positions > 0 else config.max_position_embeddings
    reach = 2 * max(farthest, n_buckets)  # all distances from here on share the outermost buckets
    every = torch.arange(-reach, reach + 1)
    if getattr(config, "position_buckets", -1) > 0:
        every = make_log_bucket_position(every, config.position_buckets, farthest).long()
    buckets = graph.constant("buckets", torch.clamp(every + n_buckets // 2, 0, n_buckets - 1).numpy())

    def bucket_of(distance: Value) -> Value:
        near = graph.node("Clip", distance, graph.integers(-reach), graph.integers(reach))
        return graph.node("Gather", buckets, graph.node("Add", near, graph.integers(reach)), axis=0)

    one = graph.integers([1])
    length = tokens.length
    shift = graph.node("Sub", length, one)
    width = graph.node("Add", length, shift)
    rising = graph.node(
        "Range",
        graph.node("Squeeze", graph.node("Neg", shift)),
        graph.node("Squeeze", graph.node("Add", length, one)),
        graph.integers(1),
    )
    return _Distances(
        falling=bucket_of(graph.node("Neg", rising)),
        rising=bucket_of(rising),
        from_first=bucket_of(graph.node("Neg", places(graph, tokens))),
        shift=shift,
        stop=graph.node("Add", shift, graph.node("Mul", length, width)),
        shifted=graph.node("Concat", graph.integers([-1, config.num_attention_heads]), length, width, axis=0),
        length=length,
    )


def _rescore(seen: _Distances, tables: dict[str, Value]) -> Rescore:
    """Adds a block's terms; `tables` holds (N, buckets, D) for each ask, those of "p2c" scaled."""

    def rescore(graph: Graph, moved: Moved, scores: Value, first_only: bool) -> Value:
        if "c2p" in tables:
            rows = seen.from_first if first_only else seen.falling
            keys = graph.node("Gather", tables["c2p"], rows, axis=1)
            about_distance = graph.node("MatMul", moved.query, graph.node("Transpose", keys, perm=[0, 2, 1]))
            scores = graph.node("Add", scores, about_distance if first_only else _shift(graph, about_distance, seen))
        if "p2c" in tables and first_only:
            queries = graph.node("Gather", tables["p2c"], seen.from_first, axis=1)
            about_content = graph.node(
                "ReduceSum", graph.node("Mul", moved.key, queries), graph.integers([-1]), keepdims=0
            )
            scores = graph.node("Add", scores, graph.node("Unsqueeze", about_content, graph.integers([2])))
        elif "p2c" in tables:
            queries = graph.node("Gather", tables["p2c"], seen.rising, axis=1)
            about_content = graph.node("MatMul", moved.key, graph.node("Transpose", queries, perm=[0, 2, 1]))
            by_key = _shift(graph, about_content, seen)
            scores = graph.node("Add", scores, graph.node("Transpose", by_key, perm=[0, 1, 3, 2]))
        return scores

    return rescore


def _shift(graph: Graph, product: Value, seen: _Distances) -> Value:
    """(B, N, S, 2 S) -> (B, N, S, S): row r starts at column S - 1 - r.

    Laid out flat, row r's first wanted number stands at 2 S r + S - 1 - r = (2 S - 1) r + (S - 1): drop S - 1 numbers,
    read rows of 2 S - 1, and each row begins where it should.
    """
    flat = graph.node("Reshape", product, graph.integers([0, 0, -1]))
    dropped = graph.node("Slice", flat, seen.shift, seen.stop, graph.integers([2]))
    rows = graph.node("Reshape", dropped, seen.shifted)
    return graph.node("Slice", rows, graph.integers([0]), seen.length, graph.integers([3]))
