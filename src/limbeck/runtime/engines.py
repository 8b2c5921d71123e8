"""The engines by name: which are here, how one is opened, and which is the fastest, measured once and remembered.

What "fastest" is hangs on the machine, the graph and the versions, so it is measured with this graph, on this machine:
one text of 16, 32 and 128 tokens, and four batches of 512, each a few times in a row, in turns. The choice is
kept in LIMBECK_HOME under a name made of all that it hangs on. Where something else takes the cores meanwhile, it may
be the wrong one; remove the folder `engines` there to have it measured anew.
"""

import importlib.util
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final, get_args

import numpy as np

from limbeck.errors import OutputError, RecipeError
from limbeck.ground import files, fingerprint, machine, places
from limbeck.ground.progress import SILENT, Progress
from limbeck.runtime.engine import Engine
from limbeck.runtime.graph_engine import EngineName, EngineSettings, GraphEngine
from limbeck.runtime.turns import SPIN_SECONDS, in_turns
from limbeck.text.tokens import TokenBatch

AUTO: Final = "auto"
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

_CASES = ((1, 1, 16, 15), (1, 1, 32, 15), (1, 1, 128, 15), (4, 8, 64, 5))  # (batches, texts, tokens, rounds)
_OF_SPEED = frozenset(
    {"processor", "architecture", "instruction sets", "physical cores", "logical cores", "limbeck", "onnxruntime"}
)
_IN_A_ROW = 3
"""Calls that are timed together, as a busy program makes them: threads that spin are awake from the second on."""
_CLEARLY_FASTER = 0.95
"""Share of the usual settings' time that others may take at most to be chosen: the rest is noise."""


def open_engine(graph: Path, settings: EngineSettings) -> GraphEngine:
    """Load a graph.

    Args:
        graph: The ONNX file.
        settings: Which engine, and how it computes.

    Raises:
        ArtifactError: The engine cannot load the file, or it is another kind of graph.
        MissingExtraError: The engine is not installed.
    """
    if settings.engine == "openvino":
        from limbeck.runtime.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(graph, threads=settings.threads, at_once=settings.at_once)
    return Engine(graph, threads=settings.threads, spins=settings.spins, plans_memory=settings.plans_memory)


def present_engines() -> tuple[EngineName, ...]:
    """Those that are installed."""
    return tuple(name for name in ENGINES if importlib.util.find_spec(name) is not None)


def settings_of(
    engine: str,
    graph: Path,
    *,
    threads: int,
    longest: int,
    plans_memory: bool = True,
    at_once: int = 1,
    progress: Progress = SILENT,
) -> EngineSettings:
    """What to open a graph with.

    Args:
        engine: An engine's name; or "auto", which measures those that are installed, or remembers what was measured.
        graph: The ONNX file.
        threads: As many; 0 takes the physical cores, of "auto" whatever number of threads is fastest.
        longest: Tokens that a text may have at most.
        plans_memory: See `EngineSettings`.
        at_once: See `EngineSettings`.
        progress: Told when something is measured.

    Raises:
        RecipeError: There is no such engine.
    """
    if engine == AUTO:
        wanted = candidates(threads, plans_memory=plans_memory, at_once=at_once)
        return _chosen(graph, wanted, longest=longest, progress=progress)
    known = next((name for name in ENGINES if name == engine), None)
    if known is None:
        raise RecipeError(f"engine is {engine!r}.", hint=f"Give one of: {', '.join((*ENGINES, AUTO))}.")
    return EngineSettings(known, threads or machine.physical_cores(), plans_memory=plans_memory, at_once=at_once)


def candidates(threads: int, *, plans_memory: bool = True, at_once: int = 1) -> list[EngineSettings]:
    """What "auto" measures, the usual settings first.

    Args:
        threads: Of all of them; 0 tries one thread and as many as there are physical cores.
        plans_memory: Of all of them.
        at_once: Of all of them.
    """
    counts = [threads] if threads else sorted({1, machine.physical_cores()}, reverse=True)
    return [
        EngineSettings(engine, count, spins, plans_memory, at_once)
        for engine in present_engines()
        for count in counts
        for spins in ((False, True) if engine == "onnxruntime" and count > 1 else (False,))
    ]


def _call(engine: GraphEngine, batches: Sequence[TokenBatch]) -> None:
    for _ in range(_IN_A_ROW):
        list(engine.run_all(batches))


def _batch(n_texts: int, n_tokens: int) -> TokenBatch:
    """Texts to time a graph with: of one and the same token, which takes as long as any other."""
    ones = np.ones((n_texts, n_tokens), np.int64)
    return TokenBatch(ones, ones, np.zeros_like(ones))


def _chosen(graph: Path, wanted: list[EngineSettings], *, longest: int, progress: Progress) -> EngineSettings:
    hangs_on = {
        "graph": fingerprint.sha256_of_file(graph),
        "candidates": [asdict(one) for one in wanted],
        "cases": _CASES,
        "machine": {name: value for name, value in machine.describe().items() if name in _OF_SPEED},
        "openvino": machine.installed_version("openvino"),
    }
    path = places.engines_root() / f"{fingerprint.of_settings(hangs_on)}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):  # absent, or of another version: measured anew
        return EngineSettings(**json.loads(path.read_text(encoding="utf-8"))["chosen"])
    found = measured(graph, wanted, longest=longest, progress=progress)
    usual, fastest = next(iter(found)), min(found, key=lambda one: found[one])
    chosen = fastest if found[fastest] < _CLEARLY_FASTER * found[usual] else usual
    told = {"chosen": asdict(chosen), "relative_time": {str(one): found[one] / found[usual] for one in found}}
    with suppress(OutputError):  # a home that cannot be written: measured again the next time
        files.write_json(path, told | hangs_on)
    progress.say(f"Answering with {chosen}, the fastest of {len(found)} settings measured on this machine")
    return chosen


def measured(
    graph: Path, settings: list[EngineSettings], *, longest: int, progress: Progress = SILENT
) -> dict[EngineSettings, float]:
    """How long each takes: the geometric mean, over all cases, of the seconds of `_IN_A_ROW` calls.

    Of the calls the one that a quarter of them beat: what else runs on the machine only ever adds to a time.

    Args:
        graph: The ONNX file.
        settings: What to try.
        longest: Tokens that a text may have at most.
        progress: Told how far it is.
    """
    engines = {one: open_engine(graph, one) for one in settings}
    rests = {one: SPIN_SECONDS for one in settings if one.spins}
    cases = sorted({(batches, texts, min(tokens, longest), rounds) for batches, texts, tokens, rounds in _CASES})
    logs = dict.fromkeys(settings, 0.0)
    with progress.bar("engines", total=sum(rounds for *_, rounds in cases), unit="rounds") as bar:
        for n_batches, n_texts, n_tokens, rounds in cases:
            asked = [_batch(n_texts, n_tokens)] * n_batches
            calls = {one: partial(_call, engine, asked) for one, engine in engines.items()}
            for one, seconds in in_turns(calls, rounds=rounds, rests=rests, told=bar.advance).items():
                logs[one] += float(np.log(np.percentile(seconds, 25)))
    return {one: float(np.exp(value / len(cases))) for one, value in logs.items()}
