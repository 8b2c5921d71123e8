"""Decisions: several yes-or-no answers a text, each pulled by itself towards the teacher's or towards the labels."""

from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError
from limbeck.text.examples import UNLABELLED


def soft_decision_loss(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """Pull the student's softened yes-or-no probabilities towards the teacher's.

    T^2 * sum over labels of KL(Bernoulli(sigmoid(teacher/T)) || Bernoulli(sigmoid(student/T))), averaged over rows.

    Args:
        student_logits: (batch, labels), any float dtype.
        teacher_logits: (batch, labels), the same labels in the same order.
        temperature: T > 0. At 1 the probabilities stay as they are.

    Returns: Scalar, in nats, never negative.

    Raises:
        ShapeError: Rows or labels differ.

    Source: Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2, with one two-class distribution for each label.
    """
    if student_logits.shape != teacher_logits.shape:
        raise ShapeError(
            f"Student logits are {tuple(student_logits.shape)}, teacher logits {tuple(teacher_logits.shape)}.",
            hint="Both must be (batch, labels) of the same texts and labels.",
        )
    student, teacher = student_logits.float() / temperature, teacher_logits.float() / temperature
    yes = teacher.sigmoid() * (functional.logsigmoid(teacher) - functional.logsigmoid(student))
    no = (-teacher).sigmoid() * (functional.logsigmoid(-teacher) - functional.logsigmoid(-student))
    return temperature**2 * (yes + no).sum(dim=-1).mean()


def true_decision_loss(student_logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy against the labels that people gave, summed over labels, averaged over labelled rows.

    Args:
        student_logits: (batch, labels), any float dtype.
        labels: (batch, labels) of 0 and 1, or `UNLABELLED` in a whole row.

    Returns: Scalar, in nats, never negative; 0 when no row has labels.

    Raises:
        ShapeError: Rows or labels differ.
    """
    if student_logits.shape != labels.shape:
        raise ShapeError(
            f"Student logits are {tuple(student_logits.shape)}, labels {tuple(labels.shape)}.",
            hint="Give one row of 0 and 1 for each row of logits.",
        )
    is_known = labels[:, 0] != UNLABELLED
    losses = functional.binary_cross_entropy_with_logits(
        student_logits.float(), labels.clamp(min=0).float(), reduction="none"
    )
    return (losses.sum(dim=-1) * is_known).sum() / is_known.sum().clamp(min=1)
