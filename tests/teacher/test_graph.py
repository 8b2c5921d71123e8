"""ONNX graphs and artifacts as teachers: their answers are the model's own, and what they lack is told."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limbeck
from limbeck.errors import ArtifactError, LabelError, TeacherError
from limbeck.export import write_onnx
from limbeck.pipeline import compress
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.teacher import EncoderTeacher, load_teacher, open_teacher
from limbeck.teacher.graph import GraphTeacher
from limbeck.text.examples import Examples
from limbeck.verification import verify
from other_teachers import recipe
from small_run import LABELS, SmallRun, labelled_rows
from tiny import write_teacher

TEXTS = tuple(row["text"] for row in labelled_rows(20))
EXAMPLES = Examples((*TEXTS, "play " * 50), None, None, LABELS)
TABLE = Recipe.from_dict({"data": {"max_tokens": 16}})


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder as optimum writes it: the graph, its tokenizer and its config, without weights for PyTorch."""
    folder = tmp_path / "exported"
    teacher = load_teacher(write_teacher(tmp_path / "hf"), settings=TeacherTable(), max_tokens=16, work=tmp_path)
    folder.mkdir()
    write_onnx(teacher.model, folder / "model.onnx", packed=None)
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        shutil.copy(tmp_path / "hf" / name, folder / name)
    return folder


def _opened(source: Path, **teacher: Any) -> GraphTeacher:
    table = TABLE.model_copy(update={"teacher": TeacherTable(**teacher)})
    found = open_teacher(source, recipe=table, work=source.parent)
    assert isinstance(found, GraphTeacher)
    return found


def _logits(master: Any, root: Path) -> Any:
    labelled = master.label(EXAMPLES, root, settings=TeacherTable(), part_name="texts", judges=True)
    assert labelled.record.n_truncated == 1
    return labelled.store.read(EXAMPLES.text_fingerprints).logits


def test_a_graph_answers_as_the_model_it_was_made_of(exported: Path, tmp_path: Path) -> None:
    """A failure would teach what the teacher never said. By twin: PyTorch; 1e-4 is the order of sums over 4 layers."""
    twin = load_teacher(tmp_path / "hf", settings=TeacherTable(), max_tokens=16, work=tmp_path)
    wanted = twin.logits(EXAMPLES.texts)
    for source in (exported, exported / "model.onnx"):
        master = _opened(source)
        assert (master.label_names, master.n_parameters) == (LABELS, None)
        assert np.allclose(_logits(master, tmp_path / "s"), wanted, atol=1e-4)
    with master.timed(1) as timed:
        assert timed is not None
        assert timed.engine == "ONNX Runtime"
        assert np.allclose(timed.logits(EXAMPLES.texts, None), wanted, atol=1e-4)
    assert len(list((tmp_path / "s").iterdir())) == 1  # file and folder are one teacher


def test_openvinos_own_form_answers_as_the_graph_it_was_made_of(exported: Path, tmp_path: Path) -> None:
    """As optimum-intel writes it. A failure would judge a peer's model by answers that are not its own."""
    import openvino

    wanted, size = _logits(_opened(exported), tmp_path / "s"), _opened(exported).size_bytes
    openvino.save_model(openvino.Core().read_model(exported / "model.onnx"), exported / "openvino_model.xml", False)
    (exported / "model.onnx").unlink()
    master = _opened(exported)
    assert np.allclose(_logits(master, tmp_path / "s"), wanted, atol=1e-4)
    assert master.size_bytes > size / 2  # its weights lie in a file beside it
    with master.timed(1) as timed:
        assert timed is not None
        assert timed.engine == "OpenVINO"
    before = master.fingerprint
    assert _opened(exported / "openvino_model.xml").fingerprint == before
    weights = exported / "openvino_model.bin"
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert _opened(exported).fingerprint != before


def test_a_graph_in_a_folder_onnx_finds_its_tokenizer_above(exported: Path) -> None:
    """As optimum and transformers.js lay it out."""
    before = _opened(exported).fingerprint
    (exported / "onnx").mkdir()
    (exported / "model.onnx").rename(exported / "onnx" / "model.onnx")
    assert _opened(exported).fingerprint == before
    assert _opened(exported / "onnx" / "model.onnx").fingerprint == before


