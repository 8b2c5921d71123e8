"""The manifest of an artifact: limbeck.json, which says what the folder is and holds the SHA-256 of its files.

It carries its own checksum too, so that no byte of it changes unnoticed. Checksums show damage: a broken download, a
file that was edited. They are no signature: who can change a file can also write a new manifest.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, Final

from limbeck.errors import ArtifactError, SchemeError
from limbeck.ground import files
from limbeck.recipe.scheme import INT8_BITS, Scheme

FORMAT: Final = 1
KIND: Final = "limbeck artifact"
MANIFEST_FILE: Final = "limbeck.json"
FLOAT_MODEL_FILE: Final = "onnx/model.onnx"
QUANTIZED_MODEL_FILE: Final = "onnx/model_quantized.onnx"
_FEW_BITS_FILE: Final = "onnx/model_q{bits}.onnx"
_BLANK_CHECKSUM: Final = b'"checksum": ""'
_NUMBERS_OF_DATA: Final = ("window_overlap", "no_answer_threshold")
"""Of the recipe's table `data`: what texts are read by."""


@dataclass(frozen=True)
class Manifest:
    """What an artifact is, what it was made of, and what it consists of.

    No dates and no timings: equal runs give equal bytes.

    Args:
        limbeck_version: The version that made it.
        task: What it was made for; see `limbeck.tasks`.
        label_names: The classes in the order of the logits.
        max_tokens: Longer texts are cut to this many tokens.
        scheme: Bits of the quantized model, such as "w8a8e8".
        inputs: Names of the inputs of the graphs.
        shape: Layers, hidden size, heads, intermediate size, vocabulary.
        n_parameters: Parameters of the model.
        fingerprints: Of the teacher, tokenizer, train, validation, held_out, recipe: which content it came from.
        recipe: The recipe as nested tables.
        versions: Package -> version that had a hand in it.
        instruction_set: Of the processor that made and judged it.
        files: Path below the folder, with `/` -> SHA-256; filled in by `seal`.
        verdict: The deterministic figures of the verdict, or None when it was not judged.
        model_file: The quantized graph.
        float_model_file: The float32 graph.
    """

    limbeck_version: str
    task: str
    label_names: tuple[str, ...]
    max_tokens: int
    scheme: str
    inputs: tuple[str, ...]
    shape: Mapping[str, int]
    n_parameters: int
    fingerprints: Mapping[str, str]
    recipe: Mapping[str, Any]
    versions: Mapping[str, str]
    instruction_set: str
    files: Mapping[str, str] = field(default_factory=dict)
    verdict: Mapping[str, Any] | None = None
    model_file: str = QUANTIZED_MODEL_FILE
    float_model_file: str = FLOAT_MODEL_FILE


def quantized_model_file(scheme: Scheme) -> str:
    """Where the graph of a scheme lies, by the names that transformers.js looks for: `q8` and `q4` are its dtypes."""
    return _FEW_BITS_FILE.format(bits=scheme.weight_bits) if scheme.weight_bits < INT8_BITS else QUANTIZED_MODEL_FILE


def transformers_js_options(scheme: Scheme) -> str:
    """What `pipeline` of transformers.js is told to find the file of a scheme: its dtypes know 8 and 4 bits."""
    if scheme.weight_bits in {2, 3}:
        return f'{{ model_file_name: "model_q{scheme.weight_bits}", dtype: "fp32" }}'
    return '{ dtype: "q4" }' if scheme.weight_bits < INT8_BITS else '{ dtype: "q8" }'


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write limbeck.json, whole, with its checksum; `artifact.seal` is what calls it.

    Raises:
        OutputError: The disk is full.
    """
    value = {"kind": KIND, "format": FORMAT, "checksum": "", **asdict(manifest)}
    blanked = (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
    checksum = hashlib.sha256(blanked).hexdigest()
    with files.written_whole(folder / MANIFEST_FILE) as temporary:
        temporary.write_bytes(blanked.replace(_BLANK_CHECKSUM, f'"checksum": "{checksum}"'.encode(), 1))


def read_manifest(folder: Path) -> Manifest:
    """Read limbeck.json and check its own checksum and every field; the other files are not looked at.

    Raises:
        ArtifactError: It is damaged or of another format.
    """
    path = folder / MANIFEST_FILE
    try:
        content = path.read_bytes()
        value = json.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is damaged ({error}).", hint="Copy the folder again.") from None
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise ArtifactError(
            f"{path} is not a manifest of limbeck.", hint="Give the folder that `limbeck compress` wrote."
        )
    if value.get("format") != FORMAT:
        raise ArtifactError(
            f"{path} has format {value.get('format')!r}, this limbeck reads format {FORMAT}.",
            hint="Install the limbeck that made it: its version stands in that file as limbeck_version.",
        )
    checksum = str(value.pop("checksum", ""))
    blanked = content.replace(f'"checksum": "{checksum}"'.encode(), _BLANK_CHECKSUM, 1)
    if hashlib.sha256(blanked).hexdigest() != checksum:
        raise ArtifactError(
            f"{path} was changed after it was sealed: it does not have its own checksum.",
            hint="Copy the folder again, byte for byte: tools that change line ends or reformat JSON change it too.",
        )
    return _parse(value, path)


def _parse(value: dict[str, Any], path: Path) -> Manifest:
    given: dict[str, Any] = {}
    for one in fields(Manifest):
        found = value.get(one.name)
        if one.name not in value or not _fits(one.name, found):
            raise ArtifactError(
                f"{path}: {one.name} is {found!r}, which is not what a manifest holds there.",
                hint="Make the artifact anew with `limbeck compress`.",
            )
        given[one.name] = tuple(found) if isinstance(found, list) else found
    manifest = Manifest(**given)
    for name in (*manifest.files, manifest.model_file, manifest.float_model_file):
        parts = PurePosixPath(name).parts
        if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name or ":" in name:
            raise ArtifactError(
                f"{path} names {name!r}, which does not lie in the artifact's folder.",
                hint="Do not use this artifact: limbeck never writes such a name.",
            )
    return manifest


def _fits(name: str, value: object) -> bool:
    return _CHECKS.get(name, _is_text)(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _are_names(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return False
    return 0 < len(value) == len(set(value))


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _are_sizes(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, int) for item in value.values())


def _is_scheme(value: object) -> bool:
    try:
        Scheme.parse(str(value))
    except SchemeError:
        return False
    return isinstance(value, str)


def _is_recipe(value: object) -> bool:
    """Whether texts can be read by it; the rest is told, and nothing depends on it."""
    data = value.get("data", {}) if isinstance(value, dict) else None
    return isinstance(data, dict) and all(isinstance(data.get(key) or 0, int | float) for key in _NUMBERS_OF_DATA)


def _is_verdict(value: object) -> bool:
    return value is None or isinstance(value, dict)


_CHECKS: Final[Mapping[str, Callable[[object], bool]]] = {
    "label_names": _are_names,
    "inputs": _are_names,
    "max_tokens": _is_count,
    "n_parameters": _is_count,
    "files": _are_texts,
    "fingerprints": _are_texts,
    "versions": _are_texts,
    "shape": _are_sizes,
    "scheme": _is_scheme,
    "recipe": _is_recipe,
    "verdict": _is_verdict,
}
"""What a field must hold; others hold a text."""
