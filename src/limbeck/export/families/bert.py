"""BERT: the pattern that the other families vary. Segments are an input; the head is pooler, tanh, classifier."""

from typing import Any

from limbeck.export.attention import Heads
from limbeck.export.graph import Graph, Value
from limbeck.export.post_norm import Block, Embeddings, Head, PostNormEncoder, write_post_norm
from limbeck.export.weights import Weights

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def write(graph: Graph, weights: Weights, config: Any, every_token: bool) -> Value:  # noqa: ANN401
    """Write a BertForSequenceClassification; gives its logits, or every token's last state."""
    encoder = PostNormEncoder(
        embeddings=Embeddings("bert.embeddings.", segments="input"),
        blocks=bert_blocks("bert.encoder.layer.", config),
        hidden_size=config.hidden_size,
        activation=config.hidden_act,
        epsilon=config.layer_norm_eps,
        head=None if every_token else Head("bert.pooler.dense", "tanh", "classifier"),
    )
    return write_post_norm(graph, weights, encoder)


def bert_blocks(prefix: str, config: Any) -> list[Block]:  # noqa: ANN401  (a Hugging Face config)
    """The blocks of BERT and of those that kept its names (RoBERTa, ELECTRA)."""
    return [
        Block(
            heads=Heads.named(
                f"{prefix}{index}.attention.self.query",
                f"{prefix}{index}.attention.self.key",
                f"{prefix}{index}.attention.self.value",
                hidden_size=config.hidden_size,
                n_heads=config.num_attention_heads,
            ),
            attention_output=f"{prefix}{index}.attention.output.dense",
            attention_norm=f"{prefix}{index}.attention.output.LayerNorm",
            up=f"{prefix}{index}.intermediate.dense",
            down=f"{prefix}{index}.output.dense",
            output_norm=f"{prefix}{index}.output.LayerNorm",
        )
        for index in range(config.num_hidden_layers)
    ]
