"""Relations: which tokens the student's queries, keys and values hold to be alike, as the teacher's do."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError


def relation_loss(student: Sequence[Tensor], teacher: Sequence[Tensor], mask: Tensor, *, n_heads: int) -> Tensor:
    """Pull the student's token-to-token relations towards the teacher's; sizes and attention heads may differ.

    For X one of queries, keys and values, cut into `n_heads` relation heads of d numbers a token,

        R(X) = softmax(X X^T / sqrt(d)),   loss = sum over X of mean KL(R(teacher's X) || R(student's X))

    means over relation heads and over tokens that are no padding, which are not looked at as columns either. Every
    relation is (tokens, tokens), so that nothing needs to be projected.

    Args:
        student: Queries, keys and values of one layer, (batch, tokens, size) each, any float dtype.
        teacher: The same of the teacher's layer; its size may be another one.
        mask: (batch, tokens), nonzero for tokens that are no padding.
        n_heads: Relation heads, a divisor of both sizes; more of them than attention heads tell more.

    Returns: Scalar, in nats, never negative.

    Raises:
        ShapeError: Texts, tokens or numbers of tensors differ, or `n_heads` does not divide a size.

    Source: Wang et al. 2021, "MiniLMv2", arXiv:2012.15828, equations 4 to 6, Q-Q, K-K and V-V with equal weights.
    """
    shapes = [[tuple(tensor.shape) for tensor in side] for side in (student, teacher)]
    fits = len(student) == len(teacher) and all(
        len(shape) == 3 and shape[:2] == tuple(mask.shape) and shape[2] % n_heads == 0
        for side in shapes
        for shape in side
    )
    if not fits:
        raise ShapeError(
            f"Student tensors are {shapes[0]}, teacher tensors {shapes[1]}, the mask {tuple(mask.shape)}, and there "
            f"are {n_heads} relation heads.",
            hint="Give (batch, tokens, size) of the same tokens on both sides, and heads that divide each size.",
        )
    is_token = mask.bool()
    total = torch.zeros((), device=mask.device)
    for own, wanted in zip(student, teacher, strict=True):
        goal = _log_relations(wanted, is_token, n_heads)
        found = _log_relations(own, is_token, n_heads)
        rows = (goal.exp() * (goal - found)).sum(dim=-1).mean(dim=1)
        total = total + rows.masked_fill(~is_token, 0.0).sum() / is_token.sum()
    return total


def _log_relations(tensor: Tensor, is_token: Tensor, n_heads: int) -> Tensor:
    """(batch, tokens, size) -> (batch, heads, tokens, tokens): logarithms of the relations.

    Padding gets a finite score, as a difference of infinite ones would be no number.
    """
    by_head = tensor.float().unflatten(-1, (n_heads, -1)).transpose(1, 2)
    scores = by_head @ by_head.transpose(-1, -2) / math.sqrt(by_head.shape[-1])
    return functional.log_softmax(scores.masked_fill(~is_token[:, None, None, :], -1e4), dim=-1)
