"""Float weights become packed integers: a whole student for shipping, or any torch module."""

from limbeck.ground import extras

extras.need("train", what="Quantizing a module")

from limbeck.quantization.any_module import quantize  # noqa: E402
from limbeck.quantization.apply import QuantizedStudent, quantize_student, refuse_unfit, weights_of  # noqa: E402
from limbeck.quantization.assignment import fitted_bits  # noqa: E402
from limbeck.quantization.blank import blank_weights  # noqa: E402
from limbeck.quantization.fake import baked, fake_quantized, is_fake_quantized, settled  # noqa: E402
from limbeck.quantization.preparation import Preparation, Wants, prepare  # noqa: E402
from limbeck.quantization.probing import Probe  # noqa: E402
from limbeck.quantization.sensitivity import measure_sensitivity, possible_bits  # noqa: E402

__all__ = [
    "Preparation", "Probe", "QuantizedStudent", "Wants", "baked", "blank_weights", "fake_quantized", "fitted_bits",
    "is_fake_quantized", "measure_sensitivity", "possible_bits", "prepare", "quantize", "quantize_student",
    "refuse_unfit", "settled", "weights_of",
]  # fmt: skip
