"""A whole student to few bits: which parameters are packed, which stay float, and what it cost each of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from limbeck.artifact.packing import Floats, PackedTensor, PackedWeights
from limbeck.encoder import heads
from limbeck.errors import SchemeError
from limbeck.quantization.affine import quantize_linear, quantize_table, refuse_group_size
from limbeck.quantization.compensation import COMPENSATED_BITS, compensated
from limbeck.quantization.preparation import NOTHING_KNOWN, Preparation
from limbeck.recipe.scheme import FLOAT_BITS, Scheme, shippable
from limbeck.records.bits import LayerBits, QuantizationRecord

SMALLEST_TABLE_ROWS = 65
"""Tables of fewer rows (segments, distance buckets) stay float: they weigh nothing."""

Kind = Literal["linear", "embedding", "kept"]


@dataclass(frozen=True)
class QuantizedStudent:
    """A student's packed weights.

    Args:
        weights: Its codes by parameter name; parameters that are not there stay float32.
        record: Bits and error of every weight matrix, those that stayed float included.
    """

    weights: PackedWeights
    record: QuantizationRecord


def quantize_student(
    model: PreTrainedModel,
    *,
    scheme: str,
    bits: Mapping[str, int] | None = None,
    ready: Preparation = NOTHING_KNOWN,
) -> QuantizedStudent:
    """Quantize a classifier's linear layers and embedding tables.

    The last layer, which gives the logits, stays float: it is small, and its errors reach the answer undamped. Of a
    masked language model it is the table of embeddings, and has the bits of that.
    Biases and norms stay float too. A matrix that several layers share is packed once.

    Args:
        model: A student; it is read, not changed.
        scheme: One that an artifact can have, such as "w8a8e8".
        bits: Parameter name -> bits, where they are other than the scheme's; 32 leaves a weight float.
        ready: What calibration taught.

    Raises:
        SchemeError: The scheme is unknown or cannot be shipped or does not fit a layer, or a weight is not finite.
    """
    wanted = shippable(scheme)
    refuse_unfit(model, scheme=wanted)
    factors = ready.factors
    packed: dict[str, PackedTensor] = {}
    layers: list[LayerBits] = []
    for name, kind, weight in weights_of(model):
        _refuse_wild(name, weight)
        layer = name.removesuffix(".weight")
        scaled = weight * factors[layer] if layer in factors else weight
        stored = stored_weight(
            kind, scaled, scheme=wanted, bits=(bits or {}).get(name), hessian=ready.hessians.get(layer)
        )
        if stored is not None:
            packed[name] = stored
        layers.append(_bits(name, kind if stored is not None else "kept", scaled, stored))
    return QuantizedStudent(
        PackedWeights(packed, activation_bits=wanted.activation_bits, spans=ready.spans, factors=factors),
        QuantizationRecord(scheme=scheme, layers=tuple(layers)),
    )


def stored_weight(
    kind: Kind, weight: Floats, *, scheme: Scheme, bits: int | None, hessian: torch.Tensor | None
) -> PackedTensor | None:
    """The codes of one weight, or None where it stays float.

    Args:
        kind: What becomes of it.
        weight: (rows, columns), multiplied by what its inputs are divided by.
        scheme: Of the model.
        bits: Where they are other than the scheme's.
        hessian: Of its inputs, for better rounding to few bits.
    """
    bits = bits or (scheme.table_bits if kind == "embedding" else scheme.weight_bits)
    if kind == "kept" or bits == FLOAT_BITS:
        return None
    if kind == "embedding":
        return quantize_table(weight, bits=bits)
    packed = quantize_linear(weight, scheme=replace(scheme, weight_bits=bits))
    if hessian is None or bits not in COMPENSATED_BITS:
        return packed
    return compensated(packed, weight, hessian)


def refuse_unfit(model: PreTrainedModel, *, scheme: Scheme) -> None:
    """Refuse a scheme that does not fit a classifier's layers, whatever their weights are.

    Args:
        model: Of the shape that will be quantized.
        scheme: What it would be quantized by.

    Raises:
        SchemeError: Names the first layer that its groups do not divide, and the group sizes that do.
    """
    for name, kind, weight in weights_of(model):
        if kind == "linear":
            refuse_group_size(name.removesuffix(".weight"), weight.shape[1], scheme=scheme)


def _refuse_wild(name: str, weight: Floats) -> None:
    n_wild = int((~np.isfinite(weight)).sum())
    if n_wild:
        raise SchemeError(
            f"'{name}' holds {n_wild} weights that are NaN or infinite; only finite weights can be quantized.",
            hint="Train again with a lower distill.learning_rate; the loss curve shows where it diverged.",
        )


def weights_of(model: PreTrainedModel) -> Iterator[tuple[str, Kind, Floats]]:
    """Every weight matrix once: its name, what becomes of it, its float32 values."""
    last, fills_masks = heads.gives_logits(model), heads.fills_masks(model)
    is_shared = heads.shared_table_of(model) is not None
    for name, module in model.named_modules():
        is_once_more = is_shared and name == last  # the table of embeddings in another role
        if is_once_more or not isinstance(module, nn.Linear | nn.Embedding):
            continue
        kind: Kind = "linear"
        if isinstance(module, nn.Embedding):
            kind = "embedding" if module.num_embeddings >= SMALLEST_TABLE_ROWS else "kept"
        elif name == last and not fills_masks:
            kind = "kept"
        yield f"{name}.weight", kind, module.weight.detach().float().cpu().numpy()


def record_of(model: PreTrainedModel, weights: PackedWeights, *, scheme: str) -> QuantizationRecord:
    """What a model's packed weights cost each layer; the model holds the floats that they were made of."""
    layers = []
    for name, kind, weight in weights_of(model):
        stored = weights.tensors.get(name)
        layers.append(_bits(name, kind if stored is not None else "kept", weight, stored))
    return QuantizationRecord(scheme=scheme, layers=tuple(layers))


def _bits(name: str, kind: Kind, weight: Floats, stored: PackedTensor | None) -> LayerBits:
    norm = float(np.linalg.norm(weight))
    error = 0.0 if stored is None else float(np.linalg.norm(weight - stored.dequantize()))
    return LayerBits(
        name=name,
        kind=kind,
        shape=tuple(weight.shape),
        weight_bits=32 if stored is None else stored.bits,
        float_bytes=weight.nbytes,
        stored_bytes=weight.nbytes if stored is None else stored.nbytes,
        relative_error=error / norm if norm > 0 else 0.0,
    )
