"""Which scale a tensor gets: one for each output of a linear layer, one for each row of an embedding table.

A linear layer's scale is the smallest whose codes are safe from saturation on CPUs without VNNI. The plain remedy is
to halve all codes (7 bits). Here a scale is only as large as the heaviest pair of neighbouring inputs asks:

    scale = max over pairs (2k, 2k+1) of the one-signed sum of |w|  / 127

Then |w| / scale <= 127, and two codes of one sign sum to at most 127 + 1/2 + 1/2 = 128, which
`packing.is_saturation_safe` allows. For Gaussian weights this costs about a fifth of the resolution, not half.
"""

import numpy as np

from limbeck.packing import LARGEST_CODE, Floats, PackedTensor, pack, pair_sums


def quantize_linear(weight: Floats) -> PackedTensor:
    """Pack a linear layer's weight, saturation-safe, one scale for each output.

    Args:
        weight: (outputs, inputs), finite.
    """
    return pack(weight, _scale(pair_sums(weight)), axis=0)


def quantize_table(table: Floats) -> PackedTensor:
    """Pack an embedding table, one scale for each row.

    Its rows are looked up, never multiplied by activations, so that the whole range -127..127 is used.

    Args:
        table: (rows, columns), finite.
    """
    return pack(table, _scale(np.abs(table).max(axis=1)), axis=0)


def _scale(largest: Floats) -> Floats:
    """The scale that puts `largest` on the code 127; 1 where a slice is all zeros.

    The smallest normal float32 bounds it from below, so that dividing by it stays finite.
    """
    scale = np.maximum(largest / np.float32(LARGEST_CODE), np.finfo(np.float32).tiny)
    return np.where(largest > 0, scale, np.float32(1)).astype(np.float32)
