"""Soft labels: the student's softened distribution is pulled towards the teacher's."""

from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError


def soft_label_loss(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """Pull the student's softened distribution towards the teacher's.

    T^2 * KL(softmax(teacher/T) || softmax(student/T)), averaged over rows. The factor T^2 keeps the size of the
    gradients when T changes, so that loss weights need no retuning.

    Args:
        student_logits: (batch, classes), any float dtype.
        teacher_logits: (batch, classes), the same classes in the same order.
        temperature: T > 0. At 1 the distributions stay as they are.

    Returns: Scalar, in nats, never negative.

    Raises:
        ShapeError: Rows or classes differ.

    Source: Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2.
    """
    if student_logits.shape != teacher_logits.shape:
        raise ShapeError(
            f"Student logits are {tuple(student_logits.shape)}, teacher logits {tuple(teacher_logits.shape)}.",
            hint="Both must be (batch, classes) of the same texts and classes.",
        )
    divergence = functional.kl_div(
        functional.log_softmax(student_logits.float() / temperature, dim=-1),
        functional.log_softmax(teacher_logits.float() / temperature, dim=-1),
        log_target=True,
        reduction="batchmean",
    )
    return temperature**2 * divergence
