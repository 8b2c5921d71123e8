"""What lies at a path, in a screenful: artifact, teacher, signals, a run or a sweep. For `limbeck inspect`.

Not among the names of `limbeck.runtime`: it knows Arrow, which a runtime that only answers need not load.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import pyarrow as pa

from limbeck.artifact.manifest import Manifest
from limbeck.artifact.sealed import ARTIFACT_FOLDER, Artifact, FolderKind, folder_kind, open_artifact
from limbeck.encoder import families
from limbeck.encoder.pooling import MODULES_FILE
from limbeck.errors import DataError
from limbeck.ground import files, wording
from limbeck.records.run_folder import MARKER_FILE, SWEEP_KIND
from limbeck.tasks import TASKS

_SHOWN_LABELS = 8
_FINISHED, _UNFINISHED = "finished", "not finished; the same command goes on where it stopped"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")

Row = tuple[str, str]


@dataclass(frozen=True)
class Section:
    """Rows that belong together, under a heading."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Inspection:
    """What a path is.

    Args:
        title: In one line.
        sections: The rest, in the order to show it.
    """

    title: str
    sections: tuple[Section, ...]


def describe_path(path: Path) -> Inspection:
    """Tell what lies at `path`.

    Only small files are opened, and the heads of large ones; but an artifact's hashes are checked.

    Raises:
        ArtifactError: It is an artifact, but damaged.
        DataError: There is nothing, or nothing that limbeck knows.
    """
    kind = folder_kind(path)
    if kind is FolderKind.ARTIFACT:
        return _artifact(open_artifact(path))
    if kind is FolderKind.RUN:
        return _run(path)
    if kind is FolderKind.SIGNALS:
        return Inspection(f"Signals: a teacher's answers to texts, in {path}", (_signals(path),))
    if kind is FolderKind.SIGNALS_ROOT:
        folders = sorted({part.parent for part in path.glob("*/part-*.arrow")})
        return Inspection(
            f"Signals of {wording.counted(len(folders), 'teacher or setting', 'teachers or settings')}, in {path}",
            tuple(_signals(folder) for folder in folders),
        )
    if kind is FolderKind.MODEL:
        return _model(path)
    if kind is FolderKind.ABSENT:
        raise DataError(f"{path} does not exist.", hint="Give an artifact, a teacher, a signals folder or a run.")
    raise DataError(
        f"{path} is {kind.value} that limbeck does not know.",
        hint="Give the folder of an artifact, of a teacher, of signals or of a run.",
    )


def _answers(manifest: Manifest) -> tuple[str, str]:
    """What an artifact chooses its answers from."""
    if manifest.task == "embeddings":
        return "numbers of a vector", str(len(manifest.label_names))
    if manifest.task == "fill-mask":
        return "tokens to fill masks with", wording.count(int(manifest.shape["vocabulary"]))
    return "labels", _labels(manifest.label_names)


def _artifact(artifact: Artifact) -> Inspection:
    manifest = artifact.manifest
    absent = ", ".join(artifact.missing)
    sections = [
        Section(
            "What it is",
            (
                ("task", manifest.task),
                _answers(manifest),
                ("longest text", f"{wording.count(manifest.max_tokens)} tokens"),
                ("scheme", manifest.scheme),
                ("parameters", wording.millions(manifest.n_parameters)),
                ("shape", _counts(manifest.shape)),
            ),
        ),
        Section(
            "Files",
            (
                ("to answer with", f"{wording.size(artifact.running_bytes)} in {', '.join(artifact.running_files)}"),
                ("all", wording.size(files.size_bytes(artifact.folder))),
                (
                    "integrity",
                    f"{wording.counted(len(manifest.files) - len(artifact.missing), 'file')} as sealed (SHA-256)"
                    + (f"; not here: {absent}" if absent else ""),
                ),
                *([("not of the artifact", ", ".join(artifact.unlisted))] if artifact.unlisted else []),
            ),
        ),
        Section(
            "Where it comes from",
            (
                ("made by", f"limbeck {manifest.limbeck_version} on {manifest.instruction_set}"),
                *(("versions", _joined(manifest.versions)) for _ in range(bool(manifest.versions))),
                *((f"{name} fingerprint", value) for name, value in manifest.fingerprints.items()),
            ),
        ),
    ]
    verdict = manifest.verdict
    sections.append(Section("Verdict", _verdict(verdict) if verdict else (("verdict", "not judged"),)))
    return Inspection(f"Artifact in {artifact.folder}: it is whole and unchanged", tuple(sections))


