"""Losses of answers' ends: window by window against the loss of classes, which they must equal."""

import pytest
import torch
from torch.nn import functional

from limbeck.distill.losses import soft_label_loss
from limbeck.distill.losses.spans import soft_span_loss, true_span_loss
from limbeck.errors import ShapeError
from limbeck.text.examples import UNLABELLED

ROWS = torch.tensor([0, 0, 0, 2, 2, 2, 2])
WINDOWS = (slice(0, 3), slice(3, 7))


def test_soft_spans_are_soft_labels_of_each_window() -> None:
    """A twin: each column of each window is one row of classes."""
    student, teacher = torch.randn(2, 7, 2, generator=torch.Generator().manual_seed(0))
    wanted = sum(soft_label_loss(student[window].T, teacher[window].T, temperature=2.0) for window in WINDOWS) / len(
        WINDOWS
    )
    found = soft_span_loss(student, teacher, rows=ROWS, temperature=2.0)
    assert float(found) == pytest.approx(float(wanted), rel=1e-5)
    assert float(soft_span_loss(teacher, teacher, rows=ROWS, temperature=2.0)) == pytest.approx(0.0, abs=1e-6)


def test_true_spans_are_the_cross_entropy_of_both_ends() -> None:
    """A twin: PyTorch's own, with the position of the right token as class."""
    logits = torch.randn(7, 2, generator=torch.Generator().manual_seed(1), requires_grad=True)
    wanted = torch.zeros(7, 2)
    wanted[1, 0] = wanted[2, 1] = wanted[3, 0] = wanted[3, 1] = 1.0
    ends = [(window, torch.tensor(place)) for window, place in zip(WINDOWS, ([1, 2], [0, 0]), strict=True)]
    twin = sum(functional.cross_entropy(logits[window].T, place) for window, place in ends) / 2
    found = true_span_loss(logits, wanted, rows=ROWS)
    assert found.item() == pytest.approx(twin.item(), rel=1e-5)
    found.backward()
    assert logits.grad is not None
    own = logits.grad.clone()
    logits.grad = None
    twin.backward()
    torch.testing.assert_close(own, logits.grad)


def test_windows_that_nobody_labelled_do_not_count() -> None:
    """Taken for a distribution, -100 would push every token away."""
    logits = torch.randn(7, 2)
    wanted = torch.zeros(7, 2)
    wanted[0] = 1.0
    wanted[3:] = UNLABELLED
    alone = true_span_loss(logits[:3], wanted[:3], rows=ROWS[:3])
    assert float(true_span_loss(logits, wanted, rows=ROWS)) == pytest.approx(float(alone), rel=1e-6)
    assert float(true_span_loss(logits, torch.full((7, 2), float(UNLABELLED)), rows=ROWS)) == 0.0


def test_large_logits_do_not_overflow() -> None:
    """exp(300) is infinite in float32."""
    student = torch.tensor([[300.0, -300.0], [0.0, 0.0]], requires_grad=True)
    loss = soft_span_loss(student, -student.detach(), rows=torch.tensor([0, 0]), temperature=1.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_units_that_do_not_fit_are_refused() -> None:
    """PyTorch would broadcast one unit over all."""
    with pytest.raises(ShapeError, match=r"Student logits are \(7, 2\), what is wanted \(1, 2\), of 7 units"):
        soft_span_loss(torch.zeros(7, 2), torch.zeros(1, 2), rows=ROWS, temperature=1.0)
    with pytest.raises(ShapeError, match="of 7 units"):
        true_span_loss(torch.zeros(6, 2), torch.zeros(6, 2), rows=ROWS)
