"""Every scheme an artifact can have: the file answers as the fake-quantized model in torch does, and is small."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from asking import ask_onnx, ask_torch, layers_of, model_of, pairs, start

from limbeck.artifact.packing import PackedTensor
from limbeck.export import write_onnx
from limbeck.quantization import Preparation, baked, fake_quantized, quantize_student
from limbeck.teacher.quick import first_token_at_last
from tiny import FAMILIES

LENGTHS = [24, 24, 24]
INTEGERS = ["w8a8e8", "w4a8e4", "w3a8e4", "w2a8e2", "w8a8t", "w4a8e4-asymmetric", "w2a8e4-asymmetric"]
BLOCKS = ["w8a8g16e8", "w4a8g16e4", "w2a8g32e4", "w4a32g32e4", "w4a8g16e4-asymmetric", "w8a32g16-asymmetric"]
FLOATS = ["w8a32e8", "w4a32e4", "w3a32", "w2a32te2", "w8a32-asymmetric", "w32a32e4", "w32a32e8"]


@pytest.mark.parametrize("scheme", [*INTEGERS, *BLOCKS, *FLOATS])
def test_the_file_answers_as_the_model_that_is_trained(tmp_path: Path, scheme: str) -> None:
    """A failure would ship another model than the one whose roundings were trained."""
    model = fake_quantized(model_of("bert"), scheme=scheme).eval()
    write_onnx(model, tmp_path / "model.onnx", packed=baked(model, scheme=scheme).weights)
    feed = pairs(LENGTHS)
    with first_token_at_last(model):
        wanted = ask_torch(model, feed)
    # A code that falls between two integers may be rounded the other way; one wrong scale does a hundred times that.
    tolerance = 0.02 if "a8" in scheme else 1e-4
    np.testing.assert_allclose(ask_onnx(tmp_path / "model.onnx", feed), wanted, atol=tolerance * np.abs(wanted).max())


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("scheme", ["w4a32e4", "w3a32e2-asymmetric", "w4a32g16e4"])
def test_every_family_is_written_in_few_bits(tmp_path: Path, family: str, scheme: str) -> None:
    """A family's own way with a table or a projection would read codes as if they were weights."""
    model = fake_quantized(model_of(family), scheme=scheme).eval()
    write_onnx(model, tmp_path / "model.onnx", packed=baked(model, scheme=scheme).weights)
    feed = pairs([13, 2, 9], pad_id=model.config.pad_token_id)
    wanted = ask_torch(model, feed)
    # DeBERTa's tables of relative positions are computed from the packed weights and stored in 8 bits themselves.
    tolerance = 0.03 if family == "deberta-v2" else 1e-4
    np.testing.assert_allclose(ask_onnx(tmp_path / "model.onnx", feed), wanted, atol=tolerance * np.abs(wanted).max())


@pytest.mark.parametrize("hidden_size", [30, 32])
def test_rows_that_fill_no_byte_are_read_back(tmp_path: Path, hidden_size: int) -> None:
    """A width that 8, 4 or 2 codes do not divide would shift every row after the first."""
    sizes = {"hidden_size": hidden_size, "num_attention_heads": 2, "intermediate_size": 61}
    for scheme in ("w3a32e2", "w4a8e4", "w2a8e2"):
        model = fake_quantized(model_of("bert", **sizes), scheme=scheme).eval()
        write_onnx(model, tmp_path / "model.onnx", packed=baked(model, scheme=scheme).weights)
        with first_token_at_last(model):
            wanted = ask_torch(model, pairs(LENGTHS))
        got = ask_onnx(tmp_path / "model.onnx", pairs(LENGTHS))
        np.testing.assert_allclose(got, wanted, atol=0.02 * np.abs(wanted).max())


def test_few_bits_are_few_bytes(tmp_path: Path) -> None:
    """A file that holds a byte for each code of 2 bits would be four times what its scheme promises."""
    model = model_of("bert", hidden_size=128, intermediate_size=512, vocab_size=2000)
    sizes = {}
    for scheme in ("w8a8e8", "w4a8e4", "w3a8e4", "w2a8e2"):
        packed = quantize_student(model, scheme=scheme).weights
        write_onnx(model, tmp_path / "model.onnx", packed=packed)
        content = onnx.load(tmp_path / "model.onnx").graph.initializer
        sizes[scheme] = sum(len(tensor.raw_data) for tensor in content)
        stored = sum(tensor.nbytes for tensor in packed.tensors.values())
        kept = sum(p.numel() * 4 for name, p in model.named_parameters() if name not in packed.tensors)
        assert sizes[scheme] < 1.02 * (stored + kept) + 2000, scheme
    assert sizes["w4a8e4"] < 0.6 * sizes["w8a8e8"]
    assert sizes["w2a8e2"] < 0.65 * sizes["w4a8e4"]


