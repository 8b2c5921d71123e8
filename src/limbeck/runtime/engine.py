"""ONNX Runtime behind the door that all engines share.

Its other settings were measured and left as they are: with the memory arena and pattern off, or with fewer graph
optimizations, small models are slower; buffers bound once are no faster than arrays given (docs/lab-log.md).
"""

import os
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from limbeck.errors import ArtifactError
from limbeck.runtime.graph_engine import EngineSettings, Feeds, GraphEngine
from limbeck.tokens import TokenBatch

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_ERRORS_ONLY = 3  # of ORT_LOGGING_LEVEL: a user can do nothing about its warnings


class Engine(GraphEngine):
    """One graph in ONNX Runtime.

    Args:
        path: An ONNX file with inputs among input_ids, attention_mask, token_type_ids and the output logits or
            sentence_embedding.
        threads: Threads that compute, at least 1: all on one batch, or one each on several.
        spins: They wait by spinning, which takes the cores from whatever else runs on the machine.

    Raises:
        ArtifactError: ONNX Runtime cannot load the file, or it is another kind of graph.
    """

    def __init__(self, path: Path, *, threads: int, spins: bool = False) -> None:
        self._path, self._loading = path, Lock()
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
        return self._computed(self._session, feeds)

    def _run_all(self, batches: Sequence[TokenBatch]) -> Iterator[NDArray[np.float32]]:
        """Each thread has a batch of its own, where there is one for each.

        Threads on one batch wait for each other at every operator; on batches of their own they need not
        (docs/lab-log.md has the figures). What they are computed with is loaded at the first such call.
        """
        if self.settings.threads == 1 or len(batches) < self.settings.threads:
            return super()._run_all(batches)
        with self._loading:
            session, threads = self._single_threaded
        return threads.map(partial(self._answered, partial(self._computed, session)), batches)

    @cached_property
    def _single_threaded(self) -> "tuple[onnxruntime.InferenceSession, ThreadPoolExecutor]":
        from concurrent.futures import ThreadPoolExecutor  # it brings logging, and one text does without

        return _load(self._path, threads=1, spins=False), ThreadPoolExecutor(self.settings.threads, "limbeck-engine")

    def _computed(self, session: onnxruntime.InferenceSession, feeds: Feeds) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = session.run([self._output], feeds)[0]
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
