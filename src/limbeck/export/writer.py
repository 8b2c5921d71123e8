"""From a student to the ONNX file that ships: which families can be written, and the writing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import ModelProto
from transformers import PreTrainedConfig, PreTrainedModel

from limbeck.artifact.packing import PackedWeights
from limbeck.encoder import families as known_families
from limbeck.encoder import heads
from limbeck.errors import TeacherError
from limbeck.export.every_token import sentence_output, token_outputs, vector_outputs
from limbeck.export.families import albert, bert, deberta_v2, distilbert, electra, modernbert, mpnet, roberta, static
from limbeck.export.graph import Graph, Outputs, Value
from limbeck.export.layers import ACTIVATIONS
from limbeck.export.mask_head import mask_outputs
from limbeck.export.weights import Weights
from limbeck.ground import files


@dataclass(frozen=True)
class Writer:
    """How a family is written.

    Args:
        write: Adds the whole to a graph and gives the logits of its head; or, where every token is wanted, the last
            states (B * S, hidden) in front of the head.
        inputs: A config's inputs, in the order of the file.
    """

    write: Callable[[Graph, Weights, Any, bool], Value]
    inputs: Callable[[Any], tuple[str, ...]]


def _always(*names: str) -> Callable[[Any], tuple[str, ...]]:
    return lambda _config: names


_ROBERTA = Writer(roberta.write, _always(*roberta.INPUTS))
SUPPORTED_FAMILIES: Mapping[str, Writer] = {
    "albert": Writer(albert.write, _always(*albert.INPUTS)),
    "bert": Writer(bert.write, _always(*bert.INPUTS)),
    "camembert": _ROBERTA,
    "deberta-v2": Writer(deberta_v2.write, deberta_v2.inputs),
    "distilbert": Writer(distilbert.write, _always(*distilbert.INPUTS)),
    "electra": Writer(electra.write, _always(*electra.INPUTS)),
    "modernbert": Writer(modernbert.write, _always(*modernbert.INPUTS)),
    "mpnet": Writer(mpnet.write, _always(*mpnet.INPUTS)),
    "roberta": _ROBERTA,
    known_families.STATIC: Writer(static.write, _always(*static.INPUTS)),
    "xlm-roberta": _ROBERTA,
}
"""model_type in config.json -> how it is written."""


def write_onnx(model: PreTrainedModel, path: Path, *, packed: PackedWeights | None) -> tuple[str, ...]:
    """Write a model as an ONNX file; of standard operators, but for weights with a scale for each group of inputs.

    Inputs are `input_ids`, `attention_mask` and, where the family reads them, `token_type_ids`: int64 (batch,
    sequence), both free. The output is `logits`: float32 (batch, classes), or (batch, sequence, classes) where the head
    answers for every token (of a masked language model, classes are the vocabulary); of a model that gives vectors,
    `sentence_embedding` (batch, size) and `last_hidden_state` (batch, sequence, size). The same model gives the same
    bytes.

    Args:
        model: A student (or teacher) with a head; see `limbeck.encoder.heads`.
        path: The file; whole, or as it was before.
        packed: Its quantized weights; None writes a float32 graph.

    Returns: The names of the graph's inputs.

    Raises:
        TeacherError: The family, or a setting of this model, cannot be written.
        SchemeError: Packed weights that do not fit the model or could saturate.
        OutputError: No space, or a forbidden folder.
    """
    refuse_unsupported(model.config)
    inputs, content = _content(model, packed=packed)
    with files.written_whole(path) as temporary:
        temporary.write_bytes(content.SerializeToString(deterministic=True))
    return inputs


def onnx_size(model: PreTrainedModel, *, packed: PackedWeights | None) -> int:
    """Bytes of the file that `write_onnx` would write; its arguments and errors are the same."""
    refuse_unsupported(model.config)
    _, content = _content(model, packed=packed)
    return int(content.ByteSize())


def _content(model: PreTrainedModel, *, packed: PackedWeights | None) -> tuple[tuple[str, ...], ModelProto]:
    """The names of the graph's inputs, and the whole file."""
    graph = Graph()
    writer = SUPPORTED_FAMILIES[model.config.model_type]
    weights, inputs = Weights.of(model, packed), writer.inputs(model.config)
    found = writer.write(graph, weights, model.config, not heads.reads_first_token(model))
    outputs: Outputs = {"logits": (found, ("batch", heads.n_outputs(model)))}
    pooling = heads.pooling_of(model.config)
    if pooling is not None and model.config.model_type == known_families.STATIC:
        outputs = sentence_output(graph, found, pooling, size=heads.n_outputs(model))
    elif pooling is not None:
        outputs = vector_outputs(graph, found, pooling, size=heads.n_outputs(model))
    elif heads.fills_masks(model):
        outputs = mask_outputs(graph, found, weights, model.config)
    elif weights.token_head is not None:
        outputs = token_outputs(graph, found, weights, ends=heads.answers_with_ends(model))
    return inputs, graph.model(inputs=inputs, outputs=outputs)


def refuse_unsupported(config: PreTrainedConfig) -> None:
    """Tell at once whether a model can be written, before anything is spent on it.

    Raises:
        TeacherError: Names the family or setting, why it cannot be written, and what can.
    """
    settings = config.to_dict()
    refusal = None if settings.get("model_type") == known_families.STATIC else known_families.refusal(settings)
    if refusal is None:
        refusal = _refused_setting(settings)
    if refusal is not None:
        raise TeacherError(
            f"A '{settings.get('model_type')}' model cannot be written as ONNX: {refusal}.",
            hint=f"Take a teacher of one of these families: {', '.join(sorted(known_families.ENCODERS))}.",
        )


def _refused_setting(settings: Mapping[str, Any]) -> str | None:
    """Why this model of a known family cannot be written; None when it can."""
    activation = next(
        (settings[key] for key in ("hidden_act", "activation", "hidden_activation") if settings.get(key)), None
    )
    if activation is not None and activation not in ACTIVATIONS:
        return f"its activation '{activation}' has no counterpart here (known: {', '.join(ACTIVATIONS)})"
    if settings.get("position_embedding_type", "absolute") != "absolute":
        return f"its position_embedding_type '{settings['position_embedding_type']}' is not 'absolute'"
    if settings.get("is_decoder"):
        return "it is a decoder (is_decoder is set)"
    if settings.get("conv_kernel_size", 0):
        return "its convolution layer (conv_kernel_size) is not supported"
    rotations = (settings.get("rope_parameters") or {}).values()
    scaled = [rotation for rotation in rotations if isinstance(rotation, dict) and rotation["rope_type"] != "default"]
    if scaled:
        return f"its rotary positions are of type '{scaled[0]['rope_type']}', not 'default'"
    return None
