"""Factorised embeddings compute what the wide ones did: to the rounding at full rank, and as near as a rank allows."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
import torch

from limbeck.errors import RecipeError
from limbeck.export import write_onnx
from limbeck.recipe.student import StudentTable
from limbeck.student import initialise, unmeasured
from limbeck.student.factorise import OTHERWISE_ALBERT, WIDENING, factorised
from limbeck.teacher.load import load_model
from padded import IDS
from tiny import write_teacher

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FACTORISED = (*WIDENING, OTHERWISE_ALBERT)
INPUTS = {"input_ids": IDS, "attention_mask": (IDS != 0).long(), "token_type_ids": (IDS > 55).long()}


def _teacher(tmp_path: Path, family: str, **changes: object) -> "PreTrainedModel":
    """With norms that do something: at their start they are ones and zeros."""
    folder = write_teacher(tmp_path / f"{family}{len(changes)}", family=family, labels=("a", "b", "c"), **changes)
    model = load_model(folder, attention="eager").eval().requires_grad_(requires_grad=False)
    norm = model.get_submodule(f"{family}.embeddings.LayerNorm")
    norm.weight.add_(0.3 * torch.randn_like(norm.weight))
    norm.bias.add_(0.3 * torch.randn_like(norm.bias))
    return model


def _first_states(model: "PreTrainedModel") -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(**INPUTS, output_hidden_states=True).hidden_states[0]


@pytest.mark.parametrize(("family", "size"), [("electra", 16), ("albert", 16), ("bert", 32)])
def test_full_rank_changes_nothing(family: str, size: int, tmp_path: Path) -> None:
    """A failure would start the student from other words than the teacher reads. Epsilons differ."""
    teacher = _teacher(tmp_path, family)
    student = initialise(teacher, StudentTable(layers=4, embedding_size=size))
    assert torch.allclose(_first_states(student), _first_states(teacher), atol=1e-4)
    with torch.inference_mode():
        assert torch.allclose(student(**INPUTS).logits, teacher(**INPUTS).logits, atol=1e-3)


def test_tables_as_wide_as_the_layers_are_factorised_too(tmp_path: Path) -> None:
    """A failure would keep out the larger ELECTRAs, which have no widening matrix. Few tokens make the rank low.

    Of 3 words, 2 places and 2 segments no more than 7 rows differ, so that 8 numbers hold all of them.
    """
    teacher = _teacher(tmp_path, "electra", embedding_size=32)
    for table in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        weight = teacher.get_submodule(f"electra.embeddings.{table}").weight
        few = weight[:3].clone() if table == "word_embeddings" else weight[:2].clone()
        weight.copy_(few[torch.arange(len(weight)) % len(few)])
    student = initialise(teacher, StudentTable(layers=4, embedding_size=8))
    assert student.get_input_embeddings().weight.shape[1] == 8
    assert student.get_submodule("electra.embeddings_project").weight.shape == (32, 8)
    assert torch.allclose(_first_states(student), _first_states(teacher), atol=1e-3)


@pytest.mark.parametrize("family", WIDENING)
def test_a_higher_rank_is_never_further_away(family: str, tmp_path: Path) -> None:
    """A failure would keep the directions that matter least."""
    teacher = _teacher(tmp_path, family)
    wanted = _first_states(teacher)
    errors = []
    for size in (2, 4, 8, 12, 16):
        student = initialise(teacher, StudentTable(layers=1, embedding_size=size))
        errors.append(float((_first_states(student) - wanted).square().mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-6 < errors[0]


@pytest.mark.parametrize("family", FACTORISED)
def test_a_factorised_student_is_written_as_it_computes(family: str, tmp_path: Path) -> None:
    """A failure would ship a graph without its widening matrix."""
    student = initialise(_teacher(tmp_path, family), StudentTable(layers=2, embedding_size=8)).eval()
    write_onnx(student, tmp_path / "model.onnx", packed=None)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {given.name: INPUTS[given.name].numpy() for given in session.get_inputs()})[0]
    with torch.inference_mode():
        assert np.allclose(found, student(**INPUTS).logits.numpy(), atol=1e-4)


def test_a_bert_becomes_an_albert_that_shares_nothing(tmp_path: Path) -> None:
    """A failure would give all layers the weights of one. Narrower and factorised at once go together."""
    teacher = _teacher(tmp_path, "bert")
    table = StudentTable(take_layers=(1, 3), heads=3, intermediate_size=40, embedding_size=8)
    student = initialise(teacher, table)
    assert student.config.model_type == "albert"
    assert (student.config.num_hidden_layers, student.config.num_hidden_groups) == (2, 2)
    assert (student.config.hidden_size, student.config.embedding_size, student.config.id2label[2]) == (24, 8, "c")
    first, second = (
        student.get_submodule(f"albert.encoder.albert_layer_groups.{group}.albert_layers.0.ffn") for group in (0, 1)
    )
    assert not torch.equal(first.weight, second.weight)
    wanted = teacher.get_submodule("bert.encoder.layer.3.intermediate.dense").weight[:40, :24]
    assert torch.equal(second.weight, wanted)
    _first_states(student)


def test_the_teacher_stays_as_it_is(tmp_path: Path) -> None:
    """A failure would judge the student against a teacher that was cut with it."""
    weights = {name: tensor.clone() for name, tensor in _teacher(tmp_path, "electra").state_dict().items()}
    before = {name: tensor.clone() for name, tensor in weights.items()}
    factorised(weights, model_type="electra", embedding_size=4)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights.items())


@pytest.mark.parametrize(
    ("family", "size", "told"),
    [
        (
            "roberta",
            8,
            "student.embedding_size cannot be had for the family 'roberta', whose embeddings are as wide as its "
            "layers.\n"
            "Hint: It can for electra, albert, bert; fewer layers can be had for every family.",
        ),
        (
            "albert",
            32,
            "student.embedding_size = 32, but the teacher's is 16.\nHint: Choose 2 to 16, best a fraction.",
        ),
    ],
)
def test_what_cannot_be_factorised_is_refused(family: str, size: int, told: str, tmp_path: Path) -> None:
    """A failure would end in a stack trace, or in tables that are larger than the teacher's."""
    config = load_model(write_teacher(tmp_path / family, family=family)).config
    with pytest.raises(RecipeError) as caught:
        unmeasured(config, StudentTable(embedding_size=size))
    assert str(caught.value) == told
