"""A student's layers are chosen as the recipe says, evenly where it says nothing, and never ones that do not exist."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limbeck.errors import RecipeError
from limbeck.recipe.student import Choice, StudentTable
from limbeck.student import choose_layers, count_layers, shape_of
from tiny import FAMILIES, write_teacher

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def _config(family: str, layers: int) -> "PreTrainedConfig":
    from transformers import AutoConfig

    field = "n_layers" if family == "distilbert" else "num_hidden_layers"
    return AutoConfig.for_model(family, **{field: layers})


@pytest.mark.parametrize(
    ("of", "wanted", "taken"),
    [
        (6, 3, (0, 2, 5)),  # 0, 2.5, 5: a half goes to the even layer
        (6, 2, (0, 5)),
        (4, 2, (0, 3)),
        (12, 6, (0, 2, 4, 7, 9, 11)),  # 0, 2.2, 4.4, 6.6, 8.8, 11
        (12, 4, (0, 4, 7, 11)),  # 0, 3.67, 7.33, 11
        (12, 3, (0, 6, 11)),  # 0, 5.5, 11
        (6, 1, (5,)),  # the head reads what the last one writes
        (1, 1, (0,)),
        (6, None, (0, 2, 5)),
        (5, None, (0, 2, 4)),
    ],
)
def test_layers_are_spaced_evenly(of: int, wanted: int | None, taken: tuple[int, ...]) -> None:
    """A failure would start the student from a worse place than the documents say. By hand."""
    assert choose_layers(_config("bert", of), StudentTable(layers=wanted)) == taken


@pytest.mark.parametrize(
    ("of", "wanted", "taken"),
    [
        (6, 3, (0, 1, 5)),  # 0, 1.25, 5
        (6, 4, (0, 1, 2, 5)),  # 0, 0.56, 2.22, 5
        (6, 2, (0, 5)),
        (12, 6, (0, 1, 2, 4, 7, 11)),  # 0, 0.44, 1.76, 3.96, 7.04, 11
        (12, 3, (0, 3, 11)),  # 0, 2.75, 11
        (6, 1, (5,)),
        (6, 6, (0, 1, 2, 3, 4, 5)),
    ],
)
def test_lower_layers_stand_closer_below(of: int, wanted: int, taken: tuple[int, ...]) -> None:
    """A failure would start classifiers from other layers than were measured to be best. By hand."""
    assert choose_layers(_config("bert", of), StudentTable(layers=wanted, choose="lower")) == taken


@pytest.mark.parametrize("choose", ["spaced", "lower"])
def test_layers_rise_from_the_first_to_the_last(choose: Choice) -> None:
    """A failure would take one layer twice, or leave out the one that the head reads. By law, for every size."""
    for n_teacher in range(1, 25):
        for n_student in range(1, n_teacher + 1):
            taken = choose_layers(_config("bert", n_teacher), StudentTable(layers=n_student, choose=choose))
            assert len(taken) == n_student
            assert list(taken) == sorted(set(taken))
            assert taken[-1] == n_teacher - 1
            assert n_student == 1 or taken[0] == 0


def test_the_first_layer_stays_the_first_where_it_differs() -> None:
    """A failure would put a layer with a norm where ModernBERT has none."""
    for n_student in (1, 2, 5):
        assert choose_layers(_config("modernbert", 22), StudentTable(layers=n_student))[0] == 0
    assert choose_layers(_config("modernbert", 22), StudentTable(take_layers=(0, 7))) == (0, 7)


def test_named_layers_are_taken_as_named() -> None:
    """A failure would train another student than the one that was asked for."""
    assert choose_layers(_config("bert", 6), StudentTable(take_layers=(1, 3, 4))) == (1, 3, 4)
    assert choose_layers(_config("distilbert", 6), StudentTable(layers=1, take_layers=(2,))) == (2,)


@pytest.mark.parametrize(
    ("family", "wanted", "told"),
    [
        (
            "bert",
            {"layers": 7},
            "student.layers = 7, but the teacher has only 6 layers.\nHint: Choose 1 to 6; the default is 3.",
        ),
        (
            "bert",
            {"take_layers": (1, 6)},
            "student.take_layers names layer 6, but the teacher's 6 layers are 0 to 5.\nHint: Name layers from 0 to 5.",
        ),
        (
            "modernbert",
            {"take_layers": (1, 5)},
            "student.take_layers starts with 1; in the family 'modernbert' the first layer differs from the rest and "
            "must stay the first.\nHint: Put 0 in front.",
        ),
    ],
)
def test_layers_that_cannot_be_are_refused(family: str, wanted: dict[str, object], told: str) -> None:
    """A failure would end in a stack trace, or in a student that is larger than its teacher."""
    with pytest.raises(RecipeError) as caught:
        choose_layers(_config(family, 6), StudentTable(**wanted))  # type: ignore[arg-type]
    assert str(caught.value) == told


@pytest.mark.parametrize("family", FAMILIES)
def test_a_shape_tells_the_numbers_of_every_family(family: str, tmp_path: Path) -> None:
    """A failure would put zeros into the report. By hand: the tiny models are made of these numbers."""
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(write_teacher(tmp_path / "model", family=family))
    shape = shape_of(model)
    assert (shape.layers, shape.hidden_size, shape.heads, shape.intermediate_size) == (4, 32, 4, 64)
    assert shape.vocabulary == model.get_input_embeddings().weight.shape[0]
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert shape.to_json()["layers"] == 4


@pytest.mark.parametrize(
    ("family", "wanted", "taken"),
    [
        ("bert", {"layers": 3, "choose": "first"}, (0, 1, 2)),
        ("bert", {"layers": 2, "choose": "last"}, (4, 5)),
        ("bert", {"choose": "last"}, (3, 4, 5)),
        ("modernbert", {"layers": 3, "choose": "last"}, (0, 4, 5)),
        ("modernbert", {"layers": 1, "choose": "last"}, (0,)),
    ],
)
def test_first_and_last_layers(family: str, wanted: dict[str, object], taken: tuple[int, ...]) -> None:
    """A failure would take other layers than those asked for, or ModernBERT's second layer for its first. By hand."""
    table = StudentTable(**wanted)  # type: ignore[arg-type]
    assert choose_layers(_config(family, 6), table) == taken
    assert count_layers(_config(family, 6), table) == len(taken)
