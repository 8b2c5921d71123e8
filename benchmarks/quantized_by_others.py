"""A classifier in 8 bits as other tools make it, as a folder that `limbeck compare` takes: graph, tokenizer, labels."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime.quantization
from exported_by_pytorch import write_by_pytorch

from limbeck.teacher.load import load_model
from limbeck.text.tokens import TOKENIZER_FILE, TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CALIBRATION_TEXTS, CALIBRATION_TOKENS = 300, 128


def by_onnxruntime(plain: Path, quantized: Path) -> None:
    """Weights in 8 bits, activations at run time: onnxruntime's own call with its defaults."""
    onnxruntime.quantization.quantize_dynamic(plain, quantized)


def by_nncf(plain: Path, quantized: Path, *, texts: Sequence[str], encoder: TextEncoder) -> None:
    """Weights and activations in 8 bits, calibrated on the first texts given: NNCF's call for transformers.

    Args:
        plain: The float32 graph, as ONNX.
        quantized: Where to: an ONNX file, or OpenVINO's .xml with its .bin beside it.
        texts: Calibrated on.
        encoder: Texts -> tokens.
    """
    import nncf
    import openvino

    is_onnx = quantized.suffix == ".onnx"
    model = onnx.load(plain) if is_onnx else openvino.Core().read_model(plain)
    names = [given.name for given in onnx.load(plain, load_external_data=False).graph.input]
    encoded = encoder.encode(texts[:CALIBRATION_TEXTS], None)
    batches = [encoder.pad(encoded, np.array([index])) for index in range(len(encoded.ids))]
    feeds = [{name: getattr(batch, name) for name in names} for batch in batches]
    found = nncf.quantize(model, nncf.Dataset(feeds), subset_size=len(feeds), model_type=nncf.ModelType.TRANSFORMER)
    if is_onnx:
        onnx.save(found, quantized)
    else:
        openvino.save_model(found, quantized)


def by_executorch(model: "PreTrainedModel", quantized: Path, *, max_tokens: int) -> None:
    """Linear layers in 8 bits, activations at run time, for XNNPACK: torchao's call for it, ExecuTorch's way to a file.

    Args:
        model: The float32 model, loaded with eager attention; it is quantized in place.
        quantized: Where to, a .pte that takes one text.
        max_tokens: Of the longest text.
    """
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from exported_by_pytorch import Logits
    from torchao.quantization import Int8DynamicActivationIntxWeightConfig, quantize_
    from torchao.quantization.granularity import PerAxis

    quantize_(model, Int8DynamicActivationIntxWeightConfig(weight_dtype=torch.int8, weight_granularity=PerAxis(0)))
    names = ("input_ids", "attention_mask", "token_type_ids")
    example = tuple(torch.ones((1, 20), dtype=torch.int64) for _ in names)
    length = torch.export.Dim("tokens", min=4, max=max_tokens)
    exported = torch.export.export(
        Logits(model, names), example, dynamic_shapes={"given": tuple({1: length} for _ in names)}
    )
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    quantized.write_bytes(lowered.to_executorch().buffer)


def write_peer(
    source: Path,
    folder: Path,
    *,
    label_names: Sequence[str],
    quantize: Callable[[Path, Path], None] | None,
    graph_name: str = "model.onnx",
) -> Path:
    """Export a Hugging Face classifier by PyTorch, quantize it, and set its tokenizer and labels beside it.

    Args:
        source: Folder of the model with tokenizer.json.
        folder: Where to; taken as it is when it is there.
        label_names: In the order of its logits.
        quantize: (float32 graph, where to write) of the tool; None keeps the float32 graph.
        graph_name: File of the quantized graph.
    """
    if (folder / "config.json").exists():
        return folder
    folder.mkdir(parents=True)
    graph = folder / graph_name
    plain = graph if quantize is None else folder / "float32.onnx"
    encoder = TextEncoder(source, max_tokens=CALIBRATION_TOKENS)
    write_by_pytorch(load_model(source, attention="eager").eval(), encoder, plain)
    if quantize is not None:
        quantize(plain, graph)
        plain.unlink()
    shutil.copy(source / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    labels = {"id2label": dict(enumerate(label_names))}
    (folder / "config.json").write_text(json.dumps(labels), encoding="utf-8")
    return folder
