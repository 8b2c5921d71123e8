"""A teacher is loaded as it was saved: its labels in order, in float32, frozen, with its own limits."""

import json
from pathlib import Path

import numpy as np
import pytest

from limbeck.recipe.knobs import TeacherTable
from limbeck.teacher import Teacher, computing_with, load_teacher
from tiny import FAMILIES, write_teacher

TEXTS = ["good film", "what a really awful song, please stop it", "rain", "call mum at seven"]


def _load(folder: Path, tmp_path: Path, *, max_tokens: int = 32) -> Teacher:
    return load_teacher(folder, settings=TeacherTable(), max_tokens=max_tokens, work=tmp_path / "work")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    """One tiny BERT for all tests of this file."""
    root = tmp_path_factory.mktemp("teacher")
    return _load(write_teacher(root / "model"), root)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_answers_as_transformers_does(family: str, tmp_path: Path) -> None:
    """A failure would label with another model than the one given. By twin: transformers, one text at a time."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = write_teacher(tmp_path / family, family=family, labels=("a", "b", "c"))
    found = _load(folder, tmp_path).logits(TEXTS)
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for row, text in zip(found, TEXTS, strict=True):
        with torch.inference_mode():
            wanted = model(**tokenizer(text, return_tensors="pt", return_token_type_ids=False))
        # Batches of several lengths are added up in another order: 1e-5 is 100 times float32's rounding.
        assert np.allclose(row, wanted.logits[0].numpy(), rtol=1e-5, atol=1e-5)


def test_it_is_frozen_and_in_float32(tmp_path: Path) -> None:
    """A failure would train the teacher together with the student, or distil from halved precision."""
    import torch
    from transformers import AutoModelForSequenceClassification

    folder = write_teacher(tmp_path / "model")
    AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(folder)
    model = _load(folder, tmp_path).model
    assert not model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_labels_stand_in_the_order_of_the_logits(tmp_path: Path) -> None:
    """A failure would call every answer by another answer's name."""
    names = [f"intent {index}" for index in range(12)]
    folder = write_teacher(tmp_path / "model", labels=names)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = dict(sorted(config["id2label"].items()))  # "10" before "2"
    (folder / "config.json").write_text(json.dumps(config))
    assert _load(folder, tmp_path).label_names == tuple(names)


def test_its_fingerprint_names_weights_and_config_only(tmp_path: Path) -> None:
    """A failure would answer from another teacher's signals, or label everything again for a new README."""
    first = _load(write_teacher(tmp_path / "a"), tmp_path).fingerprint
    same = write_teacher(tmp_path / "b")
    (same / "README.md").write_text("new")
    assert _load(same, tmp_path).fingerprint == first
    assert _load(write_teacher(tmp_path / "c", seed=1), tmp_path).fingerprint != first
    assert _load(write_teacher(tmp_path / "d", labels=("no", "yes")), tmp_path).fingerprint != first


@pytest.mark.parametrize(
    ("family", "changes", "limit"),
    [
        ("bert", {}, 80),
        ("roberta", {"pad_token_id": 1}, 78),  # positions start behind the padding index: 2, 3, ...
        ("mpnet", {"pad_token_id": 1}, 78),
        ("deberta-v2", {}, 1000),  # without absolute positions only the recipe's limit counts
        ("bert", {"max_position_embeddings": 2000}, 1000),
    ],
)
def test_the_smaller_limit_holds(family: str, changes: dict[str, object], limit: int, tmp_path: Path) -> None:
    """A failure would index a position that the model does not have, deep inside a run."""
    folder = write_teacher(tmp_path / "model", family=family, **changes)
    teacher = _load(folder, tmp_path, max_tokens=1000)
    assert teacher.encoder.max_tokens == limit
    longest = teacher.logits(["good " * 3000])
    assert np.isfinite(longest).all()


def test_an_older_tokenizer_is_converted_beside_the_run(tmp_path: Path) -> None:
    """A failure would refuse models of 2019, or write into somebody's model folder."""
    folder = write_teacher(tmp_path / "model")
    before = _load(folder, tmp_path).logits(TEXTS)
    tokens = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "vocab.txt").write_text("\n".join(sorted(tokens, key=tokens.__getitem__)) + "\n")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    files = sorted(path.name for path in folder.iterdir())
    teacher = _load(folder, tmp_path)
    assert teacher.tokenizer_folder == tmp_path / "work" / "tokenizer"
    assert np.array_equal(teacher.logits(TEXTS), before)
    assert sorted(path.name for path in folder.iterdir()) == files


def test_sizes_are_of_weights_and_tokenizer(teacher: Teacher) -> None:
    """A failure would put a wrong size beside the artifact's in the verdict."""
    wanted = sum((teacher.folder / name).stat().st_size for name in ("model.safetensors", "tokenizer.json"))
    assert teacher.size_bytes == wanted


def test_threads_are_put_back(teacher: Teacher) -> None:
    """A failure would time the artifact with other threads than the teacher."""
    import torch

    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), computing_with(before + 1):
        assert torch.get_num_threads() == before + 1
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_loading_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A failure would put other libraries' bars and remarks between limbeck's own words."""
    folder = write_teacher(tmp_path / "model")
    capfd.readouterr()
    _load(folder, tmp_path)
    assert capfd.readouterr() == ("", "")