def test_labels_of_the_recipe_win(exported: Path) -> None:
    """Exports often have LABEL_0 and LABEL_1 in their config."""
    assert _opened(exported, labels=("bad", "good")).label_names == ("bad", "good")
    assert _opened(exported, labels=("bad", "good")).fingerprint != _opened(exported).fingerprint
    with pytest.raises(LabelError, match=r"answers with 2 classes, and 3 are named \(a, b, c\)"):
        _opened(exported, labels=("a", "b", "c"))
    (exported / "config.json").unlink()
    with pytest.raises(LabelError, match=r"and 0 are named \(none\)"):
        _opened(exported)
    assert _opened(exported, labels=LABELS).label_names == LABELS


def test_what_a_graph_lacks_is_told(exported: Path) -> None:
    """A failure would be a stack trace of ONNX Runtime, or a wrong tokenizer."""
    config = json.loads((exported / "config.json").read_text("utf-8"))
    (exported / "config.json").write_text(json.dumps(config | {"problem_type": "multi_label_classification"}))
    assert _opened(exported).task == "multi-label"
    with pytest.raises(TeacherError, match="made for the task 'multi-label', and the recipe asks for 'classification'"):
        open_teacher(exported, recipe=Recipe(task="classification"), work=exported)
    (exported / "config.json").write_text(json.dumps(config))
    (exported / "model.onnx").rename(exported / "a.onnx")
    shutil.copy(exported / "a.onnx", exported / "b.onnx")
    with pytest.raises(TeacherError, match=r"holds 2 ONNX files: a\.onnx, b\.onnx"):
        _opened(exported)
    (exported / "b.onnx").write_bytes(b"no graph")
    with pytest.raises(TeacherError, match=r"cannot load .*b\.onnx"):
        _opened(exported / "b.onnx")
    (exported / "tokenizer.json").unlink()
    with pytest.raises(TeacherError, match=r"no tokenizer\.json beside .*a\.onnx"):
        _opened(exported / "a.onnx")


def test_an_artifact_answers_with_its_float_graph(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would teach the rounding errors of the first student to the second."""
    master = _opened(walked.run.artifact)
    wanted = limbeck.load(walked.run.artifact, variant="float")
    labelled = master.label(EXAMPLES.take(range(20)), tmp_path, settings=TeacherTable(), part_name="texts", judges=True)
    found = labelled.store.read(EXAMPLES.text_fingerprints[:20]).logits
    assert np.allclose(found, wanted.logits(TEXTS).values, atol=1e-5)
    assert (master.size_bytes, master.n_parameters) == (wanted.size_bytes, wanted.manifest.n_parameters)


def test_a_changed_artifact_is_refused(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would learn from a damaged copy, by its graph or by its weights."""
    copy = tmp_path / "copy"
    shutil.copytree(walked.run.artifact, copy)
    with (copy / "config.json").open("a") as stream:
        stream.write(" ")
    for starts_student in (False, True):
        with pytest.raises(ArtifactError, match="was changed after it was sealed"):
            open_teacher(copy, recipe=TABLE, work=tmp_path, starts_student=starts_student)


def test_a_student_can_start_from_an_artifact(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would ask for an encoder where the artifact has the weights of one."""
    found = open_teacher(walked.run.artifact, recipe=TABLE, work=tmp_path, starts_student=True)
    assert isinstance(found, EncoderTeacher)


def test_a_student_learns_from_an_artifact_and_is_verified_by_it(walked: SmallRun, tmp_path: Path) -> None:
    """The whole walk from a slim artifact, which has no weights for PyTorch; then verify, which needs none."""
    slim = tmp_path / "slim"
    shutil.copytree(walked.run.artifact, slim, ignore=shutil.ignore_patterns("*.safetensors"))
    settings = recipe(tmp_path)
    run = compress(slim, walked.data, out=tmp_path / "run", recipe=settings, signals=tmp_path / "s")
    scores = {model.name: model for model in run.verdict.models}
    assert scores["teacher"].size_bytes == limbeck.load(slim, variant="float").size_bytes
    assert [timing.name for timing in run.verdict.timings] == ["artifact (int8)", "teacher (ONNX Runtime)"]
    verdict = verify(run.artifact, walked.data, teacher_source=slim, signals=tmp_path / "none")
    texts = [row["text"] for row in labelled_rows()]
    answers = [
        limbeck.load(run.artifact).logits(texts).values,
        limbeck.load(slim, variant="float").logits(texts).values,
    ]
    agreed = float((answers[0].argmax(axis=1) == answers[1].argmax(axis=1)).mean())
    assert verdict.models[-1].agreement.value == agreed
    assert not (tmp_path / "none").exists()
