"""Each loss by hand, by law and by twin; shapes that do not fit are refused."""

import math

import numpy as np
import pytest
import torch
from scipy.special import softmax

from limbeck.distill.losses import last_hidden_loss, layer_hidden_loss, soft_label_loss, true_label_loss
from limbeck.errors import ShapeError
from limbeck.text.examples import UNLABELLED


def test_soft_labels_by_hand() -> None:
    """A failure would pull the student to something that is not the teacher's distribution.

    Two rows, three classes, T = 1. Row 1: teacher (1/2, 1/4, 1/4), student uniform:
    1/2 log(3/2) + 2 * 1/4 log(3/4) = 0.202733 - 0.143841 = 0.058892. Row 2: both uniform: 0. Their mean: 0.029446.
    """
    teacher = torch.tensor([[math.log(2.0), 0.0, 0.0], [5.0, 5.0, 5.0]])
    student = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    assert float(soft_label_loss(student, teacher, temperature=1.0)) == pytest.approx(0.029446, abs=1e-6)


def test_soft_labels_at_a_temperature_by_hand() -> None:
    """A failure would soften one side only, or lose the factor that keeps loss weights meaningful.

    T = 2: logits (2 log 2, 0, 0) / 2 are those of row 1 above, so the loss is 2^2 * 0.058892 = 0.235566.
    """
    teacher, student = torch.tensor([[2 * math.log(2.0), 0.0, 0.0]]), torch.zeros(1, 3)
    assert float(soft_label_loss(student, teacher, temperature=2.0)) == pytest.approx(4 * 0.0588916, abs=1e-6)


def test_soft_labels_obey_their_laws() -> None:
    """A failure would reward a student for being unlike its teacher. KL(p, p) = 0; KL is never negative."""
    draw = torch.Generator().manual_seed(0)
    for temperature in (0.5, 1.0, 4.0):
        for _ in range(50):
            student, teacher = (3 * torch.randn(4, 7, generator=draw) for _ in range(2))
            loss = float(soft_label_loss(student, teacher, temperature=temperature))
            assert loss > 0
            # A constant added to all logits of a row changes no distribution; float32 rounds at 1e-7.
            shifted = float(soft_label_loss(student + 5, teacher - 3, temperature=temperature))
            assert shifted == pytest.approx(loss, rel=1e-4)
            assert abs(float(soft_label_loss(teacher, teacher, temperature=temperature))) < 1e-6


def test_soft_labels_by_twin() -> None:
    """A failure would differ from what the formula of the docstring says. By twin: scipy, in float64."""
    draw = np.random.default_rng(0)
    student, teacher = draw.normal(size=(2, 5, 3)) * 3
    p, q = softmax(teacher / 3, axis=1), softmax(student / 3, axis=1)
    wanted = 9 * np.sum(p * np.log(p / q), axis=1).mean()
    found = float(soft_label_loss(torch.tensor(student), torch.tensor(teacher), temperature=3.0))
    assert found == pytest.approx(wanted, rel=1e-5)


def test_the_factor_keeps_the_gradient_when_the_temperature_changes() -> None:
    """A failure would make every change of temperature a hidden change of the loss weights.

    For large T the gradient tends to (student - teacher) / classes of centred logits, whatever T is (Hinton et al.
    2015, equation 4). What is left out falls with 1 / T: at T = 50 it is 2 % of the largest logit's share.
    """
    teacher = torch.tensor([[1.0, -1.0, 0.0]])
    gradients = []
    for temperature in (50.0, 200.0):
        student = torch.zeros(1, 3, requires_grad=True)
        soft_label_loss(student, teacher, temperature=temperature).backward()
        assert student.grad is not None
        gradients.append(student.grad)
    assert torch.allclose(gradients[0], gradients[1], rtol=0.04, atol=0.002)
    assert torch.allclose(gradients[1], -teacher / 3, rtol=0.04, atol=0.002)


def test_true_labels_by_hand() -> None:
    """A failure would train towards another class. Uniform over 3: log 3; (1/2, 1/4, 1/4) and class 0: log 2."""
    logits = torch.tensor([[0.0, 0.0, 0.0], [math.log(2.0), 0.0, 0.0]])
    loss = float(true_label_loss(logits, torch.tensor([2, 0])))
    assert loss == pytest.approx((math.log(3) + math.log(2)) / 2, abs=1e-6)


