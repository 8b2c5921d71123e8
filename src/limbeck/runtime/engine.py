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

_ALONE_TOKEN_BYTES = 1_000_000_000
"""Tokens of a batch x bytes of the graph up to which waking threads costs about what they save (docs/lab-log.md):
40 tokens of six layers of 384."""
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
        self._alone = _load(path, threads=1, spins=False)
        self._most_alone = 0 if spins else _ALONE_TOKEN_BYTES // max(1, path.stat().st_size)
        widths = {given.name: given.shape[-1] for given in self._alone.get_outputs()}
        super().__init__(
            path,
            settings=EngineSettings("onnxruntime", threads, spins),
            inputs=[given.name for given in self._alone.get_inputs()],
            outputs={name: width if isinstance(width, int) else None for name, width in widths.items()},
        )

    def compute(self, feeds: Feeds) -> NDArray[np.float32]:
        """See `GraphEngine.compute`: on one thread what is done sooner than threads are woken, else on all.

        Threads that spin need not be woken.
        """
        if self.settings.threads == 1 or feeds[self.input_names[0]].size <= self._most_alone:
            return self._computed(self._alone, feeds)
        with self._loading:
            session = self._shared
        return self._computed(session, feeds)

    def _run_all(self, batches: Sequence[TokenBatch]) -> Iterator[NDArray[np.float32]]:
        """Each thread has a batch of its own, where there is one for each.

        Threads on one batch wait for each other at every operator; on batches of their own they need not
        (docs/lab-log.md has the figures).
        """
        if self.settings.threads == 1 or len(batches) < self.settings.threads:
            return super()._run_all(batches)
        with self._loading:
            threads = self._threads
        return threads.map(partial(self._answered, partial(self._computed, self._alone)), batches)

    @cached_property
    def _shared(self) -> onnxruntime.InferenceSession:
        """The model once more, for batches that all threads compute together; most uses never need it."""
        return _load(self._path, threads=self.settings.threads, spins=self.settings.spins)

    @cached_property
    def _threads(self) -> "ThreadPoolExecutor":
        from concurrent.futures import ThreadPoolExecutor  # it brings logging, and one text does without

        return ThreadPoolExecutor(self.settings.threads, "limbeck-engine")

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
