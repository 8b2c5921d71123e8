"""What cannot be a teacher is refused at the door, with the way out. Each message is checked whole."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from limbeck.encoder.families import FAMILIES, REFUSED, STATIC
from limbeck.errors import TeacherError, UnsafeTeacherError
from limbeck.recipe.knobs import TeacherTable
from limbeck.teacher import load_teacher
from tiny import write_teacher

KNOWN = ", ".join(name for name in FAMILIES if name != STATIC)
GOOD: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertForSequenceClassification"],
    "id2label": {"0": "no", "1": "yes"},
}
UNFIT: dict[str, tuple[dict[str, Any], str, str]] = {
    "no head": (
        {"architectures": ["BertModel"]},
        "{folder} has no classification head (its architecture is BertModel).",
        "Fine-tune it first: limbeck teach --encoder {folder} --data texts.jsonl --out my-teacher, "
        "then give --teacher my-teacher.",
    ),
    "no architecture": (
        {"architectures": None},
        "{folder} has no classification head (its architecture is not named).",
        "Fine-tune it first: limbeck teach --encoder {folder} --data texts.jsonl --out my-teacher, "
        "then give --teacher my-teacher.",
    ),
    "unknown family": (
        {"model_type": "mamba"},
        "{folder} is of the family 'mamba': its family is unknown to limbeck (known are " + KNOWN + ").",
        "Give a teacher of a known family.",
    ),
    "decoder": (
        {"model_type": "llama"},
        "{folder} is of the family 'llama': it is a decoder, and limbeck distils encoders (known are " + KNOWN + ").",
        "Give a teacher of a known family.",
    ),
    "no family": (
        {"model_type": None},
        "{folder} is of the family None: its config.json names no model_type (known are " + KNOWN + ").",
        "Give a teacher of a known family.",
    ),
}


def _folder(path: Path, config: object, *, weights: str | None = "model.safetensors") -> Path:
    path.mkdir()
    (path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    if weights is not None:
        (path / weights).write_bytes(b"weights that nobody may open")
    return path


def _refusal(source: str | Path, tmp_path: Path, **settings: object) -> TeacherError:
    with pytest.raises(TeacherError) as caught:
        load_teacher(source, settings=TeacherTable(**settings), max_tokens=32, work=tmp_path / "work")  # type: ignore[arg-type]
    assert not (tmp_path / "work").exists()
    return caught.value


@pytest.mark.parametrize("name", UNFIT)
def test_what_cannot_be_distilled_is_refused(name: str, tmp_path: Path) -> None:
    """A failure would cost hours before it shows, or hand back a student of nonsense."""
    changes, message, hint = UNFIT[name]
    folder = _folder(tmp_path / "model", GOOD | changes)
    error = _refusal(folder, tmp_path)
    assert (error.message, error.hint) == (message.format(folder=folder), hint.format(folder=folder))


@pytest.mark.parametrize("family", REFUSED)
def test_every_refused_family_is_told_why(family: str, tmp_path: Path) -> None:
    """A failure would leave the owner of such a model guessing whether limbeck is broken."""
    folder = _folder(tmp_path / "model", GOOD | {"model_type": family})
    error = _refusal(folder, tmp_path)
    assert error.message == f"{folder} is of the family {family!r}: {REFUSED[family]} (known are {KNOWN})."


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt"])
def test_a_pickle_is_refused_with_how_to_convert_it(pickle: str, tmp_path: Path) -> None:
    """A failure would run whatever code somebody put into a checkpoint."""
    folder = _folder(tmp_path / "model", GOOD, weights=pickle)
    error = _refusal(folder, tmp_path)
    assert isinstance(error, UnsafeTeacherError)
    assert error.message == (
        f"{folder} holds its weights only as pickle ({pickle}); opening a pickle can run any code."
    )
    assert error.hint == (
        "If you trust its origin, convert it once, then give the new folder:\n"
        '  python -c "from transformers import AutoModelForSequenceClassification as M, AutoTokenizer as T; '
        f"d = '{folder}'; M.from_pretrained(d).save_pretrained(d + '-safe'); "
        "T.from_pretrained(d).save_pretrained(d + '-safe')\""
    )


def test_the_conversion_that_the_hint_names_works(tmp_path: Path) -> None:
    """A failure would send people to a command that ends in a stack trace."""
    import torch
    from safetensors.torch import load_file

    folder = write_teacher(tmp_path / "model")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    hint = _refusal(folder, tmp_path).hint
    program = hint.split('python -c "')[1].removesuffix('"')
    exec(program, {})
    safe = Path(f"{folder}-safe")
    teacher = load_teacher(safe, settings=TeacherTable(), max_tokens=32, work=tmp_path / "work")
    assert teacher.logits(["good film"]).shape == (1, 2)


CODE = """
from transformers import BertForSequenceClassification
import pathlib
pathlib.Path({mark!r}).touch()
class Own(BertForSequenceClassification):
    pass
