"""The folder that ships: sealed, opened, and refused after any change."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from limbeck.artifact.sealed import FolderKind, folder_kind, open_artifact, read_manifest, seal
from limbeck.errors import ArtifactError
from limbeck.ground import fingerprint
from limbeck.runtime import load
from limbeck.runtime.model import Variant
from small_artifact import write_artifact

LISTED = (
    "README.md",
    "config.json",
    "model.safetensors",
    "onnx/model.onnx",
    "onnx/model_quantized.onnx",
    "tokenizer.json",
    "tokenizer_config.json",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh artifact, to be damaged."""
    return write_artifact(tmp_path / "artifact")


def _refusal(folder: Path) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        open_artifact(folder)
    return caught.value


def _flip_a_byte(path: Path, *, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


def _rewrite_manifest(folder: Path, **changes: object) -> None:
    """Write limbeck.json with other values and a checksum that fits them: what a forger or a newer limbeck would do."""
    import hashlib

    value = json.loads((folder / "limbeck.json").read_text()) | changes | {"checksum": ""}
    content = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    checksum = hashlib.sha256(content.encode()).hexdigest()
    (folder / "limbeck.json").write_text(content.replace('"checksum": ""', f'"checksum": "{checksum}"', 1))


def test_a_manifest_reads_back_as_it_was_sealed(folder: Path) -> None:
    """A failure would lose or change a field on the way to the customer."""
    manifest = replace(read_manifest(folder), verdict={"passed": True, "share": 0.1}, label_names=("ä", "\U0001f3b5"))
    sealed = seal(folder, manifest)
    assert open_artifact(folder).manifest == sealed
    assert replace(sealed, files={}) == replace(manifest, files={})


def test_every_file_is_listed_with_its_sha256(folder: Path) -> None:
    """A failure would leave a file unguarded, or give hashes that other people's tools do not find."""
    listed = open_artifact(folder).manifest.files
    assert tuple(listed) == LISTED
    assert all(listed[name] == fingerprint.sha256_of_file(folder / name) for name in LISTED)


def test_sealing_twice_gives_the_same_bytes(folder: Path) -> None:
    """A failure would make two equal runs differ."""
    before = (folder / "limbeck.json").read_bytes()
    seal(folder, read_manifest(folder))
    assert (folder / "limbeck.json").read_bytes() == before


@pytest.mark.parametrize("name", LISTED)
def test_a_changed_byte_is_refused(folder: Path, name: str) -> None:
    """A failure would let a damaged or doctored file answer customers."""
    _flip_a_byte(folder / name, at=-1)
    assert str(_refusal(folder)) == (
        f"{folder} was changed after it was sealed: {name} does not have the SHA-256 of limbeck.json.\n"
        "Hint: Copy the folder again, or make the artifact anew."
    )


@pytest.mark.parametrize("variant", ["quantized", "float"])
@pytest.mark.parametrize("name", LISTED)
def test_loading_checks_what_answering_reads(folder: Path, name: str, variant: Variant) -> None:
    """A failure would answer by a damaged file, or make every start wait for hashes of files that it does not read."""
    graph = {"quantized": "onnx/model_quantized.onnx", "float": "onnx/model.onnx"}[variant]
    _flip_a_byte(folder / name, at=-1)
    if name in {graph, "config.json", "tokenizer.json", "tokenizer_config.json"}:
        with pytest.raises(ArtifactError, match=f"was changed after it was sealed: {re.escape(name)} does not"):
            load(folder, variant=variant)
    else:
        assert load(folder, variant=variant)(["a text"])


def test_any_changed_byte_of_the_manifest_is_refused(folder: Path) -> None:
    """A failure would let the verdict or a hash be edited unnoticed."""
    path = folder / "limbeck.json"
    sealed = path.read_bytes()
    for at in range(0, len(sealed), 7):
        _flip_a_byte(path, at=at)
        with pytest.raises(ArtifactError):
            open_artifact(folder)
        path.write_bytes(sealed)
    open_artifact(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": {"data": []}},
        {"recipe": {"data": {"no_answer_threshold": "x"}}},
        {"scheme": "w5"},
        {"label_names": ["a", "a"]},
        {"label_names": []},
        {"max_tokens": True},
    ],
)
def test_a_field_that_holds_something_else_is_named(folder: Path, changes: dict[str, object]) -> None:
    """A failure would end in a stack trace where the field is used, or answer under the name of another class."""
    _rewrite_manifest(folder, **changes)
    (name,) = changes
    assert _refusal(folder).message.startswith(f"{folder / 'limbeck.json'}: {name} is ")


