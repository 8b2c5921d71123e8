"""Narrower students keep the rows and columns that matter, in every family that can be cut; the others are refused."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
import torch

from limbeck.errors import RecipeError
from limbeck.export import write_onnx
from limbeck.recipe.student import StudentTable
from limbeck.student import (
    Importance,
    Pattern,
    initialise,
    measure_importance,
    most_important,
    shape_of,
    shares_kept,
    unmeasured,
    wanted_sizes,
)
from limbeck.student.width import PLACES, Sizes, Widths
from limbeck.teacher.load import load_model
from padded import BATCH, IDS, INPUTS
from tiny import FAMILIES, write_teacher

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NARROW = StudentTable(layers=2, hidden_size=16, intermediate_size=24)
CUT = [name for name in FAMILIES if name in PLACES]


def _teacher(tmp_path: Path, family: str, **changes: object) -> "PreTrainedModel":
    changes = {"embedding_size": 12} | changes if family == "electra" else changes
    folder = write_teacher(tmp_path / family, family=family, labels=("a", "b", "c"), **changes)
    return load_model(folder, attention="eager").eval().requires_grad_(requires_grad=False)


def _logits(model: "PreTrainedModel") -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(**INPUTS).logits


@pytest.mark.parametrize("family", CUT)
def test_a_student_of_full_width_answers_as_its_teacher(family: str, tmp_path: Path) -> None:
    """A failure would lose something in the cutting itself."""
    teacher = _teacher(tmp_path, family)
    table = StudentTable(layers=4, hidden_size=32, heads=4, intermediate_size=64)
    assert torch.equal(_logits(initialise(teacher, table)), _logits(teacher))


@pytest.mark.parametrize("family", CUT)
def test_the_rows_and_columns_that_were_chosen_are_taken(family: str, tmp_path: Path) -> None:
    """A failure would mix channels of one weight with those of another. By twin: numpy's indexing, by hand.

    Channels 1, 3, 5...; of teacher layer 2 heads 0 and 3, rows 0 to 7 and 24 to 31; neurons 10 to 33.
    """
    teacher = _teacher(tmp_path, family)
    channels = tuple(range(1, 32, 2))
    widths = Widths(channels, ((0, 3),), (tuple(range(10, 34)),))
    student = initialise(teacher, NARROW, pattern=Pattern((2,), widths))
    assert (shape_of(student).hidden_size, shape_of(student).heads, shape_of(student).intermediate_size) == (16, 2, 24)
    theirs, own = teacher.state_dict(), student.state_dict()
    rows = [*range(8), *range(24, 32)]
    prefix = "distilbert.transformer.layer." if family == "distilbert" else f"{family}.encoder.layer."
    names = {
        "distilbert": ("attention.k_lin", "attention.out_lin", "ffn.lin1", "ffn.lin2", "sa_layer_norm"),
    }.get(
        family,
        (
            "attention.self.key",
            "attention.output.dense",
            "intermediate.dense",
            "output.dense",
            "attention.output.LayerNorm",
        ),
    )
    key, out, up, down, norm = (f"{prefix}{{}}.{name}" for name in names)
    kept = slice(10, 34)
    for name, wanted in {
        f"{key}.weight": lambda weight: weight[rows][:, channels],
        f"{key}.bias": lambda bias: bias[rows],
        f"{out}.weight": lambda weight: weight[channels, :][:, rows],
        f"{out}.bias": lambda bias: bias[list(channels)],
        f"{up}.weight": lambda weight: weight[kept][:, channels],
        f"{up}.bias": lambda bias: bias[kept],
        f"{down}.weight": lambda weight: weight[channels, :][:, kept],
        f"{norm}.weight": lambda weight: weight[list(channels)],
    }.items():
        assert np.array_equal(own[name.format(0)].numpy(), wanted(theirs[name.format(2)].numpy())), name


@pytest.mark.parametrize("family", CUT)
def test_neurons_that_do_nothing_go_first(family: str, tmp_path: Path) -> None:
    """A failure would throw away what the teacher computes with. By law: the answers stay what they are."""
    teacher = _teacher(tmp_path, family)
    places = PLACES[family]
    prefix = "distilbert.transformer.layer." if family == "distilbert" else f"{family}.encoder.layer."
    idle = list(range(5, 45))
    for layer in range(4):
        teacher.get_submodule(f"{prefix}{layer}.{places.down}").weight[:, idle] = 0.0
    importance = measure_importance(teacher, [(INPUTS, BATCH)], n_texts=2)
    assert importance.neurons[:, idle].max() == 0.0
    assert (np.delete(importance.neurons, idle, axis=1) > 0).any(axis=1).all()
    widths = most_important(importance, Sizes(32, 4, 24), layers=range(4))
    assert all(not set(neurons) & set(idle) for neurons in widths.neurons)
    student = initialise(teacher, NARROW, pattern=Pattern((0, 1, 2, 3), widths))
    assert torch.allclose(_logits(student), _logits(teacher), atol=1e-5)
    (share, *_) = shares_kept(importance, widths, layers=range(4))
    assert (share.what, share.kept, share.of, share.importance) == ("neurons of layer 0", 24, 64, 1.0)


def test_importance_is_half_the_mean_squared_gradient(tmp_path: Path) -> None:
    """A failure would rank parts by noise. By twin: one text at a time, a head's gate by finite differences."""
    teacher = _teacher(tmp_path, "bert").double()
    found = measure_importance(teacher, [(INPUTS, BATCH)], n_texts=2)
    draw = torch.Generator().manual_seed(0)
    surprise = torch.log_softmax(_logits(teacher).float(), dim=-1)
    drawn = torch.multinomial(surprise.exp(), 1, generator=draw)
    output = teacher.get_submodule("bert.encoder.layer.1.attention.output.dense")
    whole, step, squares = output.weight.clone(), 1e-5, 0.0
    for row in range(2):
        ends = []
        for sign in (1, -1):
            output.weight.copy_(whole)
            output.weight[:, 8:16] *= 1 + sign * step  # the columns that take head 1
            ends.append(float(torch.log_softmax(_logits(teacher), dim=-1)[row, drawn[row]]))
        squares += ((ends[0] - ends[1]) / (2 * step)) ** 2
    assert found.heads[1, 1] == pytest.approx(squares / 2 / 2, rel=1e-3)


