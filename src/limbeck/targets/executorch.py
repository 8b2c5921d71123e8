"""ExecuTorch's format (.pte), with XNNPACK's kernels for products of integers and ExecuTorch's own for tables.

The program is made of the artifact's graph, node by node (`limbeck.lowering`), with its own codes and scales: nothing
is calibrated or rounded again. What ExecuTorch has no kernel for is done otherwise, and told.
"""

import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from limbeck.artifact.manifest import Manifest
from limbeck.artifact.sealed import Artifact
from limbeck.ground import wording
from limbeck.ground.machine import installed_version
from limbeck.ground.progress import Progress
from limbeck.recipe.scheme import Scheme
from limbeck.targets.registry import Conversion
from limbeck.text.kept_tokens import kept_rows
from limbeck.text.tokens import TokenBatch

if TYPE_CHECKING:
    from limbeck.lowering import Lowered

MODEL_FILE = "model.pte"


class Program:
    """A program loaded in ExecuTorch's runtime; it takes one text at a time.

    Args:
        content: Bytes of the .pte file.
        inputs: Names of its inputs, in their order.
        shortest: Tokens that it takes at least; shorter texts are padded.
    """

    def __init__(self, content: bytes, inputs: tuple[str, ...], *, shortest: int) -> None:
        from executorch.runtime import Runtime

        compute_on(1)
        importlib.import_module("executorch.kernels.quantized")  # the kernels of tables, by being imported
        self._program = Runtime.get().load_program(content)  # which the method lives in
        self._method = self._program.load_method("forward")
        self._inputs, self._shortest = inputs, shortest

    def run(self, batch: TokenBatch) -> NDArray[np.float32]:
        """The logits of a batch of one row that count; see `TokenBatch.read`."""
        import torch

        n_tokens = batch.input_ids.shape[1]
        missing = max(0, self._shortest - n_tokens)
        given = [np.pad(getattr(batch, name), ((0, 0), (0, missing))) for name in self._inputs]
        found = self._method.execute([torch.from_numpy(values) for values in given])[0].numpy().copy()
        read: NDArray[np.float32] = batch.read(found[:, :n_tokens] if found.ndim == 3 else found)
        return read if batch.hidden is None else kept_rows(read, batch.hidden)


@cache
def compute_on(threads: int) -> None:
    """Have every program of this process computed by so many threads; to be said before the first is loaded.

    With more than one, its pool and torch's wait for each other: two threads take many times as long as one.
    """
    from executorch.extension.pybindings import portable_lib

    portable_lib._unsafe_reset_threadpool(threads)  # noqa: SLF001  (its only way to say so)


def convert(artifact: Artifact, folder: Path, *, progress: Progress) -> Conversion:
    """Write model.pte into `folder`, and load it; see `registry.Converter`."""
    from limbeck.lowering import SHORTEST, lower

    manifest = artifact.manifest
    progress.say("Lowering the graph for XNNPACK: a minute, on a free core")
    lowered = lower(artifact.path(manifest.model_file), max_tokens=manifest.max_tokens)
    model = folder / MODEL_FILE
    model.write_bytes(lowered.content)
    answering = Program(lowered.content, lowered.inputs, shortest=SHORTEST)
    return Conversion(answering, f"executorch {installed_version('executorch')}", MODEL_FILE, _notes(lowered, manifest))


def _notes(lowered: "Lowered", manifest: Manifest) -> tuple[str, ...]:
    """What a reader should know of the program, in sentences."""
    from limbeck.lowering import SHORTEST

    bits = Scheme.parse(manifest.scheme).weight_bits
    products = wording.counted(lowered.n_products, "product")
    widened = wording.counted(lowered.n_widened, "weight")
    told = (
        (True, f"Takes one text of {SHORTEST} to {manifest.max_tokens} tokens."),
        (lowered.n_products, f"{products} of integers by XNNPACK, {lowered.n_short} of them by weights of 4 bits."),
        (lowered.n_products > lowered.n_fixed, "Activations are rounded by each token's own range."),
        (
            lowered.n_fixed,
            "Activations are cut to their fixed range and rounded by each token's own: XNNPACK wants the results' too.",
        ),
        (
            lowered.n_short and bits in {2, 3},
            f"XNNPACK has no products by weights of {bits} bits: they take 4 in this file.",
        ),
        (lowered.n_grouped, "XNNPACK keeps the scales of groups in bfloat16, 8 significant bits."),
        (lowered.n_widened, f"{widened} that no kernel takes as codes: kept as bytes, turned to floats for each text."),
    )
    return tuple(sentence for holds, sentence in told if holds)
