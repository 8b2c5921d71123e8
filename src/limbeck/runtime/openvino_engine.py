"""OpenVINO behind the door that all engines share; the extra `openvino`.

OpenVINO reads limbeck's quantized graph as it stands, but multiplies its integers as floats, one by one. What it has
fast kernels for is the same product written otherwise, so each is rewritten as the graph is loaded:

    x -> DynamicQuantizeLinear -> MatMulInteger(codes) -> Cast -> Mul(scales)   becomes   MatMul(x, codes * scale)
    x -> QuantizeLinear -> MatMulInteger(codes) -> Cast -> Mul(scales)          MatMul(FakeQuantize(x), codes * scale)

The codes stay 8-bit integers; those of 2, 3 and 4 bits are taken out of their bytes by floats, as OpenVINO shifts bytes
wrongly. Of the first kind OpenVINO finds the activations' scales as it runs, for each 32 inputs of a token instead of
for the batch; so logits differ from ONNX Runtime's by about as much as both do from the float model's.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ArtifactError
from limbeck.ground import extras
from limbeck.runtime.graph_engine import Feeds, GraphEngine
from limbeck.runtime.graph_file import GraphFile, Node, read_graph

OPENVINO_SUFFIX = ".xml"
_INTEGERS = "MatMulInteger"
_LEVELS = 256


class OpenVinoEngine(GraphEngine):
    """One graph in OpenVINO.

    Args:
        path: An ONNX file as `limbeck.runtime.engine.Engine` takes it, or OpenVINO's own: .xml, its .bin beside it,
            which is answered as it stands.
        threads: Threads that one batch is computed with, at least 1.
        at_once: Batches that are computed at once where callers' own threads ask for as many; others wait.

    Raises:
        ArtifactError: OpenVINO cannot load the file, or it is another kind of graph.
        MissingExtraError: OpenVINO is not installed.
    """

    def __init__(self, path: Path, *, threads: int, at_once: int = 1) -> None:
        extras.need("openvino", what="Answering with OpenVINO")
        import openvino

        graph = None if path.suffix == OPENVINO_SUFFIX else read_graph(path)
        keeps_floats = graph is not None and not any(node.operator == _INTEGERS for node in graph.nodes)
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": at_once,
            "INFERENCE_NUM_THREADS": threads * at_once,
            # Else it computes in bfloat16 where the processor can, and answers hang on the machine.
            "INFERENCE_PRECISION_HINT": "f32",
            # A thread that is bound to a core waits there behind whatever else runs on it.
            "ENABLE_CPU_PINNING": False,
            # Float activations stay float.
            **({"DYNAMIC_QUANTIZATION_GROUP_SIZE": 0} if keeps_floats else {}),
        }
        try:
            core = openvino.Core()
            model = core.read_model(path)
            if graph is not None:
                _rewrite(model, graph)
            self._compiled = core.compile_model(model, "CPU", settings)
        except Exception as error:  # noqa: BLE001  (its exceptions share no other base)
            raise ArtifactError(
                f"OpenVINO {openvino.__version__} cannot load {path} ({error}).",
                hint='Update openvino, or answer with engine="onnxruntime".',
            ) from None
        self._idle: deque[Any] = deque()  # of requests, each of which one thread may use at a time
        super().__init__(
            path,
            inputs=[given.any_name for given in self._compiled.inputs],
            outputs={name: _last_axis(given) for given in self._compiled.outputs for name in given.names},
        )

    def compute(self, feeds: Feeds) -> NDArray[np.float32]:
        """See `GraphEngine.compute`."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            logits: NDArray[np.float32] = request.infer(dict(feeds), share_inputs=True)[self._output]
        finally:
            self._idle.append(request)
        return logits


def _last_axis(output: Any) -> int | None:  # noqa: ANN401  (OpenVINO ships no types for its bindings)
    axis = output.partial_shape[-1]
    return axis.get_length() if axis.is_static else None


