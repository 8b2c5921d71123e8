"""Float students become 8-bit ones: weights per output channel, embedding tables per row."""

from limbeck.quantize.apply import QuantizedStudent, quantize_student

__all__ = ["QuantizedStudent", "quantize_student"]
