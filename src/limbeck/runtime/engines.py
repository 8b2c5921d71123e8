"""The engines by name: which are here, and how one is opened, or two that divide a graph's loads between them."""

import importlib.util
from pathlib import Path
from typing import get_args

from limbeck.runtime.division import DividedEngine, Division
from limbeck.runtime.engine import Engine
from limbeck.runtime.graph_engine import EngineName, EngineSettings, GraphEngine

ENGINES: tuple[EngineName, ...] = get_args(EngineName)


def open_engine(graph: Path, settings: EngineSettings | Division) -> GraphEngine:
    """Load a graph.

    Args:
        graph: The ONNX file.
        settings: Which engine, and how it computes; or which two.

    Raises:
        ArtifactError: The engine cannot load the file, or it is another kind of graph.
        MissingExtraError: The engine is not installed.
    """
    if isinstance(settings, Division):
        return DividedEngine(settings, *(open_engine(graph, one) for one in (settings.usual, settings.other)))
    if settings.engine == "openvino":
        from limbeck.runtime.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(graph, threads=settings.threads, at_once=settings.at_once)
    return Engine(graph, threads=settings.threads, spins=settings.spins, plans_memory=settings.plans_memory)


def present_engines() -> tuple[EngineName, ...]:
    """Those that are installed."""
    return tuple(name for name in ENGINES if importlib.util.find_spec(name) is not None)
