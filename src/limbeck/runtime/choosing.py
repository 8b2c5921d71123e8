"""Which engine answers, and how: the one that was named, or what is fastest, measured once and remembered.

What "fastest" is hangs on the machine, the graph and the versions, so it is measured with this graph, on this machine:
one batch of 16, 32, 128 and 512 tokens, and four of 512, each a few times in a row, in turns. Where another engine is
clearly faster at some of these loads than the one that is fastest overall, it takes those. The choice is kept in
LIMBECK_HOME under a name made of all that it hangs on. Where something else takes the cores meanwhile, it may be the
wrong one; remove the folder `engines` there to have it measured anew.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from limbeck import files, fingerprint, machine, places
from limbeck.errors import OutputError, RecipeError
from limbeck.progress import SILENT, Progress
from limbeck.runtime.division import LOADS, Division, Load
from limbeck.runtime.engines import ENGINES, open_engine, present_engines
from limbeck.runtime.graph_engine import EngineSettings, GraphEngine
from limbeck.runtime.turns import SPIN_SECONDS, in_turns
from limbeck.tokens import TokenBatch

AUTO: Final = "auto"

_ROUNDS = 15
_ROUNDS_OF_MANY_TOKENS, _MANY_TOKENS = 5, 512
_OF_SPEED = frozenset(
    {"processor", "architecture", "instruction sets", "physical cores", "logical cores", "limbeck", "onnxruntime"}
)
_IN_A_ROW = 3
"""Calls that are timed together, as a busy program makes them: threads that spin are awake from the second on."""
_CLEARLY_FASTER = 0.95
"""Share of the usual settings' time that others may take at most to be chosen: the rest is noise."""
_WORTH_A_SECOND = 0.9
"""The same at a single load, where it costs a second engine's memory."""

Times = Mapping[EngineSettings, Sequence[float]]
"""Seconds at each of `LOADS`."""


def settings_of(
    engine: str,
    graph: Path,
    *,
    threads: int,
    longest: int,
    plans_memory: bool = True,
    at_once: int = 1,
    progress: Progress = SILENT,
) -> EngineSettings | Division:
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
        return _remembered(graph, wanted, longest=longest, progress=progress)
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


def chosen_of(found: Times) -> EngineSettings | Division:
    """The settings that are fastest overall, and others for the loads at which these are clearly faster, if any.

    Threads that spin keep the cores from another engine, so such settings answer alone or not at all.

    Args:
        found: What was measured, the usual settings first: they stay unless others take 5 % less time, the geometric
            mean over all loads. A second engine must take a tenth less at a load; of several, the one that saves most.
    """
    logs = {one: np.log(seconds) for one, seconds in found.items()}
    usual = next(iter(found))
    fastest = min(found, key=lambda one: logs[one].mean())
    first = fastest if logs[fastest].mean() < logs[usual].mean() + np.log(_CLEARLY_FASTER) else usual
    if first.spins:
        return first
    saved = {
        one: np.where(seconds < logs[first] + np.log(_WORTH_A_SECOND), logs[first] - seconds, 0.0)
        for one, seconds in logs.items()
        if not one.spins
    }
    second = max(saved, key=lambda one: saved[one].sum())
    loads = tuple(load for load, gain in zip(LOADS, saved[second], strict=True) if gain > 0)
    return Division(first, second, loads) if loads else first


def measured(
    graph: Path, settings: Sequence[EngineSettings], *, longest: int, progress: Progress = SILENT
) -> dict[EngineSettings, tuple[float, ...]]:
    """How long each takes: seconds of `_IN_A_ROW` calls at each of `LOADS`.

    Of the calls the one that a quarter of them beat: what else runs on the machine only ever adds to a time.

    Args:
        graph: The ONNX file.
        settings: What to try.
        longest: Tokens that a text may have at most.
        progress: Told how far it is.
    """
    engines = {one: open_engine(graph, one) for one in settings}
    rests = {one: SPIN_SECONDS for one in settings if one.spins}
    seconds: dict[EngineSettings, list[float]] = {one: [] for one in settings}
    with progress.bar("engines", total=sum(map(_rounds, LOADS)), unit="rounds") as bar:
        for load in LOADS:
            asked = [_batch(load.texts, min(load.tokens, longest))] * load.batches
            calls = {one: partial(_call, engine, asked) for one, engine in engines.items()}
            for one, times in in_turns(calls, rounds=_rounds(load), rests=rests, told=bar.advance).items():
                seconds[one].append(float(np.percentile(times, 25)))
    return {one: tuple(times) for one, times in seconds.items()}


def _rounds(load: Load) -> int:
    return _ROUNDS_OF_MANY_TOKENS if load.texts * load.tokens >= _MANY_TOKENS else _ROUNDS


def _call(engine: GraphEngine, batches: Sequence[TokenBatch]) -> None:
    for _ in range(_IN_A_ROW):
        list(engine.run_all(batches))


def _batch(n_texts: int, n_tokens: int) -> TokenBatch:
    """Texts to time a graph with: of one and the same token, which takes as long as any other."""
    ones = np.ones((n_texts, n_tokens), np.int64)
    return TokenBatch(ones, ones, np.zeros_like(ones))


def _remembered(
    graph: Path, wanted: list[EngineSettings], *, longest: int, progress: Progress
) -> EngineSettings | Division:
    hangs_on = {
        "graph": fingerprint.sha256_of_file(graph),
        "candidates": [asdict(one) for one in wanted],
        "loads": LOADS,
        "machine": {name: value for name, value in machine.describe().items() if name in _OF_SPEED},
        "openvino": machine.installed_version("openvino"),
    }
    path = places.engines_root() / f"{fingerprint.of_settings(hangs_on)}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):  # absent, or of another version: measured anew
        return _read(json.loads(path.read_text(encoding="utf-8"))["chosen"])
    found = measured(graph, wanted, longest=longest, progress=progress)
    chosen = chosen_of(found)
    usual = np.array(next(iter(found.values())))
    relative = {str(one): (np.array(seconds) / usual).tolist() for one, seconds in found.items()}
    with suppress(OutputError):  # a home that cannot be written: measured again the next time
        files.write_json(path, {"chosen": asdict(chosen), "relative_times": relative} | hangs_on)
    progress.say(f"Answering with {chosen}, the fastest of {len(found)} settings measured on this machine")
    return chosen


def _read(kept: dict[str, Any]) -> EngineSettings | Division:
    if "usual" not in kept:
        return EngineSettings(**kept)
    usual, other = (EngineSettings(**kept[name]) for name in ("usual", "other"))
    return Division(usual, other, tuple(Load(*load) for load in kept["loads"]))
