"""Artifacts damaged on purpose, each in one way, and sealed again: what a verdict must catch and name."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from limbeck.artifact.manifest import Manifest
from limbeck.artifact.sealed import open_artifact, seal

Change = Callable[[NDArray[np.generic]], NDArray[np.generic]]


def copied(artifact: Path, folder: Path) -> Path:
    """A copy that may be damaged."""
    shutil.copytree(artifact, folder)
    return folder


def sealed_again(folder: Path, **changes: object) -> None:
    """Seal a changed folder, as whoever damaged it unknowingly would have."""
    text = json.loads((folder / "limbeck.json").read_text(encoding="utf-8"))
    known = {name: text[name] for name in Manifest.__dataclass_fields__}
    manifest = Manifest(**{name: tuple(value) if isinstance(value, list) else value for name, value in known.items()})
    seal(folder, replace(manifest, **changes))  # type: ignore[arg-type]
    open_artifact(folder)


def change_constant(graph: Path, name: str, change: Change) -> None:
    """Change one constant of an ONNX file in place."""
    model = onnx.load(graph)
    (found,) = [one for one in model.graph.initializer if one.name == name]
    changed = change(numpy_helper.to_array(found).copy())
    found.CopyFrom(numpy_helper.from_array(changed, name))
    onnx.save(model, graph)


def constant_names(graph: Path) -> list[str]:
    """What the constants of an ONNX file are called."""
    return [one.name for one in onnx.load(graph).graph.initializer]


def graphs_of(folder: Path) -> tuple[Path, Path]:
    """The quantized graph and the float one."""
    manifest = open_artifact(folder, check=False).manifest
    return folder / manifest.model_file, folder / manifest.float_model_file


def scale_a_layer(folder: Path, layer: str, factor: float) -> None:
    """Multiply the scales of one quantized layer."""
    change_constant(graphs_of(folder)[0], f"{layer}.scale", lambda scale: (scale * factor).astype(scale.dtype))
    sealed_again(folder)


def swap_head_rows(folder: Path, head: str, first: int, second: int, *, in_both: bool) -> None:
    """Exchange two labels' rows of the head, in the graph that answers, or in both."""
    order = [first, second]
    turned = order[::-1]

    def rows(matrix: NDArray[np.generic]) -> NDArray[np.generic]:
        matrix[order] = matrix[turned]
        return matrix

    def columns(matrix: NDArray[np.generic]) -> NDArray[np.generic]:
        return rows(matrix.T.copy()).T

    for graph in graphs_of(folder)[: 2 if in_both else 1]:
        for name in constant_names(graph):
            if name in {f"{head}.bias", f"{head}.weight", f"{head}.scale"}:
                change_constant(graph, name, rows)
            elif name == f"{head}.codes":
                change_constant(graph, name, columns)
    sealed_again(folder)


def zero_rows(folder: Path, table: str, tokens: Sequence[int], *, in_both: bool) -> None:
    """Set the embeddings of some tokens to zero."""

    def emptied(matrix: NDArray[np.generic]) -> NDArray[np.generic]:
        matrix[list(tokens)] = 0
        return matrix

    quantized, plain = graphs_of(folder)
    change_constant(quantized, f"{table}.codes", emptied)
    if in_both:
        change_constant(plain, table, emptied)
    sealed_again(folder)


def keep_capitals(folder: Path) -> None:
    """Switch the tokenizer's lower-casing off."""
    path = folder / "tokenizer.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["normalizer"]["lowercase"] is True
    told["normalizer"]["lowercase"] = False
    path.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    sealed_again(folder)


def cut_texts(folder: Path, max_tokens: int) -> None:
    """Let the artifact read fewer tokens of each text."""
    sealed_again(folder, max_tokens=max_tokens)
