"""The objectives, one file each; `objective.py` holds the table."""

from limbeck.distill.losses.decisions import soft_decision_loss, true_decision_loss
from limbeck.distill.losses.last_hidden import last_hidden_loss
from limbeck.distill.losses.layer_hidden import layer_hidden_loss
from limbeck.distill.losses.numbers import number_loss
from limbeck.distill.losses.soft_labels import soft_label_loss
from limbeck.distill.losses.true_labels import true_label_loss

__all__ = [
    "last_hidden_loss", "layer_hidden_loss", "number_loss", "soft_decision_loss", "soft_label_loss",
    "true_decision_loss", "true_label_loss",
]  # fmt: skip
