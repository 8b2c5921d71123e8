"""Fake quantization: gradients worked by hand, steps that learn, and codes that are read off as they were trained."""

import numpy as np
import pytest
import torch
from torch import nn

from limbeck.artifact.packing import PackedTensor, is_saturation_safe, pack
from limbeck.quantization.fake import FakeEmbedding, FakeLinear
from limbeck.recipe.scheme import Scheme


def fake_linear(weight: list[list[float]], scale: list[float], *, scheme: str = "w2a32") -> FakeLinear:
    """A layer without bias whose weight and steps are given."""
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    layer.weight.data = torch.tensor(weight)
    parsed = Scheme.parse(scheme)
    packed = pack(layer.weight.detach().numpy(), np.array(scale, np.float32), axis=0, bits=parsed.weight_bits)
    return FakeLinear(layer, packed, scheme=parsed, span=None, factors=None)


def test_gradients_of_weights_and_steps_by_hand() -> None:
    """Two bits hold -2 .. 1 steps of 0.5: 0.3 is inside (code 1, place 0.6), 2.0 outside above, -3.0 outside below."""
    layer = fake_linear([[0.3, 2.0, -3.0]], [0.5])
    output = layer(torch.tensor([[1.0, 10.0, 100.0]]))
    assert output.item() == pytest.approx(0.5 * (1 * 1 + 1 * 10 - 2 * 100))
    output.sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.tolist() == [[1.0, 0.0, 0.0]]  # straight through inside, none outside
    # d value / d step: 1 - 0.6 inside, 1 above, -2 below; times inputs, times the step (its logarithm is learned),
    # over the root of the 3 weights that share it.
    assert layer.log_step.grad is not None
    by_hand = (0.4 * 1 + 1 * 10 - 2 * 100) * 0.5 / 3**0.5
    assert layer.log_step.grad.item() == pytest.approx(by_hand, rel=1e-5)


def test_inputs_are_rounded_and_their_gradients_are_not() -> None:
    """A failure would train with float inputs, or stop gradients at the first layer."""
    layer = fake_linear([[1.0, 0.0]], [1.0], scheme="w2a8")
    inputs = torch.tensor([[0.0, 25.5], [1.03, 0.0]], requires_grad=True)
    output = layer(inputs)
    assert output.flatten().tolist() == pytest.approx([0.0, 1.0])  # 255 steps of 0.1
    output.sum().backward()
    assert inputs.grad is not None
    assert inputs.grad.tolist() == [[1.0, 0.0], [1.0, 0.0]]


def test_blocks_round_each_row_by_its_own_range() -> None:
    """The engine's product of blocks gives each group of each row a scale; one for all would be another model."""
    layer = fake_linear([[1.0] * 16], [1.0], scheme="w4a8")
    grouped = FakeLinear(
        layer,
        PackedTensor(np.ones((1, 32), np.int8), np.ones((1, 2), np.float32), None, axis=0, bits=4),
        scheme=Scheme.parse("w4a8g16"),
        span=None,
        factors=None,
    )
    grouped.weight = nn.Parameter(torch.ones(1, 32))
    inputs = torch.zeros(2, 32)
    inputs[0, 0], inputs[0, 1], inputs[0, 16], inputs[1, 0] = 127.0, 0.6, 0.006, 1.27
    seen = grouped._seen(inputs)
    assert seen[0, [0, 1, 16]].tolist() == pytest.approx([127.0, 1.0, 0.006])
    assert seen[1, 0].item() == pytest.approx(1.27)


@pytest.mark.parametrize("scheme", ["w8a8", "w8a8t", "w4a8", "w3a32", "w2a8"])
def test_codes_are_those_that_were_computed_with(scheme: str) -> None:
    """A failure would ship roundings that nobody trained."""
    torch.manual_seed(0)
    parsed = Scheme.parse(scheme)
    layer = nn.Linear(20, 6)
    start = pack(
        layer.weight.detach().numpy(),
        np.full(1 if parsed.per_tensor else 6, 0.02, np.float32),
        axis=None if parsed.per_tensor else 0,
        bits=parsed.weight_bits,
    )
    fake = FakeLinear(layer, start, scheme=parsed, span=None, factors=None)
    fake.reads = "none"
    with torch.no_grad():
        fake.log_step.add_(0.1 * torch.randn_like(fake.log_step))
    inputs = torch.eye(20)
    computed = (fake(inputs) - fake.bias).T.detach().numpy()
    np.testing.assert_allclose(fake.packed().dequantize(), computed, atol=1e-6)


def test_eight_bits_stay_safe_from_saturation_however_steps_move() -> None:
    """A learned step that is too small would make codes that CPUs without VNNI add up wrongly."""
    torch.manual_seed(0)
    layer = nn.Linear(32, 8)
    start = pack(layer.weight.detach().numpy(), np.full(8, 0.01, np.float32), axis=0)
    fake = FakeLinear(layer, start, scheme=Scheme.parse("w8a8"), span=None, factors=None)
    with torch.no_grad():
        fake.log_step.fill_(-20.0)
    assert is_saturation_safe(fake.packed().codes)
    inputs = torch.eye(32)
    fake.reads = "none"
    np.testing.assert_allclose(fake.packed().dequantize(), (fake(inputs) - fake.bias).T.detach().numpy(), atol=1e-6)


def test_a_step_that_is_too_wide_learns_to_be_narrow() -> None:
    """Steps that do not move are the ones that rounding after training has."""
    torch.manual_seed(0)
    goal = torch.randn(16, 4) * 0.1
    layer = fake_linear(goal.T.tolist(), [1.0] * 4, scheme="w4a32")
    inputs = torch.randn(256, 16)
    optimizer = torch.optim.Adam([layer.log_step], lr=0.05)
    losses = []
    for _ in range(200):
        loss = (layer(inputs) - inputs @ goal).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05 * losses[0]
    assert float(layer.log_step.detach().exp().max()) < 0.1


def test_looked_up_rows_are_rounded_by_their_own_steps() -> None:
    """A row that takes its neighbour's step, or rows that all take one, are other words."""
    table = nn.Embedding(3, 4, padding_idx=0)
    packed = pack(table.weight.detach().numpy(), np.array([0.1, 0.5, 2.0], np.float32), axis=0, bits=4)
    fake = FakeEmbedding(table, packed)
    np.testing.assert_allclose(fake(torch.arange(3)).detach().numpy(), packed.dequantize(), atol=1e-6)
    fake(torch.tensor([[1, 1]])).sum().backward()
    assert fake.log_step.grad is not None
    assert (fake.log_step.grad.flatten() != 0).tolist() == [False, True, False]
