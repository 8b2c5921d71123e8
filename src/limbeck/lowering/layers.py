"""The weights of a lowered program: products and tables of packed integers, in the forms that ExecuTorch takes.

XNNPACK multiplies activations of 8 bits, each row with its own range, by weights of 8 or 4 bits with a scale for each
output, or of 4 bits with a scale for each 32, 64, ... inputs. It is found by a pattern: choose a range, quantize,
dequantize, multiply by dequantized weights. Tables are looked up by ExecuTorch's own kernels of 8, 4 and 2 bits.
Whatever has neither is kept as bytes and turned to floats each time.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from limbeck.artifact.packing import code_range
from limbeck.lowering.constants import Array, Coded, compact

_OPS = torch.ops.quantized_decomposed
_GROUPS_OF = 32
"""Inputs that share a scale come by so many, or XNNPACK does not take them."""
_LARGEST_ACTIVATION = 255


class IntegerProduct(nn.Module):
    """8-bit activations, each row with its own range, by weights of 8 or 4 bits.

    Args:
        codes: (outputs, inputs) int8.
        scale: (outputs,) or (outputs, groups) float32.
        bias: (outputs,) or None.
        span: Scale and zero point of activations whose range is fixed: what lies outside is cut first.
    """

    def __init__(self, codes: Array, scale: Array, *, bias: Array | None, span: tuple[float, int] | None) -> None:
        super().__init__()
        lowest, highest = code_range(4, symmetric=True)
        self.is_short = bool(codes.min() >= lowest and codes.max() <= highest)
        self.group_size = codes.shape[1] // scale.shape[1] if scale.ndim == 2 else None
        self.register_buffer("codes", _tensor(codes.astype(np.int8)))
        self.register_buffer("scale", _tensor(scale.astype(np.float32)))
        self.register_buffer("zero_point", torch.zeros(scale.shape, dtype=torch.int32))
        self.bias = None if bias is None else nn.Parameter(_tensor(bias), requires_grad=False)
        self.limits: tuple[float, float] | None = None
        if span is not None:
            step, zero = span
            self.limits = (-zero * step, (_LARGEST_ACTIVATION - zero) * step)

    def forward(self, hidden: Tensor) -> Tensor:
        """(rows, inputs) -> (rows, outputs)."""
        if self.limits is not None:
            hidden = hidden.clamp(*self.limits)
        scale, zero = _OPS.choose_qparams_per_token_asymmetric(hidden, torch.int8)
        rounded = _OPS.quantize_per_token(hidden, scale, zero, -128, 127, torch.int8)
        seen = _OPS.dequantize_per_token(rounded, scale, zero, -128, 127, torch.int8, torch.float32)
        found: Tensor = functional.linear(seen, self._weight(), self.bias)
        return found

    def _weight(self) -> Tensor:
        low, high = (-8, 7) if self.is_short else (-128, 127)
        if self.group_size is not None:
            grouped: Tensor = _OPS.dequantize_per_channel_group(
                self.codes, self.scale, self.zero_point, low, high, torch.int8, self.group_size, torch.float32
            )
            return grouped
        weight: Tensor = _OPS.dequantize_per_channel(self.codes, self.scale, self.zero_point, 0, low, high, torch.int8)
        return weight


class FloatProduct(nn.Module):
    """Float activations by float weights, which may come of codes each time.

    Args:
        weight: (outputs, inputs).
        bias: (outputs,) or None.
    """

    def __init__(self, weight: "Array | Widened", *, bias: Array | None) -> None:
        super().__init__()
        self.weight = weight if isinstance(weight, nn.Module) else Held(weight)
        self.bias = None if bias is None else nn.Parameter(_tensor(bias), requires_grad=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """(rows, inputs) -> (rows, outputs)."""
        return functional.linear(hidden, self.weight(), self.bias)


class Held(nn.Module):
    """A constant as it is.

    Args:
        values: Any shape.
    """

    values: Tensor

    def __init__(self, values: Array) -> None:
        super().__init__()
        self.register_buffer("values", _tensor(values))

    def forward(self) -> Tensor:
        """The constant."""
        return self.values


class Widened(nn.Module):
    """A constant of bytes with scales, turned to floats each time.

    Args:
        coded: The constant.
    """

    def __init__(self, coded: Coded) -> None:
        super().__init__()
        kind = np.int8 if coded.codes.max(initial=0) <= np.iinfo(np.int8).max else np.uint8
        parts = [coded.codes.astype(kind), *map(compact, coded.scales)]
        self.has_offset = coded.offset is not None
        if coded.offset is not None:
            parts.append(compact(coded.offset))
        self.parts = nn.ParameterList(nn.Parameter(_tensor(part), requires_grad=False) for part in parts)

    def forward(self) -> Tensor:
        """The whole."""
        return self._floats(list(self.parts))

    def _floats(self, parts: Sequence[Tensor]) -> Tensor:
        found = parts[0].to(torch.float32)
        scales = parts[1:-1] if self.has_offset else parts[1:]
        for scale in scales:
            found = found * scale
        return found + parts[-1] if self.has_offset else found


class Sliced(Widened):
    """The beginning of such a constant, of a length that is known as the program runs.

    Args:
        coded: The constant.
        start: Where it begins.
        axis: Along which axis.
    """

    def __init__(self, coded: Coded, start: int, axis: int) -> None:
        super().__init__(coded)
        self.start, self.axis = start, axis

    def forward(self, ends: list[Any]) -> Tensor:  # type: ignore[override]
        """`ends`: the one place behind its end."""
        cut = torch.ops.aten.slice.Tensor
        return self._floats(
            [part if part.shape[self.axis] == 1 else cut(part, self.axis, self.start, ends[0]) for part in self.parts]
        )


class Taken(Widened):
    """What stands at some places of such a constant.

    Args:
        coded: The constant.
        axis: Along which axis.
    """

    def __init__(self, coded: Coded, axis: int) -> None:
        super().__init__(coded)
        self.axis = axis

    def forward(self, places: Tensor) -> Tensor:  # type: ignore[override]
        """(n,) places -> n of that axis."""
        return self._floats(
            [part if part.shape[self.axis] == 1 else part.index_select(self.axis, places) for part in self.parts]
        )


class Table(nn.Module):
    """Rows that are looked up, of 8, 4 or 2 bits, with a scale for each row.

    Args:
        codes: (rows, columns).
        scale: (rows,) float32.
    """

    def __init__(self, codes: NDArray[np.int16], scale: Array) -> None:
        super().__init__()
        self.bits = next(
            bits
            for bits in (2, 4, 8)
            if (codes.shape[1] * bits) % 8 == 0
            and codes.min(initial=0) >= -(2 ** (bits - 1))
            and codes.max(initial=0) < 2 ** (bits - 1)
        )
        self.register_buffer("codes", _tensor(_side_by_side(codes, self.bits)))
        self.register_buffer("scale", _tensor(scale.astype(np.float32)))

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., columns)."""
        half = 2 ** (self.bits - 1)
        look_up = {2: _OPS.embedding_2bit, 4: _OPS.embedding_4bit, 8: _OPS.embedding_byte}[self.bits]
        found: Tensor = look_up(self.codes, self.scale, None, -half, half - 1, ids)
        return found


