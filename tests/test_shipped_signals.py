"""Signals that travel with the artifact: judged elsewhere without torch, teacher or cache, and sealed like all else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import limbeck
from limbeck.artifact.sealed import open_artifact, read_manifest, seal
from limbeck.errors import ArtifactError
from limbeck.ground import fingerprint
from limbeck.records.run import from_json
from limbeck.records.verdict import Verdict
from limbeck.teacher.answering import ship_answers
from limbeck.verification import verify
from small_artifact import write_artifact
from small_run import write_rows
from small_texts import QUICK, QUICK_FLAGS, ROWS, SAID, TEACHER, TEACHER_TOLD, TEXTS, WITHOUT_TORCH


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """An artifact with its teacher's answers to all the texts in it."""
    folder = write_artifact(tmp_path / "artifact", verdict=TEACHER_TOLD)
    ship_answers(folder, TEACHER, [fingerprint.of_text(text) for text in TEXTS], SAID)
    seal(folder, read_manifest(folder))
    return folder


def test_agreement_is_judged_elsewhere_without_torch_teacher_or_cache(shipped: Path, tmp_path: Path) -> None:
    """A failure would send a customer a model and no way to check that it answers as promised.

    A fresh process in which torch cannot be imported, with an empty cache. By twin: the share of the runtime's own
    answers that are the teacher's.
    """
    data = write_rows(tmp_path / "texts.jsonl", [{"text": row["text"]} for row in ROWS])
    words = ["verify", str(shipped), "--data", str(data), "--json", *QUICK_FLAGS]
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words],
        capture_output=True, text=True, check=False, env={**os.environ, "LIMBECK_HOME": str(tmp_path / "empty")},
    )  # fmt: skip
    assert found.returncode == 1, found.stderr  # chance agreement is below what the recipe accepts
    verdict = from_json(Verdict, json.loads(found.stdout))
    alike = limbeck.load(shipped).logits(TEXTS).values.argmax(axis=1) == SAID.argmax(axis=1)
    artifact = next(model for model in verdict.models if model.name.startswith("artifact"))
    assert artifact.agreement is not None
    assert artifact.agreement.value == alike.mean()
    assert not (tmp_path / "empty").exists()


def test_no_text_ships_and_the_answers_are_sealed(shipped: Path, tmp_path: Path) -> None:
    """A failure would publish a customer's texts, or let anybody change what the teacher is said to have said."""
    names = [name for name in read_manifest(shipped).files if name.startswith("signals/")]
    assert len(names) == 2
    part = next(shipped / name for name in names if name.endswith(".arrow"))
    with pa.memory_map(str(part)) as source:
        table = pa.ipc.open_file(source).read_all()
    assert table.column_names == ["text", "logits"]
    assert table.column("text").to_pylist() == [fingerprint.of_text(text) for text in TEXTS]
    whole = b"".join((shipped / name).read_bytes() for name in names)
    assert not any(text.encode() in whole for text in TEXTS if len(text) > 12)
    changed = bytearray(part.read_bytes())
    changed[len(changed) // 2] ^= 1
    part.write_bytes(bytes(changed))
    with pytest.raises(ArtifactError, match=r"was changed after it was sealed: signals/"):
        open_artifact(shipped)


def test_answers_that_were_put_there_later_are_not_believed(shipped: Path, tmp_path: Path) -> None:
    """A failure would let a file beside the sealed ones decide the verdict."""
    data = write_rows(tmp_path / "texts.jsonl", ROWS)
    part = next(shipped.glob("signals/*/part-*.arrow"))
    (part.parent / "part-999.arrow").write_bytes(part.read_bytes())
    with pytest.raises(ArtifactError, match=r"part-999\.arrow, which its manifest does not name"):
        verify(shipped, data, changes=QUICK, signals=tmp_path)


def test_what_ships_does_not_count_as_what_answers(shipped: Path, tmp_path: Path) -> None:
    """A failure would charge a phone for evidence that it never loads. By law: the same size with and without."""
    bare = write_artifact(tmp_path / "bare", verdict=TEACHER_TOLD)
    assert limbeck.load(shipped).size_bytes == limbeck.load(bare).size_bytes
