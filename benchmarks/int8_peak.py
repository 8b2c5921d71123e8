"""The most int8 multiply-adds a second that this machine gives: products of matrices that stay in its caches."""

import time

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

_SIZES = ((128, 1024, 512), (256, 1024, 512), (512, 1024, 1024))
_CALLS = 60


def int8_peak(threads: int) -> float:
    """Multiply-adds a second of onnxruntime's MatMulInteger, the best call of several sizes.

    Args:
        threads: As many.
    """
    return max(_rate(rows, inputs, outputs, threads) for rows, inputs, outputs in _SIZES)


def _rate(rows: int, inputs: int, outputs: int, threads: int) -> float:
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
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    given = {"given": generator.integers(0, 255, (rows, inputs)).astype(np.uint8)}
    taken = []
    for _ in range(_CALLS):
        start = time.perf_counter()
        session.run(None, given)
        taken.append(time.perf_counter() - start)
    return rows * inputs * outputs / min(taken)
