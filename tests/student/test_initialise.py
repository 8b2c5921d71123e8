"""A student starts as part of its teacher, bit for bit, in every family."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from limbeck.encoder.families import FAMILIES as KNOWN
from limbeck.recipe.student import StudentTable
from limbeck.student import initialise, save_model, shape_of
from limbeck.teacher.load import load_model
from padded import IDS, MASK
from tiny import FAMILIES, write_teacher

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TAKEN = (0, 2)


def _teacher(tmp_path: Path, family: str) -> "PreTrainedModel":
    """As the pipeline has it, but with the attention that students have, so that answers can be equal to the bit."""
    folder = write_teacher(tmp_path / family, family=family, labels=("a", "b", "c"))
    return load_model(folder, attention="eager").eval()


def _logits(model: "PreTrainedModel") -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(input_ids=IDS, attention_mask=MASK).logits


@pytest.mark.parametrize("family", FAMILIES)
def test_student_layers_are_the_teacher_layers_that_were_taken(family: str, tmp_path: Path) -> None:
    """A failure would start the student from noise, or from its layers in a wrong order."""
    teacher = _teacher(tmp_path, family)
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    student = initialise(teacher, StudentTable(take_layers=TAKEN))
    prefix = KNOWN[family].layers_prefix
    theirs, own = teacher.state_dict(), student.state_dict()
    assert shape_of(student).layers == 2
    n_layer_weights = 0
    for name, tensor in own.items():
        source = name
        if prefix is not None and name.startswith(prefix):
            number, _, rest = name.removeprefix(prefix).partition(".")
            source = f"{prefix}{TAKEN[int(number)]}.{rest}"
            n_layer_weights += 1
        assert torch.equal(tensor, theirs[source]), name
    if prefix is not None:
        numbers = [int(name.removeprefix(prefix).partition(".")[0]) for name in theirs if name.startswith(prefix)]
        assert n_layer_weights == sum(number in TAKEN for number in numbers) > 0
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_student_of_full_size_answers_as_its_teacher(family: str, tmp_path: Path) -> None:
    """A failure would lose something on the way that no number of training steps is meant to bring back."""
    teacher = _teacher(tmp_path, family)
    student = initialise(teacher, StudentTable(layers=4))
    assert torch.equal(_logits(student), _logits(teacher))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_student_answers_as_a_teacher_without_the_other_layers(family: str, tmp_path: Path) -> None:
    """A failure would wire the layers in another way than the teacher does: its masks, its attention windows.

    By twin: the teacher itself, its list of layers cut by hand. ALBERT has one layer, run twice instead of four times.
    """
    teacher = _teacher(tmp_path, family)
    student = _logits(initialise(teacher, StudentTable(take_layers=TAKEN)))
    if family == "albert":
        teacher.config.num_hidden_layers = 2
    else:
        lists = [module for module in teacher.modules() if isinstance(module, torch.nn.ModuleList) and len(module) == 4]
        assert len(lists) == 1
        names = {id(module): name for name, module in teacher.named_modules()}
        *path, last = names[id(lists[0])].split(".")
        parent = teacher.get_submodule(".".join(path))
        setattr(parent, last, torch.nn.ModuleList(lists[0][layer] for layer in TAKEN))
        teacher.config.num_hidden_layers = 2
        if getattr(teacher.config, "layer_types", None):
            teacher.config.layer_types = [teacher.config.layer_types[layer] for layer in TAKEN]
    assert torch.equal(_logits(teacher), student)


def test_a_student_trains_and_its_teacher_does_not(tmp_path: Path) -> None:
    """A failure would freeze the student, or train the teacher along with it."""
    teacher = _teacher(tmp_path, "bert").requires_grad_(requires_grad=False)
    student = initialise(teacher, StudentTable(layers=2))
    assert student.training
    assert all(parameter.requires_grad for parameter in student.parameters())
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.zero_()
    assert not any(
        torch.equal(parameter, torch.zeros_like(parameter)) for parameter in teacher.parameters() if parameter.ndim > 1
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stored_student_is_an_ordinary_model(family: str, tmp_path: Path) -> None:
    """A failure would lock users in: `from_pretrained` is how everybody else loads it."""
    from transformers import AutoModelForSequenceClassification

    student = initialise(_teacher(tmp_path, family), StudentTable(layers=2))
    (tmp_path / "student").mkdir()
    save_model(student, tmp_path / "student")
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "student", attn_implementation="eager")
    assert loaded.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert torch.equal(_logits(loaded), _logits(student))
