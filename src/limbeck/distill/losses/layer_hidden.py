"""Hidden states between layers: each student layer is pulled to compute what the teacher computes in its place."""

from collections.abc import Sequence

import torch
from torch import Tensor

from limbeck.errors import ShapeError


def layer_hidden_loss(student_states: Sequence[Tensor], teacher_states: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Squared error of the states of all tokens, relative to the size of the teacher's, summed over the layers.

    sum over layers of  mean (s - t)^2 / mean t^2,  both means over the tokens that are no padding. The division makes
    one weight fit families whose states are large and families whose states are small.

    Args:
        student_states: For each student layer (batch, tokens, hidden), any float dtype.
        teacher_states: The same shapes: what each layer should compute.
        mask: (batch, tokens), nonzero for tokens that are no padding.

    Returns: Scalar, a share of the teacher's energy a layer, never negative.

    Raises:
        ShapeError: Numbers of layers, or shapes, differ.

    Source: Jiao et al. 2020, "TinyBERT", arXiv:1909.10351, equation 8; where widths differ the caller projects
    (see `projections`).
    """
    shapes = [[tuple(state.shape) for state in states] for states in (student_states, teacher_states)]
    if shapes[0] != shapes[1]:
        raise ShapeError(
            f"Student states are {shapes[0]}, teacher states {shapes[1]}.",
            hint="Give one (batch, tokens, hidden) tensor for each student layer on both sides.",
        )
    counts = mask.bool().unsqueeze(-1)
    total = torch.zeros((), device=mask.device)
    for student, teacher in zip(student_states, teacher_states, strict=True):
        wanted = teacher.float()
        error = (student.float() - wanted).square().masked_fill(~counts, 0.0).sum()
        total = total + error / wanted.square().masked_fill(~counts, 0.0).sum()
    return total
