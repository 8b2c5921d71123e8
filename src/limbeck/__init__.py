"""limbeck: a teacher and texts go in; a small, verified, torch-free int8 model comes out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limbeck.pipeline import compress
    from limbeck.planning import plan
    from limbeck.quantization import quantize
    from limbeck.recipe import Recipe
    from limbeck.runtime import load
    from limbeck.teaching import teach
    from limbeck.verification import verify
__all__ = ["Recipe", "compress", "load", "plan", "quantize", "teach", "verify"]
_FILES = "recipe pipeline runtime planning quantization teaching verification"


def __getattr__(name: str) -> Any:  # noqa: ANN401  (loads a room when its name is first asked for)
    if name not in __all__:
        raise AttributeError(f"module 'limbeck' has no attribute {name!r}")
    return getattr(import_module(f"limbeck.{_FILES.split()[__all__.index(name)]}"), name)
