"""The folder that ships: sealed with the hashes of its files, opened only when they still fit.

Laid out as the ecosystem expects it, so that other tools find what they look for:

    config.json, tokenizer.json, tokenizer_config.json, special_tokens_map.json, model.safetensors, README.md
    onnx/model.onnx              float32
    onnx/model_quantized.onnx    int8
    signals/                     the teacher's answers to the held-out texts, where the recipe asks for them to ship
    limbeck.json                 the manifest: what this is, and the SHA-256 of every file above
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

from limbeck.artifact.manifest import (
    FLOAT_MODEL_FILE,
    MANIFEST_FILE,
    QUANTIZED_MODEL_FILE,
    Manifest,
    read_manifest,
    write_manifest,
)
from limbeck.errors import ArtifactError
from limbeck.ground import files, fingerprint

__all__ = [
    "ARTIFACT_FOLDER",
    "FLOAT_MODEL_FILE",
    "MANIFEST_FILE",
    "QUANTIZED_MODEL_FILE",
    "SIGNALS_FOLDER",
    "SMALL_RUNNING_FILES",
    "Artifact",
    "FolderKind",
    "Manifest",
    "folder_kind",
    "open_artifact",
    "read_manifest",
    "seal",
]

ARTIFACT_FOLDER: Final = "artifact"
SIGNALS_FOLDER: Final = "signals"
_RUN_MARKS: Final = ("limbeck-run.json", "run.json", f"{ARTIFACT_FOLDER}/{MANIFEST_FILE}")
SMALL_RUNNING_FILES: Final = ("config.json", "tokenizer.json", "tokenizer_config.json")
_CODE: Final = (".bat", ".cmd", ".dll", ".dylib", ".exe", ".jar", ".ps1", ".py", ".pyc", ".pyd", ".sh", ".so")
_PICKLES: Final = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")


@dataclass(frozen=True)
class Artifact:
    """An opened artifact.

    Args:
        folder: Where it lies.
        manifest: What it is.
        missing: Files of the manifest that are not there.
        unlisted: Files that are there but not in the manifest; nothing reads them.
    """

    folder: Path
    manifest: Manifest
    missing: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()

    def path(self, name: str) -> Path:
        """Where a file of the manifest lies."""
        return self.folder / name

    @property
    def running_files(self) -> tuple[str, ...]:
        """What must ship to answer with the quantized model; the rest is for training on, conversion and reading."""
        needed = (self.manifest.model_file, *SMALL_RUNNING_FILES)
        return (*(name for name in needed if name in self.manifest.files), MANIFEST_FILE)

    @property
    def running_bytes(self) -> int:
        """Bytes of `running_files` without the manifest, whose size depends on the verdict that it holds."""
        return self.bytes_with(self.manifest.model_file)

    def refuse_changed(self, names: Iterable[str]) -> None:
        """Compare files with their sealed SHA-256; those that are absent or not in the manifest do not count.

        Raises:
            ArtifactError: Some were changed; all of them are named.
        """
        sealed = {name: self.manifest.files[name] for name in names if name in self.manifest.files}
        changed = [
            name
            for name, expected in sealed.items()
            if name not in self.missing and fingerprint.sha256_of_file(self.path(name)) != expected
        ]
        if changed:
            raise ArtifactError(
                f"{self.folder} was changed after it was sealed: {_listed(changed)} "
                f"{'does' if len(changed) == 1 else 'do'} not have the SHA-256 of {MANIFEST_FILE}.",
                hint="Copy the folder again, or make the artifact anew.",
            )

    def bytes_with(self, model_file: str) -> int:
        """Bytes of what must ship to answer with this graph: graph, tokenizer and config."""
        names = (model_file, *(name for name in SMALL_RUNNING_FILES if name in self.manifest.files))
        return sum(files.size_bytes(self.path(name)) for name in names)


class FolderKind(StrEnum):
    """What a path seems to be, by the files that it holds."""

    ABSENT = "nothing"
    ARTIFACT = "an artifact"
    RUN = "the folder of a run"
    SIGNALS = "a folder of signals"
    SIGNALS_ROOT = "a folder of several signals"
    MODEL = "a Hugging Face model"
    ONNX_FILE = "a single ONNX file"
    FILE = "a file"
    EMPTY_FOLDER = "an empty folder"
    FOLDER = "a folder"


def folder_kind(path: Path) -> FolderKind:
    """Tell what lies at `path`, by names alone: nothing is opened, except that a file is told from a folder."""
    if not path.exists():
        return FolderKind.ABSENT
    if path.is_file():
        return FolderKind.ONNX_FILE if path.suffix == ".onnx" else FolderKind.FILE
    marks = (
        (FolderKind.ARTIFACT, (path / MANIFEST_FILE).exists()),
        (FolderKind.RUN, any((path / name).exists() for name in _RUN_MARKS)),
        (FolderKind.SIGNALS, any(path.glob("part-*.arrow"))),
        (FolderKind.SIGNALS_ROOT, any(path.glob("*/part-*.arrow"))),
        (FolderKind.MODEL, (path / "config.json").exists()),
        (FolderKind.EMPTY_FOLDER, not any(path.iterdir())),
    )
    return next((kind for kind, found in marks if found), FolderKind.FOLDER)


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Hash every file of a folder and write its manifest last, so that a folder with a manifest is whole.

    What an interrupted write left behind is removed; hidden files do not ship and do not count.

    Returns: The manifest with its hashes.

    Raises:
        ArtifactError: A file is code or a pickle, or one that the manifest names is not there.
        OutputError: The disk is full.
    """
    for leftover in files.leftovers(folder):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    names = [name for name in _names_in(folder) if name != MANIFEST_FILE]
    _refuse_code(names, folder)
    for needed in (manifest.model_file, "tokenizer.json"):
        if needed not in names:
            raise ArtifactError(f"{folder} has no {needed}.", hint="Export the model and its tokenizer before sealing.")
    sealed = replace(manifest, files={name: fingerprint.sha256_of_file(folder / name) for name in names})
    write_manifest(folder, sealed)
    return sealed


