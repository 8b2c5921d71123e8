"""An artifact's own ONNX graph as a torch program of packed integers, lowered to an ExecuTorch file."""

from limbeck.lowering.program import SHORTEST, Lowered, lower

__all__ = ["SHORTEST", "Lowered", "lower"]
