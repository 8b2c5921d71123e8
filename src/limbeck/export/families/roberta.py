"""RoBERTa, XLM-RoBERTa, CamemBERT: BERT whose positions skip padding and start after its id; one kind of segment."""

from typing import Any

from limbeck.export.families.bert import bert_blocks
from limbeck.export.graph import Graph, Value
from limbeck.export.post_norm import Embeddings, Head, PostNormEncoder, write_post_norm
from limbeck.export.weights import Weights

INPUTS = ("input_ids", "attention_mask")


def write(graph: Graph, weights: Weights, config: Any, every_token: bool) -> Value:  # noqa: ANN401
    """Write a RobertaForSequenceClassification or one of its kin; gives its logits, or every token's last state."""
    encoder = PostNormEncoder(
        embeddings=Embeddings(
            "roberta.embeddings.", positions="skipping padding", segments="first row", pad_id=config.pad_token_id
        ),
        blocks=bert_blocks("roberta.encoder.layer.", config),
        hidden_size=config.hidden_size,
        activation=config.hidden_act,
        epsilon=config.layer_norm_eps,
        head=None if every_token else Head("classifier.dense", "tanh", "classifier.out_proj"),
    )
    return write_post_norm(graph, weights, encoder)
