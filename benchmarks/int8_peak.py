"""The most int8 multiply-adds a second that this machine gives: products of matrices that stay in its caches."""

import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

_SIZES = ((128, 1024, 512), (256, 1024, 512), (512, 1024, 1024))
_CALLS = 20


class Peak:
    """A product of 8-bit matrices by onnxruntime's MatMulInteger, of the size at which this machine is fastest.

    Args:
        threads: As many.
    """

    def __init__(self, threads: int) -> None:
        found = [_Product(*size, threads) for size in _SIZES]
        rates = [one.multiply_adds / min(one.seconds() for _ in range(_CALLS)) for one in found]
        self._product = found[int(np.argmax(rates))]
        self.multiply_adds = self._product.multiply_adds

    def __call__(self) -> None:
        """Compute it once."""
        self._product.seconds()


class _Product:
    def __init__(self, rows: int, inputs: int, outputs: int, threads: int) -> None:
        generator = np.random.default_rng(0)
        weights = numpy_helper.from_array(generator.integers(-64, 64, (inputs, outputs)).astype(np.int8), "weights")
        graph = helper.make_graph(
            [helper.make_node("MatMulInteger", ["given", "weights"], ["product"])],
            "product",
            [helper.make_tensor_value_info("given", TensorProto.UINT8, [rows, inputs])],
            [helper.make_tensor_value_info("product", TensorProto.INT32, [rows, outputs])],
            [weights],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")  # it shares the process with others
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
        self._given = {"given": generator.integers(0, 255, (rows, inputs)).astype(np.uint8)}
        self.multiply_adds = rows * inputs * outputs

    def seconds(self) -> float:
        """That one product takes."""
        start = time.perf_counter()
        self._session.run(None, self._given)
        return time.perf_counter() - start