def _run(path: Path) -> Inspection:
    marker = path / MARKER_FILE
    if marker.exists() and _read_json(marker).get("kind") == SWEEP_KIND:
        return _sweep(path)
    sections = []
    record = _read_json(path / "run.json") if (path / "run.json").exists() else {}
    if record:
        teacher, data, seconds = (_mapping(record.get(name)) for name in ("teacher", "data", "seconds"))
        sections = [
            Section("Verdict", _verdict(_mapping(record.get("verdict")))),
            Section("Teacher", tuple((name, str(value)) for name, value in teacher.items())),
            Section("Texts", tuple((name, str(value)) for name, value in data.items() if "fingerprint" not in name)),
            Section("Time", tuple((name, wording.duration(value)) for name, value in seconds.items())),
        ]
    sections.append(_held(path))
    state = _FINISHED if record else _UNFINISHED
    inside = f"; its artifact is {path / ARTIFACT_FOLDER}" if (path / ARTIFACT_FOLDER).exists() else ""
    return Inspection(f"Run in {path}: {state}{inside}", tuple(sections))


def _sweep(path: Path) -> Inspection:
    record = _read_json(path / "sweep.json") if (path / "sweep.json").exists() else {}
    rows = [
        (str(pair.get("folder")), "passed" if pair.get("passed") else "refused") for pair in record.get("pairs") or ()
    ]
    sections = [Section("Pairs", (("in words", str(record.get("sentence"))), *rows))] if record else []
    state = _FINISHED if record else _UNFINISHED
    return Inspection(f"Sweep in {path}: {state}", (*sections, _held(path)))


def _held(path: Path) -> Section:
    found = ", ".join(sorted(child.name + "/" * child.is_dir() for child in path.iterdir() if child.name[0] != "."))
    return Section("Files", (("holds", found), ("size", wording.size(files.size_bytes(path)))))


def _signals(folder: Path) -> Section:
    key = _read_json(folder / "manifest.json") if (folder / "manifest.json").exists() else {}
    parts = sorted(folder.glob("part-*.arrow"))
    n_texts = sum(_arrow_rows(part) for part in parts)
    return Section(
        folder.name,
        (
            ("answers", f"{wording.counted(n_texts, 'text')} in {wording.counted(len(parts), 'part')}"),
            ("size", wording.size(files.size_bytes(folder))),
            *((name.replace("_", " "), str(value)) for name, value in key.items()),
        ),
    )


def _arrow_rows(part: Path) -> int:
    try:
        with pa.memory_map(str(part)) as source:
            reader = pa.ipc.open_file(source)
            return sum(reader.get_batch(index).num_rows for index in range(reader.num_record_batches))
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{part} is no Arrow file ({error}).", hint="Delete this one file; only its texts are asked for again."
        ) from None


def _without_head(path: Path) -> str:
    if (path / MODULES_FILE).exists():
        return "of embeddings, as sentence-transformers wrote it; `limbeck teach` makes one of another task"
    return "no classification head; make one with `limbeck teach`"


