"""Losses of several labels and of numbers: by hand, against PyTorch's own, and refusals."""

import math

import pytest
import torch
from torch.nn import functional

from limbeck.distill.losses import number_loss, soft_decision_loss, true_decision_loss
from limbeck.errors import ShapeError
from limbeck.text.examples import UNLABELLED


def test_soft_decisions_by_hand() -> None:
    """Teacher sure by half, student at 1/4: KL = 1/2 ln 2 + 1/2 ln (2/3), once for each of two labels."""
    teacher, student = torch.zeros(1, 2), torch.full((1, 2), -math.log(3))
    wanted = 2 * (0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert float(soft_decision_loss(student, teacher, temperature=1.0)) == pytest.approx(wanted, rel=1e-5)


def test_soft_decisions_are_cross_entropy_less_the_teachers_own() -> None:
    """A twin: at temperature 1 it must be PyTorch's binary cross-entropy with soft targets, less their entropy."""
    student, teacher = torch.randn(2, 40, 5)
    soft = teacher.sigmoid()
    crossed = functional.binary_cross_entropy_with_logits(student, soft, reduction="none").sum(dim=-1).mean()
    own = functional.binary_cross_entropy_with_logits(teacher, soft, reduction="none").sum(dim=-1).mean()
    assert float(soft_decision_loss(student, teacher, temperature=1.0)) == pytest.approx(float(crossed - own), rel=1e-4)
    assert float(soft_decision_loss(teacher, teacher, temperature=3.0)) == 0.0


def test_sure_decisions_do_not_overflow() -> None:
    """log(0) times 0 is no loss but NaN."""
    teacher, student = torch.tensor([[200.0, -200.0]]), torch.tensor([[150.0, -150.0]], requires_grad=True)
    loss = soft_decision_loss(student, teacher, temperature=1.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_true_decisions_leave_out_rows_that_nobody_labelled() -> None:
    """A made-up text has no labels; taken as 0, it would teach that it has none of them."""
    logits = torch.randn(3, 4)
    labels = torch.tensor([[1, 0, 0, 1], [UNLABELLED] * 4, [0, 1, 0, 0]], dtype=torch.int8)
    known = torch.tensor([0, 2])
    wanted = functional.binary_cross_entropy_with_logits(logits[known], labels[known].float(), reduction="sum") / 2
    assert float(true_decision_loss(logits, labels)) == pytest.approx(float(wanted), rel=1e-5)
    assert float(true_decision_loss(logits[:1], torch.full((1, 4), UNLABELLED))) == 0.0


def test_numbers_by_hand() -> None:
    """Errors of 1 and 3 in units of 2: (1/4 + 9/4) / 2; the row without a number does not count."""
    student = torch.tensor([[1.0], [5.0], [99.0]])
    assert float(number_loss(student, torch.tensor([2.0, 2.0, UNLABELLED]), spread=2.0)) == pytest.approx(1.25)
    assert float(number_loss(student[:2], torch.tensor([[2.0], [2.0]]), spread=2.0)) == pytest.approx(1.25)


def test_shapes_that_do_not_fit_are_refused() -> None:
    """PyTorch would broadcast (batch, 1) against (batch,) to a square of differences."""
    with pytest.raises(ShapeError, match=r"Student logits are \(2, 3\), teacher logits \(2, 2\)"):
        soft_decision_loss(torch.zeros(2, 3), torch.zeros(2, 2), temperature=1.0)
    with pytest.raises(ShapeError, match=r"Student logits are \(2, 3\), labels \(2,\)"):
        true_decision_loss(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(ShapeError, match=r"Student numbers are \(2, 3\)"):
        number_loss(torch.zeros(2, 3), torch.zeros(2), spread=1.0)
