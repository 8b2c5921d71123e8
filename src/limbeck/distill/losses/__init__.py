"""The objectives, one file each, in one hand-written table."""

from limbeck.distill.losses.last_hidden import last_hidden_loss
from limbeck.distill.losses.soft_labels import soft_label_loss
from limbeck.distill.losses.true_labels import true_label_loss

__all__ = ["last_hidden_loss", "soft_label_loss", "true_label_loss"]
