"""Where a student starts from: the teacher itself, or the encoder that the recipe names."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from limbeck.distill.objective import settled_weights
from limbeck.errors import RecipeError, TeacherError
from limbeck.pipeline import compress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.recipe.student import LossWeights
from limbeck.teacher import load_teacher, origin_of
from limbeck.teacher.encoder import load_encoder
from other_teachers import data, recipe
from small_run import LABELS
from tiny import write_teacher
from watching import Events


def _teacher(root: Path, **given: Any) -> Any:
    return load_teacher(write_teacher(root / "teacher", **given), settings=TeacherTable(), max_tokens=32, work=root)


def test_a_classifier_is_its_own_origin(tmp_path: Path) -> None:
    """A failure would throw away the teacher's weights, or its hidden states."""
    master = _teacher(tmp_path)
    origin = origin_of(master, Recipe(), work=tmp_path)
    assert origin.model is master.model
    assert (origin.is_teacher, origin.fingerprint, origin.hidden_size) == (True, master.fingerprint, 32)


def test_a_named_encoder_gets_a_head_over_the_teachers_classes(tmp_path: Path) -> None:
    """A failure would train a head of another width, or another one in each repetition."""
    master = _teacher(tmp_path, labels=("a", "b", "c"))
    write_teacher(tmp_path / "small", seed=5)
    table = Recipe.from_dict({"student": {"encoder": str(tmp_path / "small")}, "data": {"max_tokens": 12}})
    origin = origin_of(master, table, work=tmp_path)
    assert origin.model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert origin.model.classifier.weight.shape == (3, 32)
    assert (origin.is_teacher, origin.encoder.max_tokens, origin.told["name"]) == (False, 12, "small")
    again = origin_of(master, table, work=tmp_path)
    assert (origin.model.classifier.weight == again.model.classifier.weight).all()


@pytest.mark.parametrize("inner", ["0_Transformer", ""])
def test_a_sentence_transformers_folder_counts_as_the_encoder_in_it(inner: str, tmp_path: Path) -> None:
    """They come in two layouts; a failure would find no config.json, or an encoder of random weights."""
    plain = write_teacher(tmp_path / "plain")
    folder = tmp_path / "sentences"
    shutil.copytree(plain, folder / inner, dirs_exist_ok=True)
    modules = [
        {"idx": 0, "name": "0", "path": inner, "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    found, wanted = (
        load_encoder(source, settings=TeacherTable(), max_tokens=32, work=tmp_path) for source in (folder, plain)
    )
    assert found.fingerprint == wanted.fingerprint
    assert found.with_head(LABELS, task="classification").config.num_labels == 2


@pytest.mark.parametrize("listed", ["{}", "[]", "torn", '[{"path": "0_Lost"}]', '[{"path": "../plain"}]'])
def test_a_listing_that_leads_nowhere_is_told(listed: str, tmp_path: Path) -> None:
    """A failure would leave the folder, or say that a config is missing that nobody promised."""
    write_teacher(tmp_path / "plain")
    (tmp_path / "sentences").mkdir()
    (tmp_path / "sentences" / "modules.json").write_text(listed, encoding="utf-8")
    with pytest.raises(TeacherError, match="names no folder of an encoder as its first module"):
        load_encoder(tmp_path / "sentences", settings=TeacherTable(), max_tokens=32, work=tmp_path)


def test_losses_on_hidden_states_need_them() -> None:
    """A failure would pull a student to states of another model, or leave out in silence what was asked for."""
    assert settled_weights(LossWeights(), has_states=True)["last_hidden"] == 10.0
    assert settled_weights(LossWeights(), has_states=True, has_layers=False)["last_hidden"] == 1.0
    assert settled_weights(LossWeights(), has_states=False)["last_hidden"] == 0.0
    assert [
        settled_weights(LossWeights(), has_states=has_states, task=task)["layer_hidden"]
        for task, has_states in (("question-answering", True), ("question-answering", False), ("classification", True))
    ] == [1.0, 0.0, 0.0]
    assert settled_weights(LossWeights(last_hidden=0.0), has_states=True)["last_hidden"] == 0.0
    with pytest.raises(RecipeError, match="is 0 that counts for the task 'classification' and this teacher"):
        settled_weights(LossWeights(soft_labels=0, true_labels=0, last_hidden=0), has_states=True)
    for asked in ({"last_hidden": 10.0}, {"layer_hidden": 0.5}, {"relations": 1.0}, {"similarities": 1.0}):
        with pytest.raises(RecipeError, match=f"distill.weights.{next(iter(asked))} = .* shows no hidden states"):
            settled_weights(LossWeights(**asked), has_states=False)


def test_a_student_may_start_from_another_encoder_than_its_teacher(tmp_path: Path) -> None:
    """The whole walk: a wide teacher, a narrow encoder with a tokenizer of its own; nothing is made of the teacher."""
    teacher = write_teacher(tmp_path / "teacher", hidden_size=48, num_attention_heads=4)
    events = Events()
    settings = recipe(tmp_path, student={"layers": 2})
    given: dict[str, Any] = {"recipe": settings, "signals": tmp_path / "s", "progress": events}
    run = compress(teacher, data(tmp_path, 80), out=tmp_path / "run", **given)
    record = run.record
    assert record.shapes["encoder"]["hidden_size"] == record.shapes["student"]["hidden_size"] == 32
    assert set(record.trainings[0].curve[0].losses) == {"soft_labels", "true_labels", "total"}
    assert record.recipe["student"]["encoder"] == "encoder"
    assert str(tmp_path) not in json.dumps(record.recipe)
    assert [timing.name for timing in run.verdict.timings] == ["artifact (int8)", "teacher (PyTorch float32)"]
    card = (run.artifact / "README.md").read_text("utf-8")
    assert "arXiv:1909.10351" not in card  # no hidden states were learned
    again = compress(teacher, data(tmp_path, 80), out=tmp_path / "run", **given)  # a run goes on from its own folder
    assert again.record.files == record.files
    toml = Recipe.from_toml(run.folder / "recipe.toml")
    assert toml == settings.settled("classification")
