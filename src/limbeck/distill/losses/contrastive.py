"""Contrastive training, without teacher or labels: a text is like itself under other dropout, and unlike all others."""

import torch
from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError

USUAL_TEMPERATURE = 0.05


def contrastive_loss(first: Tensor, second: Tensor, *, temperature: float = USUAL_TEMPERATURE) -> Tensor:
    """Cross-entropy of finding each text's second vector among those of its batch.

    loss = mean over i of -log(exp(cos(a_i, b_i) / temperature) / sum over j of exp(cos(a_i, b_j) / temperature))

    Args:
        first: (batch, size) vectors of texts, any float dtype.
        second: (batch, size) of the same texts, computed with other dropout.
        temperature: Above 0.

    Returns: Scalar, in nats, never negative.

    Raises:
        ShapeError: The two are not alike.

    Source: Gao, Yao, Chen 2021, "SimCSE", arXiv:2104.08821, equation 4.
    """
    if first.shape != second.shape or first.ndim != 2:
        raise ShapeError(
            f"The vectors are {tuple(first.shape)} and {tuple(second.shape)}.",
            hint="Give (batch, size) of the same texts twice.",
        )
    own, other = (functional.normalize(vectors.float(), dim=-1) for vectors in (first, second))
    return functional.cross_entropy(own @ other.T / temperature, torch.arange(len(own), device=own.device))
