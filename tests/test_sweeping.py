"""A sweep on a tiny teacher: each student trained once, killed and gone on with, nothing made twice or mixed up."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from limbeck import runtime
from limbeck.errors import OutputError, RecipeError, SchemeError
from limbeck.pipeline import compress
from limbeck.recipe.knobs import Recipe
from limbeck.records.run_folder import MARKER_FILE
from limbeck.records.sweep import SweepRecord
from limbeck.sweeping import Sweep, _opening, sweep
from small_run import RECIPE, SETTINGS, SmallRun, labelled_rows, write_rows
from watching import Events, Interrupted

SCHEMES = ("w8a8e8", "w4a8e4")


def _sweep(walked: SmallRun, out: Path, **changes: Any) -> Sweep:
    given = {"recipe": RECIPE, "signals": walked.signals, "schemes": SCHEMES} | changes
    return sweep(walked.teacher, walked.data, out=out, **given)


def _trained(events: Events) -> list[str]:
    """What was trained, in order; a training that went on from a checkpoint counts again."""
    return [name for name, *_ in events.bars if name in {"student", "baseline", "rounded"}]


def _artifacts(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.glob("runs/*/artifact/**/*"))
        if path.is_file()
    }


def _written_at(folders: Sequence[Path]) -> dict[Path, int]:
    files = [path for folder in folders for path in folder.rglob("*")]
    return {path: path.stat().st_mtime_ns for path in files if path.is_file() and path.name != ".lock"}


@pytest.fixture(scope="module")
def swept(walked: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, Events]:
    """A finished sweep of one student in two schemes, and what was told of it; no test may change its files."""
    events = Events()
    return _sweep(walked, tmp_path_factory.mktemp("swept") / "s", progress=events), events


def test_a_student_is_trained_once_for_all_schemes(swept: tuple[Sweep, Events]) -> None:
    """A failure would take as many trainings as there are schemes, and compare schemes on different students."""
    found, events = swept
    assert [name for name in _trained(events) if name != "rounded"] == ["student", "baseline"]
    students = sorted(path.parent.name for path in found.folder.rglob("training.json"))
    assert [name for name in students if name != "rounded"] == ["baseline", "student"]
    first, second = (found.folder / pair.folder / "artifact" / "model.safetensors" for pair in found.record.pairs)
    assert first.exists()
    assert second.exists()
    assert not [path for path in found.folder.rglob("*") if "partial" in path.name or "checkpoint" in path.name]


def test_a_pair_is_what_compress_makes(swept: tuple[Sweep, Events], walked: SmallRun) -> None:
    """A failure would show figures of models that nobody can have. By twin: the same student in the same scheme."""
    found, events = swept
    assert not [name for name, *_ in events.bars if name.startswith("teacher labels")]
    ours = found.folder / "runs" / "2-layers-w8a8e8" / "artifact"
    for name in ("model.safetensors", "onnx/model.onnx", "onnx/model_quantized.onnx", "tokenizer.json"):
        assert (ours / name).read_bytes() == (walked.run.artifact / name).read_bytes()
    for pair in found.record.pairs:
        assert runtime.load(found.folder / pair.folder / "artifact").manifest.scheme == pair.shipped_scheme


def test_what_is_told_is_what_was_found(swept: tuple[Sweep, Events]) -> None:
    """A failure would set one pair's figures beside another's name."""
    found, _ = swept
    record = found.record
    assert SweepRecord.from_json(json.loads((found.folder / "sweep.json").read_text(encoding="utf-8"))) == record
    assert [(pair.layers, pair.scheme) for pair in record.pairs] == [(2, "w8a8e8"), (2, "w4a8e4")]
    for pair in record.pairs:
        told = json.loads((found.folder / pair.folder / "run.json").read_text(encoding="utf-8"))
        assert told["recipe"]["quantize"]["scheme"] == pair.scheme
        assert told["quantization"]["scheme"] == pair.shipped_scheme
        model = runtime.load(found.folder / pair.folder / "artifact")
        assert pair.scores.size_bytes == model.size_bytes
        assert pair.passed == told["verdict"]["passed"]
        assert pair.timing.name == f"artifact (2 layers, {pair.scheme})"
        assert pair.timing.threads == record.teacher_timing.threads == 1
    eight, four = record.pairs
    assert eight.scores.size_bytes > four.scores.size_bytes
    assert four.on_front  # nothing is smaller
    assert record.teacher_timing.name == "teacher (PyTorch float32)"
    assert "layers" not in record.recipe["student"]
    assert "scheme" not in record.recipe["quantize"]
    page = found.report.read_text(encoding="utf-8")
    assert record.sentence in page.replace('<span class="unbroken">', "").replace("</span>", "")
    assert page.count('class="mark colour-1') == 4  # key, two pictures, table


def test_a_sweep_killed_in_the_middle_goes_on(swept: tuple[Sweep, Events], walked: SmallRun, tmp_path: Path) -> None:
    """A failure would lose hours to a power cut, or end in other models than an undisturbed sweep."""
    out, schemes = tmp_path / "s", ["2-layers-w8a8e8", "2-layers-w4a8e4"]
    first, second = (out / "runs" / name for name in schemes)
    attempts = (("student", False, False), ("Pair 2 of 2", True, False), ("Verifying", True, False))
    for event, *done in (*attempts, ("Timing 2 artifacts", True, True)):
        events = Events(interrupt_in=str(event), after=20)
        with pytest.raises(Interrupted):
            _sweep(walked, out, progress=events)
        assert [(first / "run.json").exists(), (second / "run.json").exists()] == done
        assert not (out / "sweep.json").exists()
    before = _written_at([first, second, out / "work" / "2-layers"])
    events = Events()
    found = _sweep(walked, out, progress=events)
    assert _trained(events) == []
    assert events.sentences.count("It stands there already") == 2
    assert _written_at([first, second, out / "work" / "2-layers"]) == before
    assert _artifacts(out) == _artifacts(swept[0].folder)
    assert [pair.scores for pair in found.record.pairs] == [pair.scores for pair in swept[0].record.pairs]


def test_more_pairs_may_be_asked_for_and_tolerances_may_change(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would train again what is there, or show verdicts of tolerances that are no longer asked for."""
    out = tmp_path / "s"
    quick = Recipe.from_dict({**SETTINGS, "distill": SETTINGS["distill"] | {"epochs": 1, "baseline": False}})
    _sweep(walked, out, recipe=quick, schemes=["w8a8e8"])
    before = _written_at([out / "runs"])
    events = Events()
    found = _sweep(walked, out, recipe=quick, schemes=["w8a8e8"], layers=[1, 2], progress=events)
    assert _trained(events) == ["student"]
    assert [(pair.layers, pair.folder) for pair in found.record.pairs] == [
        (1, "runs/1-layer-w8a8e8"),
        (2, "runs/2-layers-w8a8e8"),
    ]
    assert before.items() <= _written_at([out / "runs"]).items()
    verify = SETTINGS["verify"] | {"tolerances": {"max_size_mb": 0.001}}
    strict = Recipe.from_dict({**quick.model_dump(), "verify": verify})
    events = Events()
    found = _sweep(walked, out, recipe=strict, schemes=["w8a8e8"], layers=[2], progress=events)
    assert _trained(events) == []
    assert not found.record.passed
    assert found.record.sentence.startswith("The one pair is not within the tolerances: 2 layers, w8a8e8: ")


