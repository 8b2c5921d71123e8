"""A whole student: what is packed, what is kept, what is told, what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from limbeck.artifact.packing import is_saturation_safe
from limbeck.errors import SchemeError
from limbeck.quantization import quantize_student
from tiny import FAMILIES, write_teacher


def student(folder: Path, family: str = "bert") -> PreTrainedModel:
    """A tiny model of the family."""
    return AutoModelForSequenceClassification.from_pretrained(write_teacher(folder, family=family)).eval()


def test_kinds_of_a_bert(tmp_path: Path) -> None:
    """A table left in float32 is most of the file; a quantized last layer is most of the error."""
    quantized = quantize_student(student(tmp_path), scheme="w8a8e8")
    kinds = {layer.name: layer.kind for layer in quantized.record.layers}
    assert kinds["bert.embeddings.word_embeddings.weight"] == "embedding"
    assert kinds["bert.embeddings.position_embeddings.weight"] == "embedding"
    assert kinds["bert.embeddings.token_type_embeddings.weight"] == "kept"
    assert kinds["bert.encoder.layer.3.intermediate.dense.weight"] == "linear"
    assert kinds["bert.pooler.dense.weight"] == "linear"
    assert kinds["classifier.weight"] == "kept"
    assert len(kinds) == 3 + 4 * 6 + 2
    assert {name for name, kind in kinds.items() if kind != "kept"} == set(quantized.weights.tensors)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_is_safe_and_close(tmp_path: Path, family: str) -> None:
    """A family whose layers are of another type would ship in float32, or saturate."""
    model = student(tmp_path, family)
    quantized = quantize_student(model, scheme="w8a8e8")
    weights = model.state_dict()
    for layer in quantized.record.layers:
        if layer.kind == "kept":
            assert (layer.weight_bits, layer.stored_bytes, layer.relative_error) == (32, layer.float_bytes, 0.0)
            continue
        packed = quantized.weights.tensors[layer.name]
        assert layer.stored_bytes == packed.nbytes
        assert layer.stored_bytes < 0.4 * layer.float_bytes
        # Steps of about 4 sigma / 127, uniform error of step / sqrt(12): about 1 % of sigma.
        assert 0 < layer.relative_error < 0.02
        weight = weights[layer.name].numpy()
        assert layer.relative_error == pytest.approx(
            np.linalg.norm(weight - packed.dequantize()) / np.linalg.norm(weight), rel=1e-6
        )
        assert layer.kind == "embedding" or is_saturation_safe(packed.codes)
    n_kept = sum(layer.kind == "kept" for layer in quantized.record.layers)
    assert n_kept <= 2  # the last layer, and one small table


def test_shared_weights_are_packed_once(tmp_path: Path) -> None:
    """ALBERT's four layers are one: counting it four times would report a wrong size."""
    quantized = quantize_student(student(tmp_path, "albert"), scheme="w8a8e8")
    names = [layer.name for layer in quantized.record.layers]
    assert len(names) == len(set(names)) == 3 + 1 + 6 + 2


def test_the_student_is_left_as_it_was(tmp_path: Path) -> None:
    """The float32 file of the artifact is written from the same model."""
    model = student(tmp_path)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    quantize_student(model, scheme="w8a8e8")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    """A diverged training would otherwise ship as a model that answers at random."""
    model = student(tmp_path)
    with torch.no_grad():
        model.get_parameter("bert.encoder.layer.1.output.dense.weight")[0, :2] = torch.tensor([float("nan"), torch.inf])
    with pytest.raises(SchemeError) as raised:
        quantize_student(model, scheme="w8a8e8")
    assert str(raised.value) == (
        "'bert.encoder.layer.1.output.dense.weight' holds 2 weights that are NaN or infinite; "
        "only finite weights can be quantized.\n"
        "Hint: Train again with a lower distill.learning_rate; the loss curve shows where it diverged."
    )


def test_a_scheme_that_cannot_be_shipped_is_refused(tmp_path: Path) -> None:
    """A failure would write a file that no engine runs, or a float32 one under another name."""
    with pytest.raises(SchemeError) as raised:
        quantize_student(student(tmp_path), scheme="w4a16e4")
    assert str(raised.value) == (
        "The scheme 'w4a16e4' cannot be shipped: no engine on a CPU multiplies by activations of 16 bits.\n"
        'Hint: Nearest is "w4a32e4"; `limbeck.quantize` takes every scheme.'
    )


def test_bits_can_differ_by_weight(tmp_path: Path) -> None:
    """A failure would give every layer the bits of the most sensitive one, or round the layer that must stay float."""
    model = student(tmp_path)
    query, table = "bert.encoder.layer.0.attention.self.query.weight", "bert.embeddings.word_embeddings.weight"
    quantized = quantize_student(model, scheme="w4a8e4", bits={query: 8, table: 2, "bert.pooler.dense.weight": 32})
    told = {layer.name: (layer.kind, layer.weight_bits) for layer in quantized.record.layers}
    assert (told[query], told[table]) == (("linear", 8), ("embedding", 2))
    assert told["bert.pooler.dense.weight"] == ("kept", 32)
    assert told["bert.encoder.layer.0.attention.self.key.weight"] == ("linear", 4)
    assert "bert.pooler.dense.weight" not in quantized.weights.tensors


def test_a_group_that_does_not_divide_is_refused(tmp_path: Path) -> None:
    """A failure would pad the last group in silence, or end in a stack trace of numpy."""
    with pytest.raises(SchemeError) as raised:
        quantize_student(student(tmp_path), scheme="w4a8g64e4")
    assert raised.value.message == (
        "group_size 64 does not divide the 32 inputs of 'bert.encoder.layer.0.attention.self.query'."
    )
    assert raised.value.hint == 'Take groups of 16, 32, or "w4a8e4" for one scale an output.'
