"""Judging an artifact elsewhere: by labels, by signals on the disk, by the teacher itself, and never by guesswork."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limbeck
from limbeck import evaluate
from limbeck.artifact.manifest import read_manifest
from limbeck.artifact.sealed import seal
from limbeck.data import read_table, to_examples
from limbeck.errors import ArtifactError, LabelError, RecipeError, SignalsError
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.records.run import from_json, to_json
from limbeck.records.verdict import Verdict
from limbeck.runtime.openvino_engine import OpenVinoEngine
from limbeck.teacher import label, load_teacher, signals_key
from limbeck.teacher.signals import SignalStore
from limbeck.verification import verify
from small_run import SETTINGS, SmallRun, labelled_rows, write_rows
from tiny import write_teacher
from watching import Events

NEW = labelled_rows(60, seed=5)


def _recipe(**tolerances: float | None) -> Recipe:
    return Recipe.from_dict({**SETTINGS, "verify": SETTINGS["verify"] | {"tolerances": tolerances}})


def _verify(walked: SmallRun, data: Path, **changes: Any) -> Verdict:
    return verify(walked.run.artifact, data, **({"signals": walked.signals} | changes))


def _scores(verdict: Verdict, name: str) -> tuple[float | None, float | None]:
    found = next(model for model in verdict.models if model.name.startswith(name))
    return tuple(None if score is None else score.value for score in (found.score, found.agreement))  # type: ignore[return-value]


def test_new_texts_with_labels_are_judged_by_them(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would leave a customer without torch and teacher no way to check what he was sent.

    By twin: the share of the runtime's own answers that are as labelled.
    """
    data = write_rows(tmp_path / "new.jsonl", NEW)
    verdict = _verify(walked, data)
    answers = limbeck.load(walked.run.artifact)([row["text"] for row in NEW])
    share = float(np.mean([answer.label == row["label"] for answer, row in zip(answers, NEW, strict=True)]))
    assert _scores(verdict, "artifact") == (share, None)
    assert [model.name for model in verdict.models] == ["artifact (int8)"]
    assert verdict.n_held_out == 60
    assert verdict.not_checked == (
        "min_retention was not checked: it needs the teacher's answers.",
        "min_agreement was not checked: it needs the teacher's answers.",
    )
    assert [timing.name for timing in verdict.timings] == ["artifact (int8)"]


def test_signals_on_the_disk_stand_for_the_teacher(walked: SmallRun) -> None:
    """A failure would judge by labels alone where the teacher's answers lie on the same disk."""
    verdict = _verify(walked, walked.data)
    assert verdict.passed
    teacher = next(model for model in verdict.models if model.name == "teacher")
    wanted = next(model for model in walked.run.verdict.models if model.name == "teacher")
    assert (teacher.size_bytes, teacher.n_parameters) == (wanted.size_bytes, wanted.n_parameters)
    assert [check.tolerance for check in verdict.checks] == [
        "min_retention",
        "min_agreement",
        "max_pair_of_weights",
        "max_weight_difference",
    ]
    assert verdict.n_held_out == 160  # a single file is judged by whole