def test_what_is_no_json_to_read_is_told(folder: Path) -> None:
    """A failure would show the stack of the JSON library."""
    path = folder / "limbeck.json"
    path.write_text("[" * 100_000)
    assert _refusal(folder).message.startswith(f"{path} is damaged (")
    path.unlink()
    path.mkdir()
    assert _refusal(folder).message.startswith(f"{path} is damaged (")


def test_changed_line_ends_are_told_as_such(folder: Path) -> None:
    """A failure would send someone whose version control rewrote line ends looking for an attacker."""
    path = folder / "limbeck.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    error = _refusal(folder)
    assert error.message == f"{path} was changed after it was sealed: it does not have its own checksum."
    assert error.hint == (
        "Copy the folder again, byte for byte: tools that change line ends or reformat JSON change it too."
    )


def test_all_changed_files_are_named(folder: Path) -> None:
    """A failure would show a user one fault at a time."""
    _flip_a_byte(folder / "README.md", at=0)
    _flip_a_byte(folder / "config.json", at=0)
    assert _refusal(folder).message == (
        f"{folder} was changed after it was sealed: README.md, config.json do not have the SHA-256 of limbeck.json."
    )


@pytest.mark.parametrize("name", ["onnx/model_quantized.onnx", "tokenizer.json", "config.json"])
def test_a_missing_file_that_is_needed_is_refused(folder: Path, name: str) -> None:
    """A failure would show a stack of a library instead of the name of the file."""
    (folder / name).unlink()
    assert _refusal(folder).message == f"{folder} lacks {name}, without which the artifact cannot answer."


def test_a_slim_copy_answers_alike_and_tells_what_it_lacks(folder: Path) -> None:
    """A failure would force a phone to carry the float models, or hide that a copy is not the whole artifact."""
    whole = load(folder)("play a song")
    for name in ("model.safetensors", "onnx/model.onnx", "README.md"):
        (folder / name).unlink()
    artifact = open_artifact(folder)
    assert artifact.missing == ("README.md", "model.safetensors", "onnx/model.onnx")
    assert load(folder)("play a song") == whole


def test_running_files_are_the_quantized_model_and_its_tokenizer(folder: Path) -> None:
    """A failure would make the size in the verdict too large or too small."""
    artifact = open_artifact(folder)
    assert artifact.running_files == (
        "onnx/model_quantized.onnx",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "limbeck.json",
    )
    assert artifact.running_bytes == sum(
        (folder / name).stat().st_size for name in artifact.running_files if name != "limbeck.json"
    )
    assert artifact.path("README.md") == folder / "README.md"


def test_unlisted_files_are_told_but_code_is_refused(folder: Path) -> None:
    """A failure would run or ship what nobody sealed, or refuse a folder for a note that someone put beside it."""
    (folder / "notes.txt").write_text("ours")
    (folder / ".gitattributes").write_text("*.onnx filter=lfs")
    assert open_artifact(folder).unlisted == ("notes.txt",)
    (folder / "onnx/Hook.PY").write_text("import os")
    (folder / "weights.bin").write_bytes(b"\x80\x04.")
    assert str(_refusal(folder)) == (
        f"{folder} holds onnx/Hook.PY, weights.bin: code and pickles have no place in an artifact.\n"
        "Hint: Remove them; weights belong into .safetensors and .onnx files."
    )


def test_code_is_not_sealed(folder: Path) -> None:
    """A failure would ship a pickle under our own checksum."""
    (folder / "optimizer.pt").write_bytes(b"\x80\x04.")
    with pytest.raises(ArtifactError, match=r"^.* holds optimizer\.pt: code and pickles have no place"):
        seal(folder, read_manifest(folder))


def test_an_interrupted_write_is_cleared_away_before_sealing(folder: Path) -> None:
    """A failure would make the artifact of a killed and resumed run differ from an undisturbed one."""
    before = (folder / "limbeck.json").read_bytes()
    (folder / "onnx/model.onnx.partial-4711").write_bytes(b"half")
    (folder / "new.partial-4711").mkdir()
    (folder / "new.partial-4711/file").write_bytes(b"half")
    seal(folder, read_manifest(folder))
    assert (folder / "limbeck.json").read_bytes() == before
    assert not list(folder.rglob("*.partial-*"))


