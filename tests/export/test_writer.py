"""The file itself: its interface, its bytes, what the engine makes of it, and what is refused."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from asking import model_of, start
from transformers import AutoConfig

from limbeck.artifact.packing import PackedTensor, PackedWeights
from limbeck.errors import SchemeError, TeacherError
from limbeck.export import SUPPORTED_FAMILIES, refuse_unsupported, write_onnx
from limbeck.export.layers import ACTIVATIONS
from limbeck.quantization import quantize_student
from tiny import FAMILIES


@pytest.mark.parametrize(
    ("family", "inputs"),
    [
        ("bert", ["input_ids", "attention_mask", "token_type_ids"]),
        ("albert", ["input_ids", "attention_mask", "token_type_ids"]),
        ("electra", ["input_ids", "attention_mask", "token_type_ids"]),
        ("distilbert", ["input_ids", "attention_mask"]),
        ("roberta", ["input_ids", "attention_mask"]),
        ("mpnet", ["input_ids", "attention_mask"]),
        ("modernbert", ["input_ids", "attention_mask"]),
        ("deberta-v2", ["input_ids", "attention_mask"]),
    ],
)
def test_interface_is_the_ecosystems(tmp_path: Path, family: str, inputs: list[str]) -> None:
    """transformers.js and optimum feed these names, with both dimensions free."""
    assert write_onnx(model_of(family), tmp_path / "model.onnx", packed=None) == tuple(inputs)
    session = start(tmp_path / "model.onnx")
    assert [argument.name for argument in session.get_inputs()] == inputs
    for argument in session.get_inputs():
        assert (argument.type, argument.shape) == ("tensor(int64)", ["batch", "sequence"])
    (logits,) = session.get_outputs()
    assert (logits.name, logits.type, logits.shape) == ("logits", "tensor(float)", ["batch", 3])


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_standard_operators_only(tmp_path: Path, family: str) -> None:
    """An operator of one engine's own would shut out all the others."""
    model = model_of(family)
    for packed in (None, quantize_student(model, scheme="w8a8e8").weights):
        write_onnx(model, tmp_path / "model.onnx", packed=packed)
        graph = onnx.load(tmp_path / "model.onnx")
        onnx.checker.check_model(graph, full_check=True)
        assert {node.domain for node in graph.graph.node} == {""}
        assert [opset.domain for opset in graph.opset_import] == [""]


def test_same_model_same_bytes(tmp_path: Path) -> None:
    """A run that is repeated must give the artifact that it gave."""
    model = model_of("bert")
    packed = quantize_student(model, scheme="w8a8e8").weights
    for name in ("first.onnx", "second.onnx"):
        write_onnx(model, tmp_path / name, packed=packed)
    assert (tmp_path / "first.onnx").read_bytes() == (tmp_path / "second.onnx").read_bytes()


def test_weights_are_stored_in_8_bits_once(tmp_path: Path) -> None:
    """A table kept in float32, or ALBERT's block written for each layer, would undo the saving."""
    for family, n_blocks in (("bert", 4), ("albert", 1)):
        model = model_of(family)
        packed = quantize_student(model, scheme="w8a8e8").weights
        write_onnx(model, tmp_path / "model.onnx", packed=packed)
        constants = onnx.load(tmp_path / "model.onnx").graph.initializer
        n_codes = sum(int(np.prod(tensor.dims)) for tensor in constants if tensor.data_type == onnx.TensorProto.INT8)
        assert n_codes == sum(tensor.codes.size for tensor in packed.tensors.values()), family
        assert len(packed.tensors) == n_blocks * 6 + (3 if family == "bert" else 4)


def test_the_engine_fuses_what_it_should_and_nothing_else(tmp_path: Path) -> None:
    """SkipLayerNormalization and BiasGelu are slower than what they replace, and so are integer products unfused."""
    model = model_of("bert")
    write_onnx(model, tmp_path / "model.onnx", packed=quantize_student(model, scheme="w8a8e8").weights)
    start(tmp_path / "model.onnx", optimized=tmp_path / "optimized.onnx")
    operators = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    # Three whole blocks of 4 products (queries, keys and values are one), the last without keys and values; the pooler.
    assert operators["DynamicQuantizeMatMul"] == 3 * 4 + 4 + 1
    assert operators["LayerNormalization"] == 1 + 4 * 2
    assert operators["Gelu"] == 4
    unwanted = {"SkipLayerNormalization", "BiasGelu", "MatMulInteger", "DynamicQuantizeLinear", "DequantizeLinear"}
    assert not unwanted & set(operators)
    assert operators["Cast"] == 1  # of the gathered words; the small tables became float when the session began


