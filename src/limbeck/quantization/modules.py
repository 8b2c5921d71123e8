"""Layers whose weights are packed integers: they look, save, load and answer as the float layers that they replace.

`codes` holds the packed bytes, row by row; `weight` shows them as one integer each in the shape of the float weight.
Both travel with `state_dict`, `to` and `deepcopy`. No gradient reaches the codes; inputs get theirs, straight through
the rounding of activations (Bengio et al. 2013, arXiv:1308.3432).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from limbeck.artifact.packing import PackedTensor, from_bytes, to_bytes
from limbeck.quantization.activation_codes import as_codes_tell, own_scale_and_zero_point
from limbeck.quantization.ranges import ActivationRange


class PackedLayer(nn.Module):
    """What all of them share: codes, scales and zero points, and the float weight that they stand for.

    Args:
        packed: (rows, columns), as `affine` packs it.
        shape: Of the float weight.
    """

    codes: Tensor
    scale: Tensor
    zero_point: Tensor | None

    def __init__(self, packed: PackedTensor, *, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.bits = packed.bits
        self.shape = shape
        self.n_columns = packed.codes.shape[-1]
        self.register_buffer("codes", torch.from_numpy(to_bytes(packed.codes, bits=packed.bits)))
        self.register_buffer("scale", torch.from_numpy(packed.scale))
        zero_point = None if packed.zero_point is None else torch.from_numpy(packed.zero_point)
        self.register_buffer("zero_point", zero_point)

    @property
    def weight(self) -> Tensor:
        """The codes, one integer each, in the shape of the float weight; a copy."""
        return self._laid_out(self._rows(self.codes))

    def dequantized(self) -> Tensor:
        """The weight that the codes stand for, in the dtype of the scales and the shape of the float weight."""
        return self._laid_out(self._values(self._rows(self.codes), self.scale, self.zero_point))

    def share_codes(self, other: "PackedLayer") -> None:
        """Hold the very tensors of another layer, as tied float layers hold one weight."""
        self.codes, self.scale, self.zero_point = other.codes, other.scale, other.zero_point
        self.bits, self.n_columns = other.bits, other.n_columns

    def extra_repr(self) -> str:
        """Shape and bits, as print shows them."""
        return f"{'x'.join(map(str, self.shape))}, bits={self.bits}"

    def _laid_out(self, rows: Tensor) -> Tensor:
        return rows.reshape(self.shape)

    def _rows(self, stored: Tensor) -> Tensor:
        signed = self.zero_point is None
        codes = from_bytes(stored.cpu().numpy(), bits=self.bits, n_columns=self.n_columns, signed=signed)
        return torch.from_numpy(codes).to(stored.device)

    def _values(self, codes: Tensor, scale: Tensor, zero_point: Tensor | None) -> Tensor:
        """(..., columns) codes as floats; scale and zero point are (1,), or (...,), or (..., groups)."""
        values = codes.to(scale.dtype)
        n_groups = scale.shape[-1] if scale.dim() == codes.dim() else 1
        grouped = values.unflatten(-1, (n_groups, self.n_columns // n_groups))
        lined_up = (*scale.shape, 1) if scale.dim() == codes.dim() else (*scale.shape, 1, 1)
        if zero_point is not None:
            grouped = grouped - zero_point.to(scale.dtype).reshape(lined_up)
        rows: Tensor = (grouped * scale.reshape(lined_up)).flatten(-2)
        return rows


class PackedEmbedding(PackedLayer):
    """An embedding table; only the rows that are looked up are unpacked.

    Args:
        layer: The float table; it is read, not changed.
        packed: Its rows.
    """

    def __init__(self, layer: nn.Embedding, packed: PackedTensor) -> None:
        super().__init__(packed, shape=tuple(layer.weight.shape))
        self.num_embeddings, self.embedding_dim = layer.num_embeddings, layer.embedding_dim
        self.padding_idx = layer.padding_idx

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., columns).

        Raises:
            IndexError: An id has no row; as float tables tell it.
        """
        if ids.numel() and int(ids.min()) < 0:  # from the end of the codes it would find a row all the same
            raise IndexError("index out of range in self")
        return self._values(self._rows(self.codes[ids]), self.scale[ids], None)


