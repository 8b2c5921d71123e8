"""A plan is what comes of the run: sizes byte for byte, refusals word for word; and nothing is left behind."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoConfig

import limbeck
from limbeck.artifact.sealed import open_artifact
from limbeck.errors import LimbeckError
from limbeck.pipeline import compress
from limbeck.planning import plan
from limbeck.recipe.knobs import Recipe
from limbeck.records.plan import ByteBounds, Plan, in_bytes
from limbeck.records.verdict import ARTIFACT, STUDENT
from limbeck.walk import estimating
from limbeck.walk.stopwatch import N_ROUNDS, Rounds, Stopwatch, padded, spread
from limbeck.walk.weighing import usual_layers
from other_teachers import Words, chances, data, encoder
from small_run import RECIPE, SETTINGS, SmallRun, labelled_rows, write_rows
from tiny import FAMILIES, write_teacher

_QUICK = {"epochs": 1, "evaluations": 1, "baseline": False, "augment": 0}


def _recipe(**tables: Any) -> Recipe:
    return Recipe.from_dict(SETTINGS | {"distill": SETTINGS["distill"] | _QUICK} | tables)


@pytest.fixture(autouse=True, scope="module")
def _short_rounds() -> Iterator[None]:
    """Rounds of the fewest batches: here it counts that times are taken, not what they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimating, "_ROUND_SECONDS", 0.01)
        yield


@pytest.fixture(scope="module")
def planned(walked: SmallRun) -> Plan:
    """The plan of the run that all tests share, made after it."""
    return plan(walked.teacher, walked.data, recipe=RECIPE, signals=walked.signals)


def test_the_plan_is_the_run(planned: Plan, walked: SmallRun) -> None:
    """A failure would promise another student, another training or other answers than those of the run."""
    record, own = walked.run.record, planned.student
    assert own.parameters == record.shapes["student"]["parameters"]
    assert planned.shapes[0].parameters == record.shapes["teacher"]["parameters"]
    sizes = {model.name: model.size_bytes for model in walked.run.verdict.models}
    assert own.float_bytes == sizes[f"{STUDENT} (float32)"]
    assert own.scheme_bytes is not None
    assert own.scheme_bytes.least <= (sizes[f"{ARTIFACT} (int8)"] or 0) <= own.scheme_bytes.most
    assert [one.steps for one in planned.trainings.values()] == [one.steps for one in record.trainings]
    assert [one.epochs for one in planned.trainings.values()] == [one.epochs for one in record.trainings]
    assert planned.parts["training texts"].n_texts == record.trainings[0].n_texts
    assert planned.parts["held_out"].n_texts == record.data["held_out"]
    assert planned.parts["training texts"].n_made_up == record.trainings[0].n_texts - int(record.data["train"])
    assert all(part.n_answered == part.n_texts for part in planned.parts.values())
    assert planned.times["labelling"].seconds == planned.disk["signals"] == 0
    assert planned.notes[: len(record.labelling.kept)] == record.labelling.kept
    assert planned.recipe == record.recipe
    assert Plan.from_json(json.loads(json.dumps(planned.to_json()))) == planned


def test_shapes_go_from_the_teacher_to_one_layer(planned: Plan) -> None:
    """A failure would leave out the shape that somebody looks for, or mark another than the recipe's."""
    assert [(shape.name, shape.layers, shape.is_recipes) for shape in planned.shapes] == [
        ("teacher", 4, False),
        ("student", 4, False),
        ("student", 3, False),
        ("student", 2, True),
        ("student", 1, False),
    ]
    teacher, whole, *_ = planned.shapes
    assert replace(whole, name="teacher") == teacher
    work = [shape.multiply_adds_per_thousand or 0 for shape in planned.shapes[1:]]
    assert work == sorted(work, reverse=True)
    # A BERT layer of 32 channels and 64 neurons: 4 x 32 x 32 + 2 x 32 x 64 weights, and 2 S^2 x 32.
    size = planned.lengths.median
    by_hand = size * (4 * 32 * 32 + 2 * 32 * 64) + 2 * size**2 * 32
    assert (planned.shapes[1].multiply_adds or 0) - (planned.shapes[2].multiply_adds or 0) == by_hand


