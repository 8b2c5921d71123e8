"""Comparing models: by one code whoever made them, labels matched by name, every two tested, no torch."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

import limbeck
from limbeck.comparison import Comparison, compare
from limbeck.errors import ArtifactError, DataError, LabelError, LimbeckError, OutputError, RecipeError
from limbeck.ground import fingerprint
from limbeck.records.comparison import ComparisonRecord, comparison_schema
from limbeck.tasks import output_names
from limbeck.teacher.answering import key_of_answers
from limbeck.teacher.signals import Signals, SignalStore
from limbeck.walk.contenders import names_of
from small_artifact import LABELS, tables_of, write_artifact, write_graph
from small_run import write_rows
from small_texts import QUICK, QUICK_FLAGS, ROWS, SAID, TEACHER, TEACHER_TOLD, TEXTS, WANTED, WITHOUT_TORCH


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two artifacts of one teacher; none of the tests may change their files."""
    root = tmp_path_factory.mktemp("two")
    return tuple(
        write_artifact(root / name / "artifact", seed=seed, verdict=TEACHER_TOLD) for seed, name in enumerate("ab")
    )  # type: ignore[return-value]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Labelled texts."""
    return write_rows(tmp_path / "texts.jsonl", ROWS)


def _compare(*models: Path, data: Path, **changes: Any) -> Comparison:
    (data.parent / "signals").mkdir(exist_ok=True)
    given = {"signals": data.parent / "signals", "changes": QUICK} | changes
    return compare(models, data, **given)


def _peer(folder: Path, artifact: Path, *, order: tuple[int, ...] = (2, 0, 1), seed: int = 0) -> Path:
    """Somebody else's export of the same weights: its labels in another order, nothing of limbeck in its folder."""
    n_tokens = len(json.loads((artifact / "tokenizer.json").read_text())["model"]["vocab"])
    tables = tables_of(n_tokens, len(LABELS), seed)
    write_graph(folder / "model.onnx", tables | {"head": tables["head"][:, list(order)]})
    shutil.copy(artifact / "tokenizer.json", folder)
    names = {str(place): LABELS[index] for place, index in enumerate(order)}
    config = {"model_type": "bert", "max_position_embeddings": 512, "id2label": names}
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["BertForSequenceClassification"]}))
    return folder


def test_figures_are_those_of_the_models_own_answers(two: tuple[Path, Path], data: Path) -> None:
    """A failure would compare something else than what answers. By twin: the runtime's answers, and scipy's test."""
    record = _compare(*two, data=data).record
    hits = [limbeck.load(path, threads=1).logits(TEXTS).values.argmax(axis=1) == WANTED for path in two]
    for model, right, path in zip(record.models, hits, two, strict=True):
        assert model.scores.score is not None
        assert model.scores.score.value == right.mean()
        assert (model.scores.agreement, model.scores.retention) == (None, None)
        assert model.scores.size_bytes == limbeck.load(path).size_bytes
        assert model.kind == "artifact (int8)"
    assert [model.name for model in record.models] == ["a", "b"]
    (pair,) = record.pairs
    assert pair.score is not None
    counts = int((hits[0] & ~hits[1]).sum()), int((hits[1] & ~hits[0]).sum())
    assert (pair.score.only_first, pair.score.only_second) == counts
    assert min(counts) > 0
    assert pair.score.p_value == pytest.approx(binomtest(counts[0], sum(counts)).pvalue)
    assert pair.score.corrected_p_value == pair.score.p_value  # there is one pair
    assert pair.score.difference.value == pytest.approx(float(hits[0].mean() - hits[1].mean()))
    assert pair.agreement is None
    assert record.notes[0] == (
        "Agreement was not measured, as the teacher's answers to these texts are not on this disk; --teacher asks it."
    )


