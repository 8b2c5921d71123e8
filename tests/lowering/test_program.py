"""Programs for ExecuTorch against the graphs that they were made of, also in its own runtime; skipped without it."""

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("executorch", reason="the extra executorch is not installed")

from transformers import AutoConfig, PreTrainedModel

from export.asking import N_TOKENS, ask_onnx, layers_of, model_of, pairs, row_of
from limbeck.encoder import heads
from limbeck.encoder.pooling import Pooling
from limbeck.export import write_onnx
from limbeck.lowering import lower
from limbeck.lowering.layers import IntegerProduct, Table, Widened
from limbeck.lowering.program import GraphProgram
from limbeck.quantization import Preparation
from limbeck.quantization.apply import quantize_student
from limbeck.student.static import StaticConfig, StaticForSequenceClassification
from tiny import FAMILIES

pytestmark = [pytest.mark.executorch, pytest.mark.filterwarnings("ignore")]
_SHARE = 0.1
"""As exports are held to: activations are rounded by each token's own range here, by the text's there."""
LENGTHS = [21, 9, 2]


def student_of(family: str, head: str) -> PreTrainedModel:
    """A tiny random model; "static" is one without layers, "vectors" the mean of all tokens."""
    torch.manual_seed(0)
    if family == "static":
        config = StaticConfig(vocab_size=N_TOKENS, hidden_size=32, table_size=32, ngram_rows=64, num_labels=3)
        return StaticForSequenceClassification(config).eval()
    if head == "vectors":
        config = AutoConfig.for_model(family, **{"vocab_size": N_TOKENS, "pad_token_id": 0, **FAMILIES[family]})
        return heads.untrained(heads.with_pooling(config, Pooling("mean")), heads.VECTOR).eval()
    return model_of(family, head=head)


def written(folder: Path, family: str, *, head: str = "classes", scheme: str = "w8a8e8") -> Path:
    """A tiny random model as an artifact's graph; where activations have a fixed range, one from -6.4 to 6.35."""
    model = student_of(family, head)
    ready = Preparation(spans=dict.fromkeys(layers_of(model), (0.05, 128)) if "static" in scheme else {})
    write_onnx(model, folder / "model.onnx", packed=quantize_student(model, scheme=scheme, ready=ready).weights)
    return folder / "model.onnx"


def apart(path: Path, program: GraphProgram) -> float:
    """Root mean square difference of logits as a share of their spread, each text by itself."""
    feed = pairs(LENGTHS)
    wanted, found = [], []
    for row in range(len(LENGTHS)):
        one = row_of(feed, row)
        wanted.append(ask_onnx(path, one))
        with torch.no_grad():
            found.append(program(*(torch.from_numpy(one[name]) for name in program.inputs)).numpy())
        assert found[-1].shape == wanted[-1].shape
    flat, flat_wanted = (np.concatenate([values.ravel() for values in side]) for side in (found, wanted))
    return float(np.sqrt(np.mean((flat - flat_wanted) ** 2)) / flat_wanted.std())


@pytest.mark.parametrize("head", ["classes", "tags", "masks", "answers", "vectors"])
@pytest.mark.parametrize(
    "family", ["albert", "bert", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta"]
)
def test_every_family_and_head_computes_what_its_graph_does(family: str, head: str, tmp_path: Path) -> None:
    """A family would answer otherwise on phones."""
    path = written(tmp_path, family, head=head)
    assert apart(path, GraphProgram(path)) < _SHARE


@pytest.mark.parametrize(
    ("scheme", "products", "widened"),
    [
        ("w4a8e4", True, False),
        ("w3a8e4", True, False),
        ("w2a8e2", True, False),
        ("w4a8-asymmetric", True, False),
        ("w8a8t", True, False),
        ("w8a8e8-static", True, False),
        ("w4a8e4-static", True, False),
        ("w4a8g32e4", True, False),
        ("w8a8g16", False, True),
        ("w8a32e8", False, False),
        ("w32a32e8", False, False),
    ],
)
def test_every_scheme_has_a_way(scheme: str, products: bool, widened: bool, tmp_path: Path) -> None:
    """A scheme would fall back to floats unnoticed, or not be exported at all."""
    path = written(tmp_path, "bert", scheme=scheme)
    program = GraphProgram(path)
    assert apart(path, program) < _SHARE
    kinds = [type(layer) for layer in program.modules()]
    assert (IntegerProduct in kinds) == products
    assert (Widened in kinds) == widened  # weights as small as these become floats at once


@pytest.mark.parametrize("scheme", ["w8a8e8", "w4a8e4", "w8a32e8"])
def test_a_student_without_layers_has_a_way_too(scheme: str, tmp_path: Path) -> None:
    """It hashes runs of tokens, which no other family's program does."""
    path = written(tmp_path, "static", scheme=scheme)
    assert apart(path, GraphProgram(path)) < _SHARE


def test_codes_and_scales_are_the_artifacts_own(tmp_path: Path) -> None:
    """An export that calibrates or rounds again is another model than the one that was judged."""
    model = model_of("bert")
    packed = quantize_student(model, scheme="w4a8e4").weights
    write_onnx(model, tmp_path / "model.onnx", packed=packed)
    program = GraphProgram(tmp_path / "model.onnx")
    stored = packed.tensors["bert.encoder.layer.0.output.dense.weight"]
    products = [layer for layer in program.layers if isinstance(layer, IntegerProduct)]
    (found,) = [layer for layer in products if np.array_equal(layer.codes.numpy(), stored.codes)]
    assert found.is_short
    np.testing.assert_array_equal(found.scale.numpy(), stored.scale)
    (table,) = [layer for layer in program.layers if isinstance(layer, Table)]
    words = packed.tensors["bert.embeddings.word_embeddings.weight"]
    assert table.bits == 4
    with torch.no_grad():
        np.testing.assert_allclose(table(torch.arange(len(words.codes))), words.dequantize(), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "head", "scheme"),
    [
        *(("bert", "classes", scheme) for scheme in ("w8a8e8", "w4a8e4", "w4a8g32e4", "w8a32e8", "w8a8e8-static")),
        ("bert", "vectors", "w8a8e8"),
        ("bert", "masks", "w4a8e4"),
        ("static", "classes", "w4a8e4"),
    ],
)
def test_executorch_runs_what_torch_computes(family: str, head: str, scheme: str, tmp_path: Path) -> None:
    """The file would not load, or XNNPACK's kernels multiply something else than the program says."""
    from executorch.runtime import Runtime

    path = written(tmp_path, family, head=head, scheme=scheme)
    program, lowered = GraphProgram(path), lower(path, max_tokens=32)
    method = Runtime.get().load_program(lowered.content).load_method("forward")
    feed = pairs(LENGTHS)
    for row in range(len(LENGTHS)):
        given = [torch.from_numpy(row_of(feed, row)[name]) for name in lowered.inputs]
        with torch.no_grad():
            wanted = program(*given).numpy()
        # Groups have their scales in bfloat16. Else the same sums in another order, by which one code of an activation
        # may come to lie on the other side of a tie: some logits move by 3 % of their spread, all together by 0.5 %.
        error = method.execute(given)[0].numpy() - wanted
        mean, most = (0.05, 0.1) if "g32" in scheme else (0.01, 0.05)
        assert np.sqrt((error**2).mean()) < mean * wanted.std()
        assert np.abs(error).max() < most * wanted.std()