@pytest.mark.parametrize(
    ("student", "quantize"),
    [
        ({"layers": 3}, {"scheme": "w8a8e8"}),
        ({"layers": 2, "heads": 2, "intermediate_size": 20}, {"scheme": "w4a8e4"}),
        ({"layers": 2, "vocabulary": "trimmed", "vocabulary_share": 0.1}, {"scheme": "w4a32g16e4"}),
        ({"layers": 1, "embedding_size": 16}, {"scheme": "w8a8e8"}),
        ({"config": "scratch"}, {"scheme": "w8a8e8-static"}),
    ],
)
def test_bytes_are_those_of_the_artifact(
    student: dict[str, Any], quantize: dict[str, Any], walked: SmallRun, tmp_path: Path
) -> None:
    """A failure would choose a student for a size that its artifact does not have."""
    if "config" in student:
        student = {"config": str(tmp_path / "config.json")}
        config = AutoConfig.for_model("distilbert", **FAMILIES["distilbert"] | {"n_layers": 2, "dim": 24})
        config.to_json_file(student["config"])
    settings = quantize | {"divide_outliers": False, "max_lost": 1.0}
    recipe = _recipe(student=student, quantize=settings, verify=SETTINGS["verify"] | {"tolerances": {}})
    found = plan(walked.teacher, walked.data, recipe=recipe, signals=walked.signals, layers=None).student
    run = compress(walked.teacher, walked.data, out=tmp_path / "run", recipe=recipe, signals=walked.signals)
    artifact = open_artifact(run.artifact)
    assert found.scheme_bytes is not None
    assert found.parameters == artifact.manifest.n_parameters
    assert found.vocabulary == artifact.manifest.shape["vocabulary"]
    assert found.float_bytes == artifact.bytes_with(artifact.manifest.float_model_file)
    assert found.scheme_bytes.least <= artifact.running_bytes <= found.scheme_bytes.most
    if "static" not in quantize["scheme"]:  # ranges, which only calibration tells, weigh something too
        assert found.scheme_bytes.is_exact