def test_what_it_was_made_to_keep_is_what_it_is_held_to(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would refuse elsewhere, by the task's defaults, what had passed by its maker's own tolerances."""
    artifact = shutil.copytree(walked.run.artifact, tmp_path / "artifact")
    manifest = read_manifest(artifact)
    verdicts = manifest.recipe["verify"] | {"tolerances": {"min_retention": 0.11, "min_agreement": 0.12}}
    seal(artifact, replace(manifest, recipe={**manifest.recipe, "verify": verdicts}))
    for changes, agreement in (({}, 0.12), ({"verify.tolerances.min_agreement": 0.2}, 0.2)):
        verdict = verify(artifact, walked.data, signals=walked.signals, changes=changes)
        bounds = {check.tolerance: check.bound for check in verdict.checks}
        assert (bounds["min_retention"], bounds["min_agreement"]) == (0.11, agreement)


def test_another_engine_is_judged_when_it_is_asked(
    walked: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would vouch for answers, or tell the speed, of an engine that computed nothing.

    What OpenVINO says is turned round, so that only answers of its own can be wrong that often.
    """
    compute = OpenVinoEngine.compute
    monkeypatch.setattr(OpenVinoEngine, "compute", lambda own, feeds: -compute(own, feeds))
    data = write_rows(tmp_path / "new.jsonl", NEW)
    usual, other = _verify(walked, data), _verify(walked, data, engine="openvino")
    assert (usual.engine, other.engine) == ("onnxruntime", "openvino")
    (right, _), (wrong, _) = (_scores(verdict, "artifact") for verdict in (usual, other))
    assert right is not None
    assert wrong == pytest.approx(1 - right)
    assert from_json(Verdict, to_json(other)).engine == "openvino"


def test_the_held_out_part_of_a_folder_is_judged(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would judge an artifact by the texts that it was trained on."""
    rows = labelled_rows(90, seed=5)
    for name, part in (("train", rows[:50]), ("validation", rows[50:70]), ("test", rows[70:])):
        write_rows(tmp_path / f"{name}.jsonl", part)
    assert _verify(walked, tmp_path).n_held_out == 20


def test_a_teacher_that_is_given_is_asked(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would say that the artifact agrees with a teacher that nobody asked. By twin: both asked by hand."""
    data = write_rows(tmp_path / "new.jsonl", [{"text": row["text"]} for row in NEW])
    events = Events()
    verdict = _verify(walked, data, teacher_source=walked.teacher, signals=tmp_path / "none", progress=events)
    texts = [row["text"] for row in NEW]
    teacher = load_teacher(walked.teacher, settings=TeacherTable(), max_tokens=32, work=tmp_path)
    asked = teacher.logits(texts).argmax(axis=1)
    answered = limbeck.load(walked.run.artifact).logits(texts).values.argmax(axis=1)
    assert _scores(verdict, "artifact") == (None, float((asked == answered).mean()))
    assert [timing.name for timing in verdict.timings] == ["artifact (int8)", "teacher (PyTorch float32)"]
    assert "Asking the teacher about 60 texts" in events.sentences
    assert not (tmp_path / "none").exists()


def test_a_teacher_has_its_files_until_it_was_timed(
    walked: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would leave out the fresh start of a teacher of 2019, whose tokenizer is converted first."""
    teacher = shutil.copytree(walked.teacher, tmp_path / "teacher")
    tokens = json.loads((teacher / "tokenizer.json").read_text())["model"]["vocab"]
    (teacher / "vocab.txt").write_text("\n".join(sorted(tokens, key=tokens.__getitem__)) + "\n")
    (teacher / "tokenizer.json").unlink()
    (teacher / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    there: list[bool] = []

    def measured(_artifacts: object, master: Any, *_rest: object, **_given: object) -> tuple[()]:
        there.append((master.tokenizer_folder / "tokenizer.json").exists())
        return ()

    monkeypatch.setattr(evaluate, "measure_speed", measured)
    _verify(walked, write_rows(tmp_path / "new.jsonl", NEW), teacher_source=str(teacher))
    assert there == [True]


def test_what_the_user_does_not_accept_is_refused(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would let a model that is too large, or wrong too often, through the gate."""
    wrong = [row | {"label": "positive"} for row in NEW[:-1]] + [NEW[-1] | {"label": "negative"}]
    verdict = _verify(walked, write_rows(tmp_path / "new.jsonl", wrong), recipe=_recipe(min_score=0.9))
    assert not verdict.passed
    checks = [(check.tolerance, check.passed) for check in verdict.checks]
    assert checks == [("min_score", False), ("max_pair_of_weights", True), ("max_weight_difference", True)]
    assert "accuracy" in verdict.sentence


def test_a_tolerance_that_these_texts_cannot_check_is_refused(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would say yes without having looked."""
    data = write_rows(tmp_path / "new.jsonl", [{"text": row["text"]} for row in NEW])
    with pytest.raises(RecipeError) as caught:
        _verify(walked, data, recipe=_recipe(min_score=0.5, min_agreement=0.5))
    assert str(caught.value) == (
        "Tolerances were set that these texts cannot check: verify.tolerances.min_agreement needs the teacher's "
        "answers; verify.tolerances.min_score needs labels.\n"
        "Hint: Bring what is missing, or leave the tolerance out: a gate that cannot see must not say yes."
    )


def test_another_teacher_is_refused(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would compare answers to two different questions."""
    other = write_teacher(tmp_path / "other", labels=("bad", "good", "so so"))
    data = write_rows(tmp_path / "new.jsonl", NEW)
    with pytest.raises(LabelError) as caught:
        _verify(walked, data, teacher_source=other)
    assert str(caught.value) == (
        "The teacher's labels are bad, good, so so; the artifact's are negative, positive.\n"
        "Hint: Give the teacher that this artifact was made from."
    )


def _answers_of_another(data: Path, place: Path) -> Path:
    """The signals of a teacher that is not the artifact's."""
    other = load_teacher(write_teacher(place / "other"), settings=TeacherTable(), max_tokens=32, work=place)
    store = SignalStore(place / "signals", signals_key(other, precision="float32"))
    label(other, to_examples(read_table(data), other.label_names).parts["all"], store, settings=TeacherTable())
    return place / "signals"


def test_signals_of_another_teacher_do_not_count(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would judge by the answers of a model that the artifact never learned from."""
    data = write_rows(tmp_path / "new.jsonl", NEW)
    verdict = _verify(walked, data, signals=_answers_of_another(data, tmp_path))
    assert [model.name for model in verdict.models] == ["artifact (int8)"]


def test_signals_that_are_none_are_refused(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would judge by less than was asked, and turn a no into a yes by a slip in a path."""
    (tmp_path / "file").touch()
    for place in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(SignalsError, match="is no folder of a teacher's answers"):
            _verify(walked, walked.data, signals=place)
    (one,) = {part.parent for part in walked.signals.rglob("part-*.arrow")}
    assert any(model.name == "teacher" for model in _verify(walked, walked.data, signals=one).models)
    new = write_rows(tmp_path / "new.jsonl", NEW)
    verdict = verify(walked.run.artifact.parent, signals=_answers_of_another(new, tmp_path))
    assert any(model.name == "teacher" for model in verdict.models)


def test_columns_are_found_anew(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would look in new data for the columns of the data that the artifact was made from."""
    rows = [{"sentence": row["text"], "sentiment": row["label"]} for row in NEW]
    recipe = Recipe.from_dict(SETTINGS | {"data": {"text": "sentence", "label": "sentiment"}})
    assert _scores(_verify(walked, write_rows(tmp_path / "new.jsonl", rows), recipe=recipe), "artifact")[0] is not None


def test_a_folder_that_is_no_artifact_is_refused(walked: SmallRun) -> None:
    """A failure would end in a stack trace of the engine."""
    with pytest.raises(ArtifactError) as caught:
        verify(walked.teacher, walked.data)
    assert caught.value.hint
