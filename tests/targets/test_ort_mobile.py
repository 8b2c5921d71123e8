"""`limbeck export --to ort-mobile`: what is written, that it answers as the artifact, and what stops it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from limbeck.errors import MissingExtraError, OutputError, RecipeError
from limbeck.ground import fingerprint
from limbeck.targets import TARGETS, export_artifact, exporting, registry
from limbeck.targets.record import EXPORT_FILE
from limbeck.text.tokens import TextEncoder
from small_artifact import expected_logits, write_artifact

FILES = {"config.json", "export.json", "model.ort", "required_operators.config", "tokenizer.json"}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sealed artifact."""
    return write_artifact(tmp_path_factory.mktemp("small") / "artifact")


def test_the_file_answers_in_plain_onnxruntime_as_the_artifact(artifact: Path, tmp_path: Path) -> None:
    """A phone would answer otherwise than the server, or not load the file at all."""
    found = export_artifact(artifact, to="ort-mobile", out=tmp_path / "phone", n_texts=20)
    assert found.folder == tmp_path / "phone"
    assert {path.name for path in found.folder.iterdir()} >= FILES
    session = onnxruntime.InferenceSession(found.folder / "model.ort", providers=["CPUExecutionProvider"])
    batch, _ = TextEncoder(found.folder, max_tokens=16).single("wake me at seven")
    logits = session.run(None, {given.name: getattr(batch, given.name) for given in session.get_inputs()})[0]
    np.testing.assert_allclose(logits, expected_logits(artifact, ["wake me at seven"]), rtol=1e-5, atol=1e-6)


def test_the_record_tells_what_was_written_and_compared(artifact: Path, tmp_path: Path) -> None:
    """A reader of the folder would not know what is in it, nor whether it is whole."""
    found = export_artifact(artifact, to="ort-mobile", out=tmp_path / "phone", n_texts=20)
    told = json.loads((tmp_path / "phone" / EXPORT_FILE).read_text("utf-8"))
    assert (told["target"], told["model_file"], told["agreement"]["n_texts"]) == ("ort-mobile", "model.ort", 20)
    assert told["agreement"]["n_changed"] == 0
    assert told["artifact"] == fingerprint.sha256_of_file(artifact / "limbeck.json")
    for name, hashed in told["files"].items():
        assert fingerprint.sha256_of_file(tmp_path / "phone" / name) == hashed
    assert found.record.model_bytes == (tmp_path / "phone" / "model.ort").stat().st_size


def test_the_list_of_operators_names_those_of_the_graph_and_no_path(artifact: Path, tmp_path: Path) -> None:
    """A small build would lack a kernel, or the file tell where its maker works."""
    export_artifact(artifact, to="ort-mobile", out=tmp_path / "phone", n_texts=4)
    told = (tmp_path / "phone" / "required_operators.config").read_text("utf-8")
    assert str(tmp_path) not in told
    operators = {name for line in told.splitlines() if ";" in line for name in line.split(";")[2].split(",")}
    assert {"Gather", "MatMul", "Div"} <= operators


def test_an_export_that_answers_otherwise_is_refused_and_leaves_nothing(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken conversion would reach phones; or the good export before it would be gone."""
    before = export_artifact(artifact, to="ort-mobile", out=tmp_path / "phone", n_texts=8)
    true_engine = exporting.Engine

    class Other:
        def __init__(self, path: Path, *, threads: int) -> None:
            self._engine = true_engine(path, threads=threads)

        def run(self, batch: object) -> np.ndarray:
            return -self._engine.run(batch)  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "Engine", Other)
    for place in ("phone", "new"):
        found = export_artifact(artifact, to="ort-mobile", out=tmp_path / place, n_texts=8)
        assert found.folder is None
        assert any("changed" in fault for fault in found.record.agreement.faults)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["phone"]
    told = json.loads((tmp_path / "phone" / EXPORT_FILE).read_text("utf-8"))
    assert told["agreement"]["faults"] == []
    assert before.folder is not None


def test_a_folder_with_something_else_is_not_touched(artifact: Path, tmp_path: Path) -> None:
    """Somebody's files would be gone."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds something that is no export"):
        export_artifact(artifact, to="ort-mobile", out=tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("name", ["CNAME", ".git/HEAD", "artifact/limbeck.json", "config.json", "empty/"])
def test_what_somebody_put_beside_an_export_is_not_removed(artifact: Path, tmp_path: Path, name: str) -> None:
    """A failure would remove a repository, an address or an edited file together with the earlier export."""
    place = tmp_path / "page"
    export_artifact(artifact, to="ort-mobile", out=place, n_texts=8)
    export_artifact(artifact, to="ort-mobile", out=place, n_texts=8)
    mine = place / name
    if name.endswith("/"):
        mine.mkdir()
    else:
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text("mine")
    before = sorted(place.rglob("*"))
    with pytest.raises(OutputError, match="holds what limbeck did not write, or not so: ") as told:
        export_artifact(artifact, to="ort-mobile", out=place, n_texts=8)
    assert name in told.value.message
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("place", [".", "onnx", "phone/one"])
def test_nothing_is_exported_into_an_artifact(artifact: Path, place: str) -> None:
    """A failure would ship a page within the artifact, or put the page in its place."""
    before = sorted(artifact.rglob("*"))
    with pytest.raises(OutputError, match="lies in an artifact, in which nothing else may lie"):
        export_artifact(artifact, to="ort-mobile", out=artifact / place)
    assert sorted(artifact.rglob("*")) == before


def test_an_unknown_target_is_refused_with_those_there_are(artifact: Path, tmp_path: Path) -> None:
    """A slip in a name would end in a stack trace."""
    with pytest.raises(RecipeError, match="no target 'coreml'") as told:
        export_artifact(artifact, to="coreml", out=tmp_path / "out")
    assert all(name in told.value.hint for name in TARGETS)


def test_a_target_without_its_extra_names_the_line_that_installs_it(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user would see a ModuleNotFoundError from the depths."""
    missing = {"executorch": ("a_package_that_nobody_has",)}
    monkeypatch.setattr(registry.extras, "_PACKAGES", missing)
    with pytest.raises(MissingExtraError, match="Exporting to executorch") as told:
        export_artifact(artifact, to="executorch", out=tmp_path / "out")
    assert told.value.hint == "pip install 'limbeck[executorch]'"


def test_few_bits_are_said_to_have_eight(artifact: Path, tmp_path: Path) -> None:
    """A reader would think the file small because the scheme is."""
    from limbeck.artifact.sealed import open_artifact, seal

    few = shutil.copytree(artifact, tmp_path / "few")
    seal(few, replace(open_artifact(few).manifest, scheme="w4a8e8"))
    found = export_artifact(few, to="ort-mobile", out=tmp_path / "phone", n_texts=4)
    assert "those of fewer than 8 bits have 8 here" in found.record.notes[0]


@pytest.mark.parametrize("task", ["reranking", "question-answering", "classification"])
def test_texts_that_come_with_limbeck_fit_the_task(task: str, artifact: Path) -> None:
    """Without --data a task of pairs would be asked about single texts, and refuse them."""
    from limbeck.artifact.sealed import open_artifact
    from limbeck.ground.progress import SILENT
    from limbeck.targets.texts import check_texts

    manifest = replace(open_artifact(artifact).manifest, task=task)
    texts = check_texts(manifest, None, n_texts=50, progress=SILENT)
    assert len(texts.texts) == 50
    assert (texts.text_pairs is None) == (task == "classification")
    if task == "reranking":
        assert len(set(texts.texts)) == 5
