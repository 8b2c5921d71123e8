"""Embedding regression: the student's vector of a text is pulled onto the teacher's."""

from typing import Literal

from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError


def embedding_regression_loss(
    student: Tensor, teacher: Tensor, *, distance: Literal["cosine", "squared"] = "cosine"
) -> Tensor:
    """Distance of the student's embeddings from the teacher's, averaged over texts.

    cosine: 1 - cos(s, t), for embeddings that are compared by angle. squared: mean over texts of |s - t|^2, which also
    wants the lengths to be right.

    Args:
        student: (batch, size), any float dtype.
        teacher: (batch, size), of the same size; project the student's first where sizes differ.
        distance: Which.

    Returns: Scalar, never negative (cosine: 0 to 2).

    Raises:
        ShapeError: Rows or sizes differ.

    Source: Reimers and Gurevych 2020, arXiv:2004.09813, equation 1 (squared).
    """
    if student.shape != teacher.shape:
        raise ShapeError(
            f"Student embeddings are {tuple(student.shape)}, teacher embeddings {tuple(teacher.shape)}.",
            hint="Both must be (batch, size) of the same texts and of the same size.",
        )
    own, wanted = student.float(), teacher.float()
    if distance == "squared":
        return (own - wanted).square().sum(dim=-1).mean()
    return (1 - functional.cosine_similarity(own, wanted, dim=-1)).mean()
