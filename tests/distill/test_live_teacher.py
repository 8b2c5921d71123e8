"""The live teacher: what it says of the layers between is what the teacher computes, and the teacher stays as it is."""

from pathlib import Path

import pytest
import torch
from toy import Toy, same, weights_of

from limbeck.distill import Objective, live_teacher
from limbeck.ground import machine
from limbeck.teacher.load import load_model
from padded import BATCH, INPUTS
from tiny import FAMILIES, write_teacher

STATES = Objective({"layer_hidden": 1.0})


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """One toy problem for all tests of this file."""
    return Toy(tmp_path_factory.mktemp("toy"))


@pytest.mark.parametrize("taken", [(0, 3), (1, 2, 3), (0, 1, 2, 3), (2,)])
@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_those_behind_the_layers_that_were_taken(
    family: str, taken: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would pull each student layer to compute what another layer computes. By twin: the whole teacher."""
    monkeypatch.setattr(machine, "has_fast_bfloat16", lambda: False)
    teacher = load_model(write_teacher(tmp_path, family=family), attention="eager").eval()
    with torch.inference_mode():
        seen = teacher(**INPUTS, output_hidden_states=True).hidden_states
    states = live_teacher(teacher, taken=taken, objective=STATES).inner(INPUTS, BATCH).states
    assert len(states) == len(taken) - 1
    for state, layer in zip(states, taken[:-1], strict=True):
        assert torch.equal(state, seen[layer + 1])
        assert not state.is_inference()


def test_halved_precision_is_near_and_leaves_the_teacher_alone(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would round the teacher itself, whose logits judge the student."""
    before = weights_of(toy.teacher)
    monkeypatch.setattr(machine, "has_fast_bfloat16", lambda: False)
    exact = live_teacher(toy.teacher, taken=(0, 2, 3), objective=STATES).inner(INPUTS, BATCH).states
    monkeypatch.setattr(machine, "has_fast_bfloat16", lambda: True)
    rounded = live_teacher(toy.teacher, taken=(0, 2, 3), objective=STATES).inner(INPUTS, BATCH).states
    assert same(weights_of(toy.teacher), before)
    real = INPUTS["attention_mask"].bool()
    for one, other in zip(exact, rounded, strict=True):
        assert other.dtype == torch.float32
        assert not torch.equal(one, other)
        # bfloat16 keeps 8 bits; through a few layers of sums the states stay within a tenth of their size.
        assert (one - other)[real].norm() < 0.1 * one[real].norm()