def test_every_known_family_has_a_writer() -> None:
    """A family that can be distilled but not written would fail after an hour of training."""
    from limbeck.encoder.families import FAMILIES as DISTILLED

    assert set(SUPPORTED_FAMILIES) == set(DISTILLED)


KNOWN = "albert, bert, camembert, deberta-v2, distilbert, electra, modernbert, mpnet, roberta, xlm-roberta"


SCALED_ROTATIONS = {
    "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 160000.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
}


@pytest.mark.parametrize(
    ("family", "changes", "reason"),
    [
        (
            "bert",
            {"hidden_act": "silu"},
            f"its activation 'silu' has no counterpart here (known: {', '.join(ACTIVATIONS)})",
        ),
        ("bert", {"is_decoder": True}, "it is a decoder (is_decoder is set)"),
        (
            "bert",
            {"position_embedding_type": "relative_key"},
            "its position_embedding_type 'relative_key' is not 'absolute'",
        ),
        ("deberta-v2", {"conv_kernel_size": 3}, "its convolution layer (conv_kernel_size) is not supported"),
        (
            "modernbert",
            {"rope_parameters": SCALED_ROTATIONS},
            "its rotary positions are of type 'linear', not 'default'",
        ),
    ],
)
def test_settings_that_cannot_be_written_are_refused(family: str, changes: dict[str, object], reason: str) -> None:
    """A graph that differs from the model a little is worse than none."""
    with pytest.raises(TeacherError) as raised:
        refuse_unsupported(AutoConfig.for_model(family, **changes))
    assert str(raised.value) == (
        f"A '{family}' model cannot be written as ONNX: {reason}.\n"
        f"Hint: Take a teacher of one of these families: {KNOWN}."
    )


@pytest.mark.parametrize("family", ["deberta", "gpt2", "t5", "longformer"])
def test_families_that_cannot_be_written_are_refused(family: str) -> None:
    """The user learns it at once, and which families would do."""
    from limbeck.encoder.families import REFUSED

    with pytest.raises(TeacherError) as raised:
        refuse_unsupported(AutoConfig.for_model(family))
    assert raised.value.message.startswith(f"A '{family}' model cannot be written as ONNX: {REFUSED[family]}")
    assert raised.value.hint == f"Take a teacher of one of these families: {KNOWN}."


def test_codes_that_could_saturate_are_refused(tmp_path: Path) -> None:
    """The door that keeps "same answers on every CPU" true, whoever quantized."""
    model = model_of("bert")
    codes = np.full((32, 32), 100, np.int8)
    packed = PackedWeights({"bert.pooler.dense.weight": PackedTensor(codes, np.ones(32, np.float32), None, axis=0)})
    with pytest.raises(SchemeError) as raised:
        write_onnx(model, tmp_path / "unsafe.onnx", packed=packed)
    assert str(raised.value) == (
        "The codes of 'bert.pooler.dense' could saturate on CPUs without VNNI: two neighbouring ones sum to more than "
        "128.\nHint: Take the scales of limbeck.quantize, which rule this out."
    )
    assert not (tmp_path / "unsafe.onnx").exists()


def test_packed_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    """Codes of a six-layer model in a three-layer graph would be ignored in silence."""
    model = model_of("bert")
    tensor = PackedTensor(np.zeros((4, 8), np.int8), np.ones(4, np.float32), None, axis=0)
    for name, came in (
        ("bert.encoder.layer.9.output.dense.weight", "no such parameter"),
        ("classifier.weight", (3, 32)),
    ):
        with pytest.raises(SchemeError) as raised:
            write_onnx(model, tmp_path / "model.onnx", packed=PackedWeights({name: tensor}))
        assert str(raised.value) == (
            f"The packed weight '{name}' of shape (4, 8) does not fit the model: {came}.\n"
            "Hint: Quantize the very model that is written."
        )
