"""Finding a model's folder, on this disk or on the hub, and refusing what would be unsafe or unfit to load."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck.encoder import families
from limbeck.encoder.pooling import MODULES_FILE
from limbeck.errors import TeacherError, UnsafeTeacherError
from limbeck.recipe.knobs import AUTO
from limbeck.tasks import TASKS

FILL_MASK = "fill-mask"
EMBEDDINGS = "embeddings"
"""The task of encoders without a head."""
_ONE_NUMBER = frozenset({"regression", "reranking"})
"""Tasks whose models look alike: one output, and nothing in transformers' own files that tells them apart."""
WANTED_FILES = ("*.json", "*.safetensors", "*.txt", "*.model")
_RELEVANT_OR_NOT = 2
_SENTENCE_HEAD, _MASK_HEAD = TASKS["classification"].head, TASKS[FILL_MASK].head
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")


def find_folder(source: str | Path, *, revision: str | None = None) -> Path:
    """The local folder of a model that is given as a path or as a hub id.

    HF_HOME, HF_TOKEN and HF_HUB_OFFLINE are honoured by huggingface_hub, which does the download.

    Raises:
        TeacherError: No such folder, and no such model can be reached on the hub.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise TeacherError(
            f"{path} is a file; a model is a folder with config.json and model.safetensors.",
            hint=f"Give the folder: {path.parent}",
        )
    name = str(source)
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise TeacherError(f"There is no folder {path}.", hint="Check the path; a hub id looks like 'owner/name'.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(WANTED_FILES)))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise TeacherError(
            f"{name!r} is no folder here, and the hub gave no such model ({first_line}).",
            hint="Check the spelling, the connection and HF_TOKEN; HF_HUB_OFFLINE=1 finds downloaded models only.",
        ) from None


def told_of(source: str) -> dict[str, str]:
    """What records that ship say of a model: its folder's name, or its hub id; no path of this machine."""
    path = Path(source).expanduser()
    return {"name": path.resolve().name} if path.exists() else {"name": source, "hub_id": source}


def transformer_folder(folder: Path) -> Path:
    """The folder of the encoder itself: of a sentence-transformers model, the one of its first module.

    Older ones keep it in `0_Transformer`, newer ones beside modules.json; that file tells where.

    Raises:
        TeacherError: modules.json names no folder that is there.
    """
    listing = folder / MODULES_FILE
    if not listing.exists():
        return folder
    try:
        modules = json.loads(listing.read_text(encoding="utf-8"))
        inner = folder / str(modules[0]["path"])
    except (ValueError, KeyError, IndexError, TypeError):
        inner = folder / "?"
    if not inner.is_dir() or not inner.resolve().is_relative_to(folder.resolve()):
        raise TeacherError(
            f"{listing} names no folder of an encoder as its first module.",
            hint="Save the sentence-transformers model again, or give the folder that holds its config.json.",
        )
    return inner


def token_limit(config: Mapping[str, Any]) -> int:
    """How many tokens the model's positions allow (RoBERTa's tables start after the padding index)."""
    positions = int(config.get("max_position_embeddings") or 0)
    if positions <= 0 or config.get("position_biased_input", True) is False:
        return 1 << 20
    starts_after_padding = config.get("model_type") in families.POSITIONS_BEHIND_PADDING
    return positions - (int(config.get("pad_token_id") or 0) + 1 if starts_after_padding else 0)


