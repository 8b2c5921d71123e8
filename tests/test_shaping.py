"""The student's shape is chosen once, from training texts alone, and a run that was killed while choosing goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from limbeck.pipeline import Run, compress
from limbeck.recipe import Recipe
from limbeck.records import RunRecord
from small_run import SETTINGS, SmallRun
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
