"""Attention maps: each student layer looks at the tokens that the teacher's layer in its place looks at."""

from collections.abc import Sequence

import torch
from torch import Tensor

from limbeck.errors import ShapeError

_LEAST = 1e-9
"""Below every probability that counts; its logarithm is a number."""


def attention_map_loss(student_maps: Sequence[Tensor], teacher_maps: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Divergence of the student's attention from the teacher's, summed over the layers.

    sum over layers of  mean KL(A_teacher || A_student),  means over heads and over the rows of tokens that are no
    padding. Where the numbers of heads differ, the heads of both sides are averaged first.

    Args:
        student_maps: For each student layer (batch, heads, tokens, tokens), rows that sum to 1, any float dtype.
        teacher_maps: The same of the teacher layers that they stand for; heads may be more or fewer.
        mask: (batch, tokens), nonzero for tokens that are no padding.

    Returns: Scalar, in nats a layer; a rounding below 0 at most.

    Raises:
        ShapeError: Numbers of layers, texts or tokens differ.

    Source: layer for layer as in Jiao et al. 2020, "TinyBERT", arXiv:1909.10351, equation 7, there a mean square of
    scores before the softmax; the divergence of distributions from Wang et al. 2020, "MiniLM", arXiv:2002.10957,
    equation 7. After Zagoruyko and Komodakis 2017, arXiv:1612.03928.
    """
    shapes = [[tuple(one.shape) for one in maps] for maps in (student_maps, teacher_maps)]
    alike = [[(shape[0], *shape[2:]) for shape in side] for side in shapes]
    if alike[0] != alike[1]:
        raise ShapeError(
            f"Student maps are {shapes[0]}, teacher maps {shapes[1]}.",
            hint="Give one (batch, heads, tokens, tokens) map for each student layer on both sides.",
        )
    is_token = mask.bool()
    total = torch.zeros((), device=mask.device)
    for own, wanted in zip(student_maps, teacher_maps, strict=True):
        found, goal = own.float(), wanted.float()
        if found.shape[1] != goal.shape[1]:
            found, goal = found.mean(dim=1, keepdim=True), goal.mean(dim=1, keepdim=True)
        surprise = goal.clamp(min=_LEAST).log() - found.clamp(min=_LEAST).log()
        rows = (goal * surprise).sum(dim=-1).mean(dim=1)
        total = total + rows.masked_fill(~is_token, 0.0).sum() / is_token.sum()
    return total
