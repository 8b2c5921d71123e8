"""The contrastive loss, against its definition and at its limits."""

import math

import pytest
import torch

from limbeck.distill.losses import contrastive_loss
from limbeck.errors import ShapeError


def test_by_the_definition() -> None:
    """A failure would train the baseline towards something that no paper describes."""
    first, second = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0))
    wanted = 0.0
    for i in range(5):
        cosines = [float(torch.cosine_similarity(first[i], second[j], dim=0)) / 0.05 for j in range(5)]
        wanted -= math.log(math.exp(cosines[i]) / sum(map(math.exp, cosines))) / 5
    assert float(contrastive_loss(first, second)) == pytest.approx(wanted, rel=1e-4)


def test_texts_alike_only_to_themselves_cost_nothing() -> None:
    """A failure would have no lowest point where texts are told apart; lengths of vectors must not count."""
    vectors = torch.eye(6)
    assert float(contrastive_loss(vectors, 9 * vectors)) == pytest.approx(0.0, abs=1e-6)
    assert float(contrastive_loss(vectors, vectors.flip(0))) > 19


def test_other_shapes_are_refused() -> None:
    """A failure would compare texts with others."""
    with pytest.raises(ShapeError, match=r"The vectors are \(2, 3\) and \(3, 3\)"):
        contrastive_loss(torch.ones(2, 3), torch.ones(3, 3))
