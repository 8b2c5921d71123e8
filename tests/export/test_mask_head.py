"""Masked language models of every family: the file against transformers' own, and one table for both of its ends."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from asking import N_TOKENS, ask_onnx, ask_torch, model_of, pairs, start
from transformers import PreTrainedModel

from limbeck.export import multiply_adds, write_onnx
from limbeck.quantization import baked, fake_quantized, quantize_student
from tiny import FAMILIES

LENGTHS = [13, 2, 9, 1, 24]
WIDE = {"vocab_size": 4000}
KINDS = {
    **{family: (family, {}) for family in sorted(FAMILIES)},
    "xlm-roberta": ("xlm-roberta", FAMILIES["roberta"]),
    "camembert": ("camembert", FAMILIES["roberta"]),
    "deberta-v2, new head": ("deberta-v2", {"legacy": False}),
    "electra, as wide": ("electra", {"embedding_size": 32}),
    "bert, two tables": ("bert", {"tie_word_embeddings": False}),
    "modernbert, no bias": ("modernbert", {"decoder_bias": False}),
}
SCHEMES = ["w8a8e8", "w4a8e4", "w4a32g16e4", "w2a32e2", "w8a8e32", "w8a8e8-static"]


def _model(kind: str, **changes: object) -> PreTrainedModel:
    family, settings = KINDS[kind]
    return model_of(family, head="masks", **{**settings, **changes})


def _tokens(logits: np.ndarray, feed: dict[str, np.ndarray]) -> np.ndarray:
    return logits[feed["attention_mask"] == 1]


@pytest.mark.parametrize("kind", KINDS)
def test_every_token_gets_the_logits_that_torch_gives_it(tmp_path: Path, kind: str) -> None:
    """Each family keeps its head elsewhere; a failure would fill masks with tokens that the model never meant."""
    model = _model(kind)
    write_onnx(model, tmp_path / "model.onnx", packed=None)
    for seed, lengths in enumerate((LENGTHS, [7], [1], [40, 3])):
        feed = pairs(lengths, pad_id=model.config.pad_token_id, seed=seed)
        wanted = _tokens(ask_torch(model, feed), feed)
        got = _tokens(ask_onnx(tmp_path / "model.onnx", feed), feed)
        assert got.shape == (sum(lengths), N_TOKENS)
        # Sums of some hundred float32 products in another order; logits are tens.
        np.testing.assert_allclose(got, wanted, atol=1e-5 * np.abs(wanted).max(), rtol=1e-5)
    (output,) = start(tmp_path / "model.onnx").get_outputs()
    assert (output.name, output.shape) == ("logits", ["batch", "sequence", N_TOKENS])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra", "modernbert"])
def test_few_bits_answer_as_their_codes_say(tmp_path: Path, kind: str, scheme: str) -> None:
    """Rows that are looked up and rows that are multiplied with are the same codes; else two models would answer."""
    model = _model(kind)
    quantized = quantize_student(model, scheme=scheme)
    write_onnx(model, tmp_path / "model.onnx", packed=quantized.weights)
    feed = pairs(LENGTHS)
    got = _tokens(ask_onnx(tmp_path / "model.onnx", feed), feed)
    for name, packed in quantized.weights.tensors.items():
        parameter = model.get_parameter(name)
        parameter.data = parameter.new_tensor(packed.dequantize())
    wanted = _tokens(ask_torch(model, feed), feed)
    # What is left is the rounding of activations: 8 bits of a tensor's range, through four layers of random weights.
    assert np.abs(got - wanted).max() < (0.12 if "a8" in scheme else 1e-4) * np.abs(wanted).max()


@pytest.mark.parametrize(("scheme", "bits"), [(None, 32), ("w8a8e8", 8), ("w4a8e4", 4), ("w2a32e2", 2)])
@pytest.mark.parametrize("kind", ["bert", "deberta-v2, new head", "electra"])
def test_the_file_holds_one_table(tmp_path: Path, kind: str, scheme: str | None, bits: int) -> None:
    """With two, a small general encoder would be nearly twice as large."""
    model = _model(kind, **WIDE)
    packed = None if scheme is None else quantize_student(model, scheme=scheme).weights
    write_onnx(model, tmp_path / "model.onnx", packed=packed)
    graph = onnx.load(tmp_path / "model.onnx").graph
    n_rows, n_columns = model.get_input_embeddings().weight.shape
    tables = [one for one in graph.initializer if n_rows in one.dims and len(one.dims) > 1 and one.dims[-1] > 1]
    assert [len(one.raw_data) for one in tables] == [n_rows * n_columns * bits // 8]
    assert len([name for node in graph.node for name in node.input if name == tables[0].name]) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_names_each_weight_once(kind: str) -> None:
    """A table that stood there twice would be told to weigh twice as much."""
    record = quantize_student(_model(kind), scheme="w8a8e8").record
    tables = [layer for layer in record.layers if layer.shape[0] == N_TOKENS]
    assert len(tables) == (2 if "two tables" in kind else 1)
    assert all(layer.weight_bits == 8 for layer in tables)


@pytest.mark.parametrize("kind", ["bert", "deberta-v2, new head", "electra", "albert", "modernbert"])
def test_the_head_is_counted_for_each_token(kind: str) -> None:
    """The product with the table is most of what a small model does; a plan without it would promise too much."""
    model = _model(kind)
    size, width = model.config.hidden_size, model.get_input_embeddings().weight.shape[1]
    classes = multiply_adds(model_of(KINDS[kind][0], head="tags"))
    own = multiply_adds(model)
    behind = size * width + width * N_TOKENS
    tags = size * 3 + (size * size if kind == "modernbert" else 0)
    assert (own.text, own.pair) == (classes.text, classes.pair)
    assert own.token - behind == classes.token - tags


@pytest.mark.parametrize("kind", ["bert", "distilbert", "mpnet"])
@pytest.mark.parametrize("scheme", ["w8a8e8", "w4a8e4"])
def test_training_with_roundings_sees_what_the_file_computes(tmp_path: Path, kind: str, scheme: str) -> None:
    """A head that saw the table before it was rounded would be trained for another file."""
    model = fake_quantized(_model(kind), scheme=scheme).eval()
    write_onnx(model, tmp_path / "model.onnx", packed=baked(model, scheme=scheme).weights)
    feed = pairs([24])
    wanted = ask_torch(model, feed)
    # A code that falls between two integers may be rounded the other way; one wrong scale does a hundred times that.
    np.testing.assert_allclose(ask_onnx(tmp_path / "model.onnx", feed), wanted, atol=0.02 * np.abs(wanted).max())
