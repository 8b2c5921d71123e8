"""ExecuTorch's format (.pte), with XNNPACK's kernels for products of integers and ExecuTorch's own for tables.

The program is made of the artifact's graph, node by node (`limbeck.lowering`), with its own codes and scales: nothing is
calibrated or rounded again. What ExecuTorch has no kernel for is done otherwise, and told.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck import wording
from limbeck.artifact import Artifact
from limbeck.machine import installed_version
from limbeck.progress import Progress
from limbeck.scheme import Scheme
from limbeck.targets.registry import Conversion
from limbeck.tokens import TokenBatch

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

        self._program = Runtime.get().load_program(content)  # which the method lives in
        self._method = self._program.load_method("forward")
        self._inputs, self._shortest = inputs, shortest

    def run(self, batch: TokenBatch) -> NDArray[np.float32]:
        """The logits of a batch of one row that count; see `TokenBatch.read`."""
        import torch

        from limbeck.kept_tokens import kept_rows

        n_tokens = batch.input_ids.shape[1]
        missing = max(0, self._shortest - n_tokens)
        given = [np.pad(getattr(batch, name), ((0, 0), (0, missing))) for name in self._inputs]
        found = self._method.execute([torch.from_numpy(values) for values in given])[0].numpy().copy()
        read: NDArray[np.float32] = batch.read(found[:, :n_tokens] if found.ndim == 3 else found)
        return read if batch.hidden is None else kept_rows(read, batch.hidden)


def convert(artifact: Artifact, folder: Path, *, progress: Progress) -> Conversion:
    """Write model.pte into `folder`, and load it; see `registry.Converter`."""
    from limbeck.lowering import SHORTEST, Lowered, lower

    manifest = artifact.manifest
    progress.say("Lowering the graph for XNNPACK: a minute, on a free core")
    lowered: Lowered = lower(artifact.path(manifest.model_file), max_tokens=manifest.max_tokens)
    model = folder / MODEL_FILE
    model.write_bytes(lowered.content)
    notes = [
        f"Takes one text of {SHORTEST} to {manifest.max_tokens} tokens; {wording.counted(lowered.n_products, 'product')} "
        f"of integers by XNNPACK, {lowered.n_short} of them by weights of 4 bits."
    ]
    scheme = Scheme.parse(manifest.scheme)
    if lowered.n_products and not lowered.n_fixed:
        notes.append("Activations are rounded by each token's own range, finer than by the whole text's.")
    if lowered.n_fixed:
        notes.append(
            "XNNPACK would fix the range of what a product gives too, which the artifact does not know: activations are "
            "cut to their fixed range, and rounded by each token's own."
        )
    if scheme.weight_bits in {2, 3} and lowered.n_products:
        notes.append(f"XNNPACK has no products by weights of {scheme.weight_bits} bits: they take 4 in this file.")
    if lowered.n_grouped:
        notes.append("XNNPACK keeps the scales of groups in bfloat16, 8 significant bits.")
    if lowered.n_widened:
        notes.append(
            f"{wording.counted(lowered.n_widened, 'weight')} that no kernel takes as codes are kept as bytes and turned "
            "to floats for each text."
        )
    answering = Program(lowered.content, lowered.inputs, shortest=SHORTEST)
    return Conversion(answering, f"executorch {installed_version('executorch')}", MODEL_FILE, notes=tuple(notes))
