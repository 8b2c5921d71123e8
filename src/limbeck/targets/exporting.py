"""An artifact to another runtime: written under another name, asked, compared, and only then put in its place."""

import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from limbeck import runtime
from limbeck.artifact.sealed import MANIFEST_FILE, SMALL_RUNNING_FILES, Artifact, open_artifact
from limbeck.errors import OutputError, RecipeError
from limbeck.ground import files, fingerprint, wording
from limbeck.ground.machine import installed_version
from limbeck.ground.progress import SILENT, Progress
from limbeck.records.run import to_json
from limbeck.runtime.engine import Engine
from limbeck.targets.agreement import agreement, one_by_one
from limbeck.targets.record import EXPORT_FILE, KIND, AgreementRecord, ExportRecord
from limbeck.targets.registry import Conversion, converter_of, target_named
from limbeck.targets.texts import check_texts

CHECK_TEXTS = 200
"""Texts that an export is checked on unless more are asked for."""
MOST_CHANGED = 0.01
"""Share of these whose answer may change."""
_SHOWN_NAMES = 5


@dataclass(frozen=True)
class Export:
    """What became of an export.

    Args:
        record: What it has to tell.
        folder: Where it lies; None where it was refused, and nothing was written.
    """

    record: ExportRecord
    folder: Path | None


def export_artifact(
    artifact: str | Path,
    *,
    to: str,
    out: str | Path,
    data_source: str | Path | None = None,
    n_texts: int = CHECK_TEXTS,
    runtime_files: str | Path | None = None,
    progress: Progress = SILENT,
) -> Export:
    """Write an artifact in the form of another runtime.

    The folder gets the model, the tokenizer's files and export.json. Nothing is written where the export answers
    otherwise than the artifact; an earlier export in its place stays as it was.

    Args:
        artifact: The folder that ships.
        to: A name of `TARGETS`.
        out: The folder to write: new, empty, or an earlier export.
        data_source: Texts to compare answers on; None takes some that come with limbeck.
        n_texts: The first so many of them.
        runtime_files: Folder of the libraries that a web page runs on; None takes them from the cache, or from npm.
        progress: Told what goes on.

    Raises:
        ArtifactError: It is none, or was changed.
        RecipeError: There is no such target, or it takes no runtime files.
        MissingExtraError: What the target needs is not installed.
        RuntimeFilesError: The libraries of a web page cannot be had.
        SchemeError: The target has no way to run this artifact.
        OutputError: The folder holds something else, or the disk is full.
    """
    target = target_named(to)
    options = {} if runtime_files is None else {"runtime_files": Path(runtime_files).expanduser()}
    if options and not target.takes_runtime_files:
        raise RecipeError(f"{to} carries no libraries, and got --runtime-files.", hint="Leave it out.")
    place = Path(out).expanduser()
    _refuse_taken(place)
    model = runtime.load(Path(artifact).expanduser(), threads=1)
    opened = open_artifact(model.folder, check=False)
    texts = check_texts(model.manifest, data_source, n_texts=n_texts, progress=progress)
    asked = f"{wording.counted(len(texts.texts), 'text')} of {texts.source}"
    try:
        with files.folder_written_whole(place) as folder:
            progress.say(f"Writing {model.manifest.scheme} for {to}")
            conversion = converter_of(target).convert(opened, folder, progress=progress, **options)
            progress.say(f"Comparing answers to {asked}")
            compared = agreement(
                one_by_one(model.encoder, conversion.answering, texts, progress=progress),
                one_by_one(model.encoder, Engine(_graph(opened), threads=1), texts, progress=progress),
                texts,
                task=model.task,
                label_names=model.label_names,
                largest_error=target.largest_error,
                largest_changed=math.ceil(MOST_CHANGED * len(texts.texts)),
            )
            for name in SMALL_RUNNING_FILES:
                if opened.path(name).exists():
                    shutil.copyfile(opened.path(name), folder / name)
            record = _record(to, opened, folder, conversion, compared)
            files.write_json(folder / EXPORT_FILE, to_json(record))
            _end_unless(compared.passed)
    except _Refused:
        return Export(record, None)
    return Export(record, place)


class _Refused(Exception):  # noqa: N818  (no fault: it ends the writing of a folder that is not wanted)
    """The export does not answer as the artifact does."""


def _end_unless(passed: bool) -> None:
    if not passed:
        raise _Refused


def _graph(artifact: Artifact) -> Path:
    return artifact.path(artifact.manifest.model_file)


def _record(
    to: str, artifact: Artifact, folder: Path, conversion: Conversion, compared: AgreementRecord
) -> ExportRecord:
    manifest = artifact.manifest
    return ExportRecord(
        target=to,
        limbeck_version=installed_version("limbeck") or "unknown",
        runtime=conversion.runtime,
        artifact=fingerprint.sha256_of_file(artifact.path(MANIFEST_FILE)),
        task=manifest.task,
        scheme=manifest.scheme,
        max_tokens=manifest.max_tokens,
        label_names=manifest.label_names,
        inputs=manifest.inputs,
        model_file=conversion.model_file,
        artifact_bytes=files.size_bytes(_graph(artifact)),
        model_bytes=files.size_bytes(folder / conversion.model_file),
        files={path.name: fingerprint.sha256_of_file(path) for path in sorted(folder.iterdir())},
        agreement=compared,
        notes=conversion.notes,
    )


def _refuse_taken(place: Path) -> None:
    """Refuse a folder that holds anything but an earlier export as it was written: what is there will be replaced.

    Raises:
        OutputError: It does, is a file, or lies in an artifact.
    """
    hint = "Give another --out folder, new or empty."
    if any((above / MANIFEST_FILE).exists() for above in (place, *place.absolute().parents)):
        raise OutputError(f"{place} lies in an artifact, in which nothing else may lie.", hint=hint)
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    try:
        told = json.loads((place / EXPORT_FILE).read_text(encoding="utf-8"))
        written = dict(told["files"]) if told["kind"] == KIND else None
    except (OSError, ValueError, TypeError, KeyError):
        written = None
    if written is None:
        raise OutputError(f"{place} holds something that is no export of limbeck.", hint=hint)
    found = {path.relative_to(place).as_posix(): path for path in place.rglob("*") if not path.is_dir()}
    own = [
        name
        for name, path in sorted(found.items())
        if name != EXPORT_FILE and (name not in written or fingerprint.sha256_of_file(path) != written[name])
    ]
    own += [f"{path.relative_to(place).as_posix()}/" for path in sorted(place.iterdir()) if path.is_dir()]
    if own:
        shown = ", ".join(own[:_SHOWN_NAMES])
        raise OutputError(
            f"{place} holds what limbeck did not write, or not so: {shown}{', …' if len(own) > _SHOWN_NAMES else ''}. "
            "A new export takes the place of the whole folder.",
            hint="Export to a new folder and copy its files over, or move these away.",
        )
