"""What lies at a path, in a screenful."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from limbeck.artifact.sealed import read_manifest, seal
from limbeck.errors import ArtifactError, DataError
from limbeck.runtime.inspection import Inspection, describe_path
from limbeck.teacher.signals import Signals, SignalsKey, SignalStore
from small_artifact import write_artifact
from tiny import write_teacher

VERDICT = {
    "passed": True,
    "sentence": "The artifact passed.",
    "models": [
        {"name": "teacher", "size_bytes": 1_000_000, "score": {"value": 0.9}, "agreement": None},
        {"name": "artifact", "size_bytes": 200_000, "score": None, "agreement": {"value": 0.961}},
    ],
}
VERDICT_ROWS = {
    "passed": "yes",
    "in words": "The artifact passed.",
    "teacher": "accuracy 90.0 %, 1.00 MB",
    "artifact": "agreement 96.1 %, 200 kB",
}


def _section(inspection: Inspection, heading: str) -> dict[str, str]:
    return next(dict(section.rows) for section in inspection.sections if section.heading == heading)


def _fits_a_screen(inspection: Inspection) -> bool:
    return sum(len(section.rows) + 2 for section in inspection.sections) < 50


def test_an_artifact(tmp_path: Path) -> None:
    """A failure would keep from a customer what the folder is that he was sent."""
    folder = write_artifact(tmp_path / "artifact")
    seal(folder, replace(read_manifest(folder), verdict=VERDICT, label_names=tuple("abcdefghij")))
    (folder / "README.md").unlink()
    (folder / "notes.txt").touch()
    inspection = describe_path(folder)
    assert inspection.title == f"Artifact in {folder}: it is whole and unchanged"
    assert _section(inspection, "What it is")["labels"] == "10: a, b, c, d, e, f, g, h and 2 more"
    assert _section(inspection, "What it is")["shape"] == "layers 1, hidden size 8"
    files = _section(inspection, "Files")
    assert files["integrity"] == "6 files as sealed (SHA-256); not here: README.md"
    assert files["not of the artifact"] == "notes.txt"
    assert files["to answer with"].endswith(
        " kB in onnx/model_quantized.onnx, config.json, tokenizer.json, tokenizer_config.json, limbeck.json"
    )
    assert _section(inspection, "Where it comes from")["made by"] == "limbeck 0.1.0 on avx2"
    assert _section(inspection, "Verdict") == VERDICT_ROWS
    assert _fits_a_screen(inspection)


def test_a_damaged_artifact_is_refused(tmp_path: Path) -> None:
    """A failure would call a doctored folder an artifact."""
    folder = write_artifact(tmp_path / "artifact")
    (folder / "config.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"was changed after it was sealed: config\.json does not"):
        describe_path(folder)


def test_a_run_that_is_finished_and_one_that_is_not(tmp_path: Path) -> None:
    """A failure would leave a user to open run.json, or let him ship the folder of a killed run."""
    run = tmp_path / "run"
    write_artifact(run / "artifact")
    unfinished = describe_path(run)
    assert unfinished.title == (
        f"Run in {run}: not finished; the same command goes on where it stopped; its artifact is {run / 'artifact'}"
    )
    record = {
        "teacher": {"name": "minilm"},
        "data": {"train": 1000, "train fingerprint": "abc"},
        "seconds": {"distil": 125.0},
        "verdict": VERDICT,
    }
    (run / "run.json").write_text(json.dumps(record))
    finished = describe_path(run)
    assert finished.title == f"Run in {run}: finished; its artifact is {run / 'artifact'}"
    assert _section(finished, "Verdict") == VERDICT_ROWS
    assert _section(finished, "Teacher") == {"name": "minilm"}
    assert _section(finished, "Texts") == {"train": "1000"}
    assert _section(finished, "Time") == {"distil": "2 min 5 s"}
    assert _section(finished, "Files")["holds"] == "artifact/, run.json"


def test_a_sweep_that_is_finished_and_one_that_is_not(tmp_path: Path) -> None:
    """A failure would call a finished sweep a run that was killed."""
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "limbeck-run.json").write_text('{"kind": "limbeck sweep"}')
    assert describe_path(folder).title == f"Sweep in {folder}: not finished; the same command goes on where it stopped"
    pairs = [{"folder": "runs/2-layers-w8a8e8", "passed": True}, {"folder": "runs/2-layers-w2a8e4", "passed": False}]
    (folder / "sweep.json").write_text(json.dumps({"sentence": "One of 2 pairs.", "pairs": pairs}))
    finished = describe_path(folder)
    assert finished.title == f"Sweep in {folder}: finished"
    assert _section(finished, "Pairs") == {
        "in words": "One of 2 pairs.",
        "runs/2-layers-w8a8e8": "passed",
        "runs/2-layers-w2a8e4": "refused",
    }
    assert _section(finished, "Files")["holds"] == "limbeck-run.json, sweep.json"


def test_signals_of_one_teacher_and_of_several(tmp_path: Path) -> None:
    """A failure would leave a user to guess which of many folders belongs to which teacher."""
    folders = []
    for teacher, n_texts in (("a" * 32, 3), ("b" * 32, 1)):
        store = SignalStore(tmp_path, SignalsKey(teacher, "t" * 32, "float32", 2, 4))
        for number in range(n_texts):
            signals = Signals(np.zeros((1, 2), np.float32), np.zeros((1, 4), np.float16))
            store.append([f"{number:032d}"], signals)
        folders.append(store.folder)
    one = describe_path(folders[0])
    assert one.title == f"Signals: a teacher's answers to texts, in {folders[0]}"
    rows = _section(one, folders[0].name)
    assert rows["answers"] == "3 texts in 3 parts"
    assert (rows["teacher"], rows["n classes"]) == ("a" * 32, "2")
    both = describe_path(tmp_path)
    assert both.title == f"Signals of 2 teachers or settings, in {tmp_path}"
    assert _section(both, folders[1].name)["answers"] == "1 text in 1 part"
    part = next(folders[0].glob("part-*.arrow"))
    part.write_bytes(b"half")
    with pytest.raises(DataError, match=r"part-.*\.arrow is no Arrow file \("):
        describe_path(folders[0])


def test_a_teacher(tmp_path: Path) -> None:
    """A failure would count parameters wrongly, or send a user to torch for what a file's head tells."""
    import torch
    from transformers import AutoModelForSequenceClassification

    folder = write_teacher(tmp_path / "teacher", labels=("no", "yes"))
    inspection = describe_path(folder)
    assert inspection.title == f"Hugging Face model in {folder}"
    rows = _section(inspection, "What it is")
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    assert rows["parameters"] == f"{sum(parameter.numel() for parameter in model.parameters()):,}"
    assert rows["labels"] == "2: no, yes"
    assert rows["family"] == "bert"
    assert rows["shape"].startswith("layers 4, hidden size 32, heads 4, intermediate size 64, vocabulary ")
    assert rows["weights"].endswith(" kB of F32 in safetensors")
    assert rows["tokenizer"] == "tokenizer.json"
    assert rows["as a teacher"] == "can be distilled"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"model_type": "bert", "architectures": ["BertModel"]},
            "no classification head; make one with `limbeck teach`",
        ),
        ({"model_type": "gpt2", "architectures": ["GPT2ForSequenceClassification"]}, "refused: it is a decoder"),
        ({"architectures": ["XForSequenceClassification"]}, "refused: its config.json names no model_type"),
    ],
)
def test_a_model_that_cannot_be_a_teacher(tmp_path: Path, config: dict[str, object], expected: str) -> None:
    """A failure would let a user start a run that ends in a refusal."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (tmp_path / "vocab.txt").touch()
    rows = _section(describe_path(tmp_path), "What it is")
    assert rows["as a teacher"].startswith(expected)
    assert rows["weights"] == "pickles only (pytorch_model.bin); refused, convert them to safetensors"
    assert rows["tokenizer"] == "vocab.txt, no tokenizer.json"


def test_a_folder_of_sentence_transformers_is_a_teacher(tmp_path: Path) -> None:
    """A failure would deny a teacher that `limbeck compress` takes."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    (tmp_path / "modules.json").write_text("[]")
    rows = _section(describe_path(tmp_path), "What it is")
    assert rows["as a teacher"].startswith("of embeddings, as sentence-transformers wrote it")