"""


def test_code_that_came_with_a_model_runs_only_when_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure would run a stranger's Python because a hub id was given."""
    import transformers.dynamic_module_utils

    cache = tmp_path / "modules"
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(cache))
    monkeypatch.syspath_prepend(str(cache))
    folder, mark = write_teacher(tmp_path / "model"), tmp_path / "it-ran"
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "own.Own"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(CODE.format(mark=str(mark)))
    for allowed in ((), ("another/model",)):
        error = _refusal(folder, tmp_path, allow_code=allowed)
        assert isinstance(error, UnsafeTeacherError)
        assert str(error) == (
            f"{folder} can only be loaded by running Python code that came with it "
            "({'AutoModelForSequenceClassification': 'own.Own'}).\n"
            f"Hint: If you trust that code, allow it by name: --teacher.allow_code '[\"{folder}\"]'"
        )
        assert not mark.exists()
    teacher = load_teacher(
        folder, settings=TeacherTable(allow_code=(str(folder),)), max_tokens=32, work=tmp_path / "work"
    )
    assert type(teacher.model).__name__ == "Own"
    assert mark.exists()


def test_missing_files_are_named(tmp_path: Path) -> None:
    """A failure would end in the loader's own stack trace."""
    empty = tmp_path / "empty"
    empty.mkdir()
    error = _refusal(empty, tmp_path)
    assert str(error) == (
        f"{empty} has no config.json, so it is no Hugging Face model.\n"
        "Hint: Give the folder that save_pretrained wrote."
    )
    no_weights = _folder(tmp_path / "no weights", GOOD, weights=None)
    error = _refusal(no_weights, tmp_path)
    assert str(error) == (
        f"{no_weights} has a config.json but no weights (model.safetensors).\n"
        "Hint: Save the model again with save_pretrained, or finish the download."
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"model_type": ', "is not JSON: Expecting value: line 1 column 16 (char 15)."),
        ("[1]", "is not JSON: it holds no object."),
    ],
)
def test_a_broken_config_is_told(content: str, told: str, tmp_path: Path) -> None:
    """A failure would end in a stack trace of the JSON reader."""
    folder = _folder(tmp_path / "model", content)
    error = _refusal(folder, tmp_path)
    assert str(error) == f"{folder / 'config.json'} {told}\nHint: Download or save the model again."


def test_weights_that_the_config_names_must_be_there(tmp_path: Path) -> None:
    """A failure would distil a head of random numbers, and say that all went well."""
    from safetensors.torch import load_file, save_file

    folder = write_teacher(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("classifier.")}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    error = _refusal(folder, tmp_path)
    assert str(error) == (
        f"{folder} lacks 2 weights that its config names, such as 'classifier.bias'.\n"
        "Hint: Save the whole model again; an encoder alone gets its head from `limbeck teach`."
    )


@pytest.mark.parametrize("damage", ["cut", "garbage", "another width"])
def test_weights_that_cannot_be_read_are_told(damage: str, tmp_path: Path) -> None:
    """A failure would end in a stack trace of the weights' reader."""
    folder = write_teacher(tmp_path / "model")
    path = folder / "model.safetensors"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "garbage":
        path.write_bytes(b"\xff" * 5000)
    else:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    error = _refusal(folder, tmp_path)
    assert error.message.startswith(f"{folder} could not be loaded: ")
    assert error.hint == "Save or download the model again."


def test_a_model_without_any_tokenizer_is_told(tmp_path: Path) -> None:
    """A failure would take a vocabulary of five tokens, which transformers makes up, for the teacher's own."""
    folder = write_teacher(tmp_path / "model")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    error = _refusal(folder, tmp_path)
    assert str(error) == (
        f"{folder} has no tokenizer.json, and none could be made (there is no vocabulary either).\n"
        "Hint: Copy tokenizer.json from the model that this one was fine-tuned from."
    )


def test_a_file_is_no_teacher(tmp_path: Path) -> None:
    """A failure would take the path of the weights for a hub id, and look for it on the network."""
    folder = _folder(tmp_path / "model", GOOD)
    error = _refusal(folder / "model.safetensors", tmp_path)
    assert str(error) == (
        f"{folder}/model.safetensors is a file; a model is a folder with config.json and model.safetensors.\n"
        f"Hint: Give the folder: {folder}"
    )


@pytest.mark.parametrize("path", ["./nowhere", "no/such/folder", "/no/where"])
def test_a_path_that_is_not_there_is_told(path: str, tmp_path: Path) -> None:
    """A failure would blame the hub for a slip in a path."""
    error = _refusal(path, tmp_path)
    assert str(error) == (f"There is no folder {Path(path)}.\nHint: Check the path; a hub id looks like 'owner/name'.")


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing", "no such name!"])
def test_a_hub_id_that_cannot_be_had_is_told(name: str, tmp_path: Path) -> None:
    """A failure would end in the hub library's stack trace on every machine without a network."""
    error = _refusal(name, tmp_path)
    assert error.message.startswith(f"{name!r} is no folder here, and the hub gave no such model (")
    assert "\n" not in error.message
    assert error.hint == (
        "Check the spelling, the connection and HF_TOKEN; HF_HUB_OFFLINE=1 finds downloaded models only."
    )


def test_nothing_of_a_refused_folder_is_changed(tmp_path: Path) -> None:
    """A failure would leave traces in somebody's model folder, or in a cache that others share."""
    folder = _folder(tmp_path / "model", GOOD | {"architectures": ["BertModel"]})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    copy = shutil.copytree(folder, tmp_path / "copy")
    _refusal(copy, tmp_path)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
