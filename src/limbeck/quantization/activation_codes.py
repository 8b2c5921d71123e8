"""Activations to codes 0 .. 255 and back, in torch as ONNX's DynamicQuantizeLinear and QuantizeLinear do it."""

import torch
from torch import Tensor

_LARGEST_CODE = 255


def own_scale_and_zero_point(values: Tensor) -> tuple[Tensor, Tensor]:
    """Of the range that values take, widened to hold zero; two numbers in the dtype of the values.

    scale = (max(x, 0) - min(x, 0)) / 255, zero point = round(-min(x, 0) / scale).

    Args:
        values: At least one, of any shape, floats.
    """
    low, high = torch.aminmax(values)
    low, high = low.clamp(max=0), high.clamp(min=0)
    scale = ((high - low) / _LARGEST_CODE).clamp(min=torch.finfo(values.dtype).tiny)
    return scale, (-low / scale).round()


def as_codes_tell(values: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    """The values that are left of others once they were codes, in the same shape and dtype.

    Args:
        values: Of any shape, floats.
        scale: One number, above zero.
        zero_point: One number, the code of zero.
    """
    # In place: students are trained through it.
    return values.div(scale).round_().add_(zero_point).clamp_(0, _LARGEST_CODE).sub_(zero_point).mul_(scale)
