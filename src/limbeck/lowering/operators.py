"""ONNX's operators in torch, as far as the graphs of artifacts use them; sizes are plain numbers, known or free.

Values are tensors, or `Sizes`: what a graph computes of shapes, which torch counts outside of tensors.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Sizes = Any
"""int64 numbers of one dimension as a list, or a single one; each an int or one of torch's symbols."""
Value = Any
"""A Tensor, `Sizes`, or an array of integers that never changes."""
Attributes = Mapping[str, Any]
Operator = Callable[[Sequence[Value], Attributes], Value]

_END = 2**31
"""Slices that end beyond this go to the end."""
_DTYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 2: torch.uint8, 3: torch.int8}
"""onnx.TensorProto's numbers."""


def is_sizes(value: Value) -> bool:
    """Whether a value is `Sizes`, or an array that may stand for them."""
    return not isinstance(value, Tensor)


def as_sizes(value: Value) -> Sizes:
    """An array of integers as `Sizes`."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def _numbers(value: Value) -> list[Any]:
    """An axis, several of them or a shape."""
    found = as_sizes(value)
    return found if isinstance(found, list) else [found]


def _pairwise(tensors: Callable[[Any, Any], Tensor], numbers: Callable[[Any, Any], Any]) -> Operator:
    """An operator of two values, element by element."""

    def apply(inputs: Sequence[Value], _: Attributes) -> Value:
        left, right = inputs
        if not (is_sizes(left) and is_sizes(right)):
            return tensors(*(_scalar(one) if is_sizes(one) else one for one in inputs))
        left, right = as_sizes(left), as_sizes(right)
        if not isinstance(left, list) and not isinstance(right, list):
            return numbers(left, right)
        length = max(len(one) for one in (left, right) if isinstance(one, list))
        lists = [one * length if len(one) == 1 else one for one in (_numbers(left), _numbers(right))]
        return [numbers(*both) for both in zip(*lists, strict=True)]

    return apply


def _scalar(value: Value) -> Any:  # noqa: ANN401  (a number, or a tensor of several)
    found = as_sizes(value)
    if isinstance(found, list):
        return found[0] if len(found) == 1 else torch.tensor(found)
    return found


def _single(apply: Callable[[Tensor], Tensor]) -> Operator:
    return lambda inputs, _: apply(inputs[0])


def _reduced(apply: Callable[[Tensor, list[int], bool], Tensor]) -> Operator:
    return lambda inputs, attributes: apply(inputs[0], _numbers(inputs[1]), bool(attributes.get("keepdims", 1)))


def _shape(inputs: Sequence[Value], _: Attributes) -> Sizes:
    return list(inputs[0].shape)


def _neg(inputs: Sequence[Value], _: Attributes) -> Value:
    (value,) = inputs
    if not is_sizes(value):
        return -value
    found = as_sizes(value)
    return [-one for one in found] if isinstance(found, list) else -found


def _slice(inputs: Sequence[Value], _: Attributes) -> Value:
    value, starts, ends = inputs[0], _numbers(inputs[1]), _numbers(inputs[2])
    axes = _numbers(inputs[3]) if len(inputs) > 3 else list(range(len(starts)))
    if is_sizes(value):
        return as_sizes(value)[starts[0] : ends[0]]
    for start, end, axis in zip(starts, ends, axes, strict=True):
        to_the_end = not isinstance(end, torch.SymInt) and end >= _END
        value = torch.ops.aten.slice.Tensor(value, axis, start, None if to_the_end else end)
    return value


def _concat(inputs: Sequence[Value], attributes: Attributes) -> Value:
    if all(is_sizes(one) for one in inputs):
        return [number for one in inputs for number in _numbers(one)]
    return torch.cat(list(inputs), dim=attributes["axis"])


def _squeeze(inputs: Sequence[Value], _: Attributes) -> Value:
    value = inputs[0]
    if is_sizes(value):
        found = as_sizes(value)
        return found[0] if isinstance(found, list) else found
    for axis in sorted(_numbers(inputs[1]), reverse=True):
        value = value.squeeze(axis)
    return value


def _unsqueeze(inputs: Sequence[Value], _: Attributes) -> Value:
    value = inputs[0]
    if is_sizes(value):
        return _numbers(value)
    for axis in sorted(_numbers(inputs[1])):
        value = value.unsqueeze(axis)
    return value


def _reshape(inputs: Sequence[Value], _: Attributes) -> Tensor:
    """A free size is left to torch, which XNNPACK's reshape takes, where only one is free."""
    value, wanted = inputs[0], _numbers(inputs[1])
    shape = [value.shape[place] if _is(size, 0) else size for place, size in enumerate(wanted)]
    free = [place for place, size in enumerate(shape) if isinstance(size, torch.SymInt)]
    if len(free) == 1 and not any(_is(size, -1) for size in shape):
        shape[free[0]] = -1
    found: Tensor = value.reshape(shape)
    return found


def _is(size: Any, number: int) -> bool:  # noqa: ANN401  (an int, or one of torch's symbols)
    """Whether a size is this very number: a symbol is none, and asking it would fix it."""
    return not isinstance(size, torch.SymInt) and size == number


