"""Folders that sentence-transformers' CrossEncoder wrote: what tells a reranker from a model of one number."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FIELD = "sentence_transformers"
"""Where config.json says that a model is a CrossEncoder, with the activation that it puts behind its logits."""
NO_ACTIVATION = "torch.nn.modules.linear.Identity"
_SETTINGS = "config_sentence_transformers.json"
_DEFAULT = "torch.nn.modules.activation.Sigmoid"
_OLD_FIELD = "sbert_ce_default_activation_function"


def activation_of(folder: Path, config: Mapping[str, Any]) -> str | None:
    """What a CrossEncoder puts behind its logits, by the name of a class of PyTorch; None where a folder is none.

    It stands in `config_sentence_transformers.json` since version 6, in config.json under `sentence_transformers` since
    version 4, and before under a longer name. An activation that nobody names is sentence-transformers' own default.

    Args:
        folder: The whole model's.
        config: Its config.json.
    """
    told = config.get(FIELD)
    if isinstance(told, Mapping):
        return str(told.get("activation_fn") or _DEFAULT)
    if config.get(_OLD_FIELD):
        return str(config[_OLD_FIELD])
    path = folder / _SETTINGS
    try:
        settings = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    except ValueError:
        settings = None
    if isinstance(settings, dict) and settings.get("model_type") == "CrossEncoder":
        return str(settings.get("activation_fn") or _DEFAULT)
    return None
