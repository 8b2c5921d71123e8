"""What goes on inside a model is seen as it is: by twin, the products that attention itself computes with."""

from pathlib import Path

import pytest
import torch

from limbeck.distill import Objective, live_teacher
from limbeck.distill.inner import queries_keys_values
from limbeck.errors import RecipeError
from limbeck.ground import machine
from limbeck.teacher.load import load_model
from limbeck.teacher.quick import first_token_at_last
from padded import BATCH, IDS, INPUTS
from tiny import FAMILIES, write_teacher

PLAIN = ("bert", "distilbert", "roberta", "electra")  # scores are Q K^T / sqrt(d) and nothing else


@pytest.mark.parametrize("family", PLAIN)
def test_queries_and_keys_make_the_attention_map(family: str, tmp_path: Path) -> None:
    """A failure would compare the student with other numbers than those that the teacher attends by."""
    model = load_model(write_teacher(tmp_path, family=family), attention="eager").eval()
    with queries_keys_values(model, 2) as found, torch.inference_mode():
        maps = model(**INPUTS, output_attentions=True).attentions
    query, key = (tensor.unflatten(-1, (4, 8)).transpose(1, 2) for tensor in found[:2])
    masked = (query @ key.transpose(-1, -2) / 8**0.5).masked_fill(IDS.eq(0)[:, None, None, :], -1e9)
    assert torch.allclose(masked.softmax(dim=-1), maps[2], atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_shows_what_it_has(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would train on maps of other layers, or on values in the place of queries; ALBERT has maps alone."""
    monkeypatch.setattr(machine, "has_fast_bfloat16", lambda: False)
    teacher = load_model(write_teacher(tmp_path, family=family), attention="eager").eval()
    relations = 0.0 if family == "albert" else 1.0
    objective = Objective({"layer_hidden": 1.0, "attention_maps": 1.0, "relations": relations})
    taken = (0, 3) if family == "modernbert" else (1, 3)
    inner = live_teacher(teacher, taken=taken, objective=objective).inner(INPUTS, BATCH)
    first = 0 if family == "modernbert" else 1
    with torch.inference_mode():
        seen = teacher(**INPUTS, output_attentions=True, output_hidden_states=True)
    assert torch.equal(inner.states[0], seen.hidden_states[first + 1])
    assert [torch.equal(own, seen.attentions[at]) for own, at in zip(inner.maps, (first, 3), strict=True)] == [True] * 2
    real = INPUTS["attention_mask"].bool()
    assert torch.allclose(inner.maps[1].sum(dim=-1).transpose(1, 2)[real], torch.tensor(1.0), atol=1e-5)
    assert len(inner.relations) == (3 if relations else 0)
    assert all(tensor.shape == (2, 7, 32) and not tensor.is_inference() for tensor in inner.relations)
    assert len({float(tensor.sum()) for tensor in inner.relations}) == len(inner.relations)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "albert"])
def test_the_last_layer_tells_of_every_token_while_it_goes_on_with_the_first(family: str, tmp_path: Path) -> None:
    """A failure would compare one token instead of all. Training runs the last layer's end on first tokens only."""
    model = load_model(write_teacher(tmp_path, family=family), attention="eager").train()
    with first_token_at_last(model), queries_keys_values(model, 3) as found:
        model(**INPUTS)
        assert [tuple(tensor.shape) for tensor in found] == [(2, 7, 32)] * 3
        assert all(tensor.requires_grad for tensor in found)
        model(**INPUTS)
        assert len(found) == 3


def test_a_family_that_shares_its_layers_has_no_relations(tmp_path: Path) -> None:
    """A failure would end in a stack trace about a module name."""
    model = load_model(write_teacher(tmp_path, family="albert"), attention="eager")
    with pytest.raises(RecipeError) as caught, queries_keys_values(model, 0):
        pass
    assert str(caught.value) == (
        "distill.weights.relations wants one layer's queries, keys and values, but layers of 'albert' may share one "
        "set of weights.\n"
        "Hint: Set distill.weights.relations = 0; distill.weights.attention_maps works for this family."
    )
