"""Numbers: squared errors, in units of what the numbers scatter by."""

from torch import Tensor

from limbeck.errors import ShapeError
from limbeck.text.examples import UNLABELLED


def number_loss(student_numbers: Tensor, wanted: Tensor, *, spread: float) -> Tensor:
    """Mean squared error divided by the variance of the numbers, so that it does not depend on their scale.

    ((student - wanted) / spread)^2, averaged over the rows that have a number; 1 is what their mean would score.

    Args:
        student_numbers: (batch, 1), any float dtype.
        wanted: (batch, 1) of the teacher or (batch,) of people; `UNLABELLED` where nobody gave one.
        spread: Standard deviation of the numbers, above 0.

    Returns: Scalar, without unit, never negative; 0 when no row has a number.

    Raises:
        ShapeError: There is not one number for each row.
    """
    if student_numbers.shape[1:] != (1,) or wanted.numel() != len(student_numbers):
        raise ShapeError(
            f"Student numbers are {tuple(student_numbers.shape)}, wanted ones {tuple(wanted.shape)}.",
            hint="Give one number for each row.",
        )
    goal = wanted.reshape(-1).float()
    is_known = goal != UNLABELLED
    errors = (student_numbers[:, 0].float() - goal) / spread
    return (errors.square() * is_known).sum() / is_known.sum().clamp(min=1)