def open_artifact(folder: Path, *, check: bool = True) -> Artifact:
    """Read an artifact's manifest and check the folder against it.

    Files that are there must be the sealed ones, byte for byte. Absent ones are refused when they are needed to answer;
    a slim copy without the others (the float models, the card) is told in `Artifact.missing`.

    Args:
        folder: The folder that holds limbeck.json.
        check: Hash every file (about a second for a gigabyte). False looks only whether the needed ones are there.

    Raises:
        ArtifactError: It is no artifact, of another format, damaged, incomplete, or holds code or pickles.
    """
    if folder_kind(folder) is not FolderKind.ARTIFACT:
        raise _no_artifact(folder)
    manifest = read_manifest(folder)
    names = _names_in(folder)
    _refuse_code(names, folder)
    artifact = Artifact(
        folder=folder,
        manifest=manifest,
        missing=tuple(name for name in manifest.files if name not in names),
        unlisted=tuple(name for name in names if name not in manifest.files and name != MANIFEST_FILE),
    )
    lost = [name for name in artifact.running_files if name in artifact.missing]
    if lost:
        raise ArtifactError(
            f"{folder} lacks {_listed(lost)}, without which the artifact cannot answer.",
            hint="Copy the whole folder again.",
        )
    if check:
        artifact.refuse_changed(manifest.files)
    return artifact


def _names_in(folder: Path) -> list[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))


def _refuse_code(names: list[str], folder: Path) -> None:
    refused = [name for name in names if PurePosixPath(name).suffix.lower() in _CODE + _PICKLES]
    if refused:
        raise ArtifactError(
            f"{folder} holds {_listed(refused)}: code and pickles have no place in an artifact.",
            hint="Remove them; weights belong into .safetensors and .onnx files.",
        )


def _no_artifact(path: Path) -> ArtifactError:
    kind = folder_kind(path)
    hint = "Give the folder that `limbeck compress` wrote as <out>/artifact."
    if kind is FolderKind.ABSENT:
        return ArtifactError(f"{path} does not exist.", hint=hint)
    if kind is FolderKind.RUN and (path / ARTIFACT_FOLDER / MANIFEST_FILE).exists():
        hint = f"The artifact lies in {path / ARTIFACT_FOLDER}."
    elif kind is FolderKind.RUN:
        hint = "The run is not finished: run the same `limbeck compress` command again, it goes on where it stopped."
    elif kind is FolderKind.MODEL:
        hint = f"Make an artifact of it: limbeck compress --teacher {path} --data texts.jsonl --out runs/a"
    elif kind in (FolderKind.FILE, FolderKind.ONNX_FILE):
        above = next((folder for folder in path.absolute().parents if (folder / MANIFEST_FILE).exists()), None)
        hint = f"Give the folder {above}." if above else hint
    return ArtifactError(f"{path} is not an artifact (a folder with {MANIFEST_FILE}) but {kind.value}.", hint=hint)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
