"""Margins: by how much the student's reranker prefers one passage to another is pulled to the teacher's margin."""

from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError


def margin_loss(
    student_better: Tensor, student_worse: Tensor, *, teacher_better: Tensor, teacher_worse: Tensor
) -> Tensor:
    """Squared error of the student's margins between two passages of a query: margin-MSE.

    mean over pairs of ((s_better - s_worse) - (t_better - t_worse))^2. Scores of the two models may lie on scales with
    different zeros, as only differences count; "better" and "worse" name the pair, whichever the teacher prefers.

    Args:
        student_better: (batch,) the student's scores of the first passages, any float dtype.
        student_worse: (batch,) its scores of the second passages, for the same queries.
        teacher_better: (batch,) the teacher's scores of the first passages.
        teacher_worse: (batch,) its scores of the second passages.

    Returns: Scalar, in squared units of the teacher's scores, never negative.

    Raises:
        ShapeError: The four are not of one length.

    Source: Hofstätter et al. 2020, arXiv:2010.02666, equation 2.
    """
    scores = (student_better, student_worse, teacher_better, teacher_worse)
    shapes = [tuple(score.shape) for score in scores]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        raise ShapeError(
            f"Scores of student and teacher are {', '.join(map(str, shapes))}.",
            hint="Give four tensors of (batch,), one score for each query and passage.",
        )
    own, wanted = (better.float() - worse.float() for better, worse in (scores[:2], scores[2:]))
    return functional.mse_loss(own, wanted)
