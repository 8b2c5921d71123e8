"""An ONNX graph while it is being written: nodes in order, constants by name, equal constants once."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
"""The first with Gelu; onnxruntime reads it since 1.17."""
IR_VERSION = 9
"""The one that came with opset 20; a higher one would shut out older engines for nothing."""

Value = str
"""The name of a tensor in the graph."""
Outputs = Mapping[str, tuple[Value, Sequence[str | int]]]
"""Name of an output -> its float32 value, and its shape with a word where a length is free."""
ENGINES_OWN = "com.microsoft"
"""The domain of operators that onnxruntime adds to ONNX's own."""

_Written = TypeVar("_Written")


class Graph:
    """Collects nodes and constants, and turns them into a model.

    Names are counted up in the order of writing, so that the same student gives the same bytes.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._made: dict[tuple[object, ...], Any] = {}

    def node(self, operator: str, *inputs: Value, **attributes: Any) -> Value:  # noqa: ANN401  (whatever ONNX takes)
        """Add an operator with one output; gives the output's name."""
        return self.nodes(operator, *inputs, n_outputs=1, **attributes)[0]

    def nodes(self, operator: str, *inputs: Value, n_outputs: int, **attributes: Any) -> tuple[Value, ...]:  # noqa: ANN401
        """Add an operator with several outputs; gives their names."""
        name = f"{operator}_{len(self._nodes)}"
        outputs = tuple(name if n_outputs == 1 else f"{name}_{index}" for index in range(n_outputs))
        self._nodes.append(helper.make_node(operator, inputs, outputs, **attributes))  # known by its outputs
        return outputs

    def constant(self, name: str, values: NDArray[Any]) -> Value:
        """A named constant; asking again with the same name and values gives the one that is there."""
        tensor = numpy_helper.from_array(np.asarray(values, order="C"), name)
        assert self._constants.setdefault(name, tensor) == tensor, f"two constants are named {name}"
        return name

    def integers(self, values: Sequence[int] | int) -> Value:
        """A constant of int64 numbers, or a single one without dimensions."""
        return self._unnamed(np.asarray(values, dtype=np.int64))

    def floats(self, values: Sequence[float] | float) -> Value:
        """A constant of float32 numbers, or a single one without dimensions."""
        return self._unnamed(np.asarray(values, dtype=np.float32))

    def bytes(self, values: Sequence[Sequence[int]] | int) -> Value:
        """A constant of uint8 numbers, or a single one without dimensions."""
        return self._unnamed(np.asarray(values, dtype=np.uint8))

    def once(self, what: tuple[object, ...], make: Callable[[], _Written]) -> _Written:
        """What `make` writes, written the first time that `what` is asked for."""
        if what not in self._made:
            self._made[what] = make()
        written: _Written = self._made[what]
        return written

    def dynamically_quantized(self, value: Value) -> tuple[Value, ...]:
        """8-bit codes, scale and zero point of a tensor, computed as it runs; once for all who ask."""
        return self.once(("quantized", value), lambda: self.nodes("DynamicQuantizeLinear", value, n_outputs=3))

    def statically_quantized(self, value: Value, scale: float, zero_point: int) -> tuple[Value, ...]:
        """8-bit codes of a tensor whose range is fixed, with that scale and zero point; once for all who ask."""
        fixed = (self.floats(scale), self.bytes(zero_point))
        return self.once(("quantized", value, *fixed), lambda: (self.node("QuantizeLinear", value, *fixed), *fixed))

    def model(self, *, inputs: Sequence[str], outputs: Outputs) -> onnx.ModelProto:
        """The whole as a model.

        Args:
            inputs: Names; all are int64 (batch, sequence).
            outputs: Name -> the float32 value and its shape, with a word where a length is free.
        """
        for name, (value, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name]))
        graph = helper.make_graph(
            self._nodes,
            "classifier",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in inputs],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, (_, shape) in outputs.items()],
            [self._constants[name] for name in sorted(self._constants)],
        )
        opsets = [helper.make_opsetid("", OPSET)]
        if any(node.domain == ENGINES_OWN for node in self._nodes):
            opsets.append(helper.make_opsetid(ENGINES_OWN, 1))
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="limbeck")

    def _unnamed(self, values: NDArray[Any]) -> Value:
        content = hashlib.blake2b(values.tobytes(), digest_size=6).hexdigest()
        shape = "x".join(str(size) for size in values.shape) or "scalar"
        return self.constant(f"{values.dtype.name}_{shape}_{content}", values)
