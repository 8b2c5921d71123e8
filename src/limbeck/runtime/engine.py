"""ONNX Runtime behind one door: a graph file, a number of threads, token batches in, logits out."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from limbeck.batching import served_by_length
from limbeck.errors import ArtifactError, LimbeckError
from limbeck.kept_tokens import kept_rows
from limbeck.tokens import EncodedTexts, TextEncoder, TokenBatch

OUTPUTS = ("logits", "sentence_embedding")
"""What graphs answer with; the first that is there."""
_KNOWN_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_ERRORS_ONLY = 3  # of ORT_LOGGING_LEVEL: a user can do nothing about its warnings


class Engine:
    """One graph, loaded for the CPU.

    May be called from many threads at once, but not in a forked child: ONNX Runtime's threads do not live on there,
    and a batch would wait for them for ever.

    Args:
        path: An ONNX file with inputs among input_ids, attention_mask, token_type_ids and the output logits or
            sentence_embedding.
        threads: Threads that one batch is computed with, at least 1.

    Raises:
        ArtifactError: ONNX Runtime cannot load the file, or it is another kind of graph.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        self._session = _load(path, threads)
        self._process = os.getpid()
        self.input_names: tuple[str, ...] = tuple(given.name for given in self._session.get_inputs())
        outputs = {given.name: given for given in self._session.get_outputs()}
        found = [name for name in OUTPUTS if name in outputs]
        if not found or not set(self.input_names) <= set(_KNOWN_INPUTS):
            raise ArtifactError(
                f"{path} takes {', '.join(self.input_names)} and gives {', '.join(outputs)}; "
                f"expected inputs among {', '.join(_KNOWN_INPUTS)}, and the output {' or '.join(OUTPUTS)}.",
                hint="Export the model with `limbeck compress`.",
            )
        self._output = found[0]
        width = outputs[self._output].shape[-1]
        self.n_classes: int | None = width if isinstance(width, int) else None

    def run(self, batch: TokenBatch) -> NDArray[np.float32]:
        """The logits of one batch that count: (answers, classes) float32; see `TokenBatch.read`.

        Of hidden tokens it is what `limbeck.kept_tokens` keeps, so that no more than one batch's logits are held.

        Raises:
            LimbeckError: The process was forked after the graph was loaded.
        """
        if os.getpid() != self._process:
            raise LimbeckError(
                f"The model was loaded by process {self._process} and asked by process {os.getpid()}, forked from it; "
                "ONNX Runtime does not live on in a forked process.",
                hint="Load the model in each worker, after the fork; or start workers by spawning.",
            )
        logits: NDArray[np.float32] = self._session.run(
            [self._output], {name: getattr(batch, name) for name in self.input_names}
        )[0]
        read: NDArray[np.float32] = batch.read(logits)
        return read if batch.hidden is None else kept_rows(read, batch.hidden)

    def run_by_length(
        self, encoder: TextEncoder, encoded: EncodedTexts, *, has_layers: bool = True
    ) -> NDArray[np.float32]:
        """The logits of all texts, (answers, classes), in the batches in which an artifact answers them.

        Args:
            encoder: What made `encoded`.
            encoded: The texts.
            has_layers: False for a static student.
        """
        found = [
            (encoded.answers_of(rows), self.run(encoder.pad(encoded, rows)))
            for rows in served_by_length(encoded.lengths, has_layers=has_layers)
        ]
        logits = np.empty((encoded.n_answers, found[0][1].shape[1]), np.float32)
        for places, values in found:
            logits[places] = values
        return logits


def _load(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    # Threads that wait by spinning take the cores from whatever else runs on the machine, its other requests included.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001  (its exceptions share no other base)
        raise ArtifactError(
            f"ONNX Runtime {onnxruntime.__version__} cannot load {path} ({error}).",
            hint="Update onnxruntime; when that does not help, copy the artifact again or make it anew.",
        ) from None