def test_parts_are_ranked_by_worth_and_kept_in_order() -> None:
    """A failure would shuffle channels, or keep the worthless half. By hand."""
    importance = Importance(
        np.array([0.1, 0.4, 0.2, 0.3]), np.array([[1.0, 3.0], [2.0, 1.0]]), np.array([[0.0, 1.0, 2.0], [5.0, 0.0, 6.0]])
    )
    widths = most_important(importance, Sizes(2, 1, 2), layers=(1,))
    assert widths == Widths((1, 3), ((0,),), ((0, 2),))
    told = [(share.what, share.kept, share.of) for share in shares_kept(importance, widths, layers=(1,))]
    assert told == [("hidden channels", 2, 4), ("heads of layer 1", 1, 2), ("neurons of layer 1", 2, 3)]
    assert shares_kept(importance, widths, layers=(1,))[0].importance == pytest.approx(0.7)
    assert Importance.from_json(importance.to_json()).heads.tolist() == importance.heads.tolist()


@pytest.mark.parametrize("family", CUT)
def test_a_narrower_student_is_written_as_it_computes(family: str, tmp_path: Path) -> None:
    """A failure would ship a graph with the teacher's sizes. By twin: torch against onnxruntime."""
    student = initialise(_teacher(tmp_path, family), NARROW).eval()
    write_onnx(student, tmp_path / "model.onnx", packed=None)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    feed = {"token_type_ids": np.zeros_like(IDS)} | {name: tensor.numpy() for name, tensor in INPUTS.items()}
    found = session.run(None, {given.name: feed[given.name] for given in session.get_inputs()})[0]
    assert np.allclose(found, _logits(student).numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (
            {"hidden_size": 20},
            "student.hidden_size = 20 is no whole number of the teacher's heads of 8.\n"
            "Hint: Nearest that are: 16 (2 heads) and 24 (3 heads).",
        ),
        (
            {"hidden_size": 16, "heads": 4},
            "student.hidden_size = 16 and student.heads = 4 do not fit: heads keep the teacher's size of 8.\n"
            "Hint: Take heads = 2, or hidden_size = 32; one of them is enough.",
        ),
        ({"hidden_size": 64}, "student.hidden_size = 64, but the teacher has only 32.\nHint: Choose 1 to 32."),
        ({"heads": 5, "hidden_size": 32}, "student.heads = 5, but the teacher has only 4.\nHint: Choose 1 to 4."),
        (
            {"intermediate_size": 65},
            "student.intermediate_size = 65, but the teacher has only 64.\nHint: Choose 1 to 64.",
        ),
    ],
)
def test_sizes_that_cannot_be_are_refused(wanted: dict[str, int], told: str, tmp_path: Path) -> None:
    """A failure would end in a stack trace of another library, after the labelling."""
    with pytest.raises(RecipeError) as caught:
        wanted_sizes(_teacher(tmp_path, "bert").config, StudentTable(**wanted))  # type: ignore[arg-type]
    assert str(caught.value) == told


def test_a_width_that_has_no_place_for_its_embeddings_is_refused(tmp_path: Path) -> None:
    """A failure would end in a stack trace about unexpected weights."""
    with pytest.raises(RecipeError) as caught:
        wanted_sizes(_teacher(tmp_path, "electra", embedding_size=16).config, NARROW)
    assert str(caught.value) == (
        "student.hidden_size = 16 is the width of the teacher's embeddings, where 'electra' has no widening matrix.\n"
        "Hint: Take 24; or one head less, if any is left."
    )


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in PLACES])
def test_families_that_cannot_be_cut_are_named(family: str, tmp_path: Path) -> None:
    """A failure would cut a gated or shared layer in the wrong place."""
    with pytest.raises(RecipeError) as caught:
        unmeasured(_teacher(tmp_path, family).config, StudentTable(heads=2))
    assert str(caught.value) == (
        f"student.hidden_size, heads and intermediate_size cannot be had for the family {family!r}.\n"
        "Hint: They can for bert, roberta, xlm-roberta, camembert, electra, distilbert; fewer layers can be had for "
        "every family."
    )


def test_one_of_hidden_size_and_heads_is_enough(tmp_path: Path) -> None:
    """A failure would make people do the division that the tool can do."""
    config = _teacher(tmp_path, "bert").config
    assert wanted_sizes(config, StudentTable(heads=3)) == Sizes(24, 3, 64)
    assert wanted_sizes(config, StudentTable(hidden_size=24)) == Sizes(24, 3, 64)
    assert wanted_sizes(config, StudentTable(intermediate_size=10)) == Sizes(32, 4, 10)
