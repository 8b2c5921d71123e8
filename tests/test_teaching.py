"""Teaching: from an encoder and labelled texts to a teacher that any tool loads, the same every time."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from limbeck.errors import DataError, LabelError, OutputError, TeacherError, UnsafeTeacherError
from limbeck.recipe.knobs import Recipe
from limbeck.teaching import Taught, teach
from small_run import RECIPE, SETTINGS, SmallRun, labelled_rows, write_rows
from tiny import write_teacher
from watching import Events, Interrupted

TEXTS = [row["text"] for row in labelled_rows(20, seed=9)]
WANTED = [row["label"] for row in labelled_rows(20, seed=9)]


def _all_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _teach(walked: SmallRun, out: Path, **changes: Any) -> Taught:
    given: dict[str, Any] = {"recipe": RECIPE} | changes
    encoder, data = given.pop("encoder", walked.encoder), given.pop("data", walked.data)
    return teach(encoder, data, out=out, **given)


def test_a_teacher_is_an_ordinary_model_that_has_learned(walked: SmallRun) -> None:
    """A failure would hand back a model that only limbeck loads, or one that learned nothing."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(walked.teacher)
    tokenizer = AutoTokenizer.from_pretrained(walked.teacher)
    with torch.inference_mode():
        logits = [model(**tokenizer(text, return_tensors="pt")).logits[0] for text in TEXTS]
    found = [model.config.id2label[int(row.argmax())] for row in logits]
    assert sum(label == wanted for label, wanted in zip(found, WANTED, strict=True)) >= 0.9 * len(WANTED)
    assert set(_all_files(walked.teacher)) == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_teaching_twice_gives_the_same_bytes(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would make every teacher a throw of dice; broken off on the way, it is the same one too."""
    for n_events in (6, 20):
        with pytest.raises(Interrupted):
            _teach(walked, tmp_path / "run", progress=Events(n_events))
    taught = _teach(walked, tmp_path / "run")
    assert _all_files(taught.folder) == _all_files(walked.teacher)
    assert taught.validation_score == 1.0
    assert taught.record.name == "teacher"
    again = Events()
    assert _teach(walked, tmp_path / "run", progress=again) == taught
    assert again.bars == []


def test_the_head_is_made_for_the_labels(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would keep the head of another task, or mix up the names of its answers."""
    rows = [row | {"label": f"{row['label']} {index % 4 // 2}"} for index, row in enumerate(labelled_rows())]
    short = Recipe.from_dict({**SETTINGS, "teach": SETTINGS["teach"] | {"epochs": 1}})
    taught = _teach(walked, tmp_path / "run", data=write_rows(tmp_path / "t.jsonl", rows), recipe=short)
    config = json.loads((taught.folder / "config.json").read_text())
    names = ["negative 0", "negative 1", "positive 0", "positive 1"]
    assert config["id2label"] == {str(index): name for index, name in enumerate(names)}
    assert config["label2id"] == {name: index for index, name in enumerate(names)}
    assert config["architectures"] == ["BertForSequenceClassification"]


def test_an_encoder_without_a_head_gets_one(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would turn away the pretrained encoders that teaching is for."""
    from transformers import AutoModel

    bare = write_teacher(tmp_path / "encoder")
    AutoModel.from_pretrained(bare).save_pretrained(bare)
    assert json.loads((bare / "config.json").read_text())["architectures"] == ["BertModel"]
    assert _teach(walked, tmp_path / "run", encoder=bare).validation_score > 0.8


def test_texts_without_labels_teach_nothing(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would train towards nothing, and write a teacher of noise."""
    data = write_rows(tmp_path / "texts.jsonl", [{"text": row["text"]} for row in labelled_rows()])
    with pytest.raises(LabelError) as caught:
        _teach(walked, tmp_path / "run", data=data)
    assert str(caught.value) == (
        f"{data} has no labels.\nHint: If a column holds them under an unusual name: --data.label NAME."
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("fault", ["family", "pickle", "nothing", "code", "damaged"])
def test_what_cannot_be_taught_is_refused(fault: str, walked: SmallRun, tmp_path: Path) -> None:
    """A failure would end in a stack trace, or run somebody's code."""
    folder = write_teacher(tmp_path / "encoder")
    config = json.loads((folder / "config.json").read_text())
    weights = folder / "model.safetensors"
    kind: type[TeacherError] = TeacherError
    if fault == "family":
        config["model_type"] = "gpt2"
        message = f"{folder} is of the family 'gpt2': it is a decoder, and limbeck distils encoders (known are bert, "
    elif fault == "pickle":
        weights.rename(folder / "pytorch_model.bin")
        kind, message = UnsafeTeacherError, f"{folder} holds its weights only as pickle (pytorch_model.bin); "
    elif fault == "nothing":
        weights.unlink()
        message = f"{folder} has a config.json but no weights (model.safetensors)."
    elif fault == "code":
        config["auto_map"] = {"AutoModel": "own.Own"}
        kind, message = UnsafeTeacherError, f"{folder} can only be loaded by running Python code that came with it ("
    else:
        weights.write_bytes(weights.read_bytes()[:5000])
        message = f"{folder} could not be loaded: "
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(kind) as caught:
        _teach(walked, tmp_path / "run", encoder=folder)
    assert caught.value.message.startswith(message)
    assert caught.value.hint
    assert not (tmp_path / "run" / "teacher").exists()


def test_a_finished_teacher_is_not_overwritten(walked: SmallRun, tmp_path: Path) -> None:
    """A failure would replace somebody's teacher by another one."""
    taught = walked.teacher.parent
    before = _all_files(taught)
    longer = Recipe.from_dict({**SETTINGS, "teach": SETTINGS["teach"] | {"epochs": 13}})
    with pytest.raises(OutputError) as caught:
        _teach(walked, taught, recipe=longer)
    assert caught.value.message == (
        f"{taught} holds another run; since then have changed: recipe.teach.epochs (12 -> 13)."
    )
    with pytest.raises(DataError):
        _teach(walked, tmp_path / "run", data=tmp_path / "nowhere.jsonl")
    assert _all_files(taught) == before
