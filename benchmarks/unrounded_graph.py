"""An artifact's graph with its own weights and with activations left as they are: what their rounding alone changes.

    x -> DynamicQuantizeLinear -> MatMulInteger(codes) -> Cast -> Mul(scale * scales)   becomes
    x -> MatMul(codes as floats) -> Cast -> Mul(1 * scales)

A fixed range (QuantizeLinear) leaves x / scale in its place. A graph without such products stays what it is.
"""

from pathlib import Path

import onnx
from onnx import NodeProto, TensorProto, helper

_OWN_RANGE, _FIXED_RANGE, _INTEGERS = "DynamicQuantizeLinear", "QuantizeLinear", "MatMulInteger"


def write_unrounded(source: Path, target: Path) -> Path:
    """Write it.

    Args:
        source: A quantized graph as limbeck exports it, its products of integers by whole layers; those by groups
            (MatMulNBits) round within the operator, and stay.
        target: The file to write.
    """
    model = onnx.load(source)
    nodes = list(model.graph.node)
    floats = {node.output[0]: _float_of(node) for node in nodes if node.op_type in {_OWN_RANGE, _FIXED_RANGE}}
    del model.graph.node[:]
    del model.graph.value_info[:]  # which tells the codes' types
    for node in nodes:
        model.graph.node.extend(_instead(node, floats))
    onnx.save(model, target)
    return target


def _float_of(node: NodeProto) -> str:
    """The name of what stands in the place of a value's codes."""
    return node.input[0] if node.op_type == _OWN_RANGE else f"{node.output[0]}.unrounded"


def _instead(node: NodeProto, floats: dict[str, str]) -> list[NodeProto]:
    """What a node becomes."""
    if node.op_type == _OWN_RANGE:
        one = helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])
        return [helper.make_node("Constant", [], [node.output[1]], value=one)]
    if node.op_type == _FIXED_RANGE:
        return [helper.make_node("Div", list(node.input[:2]), [floats[node.output[0]]])]
    if node.op_type == _INTEGERS:
        codes = f"{node.output[0]}.codes"
        return [
            helper.make_node("Cast", [node.input[1]], [codes], to=TensorProto.FLOAT),
            helper.make_node("MatMul", [floats[node.input[0]], codes], [node.output[0]]),
        ]
    return [node]
