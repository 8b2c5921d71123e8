"""Layers by loss: the layer that matters least goes first, the same ones every time, and a killed search goes on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from limbeck.encoder.families import FAMILIES as KNOWN
from limbeck.errors import RecipeError
from limbeck.recipe.student import StudentTable
from limbeck.student import choose_layers, initialise, remove_layers
from limbeck.teacher.load import load_model
from tiny import FAMILIES, write_teacher
from watching import Events, Interrupted

if TYPE_CHECKING:
    from transformers import PreTrainedModel

IDS = torch.tensor([[2, 50, 51, 52, 3, 0, 0], [2, 50, 55, 60, 65, 70, 3], [2, 58, 61, 3, 0, 0, 0]])


def _ask(model: "PreTrainedModel") -> NDArray[np.float32]:
    with torch.inference_mode():
        return model(input_ids=IDS, attention_mask=(IDS != 0).long()).logits.numpy()


def _teacher(tmp_path: Path, family: str = "bert") -> "PreTrainedModel":
    return load_model(write_teacher(tmp_path / family, family=family, labels=("a", "b", "c")), attention="eager").eval()


def test_a_layer_that_does_nothing_goes_first(tmp_path: Path) -> None:
    """A failure would throw away layers that the teacher needs and keep those that it does not.

    By hand: layer 2 is made to add nothing, so that taking it out changes nothing but its two norms of normed rows.
    """
    teacher = _teacher(tmp_path)
    layer = teacher.get_submodule("bert.encoder.layer.2")
    for name in ("attention.output.dense", "output.dense"):
        linear = layer.get_submodule(name)
        with torch.no_grad():
            linear.weight.zero_()
            linear.bias.zero_()
    rounds = remove_layers(teacher, 2, ask=_ask, memory=tmp_path / "memory.json")
    assert rounds[0].removed == 2
    assert [cost.layer for cost in rounds[0].costs] == [0, 1, 2, 3]
    assert rounds[0].costs[2].nats == pytest.approx(0, abs=1e-6)
    assert min(cost.nats for cost in rounds[0].costs if cost.layer != 2) > 1e-4
    assert [cost.layer for cost in rounds[1].costs] == [0, 1, 3]


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "albert"])
def test_costs_are_the_divergence_from_the_whole_teacher(family: str, tmp_path: Path) -> None:
    """A failure would rank layers by something else than what the report says. By twin: the formula, in numpy."""
    teacher = _teacher(tmp_path, family)
    rounds = remove_layers(teacher, 2, ask=_ask, memory=tmp_path / "memory.json")
    left = list(range(4))
    whole = softmax(_ask(teacher).astype(np.float64), axis=1)
    assert len(rounds) == 2
    for removal in rounds:
        assert [cost.layer for cost in removal.costs] == [n for n in left if n != 0 or not KNOWN[family].keeps_first]
        for cost in removal.costs:
            kept = tuple(layer for layer in left if layer != cost.layer)
            found = softmax(_ask(initialise(teacher, StudentTable(take_layers=kept)).eval()), axis=1)
            wanted = (whole * np.log(whole / found)).sum(axis=1).mean()
            assert cost.nats == pytest.approx(wanted, rel=1e-3, abs=1e-6)
        assert removal.removed == min(removal.costs, key=lambda cost: cost.nats).layer
        left.remove(removal.removed)
    table = StudentTable(layers=2, choose="by_loss")
    removed = [removal.removed for removal in rounds]
    assert choose_layers(teacher.config, table, removed=removed) == tuple(left)


def test_a_killed_search_goes_on_to_the_same_end(tmp_path: Path) -> None:
    """A failure would measure for minutes again, or end in another student."""
    teacher = _teacher(tmp_path)
    wanted = remove_layers(teacher, 1, ask=_ask, memory=tmp_path / "undisturbed.json")
    for n_measured in (1, 4, 6):
        with pytest.raises(Interrupted):
            remove_layers(teacher, 1, ask=_ask, memory=tmp_path / "memory.json", progress=Events(n_measured))
    assert len(json.loads((tmp_path / "memory.json").read_text())) == 6
    asked = []

    def counted(model: "PreTrainedModel") -> NDArray[np.float32]:
        asked.append(model)
        return _ask(model)

    events = Events()
    assert remove_layers(teacher, 1, ask=counted, memory=tmp_path / "memory.json", progress=events) == wanted
    assert len(asked) == 1 + 3  # the whole teacher, and what is left of 4 + 3 + 2 measurements
    assert events.bars == [("layers taken out in turn", 9, "models", 0, 9)]


def test_a_family_that_shares_its_layers_is_refused(tmp_path: Path) -> None:
    """A failure would measure the same number again and again, and call the outcome a choice."""
    with pytest.raises(RecipeError) as caught:
        remove_layers(_teacher(tmp_path, "albert"), 2, ask=_ask, memory=tmp_path / "memory.json")
    assert str(caught.value) == (
        "student.choose = \"by_loss\", but the layers of 'albert' share one set of weights.\n"
        'Hint: Take student.choose = "spaced"; only the number of layers makes a difference here.'
    )
