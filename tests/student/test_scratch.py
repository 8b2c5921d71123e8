"""A student of the user's config starts from noise by the seed, with the teacher's words and labels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from limbeck.errors import RecipeError
from limbeck.recipe.student import StudentTable
from limbeck.student import count_layers, initialise, shape_of, unmeasured
from limbeck.teacher.load import load_model
from tiny import write_teacher

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SMALL = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 40}


def _table(tmp_path: Path, told: Any) -> StudentTable:
    path = tmp_path / "config.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told), encoding="utf-8")
    return StudentTable(config=str(path))


def _teacher(tmp_path: Path) -> "PreTrainedModel":
    return load_model(write_teacher(tmp_path / "teacher", labels=("a", "b", "c")), attention="eager").eval()


def test_a_student_of_ones_own_config(tmp_path: Path) -> None:
    """A failure would build another model than was asked for, or one with other words or labels than the teacher's."""
    teacher = _teacher(tmp_path)
    table = _table(tmp_path, SMALL | {"model_type": "electra", "vocab_size": 7, "num_labels": 9})
    student = initialise(teacher, table, seed=1)
    shape = shape_of(student)
    assert (shape.layers, shape.hidden_size, shape.heads, shape.intermediate_size) == (3, 24, 2, 40)
    assert shape.vocabulary == teacher.config.vocab_size
    assert student.config.model_type == "electra"
    assert student.config.id2label == {0: "a", 1: "b", 2: "c"}
    weights = [initialise(teacher, table, seed=seed).state_dict() for seed in (1, 1, 2)]
    name = "electra.encoder.layer.0.output.dense.weight"
    assert torch.equal(weights[0][name], weights[1][name])
    assert not torch.equal(weights[0][name], weights[2][name])


@pytest.mark.parametrize(("layers", "stands_for"), [(1, (3,)), (2, (0, 3)), (3, (0, 2, 3)), (6, (0, 1, 1, 2, 2, 3))])
def test_each_layer_stands_for_one_of_the_teacher(layers: int, stands_for: tuple[int, ...], tmp_path: Path) -> None:
    """A failure would compare layers that have nothing to do with each other. By hand: places on the teacher's 0 to 3.

    Halves go to the even layer, and a student may be deeper than its teacher.
    """
    table = _table(tmp_path, SMALL | {"model_type": "bert", "num_hidden_layers": layers})
    config = _teacher(tmp_path).config
    assert unmeasured(config, table).layers == stands_for
    assert count_layers(config, table) == layers


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("{", "is not JSON: "),
        ("[]", "holds no JSON object."),
        ({"model_type": "gpt2"}, "is of the family 'gpt2': it is a decoder, and limbeck distils encoders"),
        ({}, "is of the family None: its config.json names no model_type"),
        (
            {"model_type": "bert", "hidden_size": 30, "num_attention_heads": 4},
            "No model can be built of student.config: ValueError: The hidden size (30) is not a multiple",
        ),
        ({"model_type": "bert", "hidden_size": "wide"}, "No model can be built of student.config: "),
        ({"model_type": "bert", "hidden_act": "none"}, "No model can be built of student.config: KeyError: 'none'"),
        ({"model_type": "electra", "num_attention_heads": 0}, "No model can be built of student.config: "),
    ],
)
def test_configs_of_no_model_are_refused(told: Any, message: str, tmp_path: Path) -> None:
    """A failure would end in a stack trace of another library."""
    with pytest.raises(RecipeError) as caught:
        unmeasured(_teacher(tmp_path).config, _table(tmp_path, told))
    assert message in caught.value.message


def test_a_config_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A failure would end in a stack trace."""
    with pytest.raises(RecipeError) as caught:
        unmeasured(_teacher(tmp_path).config, StudentTable(config="nowhere/config.json"))
    assert str(caught.value) == (
        "student.config = 'nowhere/config.json' cannot be read: No such file or directory.\n"
        "Hint: Give the path of a config.json."
    )
