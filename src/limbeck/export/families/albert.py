"""ALBERT: BERT whose blocks share one set of weights (or a few), so that the file holds them once."""

from typing import Any

from limbeck.export.attention import Heads
from limbeck.export.graph import Graph, Value
from limbeck.export.post_norm import Block, Embeddings, Head, PostNormEncoder, write_post_norm
from limbeck.export.weights import Weights

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def write(graph: Graph, weights: Weights, config: Any, every_token: bool) -> Value:  # noqa: ANN401
    """Write an AlbertForSequenceClassification; gives its logits, or every token's last state."""
    blocks_of_a_group = config.num_hidden_layers / config.num_hidden_groups
    encoder = PostNormEncoder(
        embeddings=Embeddings(
            "albert.embeddings.", segments="input", projection="albert.encoder.embedding_hidden_mapping_in"
        ),
        blocks=[
            _block(config, group=int(index / blocks_of_a_group), inner=inner)
            for index in range(config.num_hidden_layers)
            for inner in range(config.inner_group_num)
        ],
        hidden_size=config.hidden_size,
        activation=config.hidden_act,
        epsilon=config.layer_norm_eps,
        head=None if every_token else Head("albert.pooler", "tanh", "classifier"),
    )
    return write_post_norm(graph, weights, encoder)


def _block(config: Any, *, group: int, inner: int) -> Block:  # noqa: ANN401  (a Hugging Face config)
    layer = f"albert.encoder.albert_layer_groups.{group}.albert_layers.{inner}."
    return Block(
        heads=Heads.named(
            f"{layer}attention.query",
            f"{layer}attention.key",
            f"{layer}attention.value",
            hidden_size=config.hidden_size,
            n_heads=config.num_attention_heads,
        ),
        attention_output=f"{layer}attention.dense",
        attention_norm=f"{layer}attention.LayerNorm",
        up=f"{layer}ffn",
        down=f"{layer}ffn_output",
        output_norm=f"{layer}full_layer_layer_norm",
    )