def test_a_model_with_code_of_its_own(tmp_path: Path) -> None:
    """A failure would hide that loading this model means running someone's Python."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "auto_map": {}}))
    rows = _section(describe_path(tmp_path), "What it is")
    assert rows["own code"] == "it comes with Python code, which runs only when allowed by name"
    assert rows["weights"] == "none here"


@pytest.mark.parametrize("content", [b"", b"abc", struct.pack("<Q", 1 << 60), struct.pack("<Q", 4) + b"nope"])
def test_weights_that_are_cut_short(tmp_path: Path, content: bytes) -> None:
    """A failure would read an exabyte, or show a parser's stack."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError) as caught:
        describe_path(tmp_path)
    assert caught.value.message == f"{tmp_path / 'model.safetensors'} is no safetensors file."


def test_what_limbeck_does_not_know(tmp_path: Path) -> None:
    """A failure would describe a holiday album as a model."""
    (tmp_path / "album").mkdir()
    (tmp_path / "album/photo.txt").touch()
    hint = "\nHint: Give the folder of an artifact, of a teacher, of signals or of a run."
    for path, kind in ((tmp_path / "album", "a folder"), (tmp_path / "album/photo.txt", "a file")):
        with pytest.raises(DataError) as caught:
            describe_path(path)
        assert str(caught.value) == f"{path} is {kind} that limbeck does not know.{hint}"
    with pytest.raises(DataError) as caught:
        describe_path(tmp_path / "nowhere")
    assert caught.value.message == f"{tmp_path / 'nowhere'} does not exist."
    (tmp_path / "album/config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json is not JSON \("):
        describe_path(tmp_path / "album")
