"""What every engine shares: what a graph takes and gives, who may call it, token batches in, logits out."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ArtifactError, LimbeckError
from limbeck.text.batching import served_by_length
from limbeck.text.kept_tokens import kept_rows
from limbeck.text.tokens import EncodedTexts, TextEncoder, TokenBatch

OUTPUTS = ("logits", "sentence_embedding")
"""What graphs answer with; the first that is there."""
_KNOWN_INPUTS = ("input_ids", "attention_mask", "token_type_ids")

EngineName = Literal["onnxruntime", "openvino"]
Feeds = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class EngineSettings:
    """Which engine, and how it computes.

    Args:
        engine: Its name.
        threads: Threads that compute, at least 1: all on one batch, or one each on several.
        spins: Threads wait for their next piece of work by spinning: sooner there, at the cost of all else on their
            cores. Of ONNX Runtime only.
        plans_memory: Memory is planned, and kept, for each shape of batch: single short texts are answered some percent
            sooner, and whoever meets ever other shapes takes megabytes more. Of ONNX Runtime only.
        at_once: Batches that callers' own threads compute at once, each with `threads`. ONNX Runtime takes any number.
    """

    engine: EngineName
    threads: int
    spins: bool = False
    plans_memory: bool = True
    at_once: int = 1

    def __str__(self) -> str:
        """As a table tells it."""
        return f"{self.engine}, {self.threads} thread{'s'[: self.threads > 1]}{', spinning' if self.spins else ''}"


class GraphEngine(ABC):
    """One graph, loaded for the CPU.

    May be called from many threads at once, but not in a forked child: an engine's threads do not live on there,
    and a batch would wait for them for ever.

    Args:
        path: The graph's file, to name it.
        inputs: Names of what it takes.
        outputs: Name of each output -> its last axis; None where that is free.

    Raises:
        ArtifactError: It is another kind of graph.
    """

    def __init__(self, path: Path, *, inputs: Sequence[str], outputs: Mapping[str, int | None]) -> None:
        self._process = os.getpid()
        self.input_names: tuple[str, ...] = tuple(inputs)
        found = [name for name in OUTPUTS if name in outputs]
        if not found or not set(inputs) <= set(_KNOWN_INPUTS):
            raise ArtifactError(
                f"{path} takes {', '.join(inputs)} and gives {', '.join(outputs)}; "
                f"expected inputs among {', '.join(_KNOWN_INPUTS)}, and the output {' or '.join(OUTPUTS)}.",
                hint="Export the model with `limbeck compress`.",
            )
        self._output = found[0]
        self.n_classes: int | None = outputs[self._output]

    @abstractmethod
    def compute(self, feeds: Feeds) -> NDArray[np.float32]:
        """The graph's logits, as it gives them.

        Args:
            feeds: By the names of `input_names`, each (texts, tokens) int64.
        """

    def run(self, batch: TokenBatch) -> NDArray[np.float32]:
        """The logits of one batch that count: (answers, classes) float32; see `TokenBatch.read`.

        Of hidden tokens it is what `limbeck.text.kept_tokens` keeps, so that no more than one batch's logits are held.

        Raises:
            LimbeckError: The process was forked after the graph was loaded.
        """
        self.refuse_in_fork()
        return self._answered(self.compute, batch)

    def run_all(self, batches: Sequence[TokenBatch]) -> Iterator[NDArray[np.float32]]:
        """As `run`, of several batches in their order, in the way that is fastest for many.

        Raises:
            LimbeckError: The process was forked after the graph was loaded.
        """
        self.refuse_in_fork()
        return self._run_all(batches)

    def refuse_in_fork(self) -> None:
        """Refuse a process that has the graph from the one it was forked from.

        Raises:
            LimbeckError: It is such a process.
        """
        if os.getpid() != self._process:
            raise LimbeckError(
                f"The model was loaded by process {self._process} and asked by process {os.getpid()}, forked from it; "
                "an engine does not live on in a forked process.",
                hint="Load the model in each worker, after the fork; or start workers by spawning.",
            )

    def _run_all(self, batches: Sequence[TokenBatch]) -> Iterator[NDArray[np.float32]]:
        return map(partial(self._answered, self.compute), batches)

    def _answered(self, compute: Callable[[Feeds], NDArray[np.float32]], batch: TokenBatch) -> NDArray[np.float32]:
        read: NDArray[np.float32] = batch.read(compute({name: getattr(batch, name) for name in self.input_names}))
        return read if batch.hidden is None else kept_rows(read, batch.hidden)

    def run_by_length(
        self, encoder: TextEncoder, encoded: EncodedTexts, *, has_layers: bool = True
    ) -> NDArray[np.float32]:
        """The logits of all texts, (answers, classes), in the batches in which an artifact answers them.

        Args:
            encoder: What made `encoded`.
            encoded: The texts, one at least.
            has_layers: False for a static student.

        Raises:
            LimbeckError: The process was forked after the graph was loaded.
        """
        places = served_by_length(encoded.lengths, has_layers=has_layers)
        found = self.run_all([encoder.pad(encoded, rows) for rows in places])
        logits: NDArray[np.float32] | None = None
        for rows, values in zip(places, found, strict=True):
            if logits is None:
                logits = np.empty((encoded.n_answers, values.shape[1]), np.float32)
            logits[encoded.answers_of(rows)] = values
        assert logits is not None
        return logits
