"""The student's files, laid out as the ecosystem expects them: for transformers, onnxruntime and transformers.js."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.artifact.packing import PackedWeights
from limbeck.artifact.sealed import FLOAT_MODEL_FILE, QUANTIZED_MODEL_FILE, SMALL_RUNNING_FILES
from limbeck.encoder import heads
from limbeck.encoder.families import STATIC
from limbeck.encoder.pooling import write_pooling
from limbeck.export.writer import onnx_size, write_onnx
from limbeck.ground import files
from limbeck.student import save_model, write_config

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
_SPECIAL_TOKENS_FILE = "special_tokens_map.json"


def write_artifact(
    student: "PreTrainedModel",
    folder: Path,
    *,
    tokenizer_folder: Path,
    packed: PackedWeights,
    max_tokens: int,
    model_file: str = QUANTIZED_MODEL_FILE,
    rounded: "PreTrainedModel | None" = None,
) -> tuple[str, ...]:
    """Write everything of an artifact but its card and manifest into an existing folder.

    Args:
        student: In float32.
        folder: Where to.
        tokenizer_folder: Holds the student's tokenizer files, which are copied as they are.
        packed: The quantized weights.
        max_tokens: Length limit.
        model_file: Where the quantized graph lies in the folder.
        rounded: What `packed` was made of, where it is not the student itself.

    Returns: Names of the graphs' inputs.

    Raises:
        OutputError: The disk is full.
    """
    save_model(student, folder)
    pooling = heads.pooling_of(student.config)
    if pooling is not None and student.config.model_type != STATIC:  # which sentence-transformers does not know
        write_pooling(folder, pooling, size=heads.n_outputs(student), max_tokens=max_tokens)
    for name in _TOKENIZER_FILES:
        if (tokenizer_folder / name).exists():
            shutil.copyfile(tokenizer_folder / name, folder / name)
    if not (folder / _SPECIAL_TOKENS_FILE).exists():
        files.write_json(folder / _SPECIAL_TOKENS_FILE, _special_tokens(folder))
    write_onnx(student, folder / FLOAT_MODEL_FILE, packed=None)
    return write_onnx(rounded or student, folder / model_file, packed=packed)


def running_size(student: "PreTrainedModel", packed: PackedWeights | None, *, tokenizer_folder: Path) -> int:
    """Bytes that must ship to answer, as `Artifact.bytes_with` counts them, without writing an artifact.

    Args:
        student: What the graph is written of.
        packed: Its quantized weights; what their codes are does not count. None for the float32 graph.
        tokenizer_folder: Holds the student's tokenizer files.
    """
    return onnx_size(student, packed=packed) + size_beside(student, tokenizer_folder=tokenizer_folder)


def size_beside(student: "PreTrainedModel", *, tokenizer_folder: Path) -> int:
    """Bytes of the config and the tokenizer's files that must ship beside a graph."""
    with tempfile.TemporaryDirectory() as folder:
        write_config(student, Path(folder))
        found = {path.name: path.stat().st_size for path in Path(folder).iterdir()}
    beside = {name: tokenizer_folder / name for name in _TOKENIZER_FILES}
    found |= {name: path.stat().st_size for name, path in beside.items() if path.exists()}
    return sum(found.get(name, 0) for name in SMALL_RUNNING_FILES)


def _special_tokens(folder: Path) -> dict[str, str]:
    """Role -> token ("pad_token": "[PAD]"), which newer tokenizer folders name in tokenizer_config.json only."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    roles = sorted(name for name in config if name.endswith("_token") and config[name])
    return {role: config[role]["content"] if isinstance(config[role], dict) else config[role] for role in roles}