class FloatTable(nn.Module):
    """Rows, or single numbers, as they are.

    Args:
        values: (rows, columns) or (rows,).
    """

    values: Tensor

    def __init__(self, values: Array) -> None:
        super().__init__()
        self.register_buffer("values", _tensor(values))

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids -> (..., columns), or (...)."""
        if self.values.dim() > 1:
            return functional.embedding(ids, self.values)
        return self.values.index_select(0, ids.reshape(-1)).view(ids.shape)


def takes_groups(codes: Array, scale: Array) -> bool:
    """Whether XNNPACK multiplies by weights in these groups: 4 bits, 32, 64, ... inputs a group."""
    lowest, highest = code_range(4, symmetric=True)
    group = codes.shape[1] // scale.shape[1]
    return bool(group % _GROUPS_OF == 0 and codes.min() >= lowest and codes.max() <= highest)


def _side_by_side(codes: NDArray[np.int16], bits: int) -> Array:
    """As ExecuTorch's kernels read them: 4 bits, the first code in the high half; 2 bits, the first in the lowest."""
    if bits == 8:
        return codes.astype(np.int8)
    per_byte = 8 // bits
    above_zero = (codes + 2 ** (bits - 1)).astype(np.uint8).reshape(len(codes), -1, per_byte)
    places = np.arange(per_byte, dtype=np.uint8) * bits
    shifts = places[::-1] if bits == 4 else places
    packed: Array = np.bitwise_or.reduce(above_zero << shifts, axis=2).astype(np.uint8)
    return packed


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.array(values, order="C"))
