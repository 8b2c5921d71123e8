"""A whole student to 8 bits: which parameters are packed, which stay float, and what it cost each of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import nn
from transformers import PreTrainedModel

from limbeck.errors import SchemeError
from limbeck.packing import Floats, PackedTensor
from limbeck.quantization.affine import quantize_linear, quantize_table
from limbeck.records import LayerBits, QuantizationRecord
from limbeck.scheme import SHIPPED, Scheme

SMALLEST_TABLE_ROWS = 65
"""Tables of fewer rows (segments, distance buckets) stay float: they weigh nothing."""

Kind = Literal["linear", "embedding", "kept"]


@dataclass(frozen=True)
class QuantizedStudent:
    """A student's packed weights.

    Args:
        packed: Parameter name -> its codes; parameters that are not here stay float32.
        record: Bits and error of every weight matrix, those that stayed float included.
    """

    packed: Mapping[str, PackedTensor]
    record: QuantizationRecord


def quantize_student(model: PreTrainedModel, *, scheme: str) -> QuantizedStudent:
    """Quantize a classifier's linear layers and embedding tables to 8 bits.

    The last layer, which gives the logits, stays float: it is small, and its errors reach the answer undamped.
    Biases and norms stay float too. A matrix that several layers share is packed once.

    Args:
        model: A student; it is read, not changed.
        scheme: "w8a8e8".

    Raises:
        SchemeError: The scheme is unknown or cannot be shipped yet, or a weight is not finite.
    """
    wanted = Scheme.parse(scheme)
    if scheme not in SHIPPED:
        raise SchemeError(
            f"The scheme '{scheme}' cannot be shipped (so far: {', '.join(SHIPPED)}).",
            hint='Set quantize.scheme = "w8a8e8"; `limbeck.quantize` takes every scheme.',
        )
    packed: dict[str, PackedTensor] = {}
    layers: list[LayerBits] = []
    for name, kind, weight in _weights(model):
        if not np.isfinite(weight).all():
            raise SchemeError(
                f"'{name}' holds {int((~np.isfinite(weight)).sum())} weights that are NaN or infinite; "
                "only finite weights can be quantized.",
                hint="Train again with a lower distill.learning_rate; the loss curve shows where it diverged.",
            )
        stored = None
        if kind != "kept":
            stored = (
                quantize_linear(weight, scheme=wanted)
                if kind == "linear"
                else quantize_table(weight, bits=wanted.table_bits)
            )
        if stored is not None:
            packed[name] = stored
        layers.append(_bits(name, kind, weight, stored))
    return QuantizedStudent(packed=packed, record=QuantizationRecord(scheme=scheme, layers=tuple(layers)))


def _weights(model: PreTrainedModel) -> Iterator[tuple[str, Kind, Floats]]:
    """Every weight matrix once: its name, what becomes of it, its float32 values."""
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear | nn.Embedding):
            continue
        kind: Kind = "linear"
        if isinstance(module, nn.Embedding):
            kind = "embedding" if module.num_embeddings >= SMALLEST_TABLE_ROWS else "kept"
        elif name == linears[-1]:
            kind = "kept"
        yield f"{name}.weight", kind, module.weight.detach().float().cpu().numpy()


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
