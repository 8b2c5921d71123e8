"""The walk without training: the teacher itself in few bits, with the same proof; nothing is asked or made in vain."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from limbeck.errors import RecipeError
from limbeck.pipeline import Run, compress
from limbeck.planning import plan
from limbeck.recipe.knobs import Recipe
from limbeck.records.verdict import ARTIFACT, STUDENT, TEACHER
from small_run import SETTINGS, SmallRun

_UNTRAINED = {"epochs": 0}


def _recipe(**tables: Any) -> Recipe:
    return Recipe.from_dict(
        {"verify": SETTINGS["verify"], "teacher": SETTINGS["teacher"], "distill": _UNTRAINED} | tables
    )


@pytest.fixture(scope="module")
def untrained(walked: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The teacher of the shared run, only quantized."""
    folder = tmp_path_factory.mktemp("untrained")
    return compress(walked.teacher, walked.data, out=folder / "run", recipe=_recipe(), signals=folder / "signals")


def test_the_weights_are_the_teachers_own(untrained: Run, walked: SmallRun) -> None:
    """A failure would ship another model than the one that was to be quantized."""
    own, wanted = (load_file(folder / "model.safetensors") for folder in (untrained.artifact, walked.teacher))
    assert own.keys() == wanted.keys()
    assert all(torch.equal(own[name], wanted[name]) for name in own)
    record = untrained.record
    assert record.shapes["student"] == record.shapes["teacher"]


def test_the_verdict_is_that_of_any_run(untrained: Run) -> None:
    """A failure would let a model through that nobody compared with what it was made of."""
    models = {model.name.split(" (")[0]: model for model in untrained.verdict.models}
    assert set(models) == {TEACHER, STUDENT, ARTIFACT}
    assert models[STUDENT].agreement is not None
    assert models[STUDENT].agreement.value == 1.0
    assert models[ARTIFACT].agreement is not None
    assert models[ARTIFACT].agreement.value > 0.9
    assert untrained.verdict.passed


def test_nothing_is_asked_or_told_of_training(untrained: Run) -> None:
    """A failure would have a paid teacher answer texts that nobody learns from, or tell of a training that was none."""
    record = untrained.record
    assert record.labelling.n_texts == int(record.data["validation"]) + int(record.data["held_out"])
    assert record.trainings == ()
    assert record.labelling.kept == ("Nothing is trained: the student stays as it starts.",)
    card = (untrained.artifact / "README.md").read_text(encoding="utf-8")
    assert "made from **" in card
    assert "distilled" not in card.split("## ")[0].split("---")[-1]
    assert 'id="training"' not in untrained.report.read_text(encoding="utf-8")


def test_its_plan_knows_no_training(walked: SmallRun) -> None:
    """A failure would promise hours of work to whoever only wants fewer bits."""
    planned = plan(walked.teacher, walked.data, recipe=_recipe(), signals=walked.signals)
    assert planned.trainings == {}
    assert not {"distillation", "no-teacher baseline"} & planned.times.keys()
    assert planned.student.layers == planned.shapes[0].layers


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"quantize": {"train_share": 0.3}}, "so nothing is trained"),
        ({"distill": {"epochs": 0, "augment": 2}}, "nobody reads them"),
        ({"student": {"choose": "all", "layers": 2}}, 'choose = "all" but layers = 2'),
    ],
)
def test_what_would_be_trained_is_refused(
    tables: dict[str, Any], message: str, walked: SmallRun, tmp_path: Path
) -> None:
    """A failure would pass over what the user asked for."""
    with pytest.raises(RecipeError, match=message):
        compress(walked.teacher, walked.data, out=tmp_path / "run", recipe=_recipe(**tables), signals=tmp_path / "s")


def test_given_layers_stay_given() -> None:
    """A failure would keep all layers where the user named some."""
    for given in ({"layers": 2}, {"take_layers": [0, 1]}, {"choose": "last"}):
        assert _recipe(student=given).settled("classification").student.choose != "all"
    assert _recipe().settled("embeddings").student.choose == "all"
    assert _recipe(student={"kind": "static"}).settled("classification").student.choose != "all"
