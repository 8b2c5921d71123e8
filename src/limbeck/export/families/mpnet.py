"""MPNet: RoBERTa's positions, no segments, and scores that also depend on how far apart two tokens stand.

The distance's bucket is T5's: exact up to 7, logarithmic up to 128, one for all beyond. A distance has the same bias
in every block, so the graph makes one (heads, S, S) bias and adds it to the mask.
"""

import dataclasses
from typing import Any

import numpy as np
import torch
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from limbeck.export.attention import Heads, Tokens, distances, read_tokens
from limbeck.export.graph import Graph, Value
from limbeck.export.post_norm import Block, Embeddings, Head, PostNormEncoder, write_post_norm
from limbeck.export.weights import Weights

INPUTS = ("input_ids", "attention_mask")
PADDING_ID = 1
"""MPNet's embeddings count positions from it, whatever the config says."""
FARTHEST = 128
"""From here on all distances share a bucket (`max_distance` in MPNetEncoder.relative_position_bucket)."""


def write(graph: Graph, weights: Weights, config: Any, every_token: bool) -> Value:  # noqa: ANN401
    """Write an MPNetForSequenceClassification; gives its logits, or every token's last state."""
    layers = [f"mpnet.encoder.layer.{index}." for index in range(config.num_hidden_layers)]
    blocks = [
        Block(
            heads=Heads.named(
                f"{layer}attention.attn.q",
                f"{layer}attention.attn.k",
                f"{layer}attention.attn.v",
                hidden_size=config.hidden_size,
                n_heads=config.num_attention_heads,
            ),
            attention_output=f"{layer}attention.attn.o",
            attention_norm=f"{layer}attention.LayerNorm",
            up=f"{layer}intermediate.dense",
            down=f"{layer}output.dense",
            output_norm=f"{layer}output.LayerNorm",
        )
        for layer in layers
    ]
    encoder = PostNormEncoder(
        embeddings=Embeddings("mpnet.embeddings.", positions="skipping padding", pad_id=PADDING_ID),
        blocks=blocks,
        hidden_size=config.hidden_size,
        activation=config.hidden_act,
        epsilon=config.layer_norm_eps,
        head=None if every_token else Head("classifier.dense", "tanh", "classifier.out_proj"),
    )
    return write_post_norm(graph, weights, encoder, tokens=_with_distance_bias(graph, weights, read_tokens(graph)))


def _with_distance_bias(graph: Graph, weights: Weights, tokens: Tokens) -> Tokens:
    """The mask with each head's bias for the distance between query and key added."""
    name = "mpnet.encoder.relative_attention_bias"
    table = weights.array(f"{name}.weight")
    all_distances = torch.arange(-FARTHEST, FARTHEST + 1)
    buckets = MPNetEncoder.relative_position_bucket(all_distances, num_buckets=32).numpy()
    by_distance = graph.constant(f"{name}.by_distance", np.ascontiguousarray(table[buckets].T))
    near = graph.node("Clip", distances(graph, tokens), graph.integers(-FARTHEST), graph.integers(FARTHEST))
    bias = graph.node("Gather", by_distance, graph.node("Add", near, graph.integers(FARTHEST)), axis=1)
    first = graph.node("Slice", bias, graph.integers([0]), graph.integers([1]), graph.integers([1]))
    return dataclasses.replace(
        tokens, mask=graph.node("Add", tokens.mask, bias), first_mask=graph.node("Add", tokens.first_mask, first)
    )
