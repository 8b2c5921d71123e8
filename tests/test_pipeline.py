"""The whole walk on a tiny teacher: what it leaves, and that it is the same on every way to its end."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limbeck
from full_disk import no_file_beyond
from limbeck.artifact.sealed import SIGNALS_FOLDER
from limbeck.errors import OutputError, RecipeError, SchemeError
from limbeck.ground import fingerprint
from limbeck.pipeline import Run, compress
from limbeck.recipe.knobs import Recipe
from limbeck.records.run import RunRecord
from limbeck.records.run_folder import HELD_OUT_FOLDER, TEXTS_FILE
from small_run import RECIPE, SETTINGS, SmallRun, labelled_rows, write_rows
from watching import Events, Interrupted

TEXTS = [row["text"] for row in labelled_rows(40, seed=9)]
LAYOUT = {
    "README.md",
    "config.json",
    "limbeck.json",
    "model.safetensors",
    "onnx/model.onnx",
    "onnx/model_quantized.onnx",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
}


def _all_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _compress(walked: SmallRun, out: Path, **changes: Any) -> Run:
    given = {"recipe": RECIPE, "signals": walked.signals} | changes
    return compress(walked.teacher, walked.data, out=out, **given)


def _recipe(**tables: dict[str, Any]) -> Recipe:
    return Recipe.from_dict({**SETTINGS, **{name: SETTINGS.get(name, {}) | table for name, table in tables.items()}})


def test_a_run_leaves_its_files_and_nothing_else(walked: SmallRun) -> None:
    """A failure would ship half a folder, or fill the disk with what nobody needs any more."""
    run = walked.run
    assert set(_all_files(run.artifact)) == LAYOUT
    beside = {name for name in _all_files(run.folder) if not name.startswith(("artifact/", "work/"))}
    kept = {name for name in beside if name.startswith(f"{HELD_OUT_FOLDER}/")}
    assert beside - kept == {"limbeck-run.json", "recipe.toml", "report.html", "run.json"}
    assert f"{HELD_OUT_FOLDER}/{TEXTS_FILE}" in kept
    assert any(name.startswith(f"{HELD_OUT_FOLDER}/{SIGNALS_FOLDER}/") for name in kept)
    assert run.report == run.folder / "report.html"
    assert Recipe.from_toml(run.folder / "recipe.toml") == RECIPE.settled("classification")
    assert not [name for name in _all_files(run.folder) if "partial" in name or "checkpoint" in name]


def test_what_is_told_is_what_was_done(walked: SmallRun) -> None:
    """A failure would make the report a story: figures of parts, labelling and files that do not fit."""
    record = walked.run.record
    parts = [int(record.data[name]) for name in ("train", "validation", "held_out")]
    assert sum(parts) == 160
    assert record.labelling.n_texts == sum(parts) + parts[0]  # and as many made-up texts as training texts
    assert record.labelling.n_found == 0
    assert record.verdict.passed
    assert record.verdict.n_held_out == parts[2]
    assert [training.name for training in record.trainings] == ["student", "baseline"]
    assert record.trainings[0].steps == record.trainings[1].steps == 10 * -(-2 * parts[0] // 32)
    assert set(record.trainings[1].curve[0].losses) == {"true_labels", "total"}
    assert (record.shapes["teacher"]["layers"], record.shapes["student"]["layers"]) == (4, 2)
    for name, digest in record.files.items():
        assert fingerprint.sha256_of_file(walked.run.artifact / name) == digest
    assert set(record.files) == LAYOUT - {"limbeck.json"}
    told = json.loads((walked.run.folder / "run.json").read_text(encoding="utf-8"))
    assert RunRecord.from_json(told) == record
    page = walked.run.report.read_text(encoding="utf-8")
    assert "passed" in page


def test_all_ways_of_loading_give_the_same_labels(walked: SmallRun) -> None:
    """A failure would give other answers to those who load the artifact with other tools. By twin, three ways."""
    import onnxruntime
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    artifact = walked.run.artifact
    answers = limbeck.load(artifact)(TEXTS)
    config = json.loads((artifact / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(artifact / "tokenizer.json"))
    int8, float32 = (
        onnxruntime.InferenceSession(artifact / "onnx" / name, providers=["CPUExecutionProvider"])
        for name in ("model_quantized.onnx", "model.onnx")
    )
    model, theirs = (
        AutoModelForSequenceClassification.from_pretrained(artifact),
        AutoTokenizer.from_pretrained(artifact),
    )
    for text, answer in zip(TEXTS, answers, strict=True):
        encoded = tokenizer.encode(text)
        feed = {
            "input_ids": np.array([encoded.ids], np.int64),
            "attention_mask": np.array([encoded.attention_mask], np.int64),
            "token_type_ids": np.array([encoded.type_ids], np.int64),
        }
        names = [given.name for given in int8.get_inputs()]
        exact = float32.run(["logits"], {name: feed[name] for name in names})[0][0]
        rounded = int8.run(["logits"], {name: feed[name] for name in names})[0][0]
        with torch.inference_mode():
            wanted = model(**theirs(text, return_tensors="pt")).logits[0].numpy()
        assert np.allclose(exact, wanted, atol=1e-4)
        assert answer.label == config["id2label"][str(rounded.argmax())] == model.config.id2label[int(wanted.argmax())]


def test_nothing_of_this_machine_ships(walked: SmallRun) -> None:
    """A failure would send a user's folders, or the texts that he holds back, to all who get the artifact."""
    places = (str(walked.run.folder.parent).encode(), str(Path.home()).encode() + b"/")
    texts = [row["text"].encode() for row in labelled_rows()]
    for name, content in _all_files(walked.run.artifact).items():
        assert not any(place in content for place in places), name
        assert not any(text in content for text in texts), name


