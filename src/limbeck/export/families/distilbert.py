"""DistilBERT: BERT without segments, under other names; the head is a ReLU layer on the first token."""

from typing import Any

from limbeck.export.attention import Heads
from limbeck.export.graph import Graph, Value
from limbeck.export.post_norm import Block, Embeddings, Head, PostNormEncoder, write_post_norm
from limbeck.export.weights import Weights

INPUTS = ("input_ids", "attention_mask")
EPSILON = 1e-12
"""Written into the layers of DistilBERT; its config does not name one."""


def write(graph: Graph, weights: Weights, config: Any, every_token: bool) -> Value:  # noqa: ANN401
    """Write a DistilBertForSequenceClassification; gives its logits, or every token's last state."""
    layers = [f"distilbert.transformer.layer.{index}." for index in range(config.n_layers)]
    blocks = [
        Block(
            heads=Heads.named(
                f"{layer}attention.q_lin",
                f"{layer}attention.k_lin",
                f"{layer}attention.v_lin",
                hidden_size=config.dim,
                n_heads=config.n_heads,
            ),
            attention_output=f"{layer}attention.out_lin",
            attention_norm=f"{layer}sa_layer_norm",
            up=f"{layer}ffn.lin1",
            down=f"{layer}ffn.lin2",
            output_norm=f"{layer}output_layer_norm",
        )
        for layer in layers
    ]
    encoder = PostNormEncoder(
        embeddings=Embeddings("distilbert.embeddings."),
        blocks=blocks,
        hidden_size=config.dim,
        activation=config.activation,
        epsilon=EPSILON,
        head=None if every_token else Head("pre_classifier", "relu", "classifier"),
    )
    return write_post_norm(graph, weights, encoder)
