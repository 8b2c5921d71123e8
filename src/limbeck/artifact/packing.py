"""Quantized tensors: codes, scale, zero point, axis; pack and unpack side by side.

A value is `(code - zero_point) * scale`, with one scale for the tensor, for each slice along `axis`, or for each group
of neighbours within a slice. Symmetric codes of 8 bits stay within -127..127, so that negation never overflows; those
of 2, 3 and 4 bits use their whole range, as the lowest code is a quarter of all codes at 2 bits. Asymmetric codes are
0 .. 2^bits - 1. A `PackedTensor` holds a byte for each code; `to_bytes` and `from_bytes` store them in as few bits as
they need.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError

LARGEST_CODE = 127
LARGEST_PAIR = 128
"""Two codes that are multiplied side by side may sum to this much: 255 * 128 = 32640 still fits 16 bits."""

STORED_SCALE_BITS = 13
"""Lowest bits of a float32 that float16 has no room for; scales of few bits do without them."""

Floats = NDArray[np.float32]
Codes = NDArray[np.int8] | NDArray[np.uint8]
Number = TypeVar("Number", np.float32, np.int32)


@dataclass(frozen=True)
class PackedTensor:
    """A tensor in codes of 2, 3, 4 or 8 bits.

    Args:
        codes: int8 in the tensor's own shape; uint8 where there are zero points for 8 bits.
        scale: Above zero: (1,) for the whole tensor (`axis` None), (slices,) along `axis`, or (slices, groups).
        zero_point: Of the scale's shape and the codes' dtype, or None for symmetric codes.
        axis: The dimension that `scale` runs along, not negative; None for one scale.
        bits: Of each code.

    Raises:
        ShapeError: Scale or zero point do not fit the codes.
    """

    codes: Codes
    scale: Floats
    zero_point: Codes | None
    axis: int | None
    bits: int = 8

    def __post_init__(self) -> None:
        for name, part in (("scale", self.scale), ("zero point", self.zero_point)):
            if part is not None and not self._fits(part.shape):
                raise ShapeError(
                    f"Expected a {name} of shape {self._per_slice()} for codes of shape {self.codes.shape} along axis "
                    f"{self.axis}, came {part.shape}.",
                    hint="Give one scale for each slice of the codes along the axis.",
                )

    @property
    def nbytes(self) -> int:
        """Bytes as stored: packed codes, scales, zero points."""
        n_columns = self.codes.shape[-1]
        rows = self.codes.size // n_columns if n_columns else 0
        zero_points = 0 if self.zero_point is None else self.zero_point.nbytes
        return rows * packed_size(n_columns, self.bits) + stored_scale(self.scale, bits=self.bits).nbytes + zero_points

    def dequantize(self) -> Floats:
        """The tensor as float32, in its own shape."""
        codes = self.codes.astype(np.float32)
        if self.zero_point is not None:
            codes -= spread(self.zero_point.astype(np.float32), codes.shape, axis=self.axis)
        values: Floats = codes * spread(self.scale, codes.shape, axis=self.axis)
        return values

    def _per_slice(self) -> tuple[int, ...] | None:
        if self.axis is None:
            return (1,)
        return (self.codes.shape[self.axis],) if 0 <= self.axis < self.codes.ndim else None

    def _fits(self, shape: tuple[int, ...]) -> bool:
        slices = self._per_slice()
        grouped = self.axis == 0 and self.codes.ndim == 2 and len(shape) == 2 and shape[0] == len(self.codes)
        return shape == slices or (grouped and shape[1] > 0 and self.codes.shape[1] % shape[1] == 0)


Span = tuple[float, int]
"""Scale and zero point of activations whose range is fixed."""


@dataclass(frozen=True)
class PackedWeights:
    """The quantized weights of a model, and how their products see activations.

    Args:
        tensors: Parameter name -> codes; parameters that are not here stay float32.
        activation_bits: What a packed layer rounds its inputs to: 8, or 32 for not at all.
        spans: Layer name -> scale and zero point of its inputs, where these are fixed; all others have each batch's.
        factors: Layer name -> (inputs,) what its inputs are divided by and its codes' weights were multiplied by.
    """

    tensors: Mapping[str, PackedTensor]
    activation_bits: int = 8
    spans: Mapping[str, Span] = field(default_factory=dict)
    factors: Mapping[str, Floats] = field(default_factory=dict)


def spread(values: NDArray[Any], shape: tuple[int, ...], *, axis: int | None) -> NDArray[Any]:
    """Scales or zero points in a shape that broadcasts with the tensor they belong to.

    Args:
        values: (1,), (slices,) or (slices, groups), as a `PackedTensor` holds them.
        shape: The tensor's.
        axis: The dimension that they run along; None for one value.
    """
    if values.ndim == 2:
        return np.repeat(values, shape[1] // values.shape[1], axis=1)
    return values.reshape([-1 if dimension == axis else 1 for dimension in range(len(shape))])


def code_range(bits: int, *, symmetric: bool) -> tuple[int, int]:
    """The lowest and the highest code."""
    if not symmetric:
        return 0, 2**bits - 1
    return (-LARGEST_CODE, LARGEST_CODE) if bits == 8 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def packed_size(n_codes: int, bits: int) -> int:
    """Bytes that `to_bytes` needs for a row."""
    return -(-n_codes * bits // 8)


def to_bytes(codes: Codes, *, bits: int) -> NDArray[np.uint8]:
    """Store each row of codes as a stream of bits, lowest bits first; every row begins with a byte of its own.

    Args:
        codes: (..., columns); negative ones in two's complement.
        bits: 2, 3, 4 or 8.

    Returns: (..., packed_size(columns, bits)); 8 codes of 3 bits take 3 bytes, and what is left of a last byte is 0.
    """
    planes = np.unpackbits(codes.view(np.uint8)[..., None], axis=-1, count=bits, bitorder="little")
    return np.packbits(planes.reshape(*codes.shape[:-1], -1), axis=-1, bitorder="little")


def from_bytes(stored: NDArray[np.uint8], *, bits: int, n_columns: int, signed: bool) -> Codes:
    """Read back what `to_bytes` stored.

    Args:
        stored: (..., packed_size(n_columns, bits)).
        bits: Of each code.
        n_columns: Codes in a row.
        signed: Whether the highest bit is a sign.

    Returns: (..., n_columns), int8 where there are signs, else uint8.
    """
    planes = np.unpackbits(stored, axis=-1, count=n_columns * bits, bitorder="little")
    codes = np.packbits(planes.reshape(*stored.shape[:-1], n_columns, bits), axis=-1, bitorder="little")[..., 0]
    if not signed:
        return codes
    spare = 8 - bits
    return (codes << spare).view(np.int8) >> spare  # an arithmetic shift: the sign comes back


def pack(
    tensor: Floats, scale: Floats, *, axis: int | None, bits: int = 8, zero_point: Codes | None = None
) -> PackedTensor:
    """Round a tensor to codes: code = round(value / scale) + zero_point, held within `code_range`.

    |value - dequantized| <= scale / 2 wherever the code was not held back. With fewer than 8 bits the scale is made
    `short` first.

    Args:
        tensor: Float32, any shape.
        scale: Above zero: (1,), (tensor.shape[axis],), or (outputs, groups) of a matrix.
        axis: The dimension that `scale` runs along; None for one scale.
        bits: 2, 3, 4 or 8.
        zero_point: Of the scale's shape, within 0 .. 2^bits - 1; None for symmetric codes.

    Raises:
        ShapeError: Scale or zero point do not fit.
    """
    lowest, highest = code_range(bits, symmetric=zero_point is None)
    codes: Codes = np.zeros(tensor.shape, np.int8) if zero_point is None else np.zeros(tensor.shape, np.uint8)
    scale = scale if bits == 8 else short(scale)
    packed = PackedTensor(codes, scale.astype(np.float32), zero_point, axis, bits)  # refuses what does not fit
    steps = np.rint(tensor / spread(scale, tensor.shape, axis=axis))
    if zero_point is not None:
        steps += spread(zero_point, tensor.shape, axis=axis)
    np.copyto(codes, np.clip(steps, lowest, highest), casting="unsafe")
    return packed


def short(scale: Floats) -> Floats:
    """Scales rounded to 11 significant bits, which float16 holds exactly from 2^-14 up to 65504.

    Beside the half step that a code of few bits is off, one part in 4,096 of a step is nothing; and the scales of a
    table, one a row, are a fiftieth of its bytes.
    """
    half = np.uint32(1 << (STORED_SCALE_BITS - 1))
    bits = scale.astype(np.float32).view(np.uint32)
    rounded: Floats = ((bits + half) >> STORED_SCALE_BITS << STORED_SCALE_BITS).view(np.float32)
    return rounded


def stored_scale(scale: Floats, *, bits: int) -> Floats | NDArray[np.float16]:
    """Scales as a file holds them: those of fewer than 8 bits in float16 where that is exact."""
    if bits == 8:
        return scale
    with np.errstate(over="ignore"):
        halved = scale.astype(np.float16)
    return halved if (halved.astype(np.float32) == scale).all() else scale


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