def test_texts_that_nobody_labelled_do_not_count() -> None:
    """A failure would teach the student that made-up texts are of class -100, or divide by rows that say nothing."""
    logits = torch.tensor([[0.0, 0.0], [9.0, -9.0], [3.0, 1.0]], requires_grad=True)
    loss = true_label_loss(logits, torch.tensor([0, UNLABELLED, UNLABELLED]))
    assert float(loss.detach()) == pytest.approx(math.log(2), abs=1e-6)
    loss.backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad[1:], torch.zeros(2, 2))
    assert float(true_label_loss(logits.detach(), torch.full((3,), UNLABELLED))) == 0.0


def test_last_hidden_by_hand() -> None:
    """A failure would weigh large and small states differently.

    Error (1-0)^2 + (2-4)^2 + 0 + 0 = 5, energy 0 + 16 + 9 + 9 = 34.
    """
    student, teacher = torch.tensor([[1.0, 2.0], [3.0, 3.0]]), torch.tensor([[0.0, 4.0], [3.0, 3.0]])
    assert float(last_hidden_loss(student, teacher.half())) == pytest.approx(5 / 34)
    assert float(last_hidden_loss(8 * student, 8 * teacher)) == pytest.approx(5 / 34)


def test_layer_hidden_by_hand() -> None:
    """A failure would let padding count, or layers with large states drown the others.

    Layer 1: tokens (1, 1) against (2, 0): error 1 + 1 = 2, energy 4: 1/2. Layer 2: (0, 3) against (0, 6): 9 / 36 = 1/4.
    The second token of both is padding.
    """
    student = [torch.tensor([[[1.0, 1.0], [7.0, 7.0]]]), torch.tensor([[[0.0, 3.0], [7.0, 7.0]]])]
    teacher = [torch.tensor([[[2.0, 0.0], [-9.0, 9.0]]]), torch.tensor([[[0.0, 6.0], [-9.0, 9.0]]])]
    assert float(layer_hidden_loss(student, teacher, torch.tensor([[1, 0]]))) == pytest.approx(0.75)
    assert float(layer_hidden_loss([], [], torch.tensor([[1, 0]]))) == 0.0


def test_losses_take_halved_precision() -> None:
    """A failure would lose the small differences near the end of a training under autocast."""
    draw = torch.Generator().manual_seed(0)
    student = torch.randn(3, 4, generator=draw).bfloat16()
    teacher = torch.randn(3, 4, generator=draw)
    for loss in (soft_label_loss(student, teacher, temperature=2.0), last_hidden_loss(student, teacher.half())):
        assert loss.dtype == torch.float32
    assert true_label_loss(student, torch.tensor([0, 1, 2])).dtype == torch.float32


def test_shapes_that_do_not_fit_are_refused() -> None:
    """A failure would broadcast one row over all others, and train on it in silence."""
    with pytest.raises(ShapeError) as caught:
        soft_label_loss(torch.zeros(2, 3), torch.zeros(1, 3), temperature=1.0)
    assert str(caught.value) == (
        "Student logits are (2, 3), teacher logits (1, 3).\n"
        "Hint: Both must be (batch, classes) of the same texts and classes."
    )
    with pytest.raises(ShapeError) as caught:
        true_label_loss(torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64))
    assert str(caught.value) == (
        "Student logits are (2, 3), labels (3,).\nHint: Give one label for each row of logits."
    )
    with pytest.raises(ShapeError) as caught:
        last_hidden_loss(torch.zeros(2, 3), torch.zeros(2, 4))
    assert str(caught.value) == (
        "Student states are (2, 3), teacher states (2, 4).\n"
        "Hint: Both must be (batch, hidden) of the same texts and of the same width."
    )
    with pytest.raises(ShapeError) as caught:
        layer_hidden_loss([torch.zeros(1, 2, 3)], [], torch.ones(1, 2))
    assert str(caught.value) == (
        "Student states are [(1, 2, 3)], teacher states [].\n"
        "Hint: Give one (batch, tokens, hidden) tensor for each student layer on both sides."
    )
