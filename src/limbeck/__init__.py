"""limbeck: a teacher and texts go in; a small, verified, torch-free int8 model comes out."""

from typing import TYPE_CHECKING

from limbeck.ground.faces import lazy

if TYPE_CHECKING:
    from limbeck.comparison import compare
    from limbeck.pipeline import compress
    from limbeck.planning import plan
    from limbeck.quantization import quantize
    from limbeck.recipe.knobs import Recipe
    from limbeck.runtime import load
    from limbeck.teaching import teach
    from limbeck.verification import verify
__all__ = ["Recipe", "compare", "compress", "load", "plan", "quantize", "teach", "verify"]
__getattr__ = lazy(
    __name__, __all__, "recipe.knobs comparison pipeline runtime planning quantization teaching verification"
)