def test_texts_without_labels_and_layers_that_are_named(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would keep out those who have nobody to label texts, or sweep another student than the recipe names."""
    data = write_rows(tmp_path / "texts.jsonl", [{"text": row["text"]} for row in labelled_rows()])
    tables = {"student": {"take_layers": [0, 2, 3]}, "distill": SETTINGS["distill"] | {"epochs": 1}}
    recipe = Recipe.from_dict({**SETTINGS, **tables})
    found = sweep(walked.teacher, data, out=tmp_path / "s", schemes=["w8a8e8"], recipe=recipe, signals=walked.signals)
    assert [pair.layers for pair in found.record.pairs] == [3]
    assert found.record.pairs[0].scores.retention is None
    assert found.record.sentence.endswith(" of its answers.")
    assert "Agreement against latency" in found.report.read_text(encoding="utf-8")
    told = json.loads((tmp_path / "s" / "runs" / "3-layers-w8a8e8" / "run.json").read_text(encoding="utf-8"))
    assert told["recipe"]["student"]["take_layers"] == [0, 2, 3]
    with pytest.raises(RecipeError) as caught:
        _sweep(walked, tmp_path / "t", recipe=recipe, layers=[2])
    assert str(caught.value) == (
        "The recipe's student.take_layers names one student; a list of layers asks for others.\n"
        "Hint: Leave one of them out."
    )


def test_folders_of_something_else_are_left_alone(
    swept: tuple[Sweep, Events], walked: SmallRun, tmp_path: Path
) -> None:
    """A failure would write over a run, another sweep, or somebody's work."""
    (tmp_path / "thesis.tex").write_text("years of work")
    other = Recipe.from_dict({**SETTINGS, "seed": 1})
    attempts = [
        (
            lambda: _sweep(walked, tmp_path),
            f"{tmp_path} holds something else (thesis.tex).",
            "Give an --out folder that is new, empty, or of an earlier run.",
        ),
        (
            lambda: _sweep(walked, walked.run.folder),
            f"{walked.run.folder} holds a limbeck run, not a limbeck sweep.",
            "Give another --out folder.",
        ),
        (
            lambda: compress(walked.teacher, walked.data, out=swept[0].folder, recipe=RECIPE),
            f"{swept[0].folder} holds a limbeck sweep, not a limbeck run.",
            "Give another --out folder.",
        ),
        (
            lambda: _sweep(walked, swept[0].folder, recipe=other),
            f"{swept[0].folder} holds another run; since then have changed: recipe.seed (0 -> 1).",
            "Give another --out folder: a finished run is never overwritten.",
        ),
    ]
    before = _written_at([swept[0].folder, walked.run.folder])
    for attempt, message, hint in attempts:
        with pytest.raises(OutputError) as caught:
            attempt()
        assert (caught.value.message, caught.value.hint) == (message, hint)
    assert _written_at([swept[0].folder, walked.run.folder]) == before
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_schemes_that_cannot_be_are_told_all_at_once(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would train for an hour before it says that a scheme is misspelt."""
    with pytest.raises(SchemeError) as caught:
        _sweep(walked, tmp_path / "s", schemes=["w8a8e8", "w5a8", "int4", "w4a16"])
    assert str(caught.value) == (
        "3 schemes of 4 cannot be swept:\n"
        "  - The scheme 'w5a8' cannot be: weights have 2, 3, 4, 8 or 32 bits, not 5. "
        'Nearest is "w4a8"; docs/reference/schemes.md has the notation.\n'
        '  - The scheme \'int4\' cannot be: it is not of the form "w8a8e8" or "w4a8g32e4-asymmetric-static". '
        'Nearest is "w8a8e8"; docs/reference/schemes.md has the notation.\n'
        "  - The scheme 'w4a16' cannot be shipped: no engine on a CPU multiplies by activations of 16 bits. "
        'Nearest is "w4a32"; `limbeck.quantize` takes every scheme.\n'
        "Hint: docs/reference/schemes.md has the notation."
    )
    assert not (tmp_path / "s").exists()


def test_schemes_that_fit_no_layer_are_told_all_at_once(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would make the pairs before the unfit one, hours of work, before it says that one cannot be."""
    events = Events()
    with pytest.raises(SchemeError) as caught:
        _sweep(walked, tmp_path / "s", schemes=["w8a8e8", "w4a8g64e4", "w4a32g16", "w2a32g128"], progress=events)
    assert str(caught.value) == (
        "2 schemes of 4 cannot be swept:\n"
        "  - The scheme 'w4a8g64e4' does not fit: "
        "group_size 64 does not divide the 32 inputs of 'bert.encoder.layer.0.attention.self.query'. "
        'Take groups of 16, 32, or "w4a8e4" for one scale an output.\n'
        "  - The scheme 'w2a32g128' does not fit: "
        "group_size 128 does not divide the 32 inputs of 'bert.encoder.layer.0.attention.self.query'. "
        'Take groups of 16, 32, or "w2a32" for one scale an output.\n'
        "Hint: docs/reference/schemes.md has the notation."
    )
    assert not events.bars
    assert not (tmp_path / "s").exists()


def test_layers_that_the_teacher_does_not_have(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would train the students that can be before it says that another one cannot."""
    with pytest.raises(RecipeError) as caught:
        _sweep(walked, tmp_path / "s", layers=[2, 5, 0, 9])
    assert str(caught.value) == (
        "Students of 5 and 0 and 9 layers were asked for, but the teacher has 4.\nHint: Give numbers from 1 to 4."
    )
    assert not (tmp_path / "s").exists()


def test_empty_lists_are_refused(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would end in a report of nothing, or in a stack trace."""
    with pytest.raises(RecipeError) as caught:
        _sweep(walked, tmp_path / "s", schemes=[])
    assert str(caught.value) == "The list of schemes is empty.\nHint: Give some, as in w8a8e8,w4a8e4,w3a8e4,w2a8e4."
    with pytest.raises(RecipeError) as caught:
        _sweep(walked, tmp_path / "s", layers=[])
    assert str(caught.value) == (
        "The list of layers is empty.\nHint: Give numbers of layers, as in 2,3, or none for the recipe's student."
    )
    assert not (tmp_path / "s").exists()


def test_the_marker_says_what_the_folder_is(swept: tuple[Sweep, Events]) -> None:
    """A failure would let a later call take the folder for a run's."""
    assert json.loads((swept[0].folder / MARKER_FILE).read_text(encoding="utf-8"))["kind"] == "limbeck sweep"


@pytest.mark.parametrize(
    ("n_passed", "n_pairs", "told"),
    [
        (0, 1, "The one pair is not within the tolerances:"),
        (1, 1, "The one pair is within the tolerances:"),
        (0, 4, "None of 4 pairs is within the tolerances; the closest is"),
        (1, 4, "One of 4 pairs is within the tolerances:"),
        (3, 4, "3 of 4 pairs are within the tolerances; the smallest of these is"),
        (4, 4, "All 4 pairs are within the tolerances; the smallest is"),
    ],
)
def test_how_many_passed_in_words(n_passed: int, n_pairs: int, told: str) -> None:
    """A failure would put a wrong number into the sentence that everybody reads."""
    assert _opening(n_passed, n_pairs) == told
