"""The count of multiply-adds, against the products that the exported graph really makes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from asking import N_TOKENS, model_of, pairs
from test_twins import VARIANTS, named
from transformers import AutoConfig, PreTrainedModel

from limbeck.encoder import heads
from limbeck.encoder.pooling import Pooling
from limbeck.export import multiply_adds, write_onnx
from limbeck.export.multiply_adds import MultiplyAdds
from limbeck.student.static import StaticConfig, StaticForSequenceClassification
from tiny import FAMILIES

LENGTHS = (1, 2, 5, 11)


def _products(path: Path, length: int) -> int:
    """Multiply-adds of every product of a graph, from the shapes of what it multiplies for one text."""
    graph = onnx.load(path)
    constants = {constant.name: tuple(constant.dims) for constant in graph.graph.initializer}
    products = [node for node in graph.graph.node if node.op_type in {"MatMul", "Gemm", "ReduceSum"}]
    wanted = sorted({node.input[0] for node in products} | {node.input[1] for node in products} - set(constants))
    del graph.graph.output[:]
    graph.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in wanted)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = pairs([length])
    given = session.run(wanted, {one.name: feed[one.name] for one in session.get_inputs()})
    shapes = constants | {name: array.shape for name, array in zip(wanted, given, strict=True)}
    total = 0
    for node in products:
        left, right = shapes[node.input[0]], shapes[node.input[1]]
        if node.op_type == "MatMul":
            total += int(np.prod(left)) * right[-1]
        elif node.op_type == "Gemm":
            total += int(np.prod(left)) * right[0]  # transB
        elif len(left) == 4:  # DeBERTa's first token, asked by distance: each query has a row of its own
            total += int(np.prod(left))
    return total


def _check(model: PreTrainedModel, path: Path) -> None:
    write_onnx(model, path, packed=None)
    counted = multiply_adds(model)
    assert [counted.of([length]) for length in LENGTHS] == [_products(path, length) for length in LENGTHS]


@pytest.mark.parametrize("variant", VARIANTS, ids=named)
def test_every_product_of_the_graph_is_counted(tmp_path: Path, variant: tuple[str, dict[str, Any]]) -> None:
    """A failure would choose a student by work that it does not do."""
    family, changes = variant
    _check(model_of(family, **changes), tmp_path / "model.onnx")


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_model_of_vectors_reads_every_token(tmp_path: Path, family: str) -> None:
    """A failure would count an embedding model as one whose head reads the first token alone."""
    config = AutoConfig.for_model(family, **{"vocab_size": 130, "pad_token_id": 0, **FAMILIES[family]})
    _check(heads.untrained(heads.with_pooling(config, Pooling("mean")), heads.VECTOR).eval(), tmp_path / "model.onnx")


@pytest.mark.parametrize("sizes", [{}, {"longest_ngram": 3}, {"ngram_rows": 0}])
def test_a_static_student_multiplies_rows_by_weights(tmp_path: Path, sizes: dict[str, int]) -> None:
    """A failure would plan with the work of another student."""
    config = StaticConfig(**{"vocab_size": N_TOKENS, "table_size": 12, "ngram_rows": 64, "hidden_size": 20, **sizes})
    _check(StaticForSequenceClassification(config).eval(), tmp_path / "model.onnx")


@pytest.mark.parametrize("head", [heads.TAGS, heads.ENDS])
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_head_for_every_token_counts_for_each(tmp_path: Path, family: str, head: str) -> None:
    """A failure would count tags, or the ends of answers, as if a text had one."""
    config = AutoConfig.for_model(family, **{"vocab_size": 130, "pad_token_id": 0, **FAMILIES[family]})
    _check(heads.untrained(config, head).eval(), tmp_path / "model.onnx")


def test_texts_add_up() -> None:
    """By hand: 3 + 5 S + 7 S^2 for texts of 1, 2 and 4 tokens: 15 + 41 + 135."""
    assert MultiplyAdds(3, 5, 7).of([1, 2, 4]) == 15 + 41 + 135
    assert MultiplyAdds(3, 5, 7) + MultiplyAdds(1, 1, 1) == MultiplyAdds(4, 6, 8)