def test_nothing_is_left_behind(walked: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would fill the user's cache, or change answers that were paid for."""
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = {path: path.stat() for path in sorted(walked.signals.rglob("*"))}
    plan(walked.teacher, walked.data, recipe=_recipe(seed=5), signals=walked.signals, layers=[1])
    found = plan(walked.teacher, walked.data, recipe=_recipe(), layers=[1])
    assert {path: path.stat() for path in sorted(walked.signals.rglob("*"))} == before
    assert not list((tmp_path / "temporary").iterdir())
    assert not (tmp_path / "home").exists()
    assert all(part.n_answered == 0 for part in found.parts.values())
    assert found.times["labelling"].seconds > 0
    each = 4 * 2 + 2 * 32 + 36  # two logits, 32 half-precision states, a name
    assert found.disk["signals"] == each * sum(part.n_texts for part in found.parts.values())


@pytest.mark.parametrize(
    "tables",
    [
        {"student": {"layers": 9}},
        {"student": {"take_layers": [0, 7]}},
        {"student": {"heads": 3, "hidden_size": 10}},
        {"student": {"config": "nowhere.json"}},
        {"quantize": {"scheme": "w4a16g24e4"}},
        {"quantize": {"target_size_mb": 0.001}},
        {"distill": {"weights": {"relations": 1.0}, "relation_layer": 4}},
        {"data": {"label": "nobody"}},
        {"data": {"extra_texts": "nowhere.jsonl"}},
        {"task": "regression"},
    ],
    ids=str,
)
def test_what_compress_refuses_is_refused(tables: dict[str, Any], walked: SmallRun, tmp_path: Path) -> None:
    """A failure would plan a run that cannot be, and let its user find out later."""
    told = []
    for job in (plan, lambda *given, **more: compress(*given, out=tmp_path / "run", **more)):
        with pytest.raises(LimbeckError) as refused:
            job(walked.teacher, walked.data, recipe=_recipe(**tables), signals=tmp_path / "signals")
        told.append((type(refused.value), refused.value.message, refused.value.hint))
    assert told[0] == told[1]


def test_layers_that_are_asked_for_stand_beside_the_recipes(walked: SmallRun) -> None:
    """A failure would hide the student that the times are of, or the one that was asked for."""
    recipe = _recipe(student={"take_layers": [0, 3]})
    with pytest.raises(LimbeckError, match="names one student; a list of layers asks for others"):
        plan(walked.teacher, walked.data, recipe=recipe, layers=[1])
    with pytest.raises(LimbeckError, match="Students of 5 layers were asked for, but the teacher has 4"):
        plan(walked.teacher, walked.data, recipe=_recipe(), signals=walked.signals, layers=[5])


@pytest.mark.parametrize("task", ["multi-label", "regression"])
def test_other_tasks_are_planned(task: str, tmp_path: Path) -> None:
    """A failure would leave whoever has another task without a plan."""
    labels = ("score",) if task == "regression" else ("music", "rain")
    problem = {"regression": "regression", "multi-label": "multi_label_classification"}[task]
    teacher = write_teacher(tmp_path / "teacher", labels=labels, problem_type=problem)
    rows = [
        {"text": row["text"], "score": float(len(row["text"]))}
        if task == "regression"
        else {"text": row["text"], "labels": [label for label in labels if label in row["text"]]}
        for row in labelled_rows()
    ]
    texts = write_rows(tmp_path / "texts.jsonl", rows)
    found = plan(teacher, texts, recipe=_recipe(), signals=tmp_path / "signals", layers=[2])
    assert found.task == task
    assert set(found.times) == {"labelling", "distillation", "verification"}
    assert all(one.low <= one.seconds <= one.high for one in found.times.values())


def test_vectors_are_planned(tmp_path: Path) -> None:
    """A failure would count an embedding model's last layer for one token, or find no baseline to time."""
    pytest.importorskip("sentence_transformers")
    from tiny_embedder import write_embedder

    rows = write_rows(tmp_path / "texts.jsonl", [{"text": row["text"]} for row in labelled_rows()])
    recipe = _recipe(distill=SETTINGS["distill"] | _QUICK | {"baseline": True})
    found = plan(write_embedder(tmp_path), rows, recipe=recipe, signals=tmp_path / "signals", layers=[2])
    assert found.task == "embeddings"
    assert "no-teacher baseline" in found.times
    size = found.lengths.median
    assert found.student.multiply_adds == 2 * (size * (4 * 32 * 32 + 2 * 32 * 64) + 2 * size**2 * 32)


def test_a_teacher_of_unknown_size_is_told_as_that(tmp_path: Path) -> None:
    """A failure would make up a size, or call a function for nothing more often than timing needs."""
    recipe = _recipe(student={"encoder": str(encoder(tmp_path))})
    asked = Words()
    found = plan(asked, data(tmp_path), recipe=recipe, signals=tmp_path / "signals", layers=[1])
    teacher, start, *students = found.shapes
    assert (teacher.name, teacher.parameters, teacher.float_bytes, teacher.multiply_adds) == ("teacher", *[None] * 3)
    assert (start.name, start.layers, found.reference) == ("encoder", 4, start)
    assert [shape.layers for shape in students] == [2, 1]
    assert asked.asked
    assert "of the encoder's multiply-adds" in found.sentence


def test_a_static_student_is_told_as_one(walked: SmallRun) -> None:
    """A failure would speak of a student of no layers."""
    found = plan(walked.teacher, walked.data, recipe=_recipe(student={"kind": "static"}), signals=walked.signals)
    assert found.sentence.startswith("A static student: ")
    assert [shape.layers for shape in found.shapes] == [4, 0]


def test_saved_answers_that_lack_a_judged_text_are_refused(tmp_path: Path) -> None:
    """A failure would plan a run that its labelling refuses."""
    texts = data(tmp_path)
    rows = [
        {"text": row["text"], "probabilities": dict(zip(("negative", "positive"), chances(row["text"]), strict=True))}
        for row in labelled_rows()
    ]
    recipe = _recipe(student={"encoder": str(encoder(tmp_path))})
    answers = write_rows(tmp_path / "answers.jsonl", rows)
    found = plan(answers, texts, recipe=recipe, signals=tmp_path / "signals", layers=[1])
    assert found.parts["training texts"].n_made_up == 0
    assert found.times["labelling"].seconds < 60
    few = write_rows(tmp_path / "few.jsonl", rows[:20])
    told = []
    for job in (plan, lambda *given, **more: compress(*given, out=tmp_path / "run", **more)):
        with pytest.raises(LimbeckError, match="has no answer to") as refused:
            job(few, texts, recipe=recipe, signals=tmp_path / "signals")
        told.append(refused.value.message)
    assert told[0] == told[1]


def test_the_face_and_the_usual_layers() -> None:
    """By hand: all of a shallow teacher's, shares of a deep one's."""
    assert limbeck.plan is plan
    assert usual_layers(6) == (6, 5, 4, 3, 2, 1)
    assert usual_layers(12) == (12, 9, 6, 4, 3, 2, 1)
    assert usual_layers(24) == (24, 18, 12, 8, 6, 4, 1)
    assert usual_layers(7) == (7, 6, 4, 3, 2, 1)


def test_rounds_are_of_all_lengths_and_padding_counts() -> None:
    """By hand; a failure would time short texts and promise long ones."""
    lengths = [9, 1, 5, 3, 7, 2]
    assert [lengths[position] for position in spread(lengths, 2)] == [1, 5]
    assert [lengths[position] for position in spread(lengths, 2, shift=N_ROUNDS - 1)] == [3, 9]
    assert sorted(spread(lengths, 99)) == list(range(6))
    assert padded(lengths, [np.array([0, 1]), np.array([3])]) == 2 * 9 + 3
    estimate = (Rounds((1.0, 3.0, 2.0)) + Rounds((1.0, 1.0, 4.0))).estimate()
    assert (estimate.seconds, estimate.low, estimate.high) == (4.0, 2.0, 6.0)
    watch = Stopwatch()
    with watch.bar("work", total=2, unit="steps") as bar:
        bar.advance()
        bar.advance()
    assert len(watch.laps) == 2
    assert in_bytes(ByteBounds(18_200_000, 18_300_000)) == "18.2–18.3 MB"
    assert in_bytes(ByteBounds(990_000, 1_010_000)) == "990 kB–1.01 MB"
    assert in_bytes(ByteBounds(990_000, 990_001)) == "990 kB"
