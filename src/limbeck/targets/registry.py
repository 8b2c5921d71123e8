"""The runtimes that an artifact can be written for, by name; each is a file of this room that nothing loads unasked."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from limbeck.artifact.sealed import Artifact
from limbeck.errors import RecipeError
from limbeck.ground import extras
from limbeck.ground.progress import Progress
from limbeck.text.tokens import TokenBatch


class Answering(Protocol):
    """Whatever answers a batch of tokens: `limbeck.runtime.engine.Engine`, or another runtime behind the same door."""

    def run(self, batch: TokenBatch) -> NDArray[np.float32]:
        """The logits of one batch that count: (answers, classes); see `TokenBatch.read`."""


@dataclass(frozen=True)
class Conversion:
    """What a target made of an artifact, ready to be asked.

    Args:
        answering: The written files, loaded in the runtime that they are for (or the nearest that runs here).
        runtime: What runs them here, with its version: "onnxruntime 1.31.1".
        model_file: The file that holds the model, in the folder written to.
        notes: What is done otherwise than in the artifact, in sentences.
    """

    answering: Answering
    runtime: str
    model_file: str
    notes: tuple[str, ...] = ()


class Converter(Protocol):
    """What the file of a target holds."""

    def convert(self, artifact: Artifact, folder: Path, *, progress: Progress, **options: Path) -> Conversion:
        """Write the files into an existing empty folder, and load them.

        Args:
            artifact: The opened artifact.
            folder: Where to.
            progress: Told what goes on.
            **options: `runtime_files`, where the target takes it and the user gave it.

        Raises:
            SchemeError: The target has no way to run this artifact.
        """


@dataclass(frozen=True)
class Target:
    """One runtime.

    Args:
        summary: What is written, in a few words.
        module: The file of this room that has `convert`.
        extra: Extra of limbeck that it needs; None for the base install.
        largest_error: What the root mean square difference of logits may be, as a share of their spread; see
            `limbeck.targets.agreement`.
        takes_runtime_files: Whether the export carries libraries that limbeck does not; see
            `limbeck.web.runtime_files`.
    """

    summary: str
    module: str
    extra: str | None
    largest_error: float
    takes_runtime_files: bool = False


TARGETS: Mapping[str, Target] = {
    "executorch": Target("a program for ExecuTorch with XNNPACK's kernels", "executorch", "executorch", 0.1),
    "ort-mobile": Target("ONNX Runtime's own format, for its small builds on phones", "ort_mobile", None, 0.01),
    "web": Target("a static page that answers in the browser", "web", None, 0.001, takes_runtime_files=True),
}


def target_named(name: str) -> Target:
    """The target of a name.

    Raises:
        RecipeError: There is none.
        MissingExtraError: What it needs is not installed.
    """
    if name not in TARGETS:
        raise RecipeError(f"There is no target {name!r}.", hint=f"Give --to one of: {', '.join(TARGETS)}.")
    target = TARGETS[name]
    if target.extra is not None:
        extras.need(target.extra, what=f"Exporting to {name}")
    return target


def converter_of(target: Target) -> Converter:
    """The file of a target, loaded."""
    return cast("Converter", import_module(f"limbeck.targets.{target.module}"))