def test_a_teachers_answers_on_disk_are_found(two: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    """A failure would measure no agreement where the answers lie beside the texts."""
    store = SignalStore(tmp_path / "signals", key_of_answers(TEACHER, n_classes=3))
    store.append([fingerprint.of_text(text) for text in TEXTS], Signals(SAID))
    record = _compare(*two, data=data).record
    assert record.teacher == {"fingerprint": TEACHER}
    assert record.teacher_scores is not None
    assert record.teacher_scores.size_bytes == 91_000_000
    assert record.teacher_scores.score is not None
    assert record.teacher_scores.score.value == (SAID.argmax(axis=1) == WANTED).mean()
    for model, path in zip(record.models, two, strict=True):
        alike = limbeck.load(path).logits(TEXTS).values.argmax(axis=1) == SAID.argmax(axis=1)
        assert model.scores.agreement is not None
        assert model.scores.agreement.value == alike.mean()
        assert model.fidelity == model.scores.retention
    assert not any("Agreement" in note for note in record.notes)


def test_a_peers_graph_is_judged_by_the_same_code(two: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    """A failure would judge a peer's labels in the wrong order, and sell limbeck's model by that.

    By law: the same weights in another order of labels give the same answers, so that no text parts the two.
    """
    peer = _peer(tmp_path / "peer", two[0])
    for source in (peer, peer / "model.onnx"):
        for models in ((two[0], source, two[1]), (source, two[0], two[1])):
            record = _compare(*models, data=data).record
            same = next(pair for pair in record.pairs if {pair.first, pair.second} == {"a", "peer"})
            assert same.score is not None
            assert (same.score.only_first, same.score.only_second, same.score.p_value) == (0, 0, 1.0)
            scores = {model.name: model.scores.score for model in record.models}
            assert scores["peer"] == scores["a"] != scores["b"]
            assert {model.name: model.kind for model in record.models}["peer"] == "ONNX Runtime"


def test_labels_that_one_artifact_was_made_with_are_not_anothers(
    two: tuple[Path, Path], data: Path, tmp_path: Path
) -> None:
    """A failure would name a peer's logits in the order of some teacher's. `--teacher.labels` of the user wins."""
    made_with = write_artifact(tmp_path / "made", recipe={"teacher": {"labels": list(LABELS)}})
    peer = _peer(tmp_path / "peer", two[0])
    record = _compare(made_with, peer, data=data).record
    assert record.models[0].scores.score == record.models[1].scores.score
    given = QUICK | {"teacher.labels": list(LABELS)}
    record = _compare(made_with, peer, data=data, changes=given).record
    assert record.models[0].scores.score != record.models[1].scores.score


def test_a_hugging_face_model_is_asked_too(two: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    """A failure would leave out the model that somebody runs today. By twin: its own answers, asked by hand."""
    from limbeck.recipe.knobs import TeacherTable
    from limbeck.teacher import load_teacher
    from tiny import write_teacher

    folder = write_teacher(tmp_path / "today", labels=(LABELS[1], LABELS[0], LABELS[2]))
    record = _compare(two[0], folder, data=data).record
    said = load_teacher(folder, settings=TeacherTable(), max_tokens=128, work=tmp_path).logits(TEXTS)
    model = record.models[1]
    assert model.kind == "PyTorch float32"
    assert model.scores.score is not None
    assert model.scores.score.value == (np.array([1, 0, 2])[said.argmax(axis=1)] == WANTED).mean()


def test_p_values_are_corrected_over_all_pairs(two: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    """A failure would find a difference by looking often enough. By law: three pairs, the least counts three times."""
    record = _compare(*two, _peer(tmp_path / "peer", two[0], seed=2), data=data).record
    tests = sorted((pair.score for pair in record.pairs if pair.score), key=lambda one: one.p_value or 0)
    assert len(tests) == 3
    assert tests[0].corrected_p_value == pytest.approx(min(1.0, 3 * (tests[0].p_value or 0)))
    assert all((one.corrected_p_value or 0) >= (one.p_value or 0) for one in tests)


def test_a_task_without_right_and_wrong_is_compared_by_intervals(tmp_path: Path) -> None:
    """A failure would count texts as won where answers are numbers."""
    names = output_names("regression")
    models = [
        write_artifact(tmp_path / name, seed=seed, task="regression", labels=names) for seed, name in enumerate("ab")
    ]
    rows = [{"text": text, "label": index / 7} for index, text in enumerate(TEXTS)]
    record = _compare(*models, data=write_rows(tmp_path / "texts.jsonl", rows)).record
    (pair,) = record.pairs
    assert pair.score is not None
    assert pair.score.name == "rank correlation"
    assert pair.score.p_value is None
    interval = pair.score.difference.interval
    assert pair.score.told_apart == (not interval.low <= 0 <= interval.high)


def test_artifacts_of_two_teachers_are_compared_by_labels(two: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    """A failure would hold one model to another's teacher."""
    other = write_artifact(tmp_path / "other", seed=1, verdict=TEACHER_TOLD, fingerprints={"teacher": "1" * 32})
    record = _compare(two[0], other, data=data).record
    assert record.teacher_scores is None
    assert record.notes[0].startswith("The artifacts come from 2 teachers, so agreement was not measured")


def test_twice_gives_the_same_figures(two: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    """A failure would let a figure of yesterday's comparison differ from today's. Only times may."""
    told = [_compare(*two, data=data, out=tmp_path / name).record.to_json() for name in "xy"]
    assert ComparisonRecord.from_json(told[0]).to_json() == told[0]
    assert json.loads((tmp_path / "x" / "compare.json").read_text()) == told[0]
    assert set(comparison_schema()["required"]) == set(told[0])
    for record in told:
        for model in record["models"]:
            del model["timing"], model["on_front"]
        del record["sentence"], record["choice"], record["notes"]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        (
            {"labels": ("alarm", "music", "news")},
            LabelError,
            r"a answers with alarm, music, weather; other with alarm, ",
        ),
        ({"task": "multi-label"}, RecipeError, r"^other was made for the task 'multi-label', a for 'classification'\."),
    ],
)
def test_models_that_answer_another_question_are_refused(
    *, change: dict[str, Any], kind: type[LimbeckError], told: str, two: tuple[Path, Path], data: Path, tmp_path: Path
) -> None:
    """A failure would set figures side by side that mean different things."""
    other = write_artifact(tmp_path / "other", **change)
    with pytest.raises(kind, match=told):
        _compare(two[0], other, data=data)


def test_what_cannot_be_compared_is_told(two: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    """A failure would end in a stack trace, or write a report over something else."""
    with pytest.raises(RecipeError, match=r"^There is 1 model to compare\."):
        _compare(two[0], data=data)
    with pytest.raises(RecipeError, match=r"was given twice\."):
        _compare(two[0], two[1], two[0], data=data)
    with pytest.raises(ArtifactError, match=r"absent is nothing, and no model that can be compared\."):
        _compare(two[0], tmp_path / "absent", data=data)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"is not an artifact .* but the folder of a run"):
        _compare(two[0], tmp_path / "run", data=data)
    with pytest.raises(OutputError, match=r"is an artifact, in which nothing else may lie\."):
        _compare(*two, data=data, out=two[0])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "compare.html").write_text("<p>somebody's</p>")
    with pytest.raises(OutputError, match=r"compare\.html is there already, and is no page of limbeck\."):
        _compare(*two, data=data, out=tmp_path / "mine")
    with pytest.raises(OutputError, match=r"is a file, not a folder\."):
        _compare(*two, data=data, out=data)
    with pytest.raises(RecipeError):
        _compare(two[0], data=data, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    bare = write_rows(tmp_path / "bare.jsonl", [{"text": row["text"]} for row in ROWS])
    with pytest.raises(DataError, match=r"texts have no labels, and no teacher's answers to them are known"):
        _compare(*two, data=bare)
    assert sorted(path.name for path in two[0].iterdir()) == sorted(path.name for path in two[1].iterdir())


def test_names_are_as_short_as_they_can_be() -> None:
    """A failure would head two columns with the same word."""
    runs = [Path("/runs/x/seed-0/artifact"), Path("/runs/y/seed-0/artifact"), Path("/peers/int8/onnx/model.onnx")]
    assert names_of(runs) == ("x/seed-0", "y/seed-0", "peers/int8")
    assert names_of([Path("/m/one.onnx"), Path("/m/two.onnx")]) == ("one.onnx", "two.onnx")
    assert names_of([Path("/m"), Path("/m/artifact")]) == ("m (1)", "m (2)")


def test_it_runs_without_torch(two: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    """A failure would ask a customer for two gigabytes of PyTorch to look at two small files."""
    peer = _peer(tmp_path / "peer", two[0])
    words = ["compare", *map(str, (*two, peer)), "--data", str(data), "--out", str(tmp_path / "c"), *QUICK_FLAGS]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words],
        capture_output=True, text=True, check=False, env={**os.environ, "LIMBECK_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == f"Report: {tmp_path / 'c' / 'compare.html'}"
    record = ComparisonRecord.from_json(json.loads((tmp_path / "c" / "compare.json").read_text()))
    assert record.sentence in " ".join(done.stderr.split())
    assert "<!DOCTYPE html>" in (tmp_path / "c" / "compare.html").read_text()
