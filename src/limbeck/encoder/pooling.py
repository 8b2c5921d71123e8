"""How the vectors of a text's tokens become one: read from, and written as, the files of sentence-transformers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from limbeck.errors import TeacherError
from limbeck.ground import files

Mode = Literal["mean", "cls", "max"]
MODULES_FILE = "modules.json"
_POOLING_FOLDER, _NORMALIZE_FOLDER = "1_Pooling", "2_Normalize"
_FLAGS = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "max": "pooling_mode_max_tokens"}
_TYPES = "sentence_transformers.models"


@dataclass(frozen=True)
class Pooling:
    """How one vector is made.

    Args:
        mode: "mean" of all tokens, "cls" for the first one, "max" of each number over all tokens.
        normalize: Whether the vector is divided by its length.
    """

    mode: Mode = "mean"
    normalize: bool = True


def read_pooling(folder: Path) -> Pooling | None:
    """What a sentence-transformers folder says; None where a folder is none.

    Raises:
        TeacherError: Its modules are more than an encoder, pooling and normalisation, or pool in an unknown way.
    """
    listing = folder / MODULES_FILE
    if not listing.exists():
        return None
    kinds = [(str(module.get("type", "")).rsplit(".", 1)[-1], str(module.get("path", ""))) for module in _list(listing)]
    others = [kind for kind, _ in kinds[1:] if kind not in {"Pooling", "Normalize"}]
    found = [path for kind, path in kinds[1:] if kind == "Pooling"]
    if others or len(found) != 1:
        raise TeacherError(
            f"{listing} lists {', '.join(kind for kind, _ in kinds)}; expected a Transformer, one Pooling, and perhaps "
            "Normalize.",
            hint="Models with further layers behind pooling cannot be distilled as they are; give the model without.",
        )
    settings = _object(folder / found[0] / "config.json")
    mode = settings.get("pooling_mode") or [name for name, flag in _FLAGS.items() if settings.get(flag)]
    modes = [mode] if isinstance(mode, str) else mode
    unknown = [key for key, value in settings.items() if key.startswith("pooling_mode_") and value is True
               and key not in _FLAGS.values()]  # fmt: skip
    known: list[Mode] = [name for name in get_args(Mode) if [name] == modes]
    if not known or unknown:
        named = ", ".join([*map(str, modes), *unknown]) or "nothing"
        raise TeacherError(
            f"{folder / found[0] / 'config.json'} pools by {named}; expected one of {', '.join(_FLAGS)}.",
            hint="Give a model with one of these ways of pooling.",
        )
    return Pooling(known[0], "Normalize" in [kind for kind, _ in kinds])


def sequence_limit(folder: Path) -> int | None:
    """Tokens that a sentence-transformers model was made for; None where it does not say.

    Older ones say it in a file of their own, newer ones in the tokenizer's.

    Raises:
        TeacherError: One of these files is no JSON object.
    """
    places = {"sentence_bert_config.json": "max_seq_length", "tokenizer_config.json": "model_max_length"}
    found = [_object(folder / name).get(key) for name, key in places.items() if (folder / name).exists()]
    return min((limit for limit in found if isinstance(limit, int) and limit > 0), default=None)


def write_pooling(folder: Path, pooling: Pooling, *, size: int, max_tokens: int) -> None:
    """Make a folder with an encoder in it one of sentence-transformers.

    Args:
        folder: Holds config.json, weights and tokenizer.
        pooling: What it does behind the encoder.
        size: Numbers of a vector.
        max_tokens: Length limit.

    Raises:
        OutputError: The disk is full.
    """
    modules = [("Transformer", ""), ("Pooling", _POOLING_FOLDER)]
    if pooling.normalize:
        modules.append(("Normalize", _NORMALIZE_FOLDER))
    listing = [
        {"idx": number, "name": str(number), "path": path, "type": f"{_TYPES}.{kind}"}
        for number, (kind, path) in enumerate(modules)
    ]
    flags = {flag: mode == pooling.mode for mode, flag in _FLAGS.items()}
    (folder / _POOLING_FOLDER).mkdir(exist_ok=True)
    files.write_json(folder / _POOLING_FOLDER / "config.json", {"word_embedding_dimension": size, **flags})
    files.write_json(folder / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})
    files.write_json(folder / MODULES_FILE, listing)


def _list(path: Path) -> list[dict[str, Any]]:
    value = _json(path)
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        raise TeacherError(f"{path} is no list of modules.", hint="Save the sentence-transformers model again.")
    return value


def _object(path: Path) -> dict[str, Any]:
    value = _json(path)
    if not isinstance(value, dict):
        raise TeacherError(f"{path} holds no JSON object.", hint="Save the sentence-transformers model again.")
    return value


def _json(path: Path) -> Any:  # noqa: ANN401  (any JSON value)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TeacherError(
            f"{path} cannot be read ({error}).", hint="Save the sentence-transformers model again."
        ) from None
