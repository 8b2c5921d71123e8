"""The objectives, one file each; `objective.py` holds the table."""

from limbeck.distill.losses.attention_maps import attention_map_loss
from limbeck.distill.losses.contrastive import contrastive_loss
from limbeck.distill.losses.decisions import soft_decision_loss, true_decision_loss
from limbeck.distill.losses.embedding_regression import embedding_regression_loss
from limbeck.distill.losses.last_hidden import last_hidden_loss
from limbeck.distill.losses.layer_hidden import layer_hidden_loss
from limbeck.distill.losses.numbers import number_loss
from limbeck.distill.losses.rankings import listwise_loss, margin_loss, margins_within
from limbeck.distill.losses.relations import relation_loss
from limbeck.distill.losses.similarities import similarity_loss
from limbeck.distill.losses.soft_labels import soft_label_loss
from limbeck.distill.losses.true_labels import true_label_loss

__all__ = [
    "attention_map_loss", "contrastive_loss", "embedding_regression_loss", "last_hidden_loss", "layer_hidden_loss",
    "listwise_loss", "margin_loss", "margins_within", "number_loss", "relation_loss", "similarity_loss",
    "soft_decision_loss", "soft_label_loss", "true_decision_loss", "true_label_loss",
]  # fmt: skip
