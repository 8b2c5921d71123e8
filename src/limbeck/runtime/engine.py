"""ONNX Runtime behind the door that all engines share.

Its other settings were measured and left as they are: with the memory arena and pattern off, or with fewer graph
optimizations, small models are slower; buffers bound once are no faster than arrays given (docs/lab-log.md).
"""

import os
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from limbeck.errors import ArtifactError
from limbeck.runtime.graph_engine import EngineSettings, Feeds, GraphEngine

_ERRORS_ONLY = 3  # of ORT_LOGGING_LEVEL: a user can do nothing about its warnings


class Engine(GraphEngine):
    """One graph in ONNX Runtime.

    Args:
        path: An ONNX file with inputs among input_ids, attention_mask, token_type_ids and the output logits or
            sentence_embedding.
        threads: Threads that one batch is computed with, at least 1.
        spins: They wait by spinning, which takes the cores from whatever else runs on the machine.

    Raises:
        ArtifactError: ONNX Runtime cannot load the file, or it is another kind of graph.
    """

    def __init__(self, path: Path, *, threads: int, spins: bool = False) -> None:
        self._session = _load(path, threads=threads, spins=spins)
        widths = {given.name: given.shape[-1] for given in self._session.get_outputs()}
        super().__init__(
            path,
            settings=EngineSettings("onnxruntime", threads, spins),
            inputs=[given.name for given in self._session.get_inputs()],
            outputs={name: width if isinstance(width, int) else None for name, width in widths.items()},
        )

    def compute(self, feeds: Feeds) -> NDArray[np.float32]:
        """See `GraphEngine.compute`."""
        logits: NDArray[np.float32] = self._session.run([self._output], feeds)[0]
        return logits


def _load(path: Path, *, threads: int, spins: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spins)))
    try:
        return onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  (its exceptions share no other base)
        raise ArtifactError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load {path} ({error}).",
            hint="Update onnxruntime; when that does not help, copy the artifact again or make it anew.",
        ) from None
