"""A model to and from a folder: config.json and model.safetensors, as `from_pretrained` finds them."""

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import load, save

from limbeck.encoder import heads
from limbeck.encoder.families import STATIC
from limbeck.ground import files

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

WEIGHTS_FILE = "model.safetensors"


def save_model(model: "PreTrainedModel", folder: Path) -> None:
    """Write a model's config and weights into an existing folder.

    The bytes are made here and written by us, so that a full disk is an `OSError` like everywhere else.

    Raises:
        OutputError: The disk is full.
    """
    write_config(model, folder)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in _named_once(model).items()}
    with files.written_whole(folder / WEIGHTS_FILE) as temporary:
        temporary.write_bytes(save(weights, {"format": "pt"}))


def load_static(folder: Path) -> "PreTrainedModel | None":
    """Read a static student from its folder; None where the folder holds another kind of model."""
    told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if told["model_type"] != STATIC:
        return None
    from limbeck.student.static import StaticConfig, untrained

    return load_weights(untrained(StaticConfig.from_pretrained(folder)), folder)


def write_config(model: "PreTrainedModel", folder: Path) -> None:
    """Write a model's config.json alone, as `save_model` does."""
    named = model.base_model if heads.head_of(model) == heads.VECTOR else model  # transformers knows no such head
    config = copy.deepcopy(model.config)
    config.architectures = [type(named).__name__]
    config.dtype = "float32"
    config.save_pretrained(folder)


def load_weights(model: "PreTrainedModel", folder: Path) -> "PreTrainedModel":
    """Read what `save_model` wrote into a model of the same modules; gives the model back."""
    found = model.load_state_dict(load((folder / WEIGHTS_FILE).read_bytes()), strict=False)
    assert not found.unexpected_keys, found.unexpected_keys
    assert _named_once(model).keys().isdisjoint(found.missing_keys), found.missing_keys
    return model


def _named_once(model: "PreTrainedModel") -> "dict[str, Tensor]":
    """The model's tensors; one that stands in two places has the name of the first, as transformers ties it again."""
    first: dict[int, str] = {}
    return {
        name: tensor
        for name, tensor in model.state_dict().items()
        if not tensor.numel() or first.setdefault(tensor.data_ptr(), name) == name
    }
