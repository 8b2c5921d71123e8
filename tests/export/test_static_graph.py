"""The static student's graph, against its torch module: in float32, in few bits, and on the shortest texts."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from asking import ask_onnx

from limbeck.export import refuse_unsupported, write_onnx
from limbeck.export.graph import OPSET
from limbeck.quantization import quantize_student
from limbeck.student.ngrams import known_runs
from limbeck.student.static import NUMBERS, StaticConfig, StaticForSequenceClassification

N_TOKENS, N_ROWS = 90, 256


def _model(*, ngram_rows: int = N_ROWS, longest: int = 3) -> StaticForSequenceClassification:
    """Numbers everywhere, and most runs of a small vocabulary known."""
    torch.manual_seed(0)
    config = StaticConfig(
        vocab_size=N_TOKENS, table_size=32, ngram_rows=ngram_rows, longest_ngram=longest, hidden_size=32, num_labels=3
    )
    model = StaticForSequenceClassification(config).eval()
    draw = np.random.default_rng(0)
    texts = draw.integers(0, N_TOKENS, (3000, 9)).tolist()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
        if ngram_rows:
            runs = known_runs(texts, longest=longest, n_rows=ngram_rows)
            model.get_buffer(NUMBERS).copy_(torch.from_numpy(runs))
    return model


def _feed(lengths: list[int]) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(len(lengths))
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    return {"input_ids": draw.integers(0, N_TOKENS, mask.shape) * mask, "attention_mask": mask}


def _torch(model: StaticForSequenceClassification, feed: dict[str, np.ndarray]) -> np.ndarray:
    with torch.no_grad():
        return model(**{name: torch.from_numpy(values) for name, values in feed.items()}).logits.numpy()


@pytest.mark.parametrize("lengths", [[30, 2, 9, 1, 24], [1], [2], [3, 1], [0, 4]])
@pytest.mark.parametrize("model", [_model(), _model(longest=2), _model(ngram_rows=0)], ids=["3", "2", "none"])
def test_the_file_answers_as_torch(tmp_path: Path, model: StaticForSequenceClassification, lengths: list[int]) -> None:
    """A failure would ship another model than the one that was distilled, on short texts perhaps only."""
    assert write_onnx(model, tmp_path / "model.onnx", packed=None) == ("input_ids", "attention_mask")
    feed = _feed(lengths)
    # Sums of some dozen float32 products in another order; logits are around 1.
    np.testing.assert_allclose(ask_onnx(tmp_path / "model.onnx", feed), _torch(model, feed), atol=2e-5, rtol=1e-5)


def test_known_runs_are_found_in_the_file(tmp_path: Path) -> None:
    """A failure would leave all that was learned about runs unused, and no answer would tell."""
    model = _model()
    write_onnx(model, tmp_path / "with.onnx", packed=None)
    model.get_buffer(NUMBERS).fill_(-1)
    write_onnx(model, tmp_path / "without.onnx", packed=None)
    feed = _feed([40, 40])
    assert np.abs(ask_onnx(tmp_path / "with.onnx", feed) - ask_onnx(tmp_path / "without.onnx", feed)).max() > 0.01


@pytest.mark.parametrize("scheme", ["w8a8e8", "w8a32e8", "w4a8e4", "w4a8g32e4", "w2a32e2"])
def test_few_bits_answer_as_their_weights(tmp_path: Path, scheme: str) -> None:
    """A failure would put codes beside the wrong scales, which looks like a poor student.

    The projection stays float here, as its activations are rounded by the batch; tables must agree exactly.
    """
    model = _model()
    quantized = quantize_student(model, scheme=scheme, bits={"projection.weight": 32})
    assert set(quantized.weights.tensors) == {"embeddings.tokens.weight", "embeddings.ngrams.weight"}
    write_onnx(model, tmp_path / "model.onnx", packed=quantized.weights)
    with torch.no_grad():
        for name, packed in quantized.weights.tensors.items():
            model.get_parameter(name).copy_(torch.from_numpy(packed.dequantize()))
    feed = _feed([30, 2, 9, 1, 24])
    np.testing.assert_allclose(ask_onnx(tmp_path / "model.onnx", feed), _torch(model, feed), atol=2e-5, rtol=1e-4)


def test_the_projection_is_a_product_of_integers(tmp_path: Path) -> None:
    """A failure would ship the one matrix of the model in four times its bytes."""
    model = _model()
    quantized = quantize_student(model, scheme="w8a8e8")
    write_onnx(model, tmp_path / "model.onnx", packed=quantized.weights)
    graph = onnx.load(tmp_path / "model.onnx").graph
    operators = [node.op_type for node in graph.node]
    assert operators.count("MatMulInteger") == 1
    assert {constant.data_type for constant in graph.initializer if "embeddings" in constant.name} == {
        onnx.TensorProto.INT8
    }
    feed = _feed([30, 2, 9, 1, 24])
    error = ask_onnx(tmp_path / "model.onnx", feed) - _torch(model, feed)
    assert np.abs(error).max() < 0.1 * _torch(model, feed).std()


def test_all_operators_are_standard(tmp_path: Path) -> None:
    """A failure would keep browsers and phones from running it."""
    model = _model()
    write_onnx(model, tmp_path / "model.onnx", packed=quantize_student(model, scheme="w8a8e8").weights)
    found = onnx.load(tmp_path / "model.onnx")
    assert [(opset.domain, opset.version) for opset in found.opset_import] == [("", OPSET)]
    onnx.checker.check_model(found)
    refuse_unsupported(model.config)
