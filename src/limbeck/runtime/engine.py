"""ONNX Runtime behind the door that all engines share.

Its other settings were measured and left as they are: without the memory arena, or with fewer graph optimizations,
small models are slower; buffers bound once are no faster than arrays given (docs/lab-log.md).
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from limbeck.errors import ArtifactError
from limbeck.runtime.graph_engine import EngineSettings, Feeds, GraphEngine
from limbeck.text.tokens import TokenBatch

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_ALONE_TOKEN_BYTES = 1_000_000_000
"""Tokens of a batch x bytes of the graph up to which waking threads costs about what they save (docs/lab-log.md):
40 tokens of six layers of 384."""
_SPINNING_SHARE = 4
"""Threads that spin need not be woken, and cost so much less (docs/lab-log.md): 55 tokens of two layers of 128."""
_SHORT_TOKENS = 16
"""A graph that is worth all threads for shorter batches is given them for all: nearly every text would need them."""
_ERRORS_ONLY = 3  # of ORT_LOGGING_LEVEL: a user can do nothing about its warnings


class Engine(GraphEngine):
    """One graph in ONNX Runtime.

    Args:
        path: An ONNX file with inputs among input_ids, attention_mask, token_type_ids and the output logits or
            sentence_embedding.
        threads: Threads that compute, at least 1: all on one batch, or one each on several.
        spins: They wait by spinning, which takes the cores from whatever else runs on the machine.
        plans_memory: See `EngineSettings`.

    Raises:
        ArtifactError: ONNX Runtime cannot load the file, or it is another kind of graph.
    """

    def __init__(self, path: Path, *, threads: int, spins: bool = False, plans_memory: bool = True) -> None:
        self._path, self._loading = path, Lock()
        self._settings = EngineSettings("onnxruntime", threads, spins, plans_memory)  # which the sessions are loaded by
        most_alone = _ALONE_TOKEN_BYTES // (_SPINNING_SHARE if spins else 1) // max(1, path.stat().st_size)
        self._most_alone = most_alone if most_alone >= _SHORT_TOKENS else 0
        first = self._alone if threads == 1 or self._most_alone else self._shared
        widths = {given.name: given.shape[-1] for given in first.get_outputs()}
        super().__init__(
            path,
            inputs=[given.name for given in first.get_inputs()],
            outputs={name: width if isinstance(width, int) else None for name, width in widths.items()},
        )

    def compute(self, feeds: Feeds) -> NDArray[np.float32]:
        """See `GraphEngine.compute`: on one thread what is done sooner than work is shared out, else on all."""
        is_alone = self._settings.threads == 1 or feeds[self.input_names[0]].size <= self._most_alone
        with self._loading:
            session = self._alone if is_alone else self._shared
        return self._computed(session, feeds)

    def _run_all(self, batches: Sequence[TokenBatch]) -> Iterator[NDArray[np.float32]]:
        """Each thread has a batch of its own, where there is one for each.

        Threads on one batch wait for each other at every operator; on batches of their own they need not
        (docs/lab-log.md has the figures).
        """
        if self._settings.threads == 1 or len(batches) < self._settings.threads:
            return super()._run_all(batches)
        with self._loading:
            session, threads = self._alone, self._threads
        return threads.map(partial(self._answered, partial(self._computed, session)), batches)

    @cached_property
    def _alone(self) -> onnxruntime.InferenceSession:
        """The model for batches that one thread computes by itself."""
        return _load(self._path, replace(self._settings, threads=1, spins=False))

    @cached_property
    def _shared(self) -> onnxruntime.InferenceSession:
        """The model for batches that all threads compute together; few uses need both."""
        return _load(self._path, self._settings)

    @cached_property
    def _threads(self) -> "ThreadPoolExecutor":
        from concurrent.futures import ThreadPoolExecutor  # it brings logging, and one text does without

        return ThreadPoolExecutor(self._settings.threads, "limbeck-engine")

    def _computed(self, session: onnxruntime.InferenceSession, feeds: Feeds) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = session.run([self._output], feeds)[0]
        return logits


def _load(path: Path, settings: EngineSettings) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(settings.spins)))
    options.enable_mem_pattern = settings.plans_memory
    try:
        return onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  (its exceptions share no other base)
        raise ArtifactError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load {path} ({error}).",
            hint="Update onnxruntime; when that does not help, copy the artifact again or make it anew.",
        ) from None