def _split(inputs: Sequence[Value], attributes: Attributes) -> list[Tensor]:
    value, axis = inputs[0], attributes.get("axis", 0)
    size = value.shape[axis]
    count = attributes.get("num_outputs")
    sizes = _numbers(inputs[1]) if count is None else [size // count] * count
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    return [
        torch.ops.aten.slice.Tensor(value, axis, start, start + width)
        for start, width in zip(starts, sizes, strict=True)
    ]


def _matmul(inputs: Sequence[Value], _: Attributes) -> Tensor:
    """Leading axes of one fall away first: XNNPACK multiplies stacks of one axis."""
    left, right = inputs
    if left.dim() == 4 and right.dim() == 4:
        stacked: Tensor = torch.bmm(left.squeeze(0), right.squeeze(0)).unsqueeze(0)
        return stacked
    if left.dim() == 3 and right.dim() == 3:
        return torch.bmm(left, right)
    if left.dim() == 4 and right.dim() == 3:  # (1, N, S, D) by (N, D, M)
        return torch.bmm(left.squeeze(0), right).unsqueeze(0)
    return torch.matmul(left, right)


def _layer_norm(inputs: Sequence[Value], attributes: Attributes) -> Tensor:
    hidden, weight, *bias = inputs
    return functional.layer_norm(hidden, weight.shape, weight, bias[0] if bias else None, attributes["epsilon"])


def _gather(inputs: Sequence[Value], attributes: Attributes) -> Value:
    value, place = inputs
    axis = attributes.get("axis", 0)
    if is_sizes(place):
        place = as_sizes(place)
        if is_sizes(value):
            return as_sizes(value)[place]
        if not isinstance(place, list):
            return value.select(axis, place)
        place = torch.tensor(place)
    if place.dim() == 1:
        return value.index_select(axis, place)
    before, behind = value.shape[:axis], value.shape[axis + 1 :]
    return value.index_select(axis, place.reshape(-1)).view(*before, *place.shape, *behind)


def _range(inputs: Sequence[Value], _: Attributes) -> Tensor:
    start, stop, step = (as_sizes(value) for value in inputs)
    return torch.arange(start, stop, step)


def _pad(inputs: Sequence[Value], _: Attributes) -> Tensor:
    """Zeros behind or before; ONNX names all starts and then all ends, torch the last axis first."""
    value, widths = inputs[0], _numbers(inputs[1])
    n_axes = value.dim()
    turned = [width for axis in reversed(range(n_axes)) for width in (widths[axis], widths[n_axes + axis])]
    return functional.pad(value, turned)


def _cast(inputs: Sequence[Value], attributes: Attributes) -> Value:
    return inputs[0] if is_sizes(inputs[0]) else inputs[0].to(_DTYPES[attributes["to"]])


def _gelu(inputs: Sequence[Value], attributes: Attributes) -> Tensor:
    return functional.gelu(inputs[0], approximate=attributes.get("approximate", b"none").decode())


def _gemm(inputs: Sequence[Value], attributes: Attributes) -> Tensor:
    left, right, *bias = inputs
    return functional.linear(left, right if attributes.get("transB") else right.T, bias[0] if bias else None)


OPERATORS: Mapping[str, Operator] = {
    "Abs": _single(torch.abs),
    "Add": _pairwise(lambda left, right: left + right, lambda left, right: left + right),
    "Cast": _cast,
    "Clip": lambda inputs, _: inputs[0].clamp(_scalar(inputs[1]), _scalar(inputs[2])),
    "Concat": _concat,
    "Cos": _single(torch.cos),
    "CumSum": lambda inputs, _: inputs[0].cumsum(_scalar(inputs[1])),
    "Div": _pairwise(lambda left, right: left / right, lambda left, right: left // right),
    "Equal": lambda inputs, _: torch.eq(inputs[0], inputs[1] if not is_sizes(inputs[1]) else _scalar(inputs[1])),
    "Gather": _gather,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Identity": lambda inputs, _: inputs[0],
    "LayerNormalization": _layer_norm,
    "LessOrEqual": lambda inputs, _: inputs[0] <= (_scalar(inputs[1]) if is_sizes(inputs[1]) else inputs[1]),
    "MatMul": _matmul,
    "Max": _pairwise(torch.maximum, max),
    "Mod": _pairwise(torch.remainder, lambda left, right: left % right),
    "Mul": _pairwise(lambda left, right: left * right, lambda left, right: left * right),
    "Neg": _neg,
    "Not": _single(torch.logical_not),
    "Pad": _pad,
    "Range": _range,
    "ReduceL2": _reduced(lambda value, axes, keep: (value * value).sum(axes, keepdim=keep).sqrt()),
    "ReduceMax": _reduced(lambda value, axes, keep: value.amax(axes, keepdim=keep)),
    "ReduceMean": _reduced(lambda value, axes, keep: value.mean(axes, keepdim=keep)),
    "ReduceSum": _reduced(lambda value, axes, keep: value.sum(axes, keepdim=keep)),
    "Relu": _single(torch.relu),
    "Reshape": _reshape,
    "Shape": _shape,
    "Sigmoid": _single(torch.sigmoid),
    "Sin": _single(torch.sin),
    "Slice": _slice,
    "Softmax": lambda inputs, attributes: torch.softmax(inputs[0], dim=attributes.get("axis", -1)),
    "Split": _split,
    "Squeeze": _squeeze,
    "Sub": _pairwise(lambda left, right: left - right, lambda left, right: left - right),
    "Tanh": _single(torch.tanh),
    "Transpose": lambda inputs, attributes: inputs[0].permute(list(attributes["perm"])),
    "Unsqueeze": _unsqueeze,
    "Where": lambda inputs, _: torch.where(*inputs),
}
"""ONNX's name -> what it does."""