def _rewrite(model: Any, graph: GraphFile) -> None:  # noqa: ANN401
    """Put products that OpenVINO has kernels for in the place of those of integers."""
    from openvino import opset13 as operators
    from openvino.passes import ConstantFolding, Manager

    values = _named(model)
    for shifted, masked in _unpackings(graph):
        taken = _unpacked(
            values[shifted.inputs[0]], graph.constants[shifted.inputs[1]], graph.constants[masked.inputs[1]]
        )
        _replace(values[masked.outputs[0]], taken)
    manager = Manager()
    manager.register_pass(ConstantFolding())  # codes of few bits are widened by the graph
    manager.run_passes(model)
    values = _named(model)
    for found in _products(graph):
        hidden = values[found.quantizing.inputs[0]]
        scale = _constant_of(values[found.scales.outputs[0]])
        if found.quantizing.operator == "QuantizeLinear":
            hidden_scale, zero_point = (
                float(graph.constants[name].reshape(())) for name in found.quantizing.inputs[1:3]
            )
            scale = scale / np.float32(hidden_scale)
            ends = [np.float32(hidden_scale * (end - zero_point)) for end in (0, _LEVELS - 1)]
            hidden = operators.fake_quantize(hidden, *ends, *ends, _LEVELS).output(0)
        codes = _constant_of(_product_in(values[found.product.outputs[0]]).input_value(1)).astype(np.int8)
        stored = operators.convert(operators.constant(np.ascontiguousarray(codes.T)), "f32")
        weights = operators.multiply(stored, operators.constant(scale.astype(np.float32).reshape(-1, 1)))
        _replace(
            values[found.scaled.outputs[0]], operators.matmul(hidden, weights, transpose_a=False, transpose_b=True)
        )
    model.validate_nodes_and_infer_types()


def _named(model: Any) -> dict[str, Any]:  # noqa: ANN401
    """The values of a model by the names that they have in the ONNX file."""
    return {name: output for node in model.get_ordered_ops() for output in node.outputs() for name in output.names}


def _replace(value: Any, node: Any) -> None:  # noqa: ANN401
    for reader in list(value.get_target_inputs()):
        reader.replace_source_output(node.output(0))


def _unpackings(graph: GraphFile) -> Iterator[tuple[Node, Node]]:
    """Where codes of few bits are taken out of their bytes: the shift, and what cuts off the bits above."""
    readers = {name: node for node in graph.nodes for name in node.inputs}
    return ((node, readers[node.outputs[0]]) for node in graph.nodes if node.operator == "BitShift")


def _unpacked(plane: Any, shifts: NDArray[np.generic], mask: NDArray[np.generic]) -> Any:  # noqa: ANN401
    """Shift and mask in floats, in which these bytes are exact: OpenVINO divides bytes without rounding down."""
    from openvino import opset13 as operators

    divisors, modulus = 2.0 ** shifts.astype(np.float32), mask.astype(np.float32) + 1
    whole = operators.floor(operators.divide(operators.convert(plane, "f32"), operators.constant(divisors)))
    return operators.floor_mod(whole, operators.constant(modulus))


@dataclass(frozen=True)
class _Product:
    """A product of integers as the exporter writes it: what rounds its input, the product, its scales, the result."""

    quantizing: Node
    product: Node
    scales: Node
    scaled: Node


def _products(graph: GraphFile) -> Iterator[_Product]:
    makers = {output: node for node in graph.nodes for output in node.outputs}
    readers = {name: node for node in graph.nodes for name in node.inputs}  # the last; of these values the only one
    for node in graph.nodes:
        if node.operator == _INTEGERS:
            scaled = readers[readers[node.outputs[0]].outputs[0]]
            scales = next(makers[name] for name in scaled.inputs if makers[name].operator == "Mul")
            yield _Product(makers[node.inputs[0]], node, scales, scaled)


def _product_in(output: Any) -> Any:  # noqa: ANN401
    """The product that a value comes from, behind conversions of type."""
    node = output.get_node()
    while node.get_type_name() != "MatMul":
        node = node.input_value(0).get_node()
    return node


def _constant_of(output: Any) -> NDArray[np.float32]:  # noqa: ANN401
    """The constant that a value is, or the one that it is a multiple of."""
    node = output.get_node()
    sources = [node] if node.get_type_name() == "Constant" else [source.get_node() for source in node.input_values()]
    found: NDArray[np.float32] = next(source for source in sources if source.get_type_name() == "Constant").data
    return found
