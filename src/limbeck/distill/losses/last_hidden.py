"""Last hidden state: the student's summary of the text is pulled to where the teacher's lies."""

from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError


def last_hidden_loss(student_hidden: Tensor, teacher_hidden: Tensor) -> Tensor:
    """Mean squared difference between the first token's states after the last layer: what most heads read.

    Heads that pool by mean (ModernBERT can) read it among the others.

    Args:
        student_hidden: (batch, hidden), any float dtype.
        teacher_hidden: (batch, hidden), of the same width.

    Returns: Scalar, in squared units of the hidden state, never negative.

    Raises:
        ShapeError: Rows or widths differ.

    Source: Jiao et al. 2020, "TinyBERT", arXiv:1909.10351, equation 8, without the projection (the widths are equal).
    """
    if student_hidden.shape != teacher_hidden.shape:
        raise ShapeError(
            f"Student states are {tuple(student_hidden.shape)}, teacher states {tuple(teacher_hidden.shape)}.",
            hint="Both must be (batch, hidden) of the same texts and of the same width.",
        )
    return functional.mse_loss(student_hidden.float(), teacher_hidden.float())