class ComputingLayer(PackedLayer):
    """A layer that multiplies: its inputs are rounded as the scheme says.

    Args:
        packed: Its weight, (outputs, everything else).
        shape: Of the float weight.
        bias: The float layer's; kept float.
        activation_bits: 8, 16 or 32.
        span: The fixed range of static activations; None takes each batch's own.
    """

    bias: nn.Parameter | None
    activation_scale: Tensor | None
    activation_zero_point: Tensor | None

    def __init__(
        self,
        packed: PackedTensor,
        *,
        shape: tuple[int, ...],
        bias: Tensor | None,
        activation_bits: int,
        span: ActivationRange | None,
    ) -> None:
        super().__init__(packed, shape=shape)
        self.activation_bits = activation_bits
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())
        scale, zero_point = (None, None) if span is None else span.scale_and_zero_point()
        self.register_buffer("activation_scale", None if scale is None else torch.tensor(float(scale)))
        self.register_buffer("activation_zero_point", None if zero_point is None else torch.tensor(float(zero_point)))

    def rounded(self, inputs: Tensor) -> Tensor:
        """Inputs as integer or half-precision kernels see them, with gradients straight through.

        8 bits: codes 0 .. 255 of one range for the whole tensor that holds zero, as ONNX's DynamicQuantizeLinear
        does it. 16 bits: float16, held at its largest value. 32 bits: as they are.
        """
        if self.activation_bits == 32 or not inputs.numel():
            return inputs
        with torch.no_grad():
            seen = self._halved(inputs) if self.activation_bits == 16 else self._coded(inputs)
        return inputs + (seen - inputs).detach() if inputs.requires_grad else seen

    @staticmethod
    def _halved(inputs: Tensor) -> Tensor:
        largest = torch.finfo(torch.float16).max
        return inputs.clamp(-largest, largest).half().to(inputs.dtype)

    def _coded(self, inputs: Tensor) -> Tensor:
        scale, zero_point = self.activation_scale, self.activation_zero_point
        if scale is None or zero_point is None:
            scale, zero_point = own_scale_and_zero_point(inputs)
        return as_codes_tell(inputs, scale, zero_point)


class PackedLinear(ComputingLayer):
    """A linear layer, also of the kind whose weight is (inputs, outputs).

    Args:
        layer: The float layer; it is read, not changed.
        packed: (outputs, inputs).
        activation_bits: 8, 16 or 32.
        span: See `ComputingLayer`.
    """

    def __init__(
        self, layer: nn.Linear | Conv1D, packed: PackedTensor, *, activation_bits: int, span: ActivationRange | None
    ) -> None:
        shape = tuple(layer.weight.shape)
        super().__init__(packed, shape=shape, bias=layer.bias, activation_bits=activation_bits, span=span)
        self.is_transposed = isinstance(layer, Conv1D)
        self.out_features, self.in_features = packed.codes.shape

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        weight = self._values(self._rows(self.codes), self.scale, self.zero_point)
        return functional.linear(self.rounded(inputs), weight, self.bias)

    def _laid_out(self, rows: Tensor) -> Tensor:
        return rows.T if self.is_transposed else rows


class PackedConv1d(ComputingLayer):
    """A convolution over a sequence, padded with zeros.

    Args:
        layer: The float layer; it is read, not changed.
        packed: (outputs, inputs of a group x kernel).
        activation_bits: 8, 16 or 32.
        span: See `ComputingLayer`.
    """

    def __init__(
        self, layer: nn.Conv1d, packed: PackedTensor, *, activation_bits: int, span: ActivationRange | None
    ) -> None:
        shape = tuple(layer.weight.shape)
        super().__init__(packed, shape=shape, bias=layer.bias, activation_bits=activation_bits, span=span)
        self.stride, self.padding, self.dilation, self.groups = (
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.groups,
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, channels, length) -> (batch, outputs, length)."""
        return functional.conv1d(
            self.rounded(inputs),
            self.dequantized(),
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )


def rows_of(layer: nn.Linear | nn.Conv1d | nn.Embedding | Conv1D) -> Tensor:
    """A layer's weight as (rows, columns): what one scale may serve lies in a row."""
    weight = layer.weight.detach()
    return weight.T if isinstance(layer, Conv1D) else weight.reshape(len(weight), math.prod(weight.shape[1:]))
