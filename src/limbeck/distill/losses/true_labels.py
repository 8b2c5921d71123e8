"""True labels: the cross-entropy of plain fine-tuning."""

from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError


def true_label_loss(student_logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy against the labels that people gave, averaged over rows.

    Args:
        student_logits: (batch, classes), any float dtype.
        labels: (batch,) int64, class indices.

    Returns: Scalar, in nats, never negative.

    Raises:
        ShapeError: There is not one label for each row.
    """
    if student_logits.shape[:1] != labels.shape:
        raise ShapeError(
            f"Student logits are {tuple(student_logits.shape)}, labels {tuple(labels.shape)}.",
            hint="Give one label for each row of logits.",
        )
    return functional.cross_entropy(student_logits.float(), labels)
