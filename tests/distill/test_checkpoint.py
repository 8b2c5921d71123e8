"""Checkpoints: what is read back is what was written, and a failed writing leaves the one before."""

from pathlib import Path

import pytest
import torch

from full_disk import no_file_beyond
from limbeck.distill import checkpoint
from limbeck.distill.checkpoint import TrainingState, trained_weights
from limbeck.errors import OutputError
from limbeck.records.run import CurvePoint


def _model(seed: int) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    model[0].requires_grad_(requires_grad=False)
    return model


def _optimizer(model: torch.nn.Module) -> torch.optim.AdamW:
    return torch.optim.AdamW(trained_weights(model).values(), lr=0.1, fused=True)


def _step(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    model(torch.tensor([0, 1, 2])).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def _state(model: torch.nn.Module) -> TrainingState:
    return TrainingState(
        step=7,
        curve=[CurvePoint(3, {"total": 0.1 + 0.2}, 0.5, None), CurvePoint(6, {})],
        sums={"total": 1 / 3},
        n_summed=2,
        best_score=(0.75, -0.1),
        best_step=6,
        best={name: 2 * tensor.detach() for name, tensor in trained_weights(model).items()},
        worse_evaluations=1,
    )


def test_a_checkpoint_is_read_back_to_the_bit(tmp_path: Path) -> None:
    """A failure would let a resumed training end elsewhere than an undisturbed one."""
    model, other = _model(0), _model(1)
    optimizer, others = _optimizer(model), _optimizer(other)
    for _ in range(3):
        _step(model, optimizer)
    state = _state(model)
    checkpoint.save(tmp_path / "c", state, trained_weights(model), optimizer)
    found = checkpoint.load(tmp_path / "c", trained_weights(other), others)
    assert {**vars(found), "best": None} == {**vars(state), "best": None}
    assert all(torch.equal(tensor, state.best[name]) for name, tensor in found.best.items())
    assert found.best.keys() == state.best.keys()
    _step(model, optimizer)  # and one step further, which the moments decide
    other[0].load_state_dict(model[0].state_dict())
    _step(other, others)
    for name, parameter in trained_weights(model).items():
        assert torch.equal(parameter, trained_weights(other)[name]), name


def test_a_checkpoint_before_the_first_step_and_comparison_is_read_back(tmp_path: Path) -> None:
    """A failure would make a run that was killed at its very beginning impossible to resume."""
    model = _model(0)
    checkpoint.save(tmp_path / "c", TrainingState(), trained_weights(model), _optimizer(model))
    assert checkpoint.load(tmp_path / "c", trained_weights(model), _optimizer(model)) == TrainingState()


def test_frozen_weights_are_not_stored(tmp_path: Path) -> None:
    """A failure would write the embedding tables, most of a small model, every few seconds."""
    assert sorted(trained_weights(_model(0))) == ["1.bias", "1.weight", "2.bias", "2.weight"]


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    """A failure would lose all training to a disk that was full for a moment."""
    model = _model(0)
    optimizer = _optimizer(model)
    path = tmp_path / "c"
    checkpoint.save(path, TrainingState(step=1), trained_weights(model), optimizer)
    with no_file_beyond(100), pytest.raises(OutputError) as caught:
        checkpoint.save(path, TrainingState(step=2), trained_weights(model), optimizer)
    assert caught.value.message == f"The disk is full: {path} could not be written."
    assert checkpoint.load(path, trained_weights(model), optimizer).step == 1
    assert [found.name for found in tmp_path.iterdir()] == ["c"]
