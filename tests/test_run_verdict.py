"""The verdict worked out again from the folder of a run alone: the figures that the run told, save what was timed."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limbeck
from limbeck import evaluate
from limbeck.artifact.sealed import read_manifest
from limbeck.data import write_examples
from limbeck.errors import DataError
from limbeck.records.run import from_json, to_json
from limbeck.records.verdict import Verdict
from limbeck.teacher.answering import ship_answers
from limbeck.text.examples import Examples
from limbeck.verification import verify
from small_artifact import LABELS, write_artifact
from small_run import SETTINGS, SmallRun, write_rows
from small_texts import QUICK, QUICK_FLAGS, ROWS, SAID, TEACHER, TEACHER_TOLD, TEXTS, WANTED, WITHOUT_TORCH

HELD_OUT = Examples(tuple(TEXTS), None, WANTED.astype(np.int64), LABELS)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What a finished run leaves that its verdict can be worked out from."""
    fingerprints = {"teacher": TEACHER, "held_out": HELD_OUT.fingerprint}
    write_artifact(tmp_path / "run" / "artifact", verdict=TEACHER_TOLD, fingerprints=fingerprints)
    write_examples(tmp_path / "run" / "held_out" / "texts.arrow", HELD_OUT)
    ship_answers(tmp_path / "run" / "held_out", TEACHER, HELD_OUT.text_fingerprints, SAID)
    return tmp_path / "run"


def _untimed(verdict: Verdict) -> dict[str, Any]:
    """The whole record, but for what the clock said: the timings, and what the sentence says of them."""
    assert verdict.timings
    lasting = evaluate.lasting(verdict)
    return to_json(replace(verdict, timings=(), sentence=lasting.sentence, checks=lasting.checks))


def test_a_run_needs_no_data(run: Path, tmp_path: Path) -> None:
    """A failure would leave a verdict of last year that nobody can check. By twin: the same texts, given by hand."""
    alone = verify(run, changes=QUICK)
    assert alone.n_held_out == len(TEXTS)
    data = write_rows(tmp_path / "texts.jsonl", ROWS)
    by_hand = verify(run / "artifact", data, changes=QUICK, signals=run / "held_out" / "signals")
    assert _untimed(alone) == _untimed(by_hand)
    assert _untimed(alone) == _untimed(verify(run, changes=QUICK))
    assert [model.name for model in alone.models] == ["teacher", "artifact (int8)"]


def test_a_run_is_sliced_by_its_own_columns_again(run: Path, tmp_path: Path) -> None:
    """A failure would leave out the slices that a user asked for. By twin: the same texts with the column, by hand."""
    sources = tuple("forum" if row % 3 else "mail" for row in range(len(TEXTS)))
    write_examples(run / "held_out" / "texts.arrow", replace(HELD_OUT, columns={"source": sources}))
    changes = QUICK | {"verify.slice_by": ["source"]}
    alone = verify(run, changes=changes)
    assert _untimed(alone) == _untimed(verify(run, changes=QUICK))
    rows = [row | {"source": source} for row, source in zip(ROWS, sources, strict=True)]
    data = write_rows(tmp_path / "texts.jsonl", rows)
    by_hand = verify(run / "artifact", data, changes=changes, signals=run / "held_out" / "signals")
    assert _untimed(alone) == _untimed(by_hand)
    assert alone.fidelity is not None
    assert alone.fidelity.slices is not None
    assert [one.name for one in alone.fidelity.slices.slices if one.by == "source"] == ["forum", "mail"]
    with pytest.raises(DataError, match=r"names the column 'topic', and .* keeps 'source'\."):
        verify(run, changes=QUICK | {"verify.slice_by": ["source", "topic"]})


def test_a_run_on_another_machine_without_torch(run: Path, tmp_path: Path) -> None:
    """A failure would tie the evidence to the machine that made it."""
    shutil.move(run, tmp_path / "elsewhere")
    words = ["verify", str(tmp_path / "elsewhere"), "--json", *QUICK_FLAGS]
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words],
        capture_output=True, text=True, check=False, env={**os.environ, "LIMBECK_HOME": str(tmp_path / "empty")},
    )  # fmt: skip
    assert found.returncode == 1, found.stderr
    verdict = from_json(Verdict, json.loads(found.stdout))
    alike = limbeck.load(tmp_path / "elsewhere" / "artifact").logits(TEXTS).values.argmax(axis=1) == SAID.argmax(axis=1)
    artifact = verdict.models[-1]
    assert artifact.agreement is not None
    assert artifact.agreement.value == alike.mean()


def test_other_texts_than_those_that_decided_are_refused(run: Path) -> None:
    """A failure would confirm a verdict on texts that somebody chose afterwards."""
    write_examples(run / "held_out" / "texts.arrow", HELD_OUT.take(range(60)))
    with pytest.raises(DataError, match=r"holds other texts or labels than those that the artifact was judged on"):
        verify(run, changes=QUICK)
    shutil.rmtree(run / "held_out")
    with pytest.raises(DataError, match=r"does not hold the texts that it was judged on"):
        verify(run, changes=QUICK)
    with pytest.raises(DataError, match=r"There is no text to judge .* on\."):
        verify(run / "artifact", changes=QUICK)


def test_a_whole_walk_is_confirmed_from_its_folder(walked: SmallRun) -> None:
    """A failure would show that what ships is not what was judged, or that the run did not keep what decided.

    By twin: the whole record of the run itself, save what was timed, and what needs the student and the baseline.
    """
    told = walked.run.verdict
    models = tuple(model for model in told.models if model.name.startswith(("teacher", "artifact")))
    again = [verify(walked.run.folder) for _ in range(2)]
    assert told.fidelity is not None
    assert told.fidelity.robustness is not None
    assert told.fidelity.robustness.teacher_asked  # and its answers are kept, so that nobody needs it again
    for verdict in again:
        assert _untimed(verdict) == _untimed(replace(told, models=models, gain=None, stages=None))


def test_signals_ship_where_the_recipe_asks(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would leave the customer without the answers that he was promised, or ship them unasked."""
    from limbeck.pipeline import compress
    from limbeck.recipe.knobs import Recipe

    quick = SETTINGS["distill"] | {"epochs": 1, "baseline": False}
    recipe = Recipe.from_dict(SETTINGS | {"distill": quick, "verify": SETTINGS["verify"] | {"ship_signals": True}})
    run = compress(walked.teacher, walked.data, out=tmp_path / "run", recipe=recipe, signals=walked.signals)
    assert sum(name.startswith("signals/") for name in read_manifest(run.artifact).files) == 2
    assert not any(name.startswith("signals/") for name in read_manifest(walked.run.artifact).files)
    rows = [{"text": text, "label": label} for text, label in _labelled(run.folder / "held_out" / "texts.arrow")]
    held_out = write_rows(tmp_path / "held-out.jsonl", rows)
    again = verify(run.artifact, held_out, signals=tmp_path)
    teacher, artifact = (next(one for one in run.verdict.models if one.name.startswith(name)) for name in ("t", "a"))
    assert list(again.models) == [teacher, artifact]


def _labelled(path: Path) -> list[tuple[str, str]]:
    from limbeck.data import read_examples

    examples = read_examples(path)
    assert isinstance(examples.labels, np.ndarray)
    return [
        (text, examples.label_names[int(label)]) for text, label in zip(examples.texts, examples.labels, strict=True)
    ]
