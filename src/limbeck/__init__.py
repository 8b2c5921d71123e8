"""limbeck: a teacher and texts go in; a small, verified, torch-free int8 model comes out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limbeck.pipeline import compress
    from limbeck.quantization import quantize
    from limbeck.recipe import Recipe
    from limbeck.runtime import load
    from limbeck.teaching import teach
    from limbeck.verification import verify
__all__ = ["Recipe", "compress", "load", "quantize", "teach", "verify"]
_ROOMS = dict(zip(__all__, ["recipe", "pipeline", "runtime", "quantization", "teaching", "verification"], strict=True))


def __getattr__(name: str) -> Any:  # noqa: ANN401  (loads a room when its name is first asked for)
    if name not in _ROOMS:
        raise AttributeError(f"module 'limbeck' has no attribute {name!r}")
    return getattr(import_module(f"limbeck.{_ROOMS[name]}"), name)