def test_two_runs_give_the_same_bytes(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would make every artifact a throw of dice. The second run labels anew, in a folder of another name."""
    run = _compress(walked, tmp_path / "elsewhere", signals=tmp_path / "signals")
    assert _all_files(run.artifact) == _all_files(walked.run.artifact)
    assert replace(
        run.record, seconds={}, verdict=walked.run.record.verdict, labelling=walked.run.record.labelling
    ) == (replace(walked.run.record, seconds={}))


def test_a_second_student_asks_the_teacher_nothing(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would pay for the teacher again with every shape that is tried."""
    events = Events()
    run = _compress(walked, tmp_path / "run", recipe=_recipe(student={"layers": 1}), progress=events)
    assert (run.record.labelling.n_asked, run.record.labelling.n_found) == (0, walked.run.record.labelling.n_texts)
    assert run.record.shapes["student"]["layers"] == 1
    assert not [bar for bar in events.bars if bar[0].startswith("teacher labels")]


# Where to break off, and after how many advances of that bar; sentences break off at once.
STAGES = [
    ("Reading texts", 0),
    ("teacher labels training texts", 0),
    ("teacher labels validation", 0),
    ("teacher labels held_out", 0),
    ("student", 0),
    ("student", 15),
    ("baseline", 20),
    ("Quantizing", 0),
    ("Verifying", 0),
    ("latency and throughput", 0),
]


def test_a_run_killed_in_every_stage_ends_in_the_same_bytes(
    walked: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would make a killed run another run. One run is broken off in each of its stages, one after another."""
    import importlib

    monkeypatch.setattr(importlib.import_module("limbeck.teacher.labelling"), "_PART_SECONDS", -1.0)
    for stage, after in STAGES:
        with pytest.raises(Interrupted):
            progress = Events(interrupt_in=stage, after=after)
            _compress(walked, tmp_path / "run", signals=tmp_path / "signals", progress=progress)
        assert not (tmp_path / "run" / "artifact").exists()
    run = _compress(walked, tmp_path / "run", signals=tmp_path / "signals")
    assert _all_files(run.artifact) == _all_files(walked.run.artifact)
    assert run.record.labelling.n_asked == 0


def test_a_disk_that_is_full_again_and_again_ends_in_the_same_bytes(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would lose the run, or ship half a file. With each attempt there is a little more room."""
    faults = []
    for n_bytes in (100, 1_000, 3_000, 10_000, 60_000, 105_000, 109_000):
        with no_file_beyond(n_bytes), pytest.raises(OutputError) as caught:
            _compress(walked, tmp_path / "run", signals=tmp_path / "signals")
        faults.append(caught.value)
        assert not (tmp_path / "run" / "artifact").exists()
    for fault in faults:
        assert fault.message.startswith("The disk is full: ")
        assert fault.hint == (
            "Free some space and run the same command again: finished stages are kept, it goes on from there."
        )
    run = _compress(walked, tmp_path / "run", signals=tmp_path / "signals")
    assert _all_files(run.artifact) == _all_files(walked.run.artifact)


def test_a_finished_run_is_judged_anew_without_training(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would train for hours because somebody changed a tolerance."""
    _compress(walked, tmp_path / "run")
    events = Events()
    strict = _recipe(verify={"tolerances": {"max_size_mb": 0.001}})
    run = _compress(walked, tmp_path / "run", recipe=strict, progress=events)
    assert not run.verdict.passed
    assert not [bar for bar in events.bars if bar[0] in ("student", "baseline")]
    assert not json.loads((run.artifact / "limbeck.json").read_text())["verdict"]["passed"]


def test_another_recipe_in_the_same_folder_is_refused(walked: SmallRun) -> None:
    """A failure would overwrite a finished run with another one."""
    before = _all_files(walked.run.folder)
    with pytest.raises(OutputError) as caught:
        _compress(walked, walked.run.folder, recipe=_recipe(student={"layers": 1}))
    assert str(caught.value) == (
        f"{walked.run.folder} holds another run; since then have changed: recipe.student.layers (null -> 1).\n"
        "Hint: Give another --out folder: a finished run is never overwritten."
    )
    assert _all_files(walked.run.folder) == before


def test_texts_without_labels_are_enough(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would keep out those who have a teacher and texts, and nobody to label them."""
    data = write_rows(tmp_path / "texts.jsonl", [{"text": row["text"]} for row in labelled_rows()])
    beside = {"layer_hidden": 0.3, "attention_maps": 0.3, "relations": 0.3, "similarities": 0.3}
    recipe = _recipe(distill={"weights": beside})
    run = compress(walked.teacher, data, out=tmp_path / "run", recipe=recipe, signals=walked.signals)
    assert [training.name for training in run.record.trainings] == ["student"]
    assert set(run.record.trainings[0].curve[0].losses) == {"soft_labels", "last_hidden", *beside, "total"}
    page = run.report.read_text(encoding="utf-8")
    for loss in ("hidden states between layers", "attention maps", "relations of queries", "similarities of texts"):
        assert f"Loss: {loss}" in page
    assert len(run.record.labelling.kept) == 4
    assert all(sentence.partition(":")[0] in page for sentence in run.record.labelling.kept)
    assert all(model.score is None for model in run.verdict.models)
    assert run.verdict.not_checked == ("min_retention was not checked: it needs labels.",)
    assert run.record.labelling.n_asked == 0


def test_a_tolerance_that_cannot_be_checked_is_refused_before_the_work(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would train for hours, and then say that nothing can be said."""
    data = write_rows(tmp_path / "texts.jsonl", [{"text": row["text"]} for row in labelled_rows()])
    recipe = _recipe(verify={"tolerances": {"min_score": 0.9}})
    with pytest.raises(RecipeError) as caught:
        compress(walked.teacher, data, out=tmp_path / "run", recipe=recipe, signals=tmp_path / "signals")
    assert caught.value.message == (
        "Tolerances were set that these texts cannot check: verify.tolerances.min_score needs labels."
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["texts.jsonl"]


def test_groups_that_divide_no_layer_are_refused_before_the_work(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would label and train for hours, and then refuse to round."""
    events = Events()
    with pytest.raises(SchemeError) as caught:
        _compress(walked, tmp_path / "run", recipe=_recipe(quantize={"scheme": "w4a8g64e4"}), progress=events)
    assert caught.value.message == (
        "group_size 64 does not divide the 32 inputs of 'bert.encoder.layer.0.attention.self.query'."
    )
    assert not events.bars
    assert not (tmp_path / "run").exists()


def test_pairs_of_texts_go_the_whole_way(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would lose the second text in one of the stages."""
    rows = [{"text_a": row["text"], "text_b": "good song", "label": row["label"]} for row in labelled_rows()]
    data = write_rows(tmp_path / "pairs.jsonl", rows)
    recipe = _recipe(data={"text": "text_a", "text_pair": "text_b"}, distill={"epochs": 1, "baseline": False})
    run = compress(walked.teacher, data, out=tmp_path / "run", recipe=recipe, signals=tmp_path / "signals")
    assert [training.name for training in run.record.trainings] == ["student"]
    assert run.record.labelling.n_asked == run.record.labelling.n_texts
    model = limbeck.load(run.artifact)
    pair, single = model(["bad"], ["good song"])[0], model(["bad"])[0]
    assert pair.probability != single.probability


def test_how_the_teacher_was_taught_is_told(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would leave the first stage of the demo out of its report."""
    teaching = replace(walked.run.record.trainings[1], name="teacher")
    run = _compress(walked, tmp_path / "run", recipe=_recipe(distill={"baseline": False}), teaching=teaching)
    assert [training.name for training in run.record.trainings] == ["teacher", "student"]
