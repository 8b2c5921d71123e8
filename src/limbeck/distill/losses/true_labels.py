"""True labels: the cross-entropy of plain fine-tuning."""

from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError
from limbeck.text.examples import UNLABELLED


def true_label_loss(student_logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy against the labels that people gave, averaged over the rows that have one.

    Args:
        student_logits: (batch, classes), any float dtype.
        labels: (batch,) int64, class indices, or `UNLABELLED`.

    Returns: Scalar, in nats, never negative; 0 when no row has a label.

    Raises:
        ShapeError: There is not one label for each row.
    """
    if student_logits.shape[:1] != labels.shape:
        raise ShapeError(
            f"Student logits are {tuple(student_logits.shape)}, labels {tuple(labels.shape)}.",
            hint="Give one label for each row of logits.",
        )
    total = functional.cross_entropy(student_logits.float(), labels, ignore_index=UNLABELLED, reduction="sum")
    return total / (labels != UNLABELLED).sum().clamp(min=1)
