"""Last hidden state: the student's summary of the text is pulled to where the teacher's lies."""

from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError


def last_hidden_loss(student_hidden: Tensor, teacher_hidden: Tensor) -> Tensor:
    """Squared error of the first token's states after the last layer, relative to the size of the teacher's.

    mean (s - t)^2 / mean t^2,  both means over the batch. Most heads read this state alone; heads that pool by mean
    (ModernBERT can) read it among the others. The division makes one weight fit families whose states are large and
    families whose states are small, as in `layer_hidden_loss`.

    Args:
        student_hidden: (batch, hidden), any float dtype.
        teacher_hidden: (batch, hidden), of the same width.

    Returns: Scalar, a share of the teacher's energy, never negative.

    Raises:
        ShapeError: Rows or widths differ.

    Source: Jiao et al. 2020, "TinyBERT", arXiv:1909.10351, equation 8; where widths differ the caller projects
    (see `projections`).
    """
    if student_hidden.shape != teacher_hidden.shape:
        raise ShapeError(
            f"Student states are {tuple(student_hidden.shape)}, teacher states {tuple(teacher_hidden.shape)}.",
            hint="Both must be (batch, hidden) of the same texts and of the same width.",
        )
    wanted = teacher_hidden.float()
    return functional.mse_loss(student_hidden.float(), wanted) / wanted.square().mean()