def test_an_unfinished_folder_is_not_sealed(folder: Path) -> None:
    """A failure would put a manifest on a folder without a model."""
    manifest = read_manifest(folder)
    (folder / "onnx/model_quantized.onnx").unlink()
    with pytest.raises(ArtifactError) as caught:
        seal(folder, manifest)
    assert caught.value.message == f"{folder} has no onnx/model_quantized.onnx."


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "onnx/../../x", "..\\x", "C:/x", ""])
def test_names_that_leave_the_folder_are_refused(folder: Path, name: str) -> None:
    """A failure would let a manifest have files elsewhere read, hashed or loaded as a model."""
    files = read_manifest(folder).files
    for changes in ({"files": {**files, name: "0" * 64}}, {"model_file": name}, {"float_model_file": name}):
        _rewrite_manifest(folder, **changes)
        error = _refusal(folder)
        assert error.message == (
            f"{folder / 'limbeck.json'} names {name!r}, which does not lie in the artifact's folder."
        )
        _rewrite_manifest(folder, files=files, model_file="onnx/model_quantized.onnx")


def test_another_format_is_told_before_anything_else(folder: Path) -> None:
    """A failure would call an artifact of a newer limbeck damaged."""
    _rewrite_manifest(folder, format=2, label_names=None)
    assert str(_refusal(folder)) == (
        f"{folder / 'limbeck.json'} has format 2, this limbeck reads format 1.\n"
        "Hint: Install the limbeck that made it: its version stands in that file as limbeck_version."
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("label_names", []),
        ("label_names", "ab"),
        ("label_names", ["a", 1]),
        ("max_tokens", 0),
        ("max_tokens", True),
        ("n_parameters", "many"),
        ("files", {"a": 1}),
        ("shape", {"layers": "3"}),
        ("recipe", []),
        ("verdict", "passed"),
        ("scheme", None),
    ],
)
def test_a_field_of_another_kind_is_named(folder: Path, field: str, value: object) -> None:
    """A failure would surface as a TypeError somewhere in a running service."""
    _rewrite_manifest(folder, **{field: value})
    assert _refusal(folder).message == (
        f"{folder / 'limbeck.json'}: {field} is {value!r}, which is not what a manifest holds there."
    )


@pytest.mark.parametrize("content", [b"{", b"\xff", b""])
def test_a_manifest_that_is_no_json(folder: Path, content: bytes) -> None:
    """A failure would show a parser's stack for a half copied file."""
    (folder / "limbeck.json").write_bytes(content)
    assert _refusal(folder).message.startswith(f"{folder / 'limbeck.json'} is damaged (")


@pytest.mark.parametrize("content", ["[]", '{"kind": "other"}'])
def test_a_file_of_that_name_by_someone_else(folder: Path, content: str) -> None:
    """A failure would read another program's limbeck.json as ours."""
    (folder / "limbeck.json").write_text(content)
    assert _refusal(folder).message == f"{folder / 'limbeck.json'} is not a manifest of limbeck."


def test_without_the_check_only_presence_counts(folder: Path) -> None:
    """A failure would make `check=False` hash gigabytes all the same, or load half a folder."""
    _flip_a_byte(folder / "model.safetensors", at=0)
    assert open_artifact(folder, check=False).manifest.task == "classification"
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ArtifactError, match=r"lacks tokenizer\.json, without which"):
        open_artifact(folder, check=False)


def test_what_is_no_artifact_is_told_for_what_it_is(folder: Path, tmp_path: Path) -> None:
    """A failure would leave a user who gave the folder next to the right one without a clue."""
    run, signals, model, empty, other = (tmp_path / name for name in ("run", "signals", "model", "empty", "other"))
    for one in (run, signals / "abc", model, empty, other):
        one.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    (signals / "abc/part-0.arrow").touch()
    (model / "config.json").touch()
    (other / "x.txt").touch()
    default = "Give the folder that `limbeck compress` wrote as <out>/artifact."
    make = f"Make an artifact of it: limbeck compress --teacher {model} --data texts.jsonl --out runs/a"
    unfinished = "The run is not finished: run the same `limbeck compress` command again, it goes on where it stopped."
    finished = f"The artifact lies in {tmp_path / 'artifact'}."
    onnx_file = folder / "onnx/model.onnx"
    expected = {
        run: ("the folder of a run", unfinished),
        tmp_path: ("the folder of a run", finished),
        signals: ("a folder of several signals", default),
        signals / "abc": ("a folder of signals", default),
        model: ("a Hugging Face model", make),
        empty: ("an empty folder", default),
        other: ("a folder", default),
        onnx_file: ("a single ONNX file", f"Give the folder {folder}."),
        other / "x.txt": ("a file", default),
    }
    for path, (kind, hint) in expected.items():
        error = _refusal(path)
        assert (error.message, error.hint) == (
            f"{path} is not an artifact (a folder with limbeck.json) but {kind}.",
            hint,
        )
    assert _refusal(tmp_path / "nowhere").message == f"{tmp_path / 'nowhere'} does not exist."
    assert folder_kind(folder) is FolderKind.ARTIFACT
