"""What each part of a model weighs, in float32 or with its weights packed."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from limbeck.artifact.packing import PackedWeights
from limbeck.encoder.parts import GRAPH, MODEL_PARTS, TOKENIZER, ModelBytes, PartBytes, part_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_FLOAT_BYTES = 4


def bytes_by_part(
    model: "PreTrainedModel",
    *,
    name: str,
    beside_bytes: int,
    packed: PackedWeights | None = None,
    graph_bytes: int | None = None,
) -> ModelBytes:
    """Where a model's bytes are. A tensor that two layers share counts once, where it first stands.

    Args:
        model: Of a known family, or a static student.
        name: What it is called.
        beside_bytes: Of the tokenizer's files and the config.
        packed: Its quantized weights; what is not there is float32.
        graph_bytes: Of the file that holds its graph and weights; None where it is not written as one.
    """
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for key, tensor in _tensors(model):
        stored = None if packed is None else packed.tensors.get(key)
        width = tensor.element_size() if not tensor.is_floating_point() else _FLOAT_BYTES
        told = (8 * width, tensor.numel() * width) if stored is None else (stored.bits, stored.nbytes)
        found[part_of(key)].append((tensor.numel(), *told))
    parts = [
        PartBytes(
            part=part,
            n_tensors=len(tensors),
            n_parameters=sum(numbers for numbers, _, _ in tensors),
            bits=tuple(sorted({bits for _, bits, _ in tensors})),
            size_bytes=sum(n_bytes for _, _, n_bytes in tensors),
        )
        for part, tensors in found.items()
    ]
    beside = {TOKENIZER: beside_bytes}
    if graph_bytes is not None:
        beside[GRAPH] = max(0, graph_bytes - sum(part.size_bytes for part in parts))
    parts += [PartBytes(part, 0, 0, (), n_bytes) for part, n_bytes in beside.items()]
    return ModelBytes(name, tuple(sorted(parts, key=lambda one: MODEL_PARTS.index(one.part))))


def _tensors(model: "PreTrainedModel") -> Iterator[tuple[str, torch.Tensor]]:
    """Every parameter once, and the buffers that are saved with them."""
    yield from model.named_parameters()
    saved = model.state_dict()
    yield from ((name, buffer) for name, buffer in model.named_buffers() if name in saved)