def read_config(folder: Path) -> dict[str, Any]:
    """A model folder's config.json.

    Raises:
        TeacherError: It is not there, not JSON, or no JSON object.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TeacherError(
            f"{folder} has no config.json, so it is no Hugging Face model.",
            hint="Give the folder that save_pretrained wrote.",
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise TeacherError(f"{path} is not JSON: {error}.", hint="Download or save the model again.") from None
    if not isinstance(config, dict):
        raise TeacherError(f"{path} is not JSON: it holds no object.", hint="Download or save the model again.")
    return config


def refuse_unsafe(folder: Path, config: Mapping[str, Any], *, name: str, allow_code: Sequence[str]) -> bool:
    """Refuse code and pickles that came with a model.

    Returns: Whether the model's own code may run: it has some, and the user named it in `teacher.allow_code`.

    Raises:
        UnsafeTeacherError: It needs its own code without leave, or its weights are pickled only.
        TeacherError: It has no weights at all.
    """
    has_code = "auto_map" in config
    if has_code and name not in allow_code:
        raise UnsafeTeacherError(
            f"{name} can only be loaded by running Python code that came with it ({config['auto_map']}).",
            hint=f"If you trust that code, allow it by name: --teacher.allow_code '[\"{name}\"]'",
        )
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
        if pickles:
            raise UnsafeTeacherError(
                f"{folder} holds its weights only as pickle ({', '.join(pickles)}); opening a pickle can run any code.",
                hint="If you trust its origin, convert it once, then give the new folder:\n  "
                'python -c "from transformers import AutoModelForSequenceClassification as M, AutoTokenizer as T; '
                f"d = '{folder}'; M.from_pretrained(d).save_pretrained(d + '-safe'); "
                "T.from_pretrained(d).save_pretrained(d + '-safe')\"",
            )
        raise TeacherError(
            f"{folder} has a config.json but no weights (model.safetensors).",
            hint="Save the model again with save_pretrained, or finish the download.",
        )
    return has_code


def task_of(
    config: Mapping[str, Any], *, name: str, asked: str = AUTO, is_listed: bool = False, ranks: bool = False
) -> str:
    """What a model is to be asked, by its config.json; unknown families and bare encoders are refused.

    Args:
        config: The model's config.json.
        name: As the user gave it.
        asked: The task that the recipe names, or "auto".
        is_listed: Whether it lies in a folder of sentence-transformers.
        ranks: Whether that says that it is a CrossEncoder.

    Returns: The name of a task; see `limbeck.tasks`.

    Raises:
        TeacherError: The family, the head, or a head for another task.
    """
    why = families.refusal(config)
    if why is not None:
        raise TeacherError(
            f"{name} is of the family {config.get('model_type')!r}: {why}.", hint="Give a teacher of a known family."
        )
    architectures = [str(kind) for kind in config.get("architectures") or ()]
    fills_masks = any(kind.endswith(_MASK_HEAD) for kind in architectures)
    has_head = any(kind.endswith(task.head) for kind in architectures for task in TASKS.values())
    if asked == EMBEDDINGS or (asked == AUTO and is_listed and (fills_masks or not has_head)):
        return EMBEDDINGS
    wants_masks = asked == FILL_MASK
    if not has_head or (asked != AUTO and fills_masks != wants_masks):
        head = "head of a masked language model" if wants_masks else "classification head"
        task = f" --task {asked}" if asked not in {AUTO, "classification"} else ""
        raise TeacherError(
            f"{name} has no {head} (its architecture is {', '.join(architectures) or 'not named'}).",
            hint=f"{'Teach it one' if wants_masks else 'Fine-tune it'} first: limbeck teach{task} --encoder "
            f"{name} --data texts.jsonl --out my-teacher, then give --teacher my-teacher.",
        )
    return settled_task(config, name=name, asked=asked, ranks=ranks)


def settled_task(config: Mapping[str, Any], *, name: str, asked: str = AUTO, ranks: bool = False) -> str:
    """What a model with a head is to be asked, by the fields of its config.json that tell of labels.

    Args:
        config: As for `task_of`; empty where nothing is known.
        name: As for `task_of`.
        asked: As for `task_of`.
        ranks: As for `task_of`.

    Raises:
        TeacherError: A head for another task.
    """
    made_for = _made_for(config)
    if ranks and made_for == "regression":
        made_for = "reranking"
    if asked in (AUTO, made_for):
        return made_for
    # A config that names no problem_type leaves open whether its labels exclude one another.
    if asked == "multi-label" and made_for == "classification" and config.get("problem_type") is None:
        return asked
    if {asked, made_for} == _ONE_NUMBER:
        return asked
    if asked == "reranking" and made_for == "classification" and len(config.get("id2label") or {}) == _RELEVANT_OR_NOT:
        return asked
    raise made_for_another(name, made_for=made_for, asked=asked)


def made_for_another(name: str, *, made_for: str, asked: str) -> TeacherError:
    """The refusal of a teacher whose task is not the recipe's."""
    return TeacherError(
        f"{name} was made for the task {made_for!r}, and the recipe asks for {asked!r}.",
        hint=f"Leave the task out, or set task = {made_for!r}.",
    )


def _made_for(config: Mapping[str, Any]) -> str:
    named = [str(kind) for kind in config.get("architectures") or ()]
    for task in TASKS.values():
        if task.head != _SENTENCE_HEAD and any(kind.endswith(task.head) for kind in named):
            return task.name
    kind = config.get("problem_type")
    if kind == "regression" or len(config.get("id2label") or {0: "", 1: ""}) < 2:
        return "regression"
    return "multi-label" if kind == "multi_label_classification" else "classification"
