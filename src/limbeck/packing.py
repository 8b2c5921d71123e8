"""Quantized tensors: codes, scale, zero point, axis; pack and unpack side by side.

A value is `(code - zero_point) * scale`, with one scale for each slice along `axis`. Codes stay within -127..127, so
that negation never overflows and symmetric tensors need no zero point.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError

LARGEST_CODE = 127
LARGEST_PAIR = 128
"""Two codes that are multiplied side by side may sum to this much: 255 * 128 = 32640 still fits 16 bits."""

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]
Number = TypeVar("Number", np.float32, np.int32)


@dataclass(frozen=True)
class PackedTensor:
    """A tensor in 8-bit codes.

    Args:
        codes: int8, in the tensor's own shape.
        scale: (codes.shape[axis],) float32, above zero.
        zero_point: (codes.shape[axis],) int8, or None for symmetric codes.
        axis: The dimension that `scale` runs along; not negative.

    Raises:
        ShapeError: Scale or zero point do not fit the codes.
    """

    codes: Codes
    scale: Floats
    zero_point: Codes | None
    axis: int

    def __post_init__(self) -> None:
        wanted = (self.codes.shape[self.axis],) if 0 <= self.axis < self.codes.ndim else None
        for name, part in (("scale", self.scale), ("zero point", self.zero_point)):
            if part is not None and part.shape != wanted:
                raise ShapeError(
                    f"Expected a {name} of shape {wanted} for codes of shape {self.codes.shape} along axis "
                    f"{self.axis}, came {part.shape}.",
                    hint="Give one scale for each slice of the codes along the axis.",
                )

    @property
    def nbytes(self) -> int:
        """Bytes as stored: codes, scales, zero points."""
        return self.codes.nbytes + self.scale.nbytes + (0 if self.zero_point is None else self.zero_point.nbytes)

    def dequantize(self) -> Floats:
        """The tensor as float32, in its own shape."""
        shape = _along(self.axis, self.codes.ndim)
        codes = self.codes.astype(np.float32)
        if self.zero_point is not None:
            codes -= self.zero_point.astype(np.float32).reshape(shape)
        return codes * self.scale.reshape(shape)


def pack(tensor: Floats, scale: Floats, *, axis: int) -> PackedTensor:
    """Round a tensor to symmetric 8-bit codes: code = round(value / scale), held within -127..127.

    |value - dequantized| <= scale / 2 wherever |value| <= 127 * scale.

    Args:
        tensor: Float32, any shape.
        scale: (tensor.shape[axis],) above zero.
        axis: The dimension that `scale` runs along.

    Raises:
        ShapeError: The scale does not fit.
    """
    if scale.shape != tensor.shape[axis : axis + 1]:
        raise ShapeError(
            f"Expected one scale for each of {tensor.shape[axis : axis + 1]} slices, came {scale.shape}.",
            hint="Give one scale for each slice of the tensor along the axis.",
        )
    ratios = tensor / scale.reshape(_along(axis, tensor.ndim))
    codes = np.clip(np.rint(ratios), -LARGEST_CODE, LARGEST_CODE).astype(np.int8)
    return PackedTensor(codes=codes, scale=scale.astype(np.float32), zero_point=None, axis=axis)


def _along(axis: int, n_dimensions: int) -> list[int]:
    """The shape in which a vector broadcasts along `axis` of a tensor with `n_dimensions`."""
    return [-1 if dimension == axis else 1 for dimension in range(n_dimensions)]


def pair_sums(weights: NDArray[Number]) -> NDArray[Number]:
    """The largest one-signed sum over neighbouring inputs, for each output.

    max over k of max(sum of the positive ones of w[2k], w[2k+1]; minus the sum of the negative ones).

    Args:
        weights: (outputs, inputs), floats or wide integers; an odd last input stands alone.

    Returns: (outputs,), never negative.
    """
    n_outputs, n_inputs = weights.shape
    padded = np.pad(weights, ((0, 0), (0, n_inputs % 2))).reshape(n_outputs, -1, 2)
    positive = np.maximum(padded, 0).sum(axis=2)
    negative = np.maximum(-padded, 0).sum(axis=2)
    largest: NDArray[Number] = np.maximum(positive, negative).max(axis=1)
    return largest


def is_saturation_safe(codes: Codes) -> bool:
    """Whether no 8-bit activations can drive a 16-bit pair sum of these weights past its range.

    CPUs without VNNI multiply unsigned activations by signed weights with `vpmaddubsw`: it adds the two products of
    inputs 2k and 2k+1 in 16 bits and clips at 32767. onnxruntime's kernels interleave exactly these pairs
    (MLAS, `MlasGemmU8S8CopyPackBAvx2`: four rows of B at a time, row 0 with 1 and row 2 with 3). A pair whose
    one-signed sum is at most 128 reaches at most 255 * 128 = 32640.

    Args:
        codes: (outputs, inputs) int8 weights of a linear layer.
    """
    return bool(pair_sums(codes.astype(np.int32)).max(initial=0) <= LARGEST_PAIR)
