"""Which scale a tensor gets: for all of it, for each output, each group of inputs, or each row of an embedding table.

Weights of 8 bits that meet 8-bit activations get the smallest scale whose codes are safe from saturation on CPUs
without VNNI. The plain remedy is to halve all codes (7 bits). Here a scale is only as large as the heaviest pair of
neighbouring inputs asks:

    scale = max over pairs (2k, 2k+1) of the one-signed sum of |w|  / 127

Then |w| / scale <= 127, and two codes of one sign sum to at most 127 + 1/2 + 1/2 = 128, which
`packing.is_saturation_safe` allows. For Gaussian weights this costs about a fifth of the resolution, not half.

With 2, 3 and 4 bits the largest weight should not set the scale: clipping a few buys finer steps for all others. So the
scale with the least squared error is taken out of 41 that clip more and more (Choukroun et al. 2019, arXiv:1902.06822,
section 4, with a plain search in place of their line search).
"""

from dataclasses import replace

import numpy as np

from limbeck.artifact.packing import LARGEST_CODE, Codes, Floats, PackedTensor, code_range, pack, pair_sums
from limbeck.errors import SchemeError
from limbeck.recipe.scheme import USUAL_GROUPS, Scheme

_CLIPPINGS = np.linspace(1.0, 0.2, 41, dtype=np.float32)
_PIECE_VALUES = 1 << 16  # searched at once: they stay in a core's cache, and a table of any size takes no more memory


def quantize_linear(weight: Floats, *, scheme: Scheme) -> PackedTensor:
    """Pack a linear layer's weight.

    Args:
        weight: (outputs, inputs), finite; a group size of the scheme divides the inputs.
        scheme: Of integer weights.
    """
    slices = weight.reshape(-1, weight.shape[1] if scheme.group_size is None else scheme.group_size)
    slices = weight.reshape(1, -1) if scheme.per_tensor else slices
    zero_point: Codes | None = None
    if scheme.weight_bits == 8 and scheme.symmetric and scheme.is_integer_product:
        scale = _scale(pair_sums(weight).max(keepdims=True) if scheme.per_tensor else pair_sums(slices))
    else:
        scale, zero_point = _fitted(slices, bits=scheme.weight_bits, symmetric=scheme.symmetric)
    if scheme.group_size is not None:
        scale = scale.reshape(len(weight), -1)
        zero_point = None if zero_point is None else zero_point.reshape(len(weight), -1)
    axis = None if scheme.per_tensor else 0
    return pack(weight, scale, axis=axis, bits=scheme.weight_bits, zero_point=zero_point)


def quantize_table(table: Floats, *, bits: int = 8) -> PackedTensor:
    """Pack an embedding table, one scale for each row.

    Its rows are looked up, never multiplied by activations, so that the whole range of codes is used.

    Args:
        table: (rows, columns), finite.
        bits: 2, 4 or 8.
    """
    scale, _ = _fitted(table, bits=bits, symmetric=True)
    return pack(table, scale, axis=0, bits=bits)


def refuse_group_size(name: str, n_inputs: int, *, scheme: Scheme) -> None:
    """Refuse a scheme whose groups do not fit a layer.

    Raises:
        SchemeError: Names the layer, and the group sizes that fit.
    """
    size = scheme.group_size
    if size is not None and n_inputs % size:
        fitting = ", ".join(str(group) for group in USUAL_GROUPS if n_inputs % group == 0)
        whole = f'"{replace(scheme, group_size=None)}" for one scale an output'
        raise SchemeError(
            f"group_size {size} does not divide the {n_inputs} inputs of '{name}'.",
            hint=f"Take groups of {fitting}, or {whole}." if fitting else f"Take {whole}.",
        )


def _fitted(slices: Floats, *, bits: int, symmetric: bool) -> tuple[Floats, Codes | None]:
    """Scale and zero point of each row of (slices, values); 8 bits clip nothing, fewer clip as much as pays."""
    lowest, highest = code_range(bits, symmetric=symmetric)
    # Squares of very large weights would overflow in the search below; 8 bits do not search.
    peaks = np.ones((len(slices), 1), np.float32)
    if bits != 8:
        peaks = np.maximum(np.abs(slices).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    slices = slices / peaks
    below, above = np.minimum(slices.min(axis=1), 0), np.maximum(slices.max(axis=1), 0)
    if symmetric:
        full, zero_point = _scale(np.maximum(-below, above), highest), None
    else:
        full = _scale(above - below, highest)
        zero_point = np.clip(np.rint(-below / full), lowest, highest).astype(np.uint8)
    if bits == 8:
        return full, zero_point
    best = np.empty_like(full)
    n_rows = max(1, _PIECE_VALUES // slices.shape[1])
    for start in range(0, len(slices), n_rows):
        rows = slice(start, start + n_rows)
        zeros = None if zero_point is None else zero_point[rows, None].astype(np.float32)
        best[rows] = _least_error(slices[rows], full[rows], zeros, bounds=(lowest, highest))
    scale = np.maximum(best * peaks[:, 0], np.finfo(np.float32).tiny)
    return np.where(slices.any(axis=1), scale, np.float32(1)).astype(np.float32), zero_point


def _least_error(slices: Floats, full: Floats, zero_point: Floats | None, *, bounds: tuple[int, int]) -> Floats:
    """Of 41 scales that clip more and more, the one with the least squared error, for each row of (slices, values)."""
    best, least = full, np.full(len(slices), np.inf, np.float32)
    for clipping in _CLIPPINGS:
        scale = np.maximum(full * clipping, np.finfo(np.float32).tiny)
        values = slices / scale[:, None]
        np.rint(values, out=values)
        zeros = np.float32(0) if zero_point is None else zero_point
        np.clip(values, bounds[0] - zeros, bounds[1] - zeros, out=values)
        values *= scale[:, None]
        values -= slices
        error = np.einsum("ij,ij->i", values, values)
        best, least = np.where(error < least, scale, best), np.minimum(error, least)
    return best


def _scale(largest: Floats, code: int = LARGEST_CODE) -> Floats:
    """The scale that puts `largest` on a code; 1 where a slice is all zeros.

    The smallest normal float32 bounds it from below, so that dividing by it stays finite.
    """
    scale = np.maximum(largest / np.float32(code), np.finfo(np.float32).tiny)
    return np.where(largest > 0, scale, np.float32(1)).astype(np.float32)
