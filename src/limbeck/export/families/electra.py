"""ELECTRA: BERT with embeddings that may be narrower than its layers, and a GELU layer for a head."""

from typing import Any

from limbeck.export.families.bert import bert_blocks
from limbeck.export.graph import Graph, Value
from limbeck.export.post_norm import Embeddings, Head, PostNormEncoder, write_post_norm
from limbeck.export.weights import Weights

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def write(graph: Graph, weights: Weights, config: Any, every_token: bool) -> Value:  # noqa: ANN401
    """Write an ElectraForSequenceClassification; gives its logits, or every token's last state."""
    is_widened = config.embedding_size != config.hidden_size
    encoder = PostNormEncoder(
        embeddings=Embeddings(
            "electra.embeddings.", segments="input", projection="electra.embeddings_project" if is_widened else None
        ),
        blocks=bert_blocks("electra.encoder.layer.", config),
        hidden_size=config.hidden_size,
        activation=config.hidden_act,
        epsilon=config.layer_norm_eps,
        head=None if every_token else Head("classifier.dense", "gelu", "classifier.out_proj"),
    )
    return write_post_norm(graph, weights, encoder)
