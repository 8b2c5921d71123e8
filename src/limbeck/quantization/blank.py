"""Codes that are all alike: what a choice of bits weighs in a file, without rounding anything."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from limbeck.artifact.packing import Codes, PackedTensor, PackedWeights
from limbeck.quantization.apply import Kind, weights_of
from limbeck.quantization.preparation import NOTHING_KNOWN, Preparation
from limbeck.recipe.scheme import Scheme

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def blank_weights(
    model: "PreTrainedModel", *, scheme: Scheme, bits: Mapping[str, int], ready: Preparation = NOTHING_KNOWN
) -> PackedWeights:
    """Weights of the shapes and sizes that `quantize_student` would give, all their codes zero.

    Args:
        model: A student; of its weights only the shapes count.
        scheme: Granularity and activations.
        bits: Parameter name -> bits; a weight that is not here stays float.
        ready: What calibration taught: factors and fixed ranges weigh something too.
    """
    tensors = {
        name: _blank(weight.shape, kind, scheme=scheme, bits=bits[name])
        for name, kind, weight in weights_of(model)
        if name in bits
    }
    return PackedWeights(tensors, activation_bits=scheme.activation_bits, spans=ready.spans, factors=ready.factors)


def _blank(shape: tuple[int, ...], kind: Kind, *, scheme: Scheme, bits: int) -> PackedTensor:
    """Zeros of a (rows, columns) weight; tables have one scale a row whatever the scheme."""
    if kind == "embedding":
        scheme = replace(scheme, per_tensor=False, group_size=None, symmetric=True)
    n_rows, n_columns = shape
    scales = (n_rows,) if scheme.group_size is None else (n_rows, n_columns // scheme.group_size)
    if scheme.per_tensor:
        scales = (1,)
    codes: Codes = np.zeros(shape, np.int8) if scheme.symmetric else np.zeros(shape, np.uint8)
    return PackedTensor(
        codes=codes,
        scale=np.ones(scales, np.float32),
        zero_point=None if scheme.symmetric else np.zeros(scales, np.uint8),
        axis=None if scheme.per_tensor else 0,
        bits=bits,
    )
