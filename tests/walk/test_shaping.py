"""The student's shape is chosen once, from training texts alone, and a run that was killed while choosing goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import limbeck
from limbeck.errors import OutputError, RecipeError
from limbeck.pipeline import Run, compress
from limbeck.recipe.knobs import QuantizeTable, Recipe
from limbeck.records.cuts import Cut
from limbeck.records.run import RunRecord
from small_run import SETTINGS, SmallRun, write_rows
from watching import Events, Interrupted


def _recipe(student: dict[str, Any], **distill: Any) -> Recipe:
    quick = {"epochs": 2, "baseline": False, **distill}
    return Recipe.from_dict(SETTINGS | {"student": student, "distill": SETTINGS["distill"] | quick})


def _compress(walked: SmallRun, out: Path, recipe: Recipe, **changes: Any) -> Run:
    return compress(walked.teacher, walked.data, out=out, recipe=recipe, signals=walked.signals, **changes)


def _weights(run: Run) -> dict[str, bytes]:
    names = ("model.safetensors", "config.json", "onnx/model.onnx", "onnx/model_quantized.onnx")
    return {name: (run.artifact / name).read_bytes() for name in names}


def test_layers_by_loss_go_the_whole_way(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would choose one student and train another, or lose the reasons of the choice."""
    recipe = _recipe({"layers": 2, "choose": "by_loss"})
    run = _compress(walked, tmp_path / "run", recipe)
    cut = run.record.cut
    assert cut is not None
    assert (cut.chosen, len(cut.layers), len(cut.removals)) == ("by_loss", 2, 2)
    assert {removal.removed for removal in cut.removals} == set(range(4)) - set(cut.layers)
    assert cut.n_texts == run.record.data["train"]
    assert RunRecord.from_json(run.record.to_json()) == run.record
    assert "What was cut" in run.report.read_text(encoding="utf-8")

    given = _compress(walked, tmp_path / "given", _recipe({"take_layers": list(cut.layers)}))
    assert _weights(given) == _weights(run)
    assert given.record.cut == replace(cut, chosen="given", removals=(), n_texts=0)


def test_a_run_killed_while_choosing_ends_in_the_same_bytes(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would make a killed run another run."""
    recipe = _recipe({"layers": 2, "choose": "by_loss"})
    for after in (1, 4):
        with pytest.raises(Interrupted):
            progress = Events(interrupt_in="layers taken out in turn", after=after)
            _compress(walked, tmp_path / "killed", recipe, progress=progress)
    run = _compress(walked, tmp_path / "killed", recipe)
    assert _weights(run) == _weights(_compress(walked, tmp_path / "run", recipe))


@pytest.mark.parametrize(
    ("student", "sizes"),
    [
        ({"layers": 2, "heads": 2, "intermediate_size": 32}, (2, 16, 2, 32)),
        ({"layers": 1, "choose": "by_loss", "intermediate_size": 20}, (1, 32, 4, 20)),
    ],
)
def test_a_narrower_student_goes_the_whole_way(
    student: dict[str, Any], sizes: tuple[int, ...], walked: SmallRun, tmp_path: Path
) -> None:
    """A failure would train one shape and ship another, or lose a killed run's way."""
    recipe = _recipe(student, weights={"layer_hidden": 0.3, "relations": 0.3, "attention_maps": 0.3})
    for stage, after in (("what each part is worth", 0), ("student", 3)):
        with pytest.raises(Interrupted):
            progress = Events(interrupt_in=stage, after=after)
            _compress(walked, tmp_path / "killed", recipe, progress=progress)
    run = _compress(walked, tmp_path / "killed", recipe)
    shape = run.record.shapes["student"]
    assert tuple(shape[name] for name in ("layers", "hidden_size", "heads", "intermediate_size")) == sizes
    assert run.record.cut is not None
    assert run.record.cut.widths
    assert "Their worth" in run.report.read_text(encoding="utf-8")
    assert _weights(run) == _weights(_compress(walked, tmp_path / "run", recipe))
    if shape["hidden_size"] < 32:  # trained on with its roundings, the map to the teacher's width is fitted anew
        rounded = recipe.model_copy(update={"quantize": QuantizeTable(scheme="w4a8e4", train_share=0.5)})
        trainings = _compress(walked, tmp_path / "rounded", rounded).record.trainings
        assert [training.name for training in trainings] == ["student", "rounded"]
        first = trainings[1].curve[0].losses
        assert first["last_hidden"] < trainings[0].curve[0].losses["last_hidden"]
    assert limbeck.load(run.artifact)(["good song"])[0].label in {"negative", "positive"}


def test_a_student_with_factorised_embeddings_goes_the_whole_way(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would lose a BERT that became an ALBERT somewhere between its training and its graph."""
    whole, run = (
        _compress(walked, tmp_path / name, _recipe({"layers": 4} | changes, epochs=4))
        for name, changes in (("whole", {}), ("run", {"embedding_size": 16}))
    )
    size = {name: one.record.shapes["student"]["parameters"] for name, one in (("run", run), ("whole", whole))}
    assert size["run"] < size["whole"]
    scores = {model.name: model for model in run.verdict.models}
    for name in ("student (float32)", "artifact (int8)"):
        assert scores[name].agreement is not None
        assert scores[name].agreement.value > 0.9


def test_a_student_from_scratch_goes_the_whole_way(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would keep people from their own architecture, or ship the path of their config."""
    told = {"model_type": "distilbert", "dim": 24, "n_layers": 2, "n_heads": 2, "hidden_dim": 48}
    (tmp_path / "private-place").mkdir()
    config = write_rows(tmp_path / "private-place" / "config.json", [told | {"max_position_embeddings": 128}])
    run = _compress(walked, tmp_path / "run", _recipe({"config": str(config)}, weights={"layer_hidden": 0.3}))
    assert run.record.cut == Cut("from scratch", ())
    assert run.record.shapes["student"]["hidden_size"] == 24
    assert run.record.recipe["student"]["config"] == "config.json"
    assert b"private-place" not in b"".join(path.read_bytes() for path in run.artifact.rglob("*") if path.is_file())
    assert "layer_hidden" in run.record.trainings[0].curve[0].losses

    write_rows(config, [told | {"max_position_embeddings": 128, "hidden_dim": 50}])
    with pytest.raises(OutputError, match="holds another run"):
        _compress(walked, tmp_path / "run", _recipe({"config": str(config)}, weights={"layer_hidden": 0.3}))
    write_rows(config, [told | {"max_position_embeddings": 16}])
    with pytest.raises(RecipeError, match="The student has places for 16 tokens, but texts may have 80"):
        _compress(walked, tmp_path / "short", _recipe({"config": str(config)}))