@pytest.mark.parametrize("scheme", ["w4a8e4", "w3a8e4", "w2a8e2", "w4a8e4-asymmetric"])
def test_few_bits_run_on_the_kernels_of_eight(tmp_path: Path, scheme: str) -> None:
    """A weight that is widened as it runs, or multiplied unfused, costs more than it saved."""
    model = model_of("bert")
    write_onnx(model, tmp_path / "model.onnx", packed=quantize_student(model, scheme=scheme).weights)
    start(tmp_path / "model.onnx", optimized=tmp_path / "optimized.onnx")
    operators = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert operators["DynamicQuantizeMatMul"] == 3 * 4 + 4 + 1
    assert not {"MatMulInteger", "DynamicQuantizeLinear", "MatMulIntegerToFloat"} & set(operators)
    assert operators["BitShift"] == 1  # the rows of the word table, which are widened as they are looked up


def test_blocks_are_the_engines_one_operator(tmp_path: Path) -> None:
    """A failure would shut other engines out of schemes that need nothing of onnxruntime's own."""
    model = model_of("bert")
    for scheme, domains in (("w4a8g16e4", {"", "com.microsoft"}), ("w4a8e4", {""}), ("w4a32e4", {""})):
        write_onnx(model, tmp_path / "model.onnx", packed=quantize_student(model, scheme=scheme).weights)
        graph = onnx.load(tmp_path / "model.onnx")
        assert {node.domain for node in graph.graph.node} == domains
        assert {opset.domain for opset in graph.opset_import} == domains


def test_layers_of_different_bits_share_an_input(tmp_path: Path) -> None:
    """Queries of 8 bits beside keys of 4 cannot be one product; a failure would give one the codes of the other."""
    bits = {f"bert.encoder.layer.{n}.attention.self.query.weight": 8 for n in range(4)}
    bits["bert.encoder.layer.1.attention.self.value.weight"] = 32
    model = fake_quantized(model_of("bert"), scheme="w4a8e4", bits=bits).eval()
    write_onnx(model, tmp_path / "model.onnx", packed=baked(model, scheme="w4a8e4").weights)
    with first_token_at_last(model):
        wanted = ask_torch(model, pairs(LENGTHS))
    got = ask_onnx(tmp_path / "model.onnx", pairs(LENGTHS))
    np.testing.assert_allclose(got, wanted, atol=0.02 * np.abs(wanted).max())


@pytest.mark.parametrize("family", ["bert", "deberta-v2", "modernbert", "albert"])
def test_divided_inputs_change_nothing_but_the_rounding(tmp_path: Path, family: str) -> None:
    """A factor that reaches the inputs and not the weights, or the weights twice, is another model."""
    model = model_of(family)
    generator = np.random.default_rng(0)
    factors = {
        name: np.where(generator.random(size) < 0.1, 4, 1).astype(np.float32) for name, size in layers_of(model).items()
    }
    floats = ask_torch(model, pairs(LENGTHS))
    fake = fake_quantized(model, scheme="w8a32", ready=Preparation(factors=factors)).eval()
    packed = baked(fake, scheme="w8a32").weights
    assert packed.factors.keys() == factors.keys()
    write_onnx(fake, tmp_path / "model.onnx", packed=packed)
    wanted, got = ask_torch(fake, pairs(LENGTHS)), ask_onnx(tmp_path / "model.onnx", pairs(LENGTHS))
    tolerance = 0.03 if family == "deberta-v2" else 1e-4
    np.testing.assert_allclose(got, wanted, atol=tolerance * np.abs(wanted).max())
    assert np.abs(got - floats).max() < 0.3 * np.abs(floats).max()  # factors of 4 coarsen weights of 8 bits


def test_fixed_ranges_are_the_ones_given(tmp_path: Path) -> None:
    """Static activations with each batch's own range would be dynamic ones, and slower."""
    model = model_of("bert")
    ready = Preparation(spans=dict.fromkeys(layers_of(model), (0.05, 128)))
    fake = fake_quantized(model, scheme="w8a8e8-static", ready=ready).eval()
    packed = baked(fake, scheme="w8a8e8-static").weights
    assert packed.spans == ready.spans
    write_onnx(fake, tmp_path / "model.onnx", packed=packed)
    with first_token_at_last(fake):
        wanted = ask_torch(fake, pairs(LENGTHS))
    got = ask_onnx(tmp_path / "model.onnx", pairs(LENGTHS))
    np.testing.assert_allclose(got, wanted, atol=0.02 * np.abs(wanted).max())
    operators = {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}
    assert "QuantizeLinear" in operators
    assert "DynamicQuantizeLinear" not in operators


def test_zero_points_of_eight_bits_are_refused_at_the_product(tmp_path: Path) -> None:
    """Code minus zero point does not fit 8 bits; a failure would wrap around."""
    from limbeck.artifact.packing import PackedWeights
    from limbeck.errors import SchemeError

    name = "bert.pooler.dense.weight"
    codes, ones = np.full((32, 32), 200, np.uint8), np.ones(32, np.float32)
    wide = PackedWeights({name: PackedTensor(codes, ones, np.full(32, 3, np.uint8), axis=0)})
    with pytest.raises(SchemeError) as raised:
        write_onnx(model_of("bert"), tmp_path / "model.onnx", packed=wide)
    assert str(raised.value) == (
        "'bert.pooler.dense' has zero points and 8 bits; what is multiplied, code minus zero point, needs 9.\n"
        "Hint: Leave -asymmetric out of the scheme."
    )
