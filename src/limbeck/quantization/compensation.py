"""Rounding that makes up for its own errors: each column of weights is rounded, and those still to come take the error.

Rounding to nearest treats every weight alone. Where inputs are correlated, an error in one weight can be cancelled by
shifting the others; at 4 bits and fewer that is most of what can be won back without training.

Scales are fixed before the first column is rounded, and given by the caller: they may come from any rule, and groups
work with any order of columns. Recomputing a group's scale when its first column is reached needs the columns in their
own order, and was no better in the lab than fixed scales with the columns in order of importance.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck.artifact.packing import Codes, Floats, PackedTensor
from limbeck.errors import CalibrationError, SchemeError, ShapeError

COMPENSATED_BITS = (2, 3, 4)
DAMPING = 0.01
"""Share of the mean diagonal that is added to the diagonal, as in the paper's section 3.3, step 3."""

_BLOCK = 128


def compensated(packed: PackedTensor, weight: Floats, hessian: torch.Tensor) -> PackedTensor:
    """The same scales and zero points, with codes that make up for each other's errors.

    Args:
        packed: What rounding to nearest gave.
        weight: (outputs, inputs), what it was made of.
        hessian: (inputs, inputs); see `compensated_codes`.
    """
    codes = compensated_codes(
        torch.from_numpy(weight), hessian, bits=packed.bits, scale=packed.scale, zero_point=packed.zero_point
    )
    return replace(packed, codes=codes if packed.zero_point is None else codes.view(np.uint8))


def compensated_codes(
    weight: torch.Tensor,
    hessian: torch.Tensor,
    *,
    bits: int,
    scale: Floats,
    zero_point: NDArray[np.integer] | None = None,
    damping: float = DAMPING,
    by_importance: bool = True,
) -> Codes:
    """Round a linear layer's weights, column by column, so that its outputs stay close.

    With U the upper Cholesky factor of the inverse Hessian (H^-1 = U^T U), for each column j in turn:

        code_j = round(w_j / scale_j) + zero_point_j, held within the codes' range
        w_k   <- w_k - (w_j - value(code_j)) / U_jj * U_jk        for all k > j

    Updates reach beyond a block of 128 columns once a block, as one product of matrices.

    Inputs that calibration never woke (a diagonal of zero) are not correlated with anything: their weights are rounded
    to nearest and keep their meaning, as texts to come may wake them.

    Args:
        weight: (outputs, inputs), finite.
        hessian: (inputs, inputs), symmetric, positive semidefinite; `HessianObserver.hessian`. Its scale cancels out.
        bits: 2, 3 or 4.
        scale: For the tensor (one value), for each output (outputs,), or for each group of neighbouring inputs
            (outputs, groups); above zero.
        zero_point: Of the same shape, within 0 .. 2^bits - 1, for unsigned codes 0 .. 2^bits - 1; None for signed
            codes, which use their full range -2^(bits-1) .. 2^(bits-1) - 1: the lowest code costs nothing in storage,
            and the compensated weights do reach it.
        damping: Share of the mean diagonal added to the diagonal; above zero, it keeps the inverse tame where inputs
            are few or nearly dependent.
        by_importance: Round the columns with the largest diagonal first, while most others can still make up for them.

    Returns: (outputs, inputs) int8.

    Raises:
        ShapeError: Weight, Hessian, scale and zero point do not fit together.
        SchemeError: Other bits than these, or a damping below zero.
        CalibrationError: The damped Hessian is not positive definite.

    Source: Frantar et al. 2022, "GPTQ", arXiv:2210.17323, algorithm 1; the order of columns is the option "act-order"
        of the authors' code.
    """
    _check(weight, hessian, bits=bits, damping=damping)
    steps = _by_weight(scale, weight.shape, what="scale")
    zeros = torch.zeros_like(steps) if zero_point is None else _by_weight(zero_point, weight.shape, what="zero point")
    lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if zero_point is None else (0, 2**bits - 1)

    diagonal = hessian.detach().double().cpu().diagonal()
    order = torch.argsort(diagonal, descending=True, stable=True) if by_importance else torch.arange(len(diagonal))
    factor = _inverse_factor(hessian.detach().double().cpu()[order][:, order], damping=damping)
    left, steps, zeros = weight.detach().double().cpu()[:, order], steps[:, order], zeros[:, order]

    codes = torch.empty_like(left)
    n_inputs = left.shape[1]
    for start in range(0, n_inputs, _BLOCK):
        stop = min(start + _BLOCK, n_inputs)
        errors = torch.empty_like(left[:, start:stop])
        for column in range(start, stop):
            step, zero = steps[:, column], zeros[:, column]
            codes[:, column] = (torch.round(left[:, column] / step) + zero).clamp(lowest, highest)
            value = (codes[:, column] - zero) * step
            errors[:, column - start] = (left[:, column] - value) / factor[column, column]
            left[:, column:stop] -= torch.outer(errors[:, column - start], factor[column, column:stop])
        left[:, stop:] -= errors @ factor[start:stop, stop:]
    in_place = torch.empty_like(codes)
    in_place[:, order] = codes
    return in_place.to(torch.int8).numpy()