def _model(path: Path) -> Inspection:
    config = _read_json(path / "config.json")
    architectures = ", ".join(config.get("architectures") or ["none named"])
    labels = _mapping(config.get("id2label"))
    has_head = any(task.head in architectures for task in TASKS.values())
    reason = families.refusal(config)
    notes = [
        *([("as a teacher", f"refused: {reason}")] if reason else []),
        *([] if has_head else [("as a teacher", _without_head(path))]),
        *(
            [("own code", "it comes with Python code, which runs only when allowed by name")]
            if "auto_map" in config
            else []
        ),
    ]
    weights = _weights(path)
    rows = (
        ("family", str(config.get("model_type", "none named"))),
        ("architecture", architectures),
        *((("labels", _labels([str(name) for name in labels.values()])),) if has_head and labels else ()),
        ("shape", _counts(_shape(config))),
        *weights,
        ("tokenizer", _tokenizer(path)),
        *(notes or [("as a teacher", "can be distilled")]),
    )
    return Inspection(f"Hugging Face model in {path}", (Section("What it is", rows),))


def _shape(config: Mapping[str, Any]) -> dict[str, int]:
    spellings = {
        "layers": ("num_hidden_layers", "n_layers"),
        "hidden size": ("hidden_size", "dim"),
        "heads": ("num_attention_heads", "n_heads"),
        "intermediate size": ("intermediate_size", "hidden_dim"),
        "vocabulary": ("vocab_size",),
        "positions": ("max_position_embeddings",),
    }
    found = {
        name: [config[key] for key in keys if isinstance(config.get(key), int)] for name, keys in spellings.items()
    }
    return {name: values[0] for name, values in found.items() if values}


def _weights(path: Path) -> tuple[Row, ...]:
    """Parameters and precision from the heads of the safetensors files, or why they cannot be told."""
    found_files = sorted(path.glob("*.safetensors"))
    heads = [_safetensors_head(found) for found in found_files]
    if not heads:
        pickles = [found.name for pattern in _PICKLES for found in sorted(path.glob(pattern))]
        told = f"pickles only ({', '.join(pickles)}); refused, convert them to safetensors" if pickles else "none here"
        return (("weights", told),)
    tensors = [tensor for head in heads for name, tensor in head.items() if name != "__metadata__"]
    kinds = sorted({str(tensor["dtype"]) for tensor in tensors})
    return (
        ("parameters", wording.millions(sum(prod(tensor["shape"]) for tensor in tensors))),
        ("weights", f"{wording.size(sum(map(files.size_bytes, found_files)))} of {' and '.join(kinds)} in safetensors"),
    )


def _safetensors_head(path: Path) -> dict[str, Any]:
    """The JSON at the start of a safetensors file, after its length as a little-endian 64-bit integer."""
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        content = stream.read(length) if 0 < length <= path.stat().st_size else b""
    try:
        head: dict[str, Any] = json.loads(content)
    except ValueError:
        raise DataError(f"{path} is no safetensors file.", hint="Copy it again; it may be cut short.") from None
    return head


def _tokenizer(path: Path) -> str:
    if (path / "tokenizer.json").exists():
        return "tokenizer.json"
    others = [name for name in ("vocab.txt", "spiece.model", "sentencepiece.bpe.model") if (path / name).exists()]
    return f"{', '.join(others)}, no tokenizer.json" if others else "none here"


def _verdict(verdict: Mapping[str, Any]) -> tuple[Row, ...]:
    rows = [("passed", "yes" if verdict.get("passed") else "no"), ("in words", str(verdict.get("sentence", "")))]
    task = TASKS[str(verdict.get("task", "classification"))]
    for model in verdict.get("models") or ():
        named = ((task.score.name, "score"), (task.agreement.name, "agreement"))
        scores = {name: _mapping(model.get(key)).get("value") for name, key in named}
        told = [f"{name} {wording.percent(value)}" for name, value in scores.items() if value is not None]
        rows.append((str(model.get("name")), ", ".join([*told, wording.size(model.get("size_bytes"))])))
    return tuple(rows)


def _labels(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN_LABELS
    return f"{len(names)}: {', '.join(names[:_SHOWN_LABELS])}" + (f" and {rest} more" if rest > 0 else "")


def _counts(shape: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {wording.count(value)}" for name, value in shape.items())


def _joined(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}).", hint="Copy it again; it may be cut short.") from None
    if not isinstance(value, dict):
        raise DataError(f"{path} is not a JSON object.", hint="Copy it again; another file may have taken its place.")
    return value
