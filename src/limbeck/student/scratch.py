"""A student of the user's own config: it starts from noise and takes nothing over but the tokenizer and the labels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from limbeck.encoder import families
from limbeck.errors import RecipeError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_NOT_SHAPE = frozenset(
    {"architectures", "id2label", "label2id", "num_labels", "vocab_size", "pad_token_id", "auto_map"}
)


def read_config(path: str) -> dict[str, Any]:
    """Read a config.json; what the teacher decides (labels, vocabulary, padding) is left out.

    Raises:
        RecipeError: It is not there, not JSON, or tells of no known family.
    """
    place = Path(path).expanduser()
    try:
        told = json.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(
            f"student.config = {path!r} cannot be read: {error.strerror}.", hint="Give the path of a config.json."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"student.config = {path!r} is not JSON: {error}.", hint="Mend that line.") from None
    if not isinstance(told, dict):
        raise RecipeError(f"student.config = {path!r} holds no JSON object.", hint="Give a model's config.json.")
    why = families.refusal(told)
    if why is not None:
        raise RecipeError(
            f"student.config = {path!r} is of the family {told.get('model_type')!r}: {why}.",
            hint='Set "model_type" to a known family.',
        )
    return {key: value for key, value in told.items() if key not in _NOT_SHAPE}


def checked_config(told: Mapping[str, Any]) -> "PreTrainedConfig":
    """The config of these settings, of which a model can be built; one without memory is built to see.

    Raises:
        RecipeError: Sizes that do not fit each other, or settings that are none.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig, AutoModelForSequenceClassification

    try:
        config = AutoConfig.for_model(**told)
        with torch.device("meta"):
            AutoModelForSequenceClassification.from_config(config)
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        StrictDataclassError,
        TypeError,
        ValueError,
    ) as why:
        reason = " ".join(str(why).split())
        raise RecipeError(
            f"No model can be built of student.config: {type(why).__name__}: {reason}", hint="Mend that setting."
        ) from None
    return config