def _inverse_factor(hessian: torch.Tensor, *, damping: float) -> torch.Tensor:
    """The upper Cholesky factor U of the inverse of the damped Hessian, (inputs, inputs), U^T U = H^-1."""
    diagonal = hessian.diagonal()
    damped = hessian + torch.diag(damping * diagonal.mean() + (diagonal == 0))
    lower, fault = torch.linalg.cholesky_ex(damped)
    upper: torch.Tensor = lower
    if not fault:
        upper, fault = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
    if fault or not torch.isfinite(upper).all():
        raise CalibrationError(
            f"The Hessian of {len(hessian)} inputs with a damping of {damping:g} cannot be inverted.",
            hint="Calibrate on more texts, or raise the damping tenfold.",
        )
    return upper


def _check(weight: torch.Tensor, hessian: torch.Tensor, *, bits: int, damping: float) -> None:
    if bits not in COMPENSATED_BITS:
        raise SchemeError(
            f"Expected 2, 3 or 4 bits to round with compensation, came {bits}.",
            hint="At 8 bits rounding to nearest loses almost nothing.",
        )
    if not damping >= 0:
        raise SchemeError(f"Expected a damping of at least 0, came {damping}.", hint=f"Usual is {DAMPING}.")
    if weight.ndim != 2 or hessian.shape != (weight.shape[1], weight.shape[1]):
        raise ShapeError(
            f"Expected a Hessian with a row and a column for each input of the weight (outputs, inputs) = "
            f"{tuple(weight.shape)}, came {tuple(hessian.shape)}.",
            hint="Take the Hessian of the very layer that is rounded.",
        )


def _by_weight(part: NDArray[np.generic], shape: torch.Size, *, what: str) -> torch.Tensor:
    """Scale or zero point of each weight, (outputs, inputs) float64, from any of the three granularities.

    Raises:
        ShapeError: It fits neither the tensor, nor its outputs, nor groups of its inputs.
    """
    n_outputs, n_inputs = shape
    values = torch.from_numpy(np.asarray(part, np.float64))
    if values.numel() == 1 and values.ndim <= 1:
        return values.reshape(1, 1).expand(shape)
    if values.shape == (n_outputs,):
        return values.reshape(-1, 1).expand(shape)
    if values.ndim == 2 and len(values) == n_outputs and values.shape[1] and n_inputs % values.shape[1] == 0:
        return values.repeat_interleave(n_inputs // values.shape[1], dim=1)
    raise ShapeError(
        f"Expected one {what} for the tensor, ({n_outputs},) for its outputs, or ({n_outputs}, groups) with groups "
        f"that divide its {n_inputs} inputs, came {tuple(values.shape)}.",
        hint="Groups are of neighbouring inputs, all of one size.",
    )
