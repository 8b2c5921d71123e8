"""Saturation, looked up in the file: the graph is read without onnx, and unsafe weights are found."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from limbeck.errors import ArtifactError
from limbeck.records.verdict import Saturation
from limbeck.runtime.graph_file import read_graph
from limbeck.runtime.saturation import saturation


def written(path: Path, weights: np.ndarray) -> Path:
    """A graph with one integer product."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["codes", "scale", "zero"]),
        helper.make_node("MatMulInteger", ["codes", "weights", "zero"], ["sums"], name="product"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(weights)])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, None)],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array([3, -4], np.int64), "sizes")],
    )
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def test_a_file_is_read_as_onnx_reads_it(tmp_path: Path) -> None:
    """A field that is read from the wrong place would make every later answer a guess."""
    path = written(tmp_path / "model.onnx", np.arange(-6, 6, dtype=np.int8).reshape(4, 3))
    graph, wanted = read_graph(path), onnx.load(path).graph
    assert [(node.operator, node.inputs, node.outputs) for node in graph.nodes] == [
        (node.op_type, tuple(node.input), tuple(node.output)) for node in wanted.node
    ]
    assert set(graph.constants) == {"weights", "sizes"}
    for tensor in wanted.initializer:
        np.testing.assert_array_equal(graph.constants[tensor.name], numpy_helper.to_array(tensor))


def test_the_largest_pair_is_found_by_hand(tmp_path: Path) -> None:
    """Inputs 2k and 2k + 1 of an output are added: 100 + 50 in the first column; -90 - 39 in the second counts too."""
    weights = np.array([[100, -90], [50, -39], [127, 1], [-127, 1]], np.int8)
    found = saturation(written(tmp_path / "unsafe.onnx", weights))
    assert found == Saturation(n_products=1, largest_pair=150, n_blocks=0)
    safe = np.array([[100, -90], [28, -38], [127, 1], [-127, 1]], np.int8)
    assert saturation(written(tmp_path / "safe.onnx", safe)).largest_pair == 128


@pytest.mark.parametrize(
    ("scheme", "largest"), [("w4a8e4", 16), ("w3a8e4", 8), ("w2a8e4", 4), ("w4a8e4-asymmetric", 30)]
)
def test_few_bits_cannot_saturate(tmp_path: Path, scheme: str, largest: int) -> None:
    """A failure would call safe files unsafe, or look past the bytes that are widened."""
    from limbeck.export import write_onnx
    from limbeck.quantization import quantize_student
    from small_student import bert

    model = bert()
    write_onnx(model, tmp_path / "model.onnx", packed=quantize_student(model, scheme=scheme).weights)
    found = saturation(tmp_path / "model.onnx")
    assert (found.largest_pair, found.n_blocks) == (largest, 0)
    assert found.n_products > 0


def test_blocks_are_counted_and_not_judged(tmp_path: Path) -> None:
    """A failure would claim of the engine's own products what nobody looked at."""
    from limbeck.export import write_onnx
    from limbeck.quantization import quantize_student
    from small_student import bert

    model = bert()
    write_onnx(model, tmp_path / "model.onnx", packed=quantize_student(model, scheme="w4a8g16e4").weights)
    found = saturation(tmp_path / "model.onnx")
    assert (found.n_products, found.largest_pair) == (0, 0)
    assert found.n_blocks > 0


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x3a\xff\x01abc"])
def test_what_is_no_graph_is_told(tmp_path: Path, content: bytes) -> None:
    """A failure would end in a stack trace, or call an unreadable file safe."""
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="is no ONNX file that can be read") as raised:
        saturation(path)
    assert raised.value.hint == "Copy the artifact again, or make it anew with `limbeck compress`."
