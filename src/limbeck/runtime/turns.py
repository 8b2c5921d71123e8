"""Calls timed in turns: each round makes every one of them once, so that a noisy machine is noisy to all."""

import gc
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key")

SPIN_SECONDS = 0.1
"""Threads of onnxruntime that spin go on for 45 to 55 ms after a call and keep a core from the next (see lab log)."""


def in_turns(
    calls: Mapping[Key, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = 3,
    rests: Mapping[Key, float] = MappingProxyType({}),
    clock: Callable[[], float] = time.perf_counter,
    told: Callable[[], None] = lambda: None,
) -> dict[Key, NDArray[np.float64]]:
    """Time calls; the order turns around from round to round.

    Args:
        calls: What to time, by name.
        rounds: How often each is timed, at least 1.
        warm_up: How often each is called before the clock runs.
        rests: Seconds that are waited after a call, until its threads leave the cores to whoever is next.
        clock: Seconds that only ever grow.
        told: Called after each round.

    Returns: (rounds,) seconds of each, in the order of the rounds.
    """
    for call in calls.values():
        for _ in range(warm_up):
            call()
    seconds: dict[Key, list[float]] = {key: [] for key in calls}
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            for key in list(calls) if number % 2 == 0 else reversed(list(calls)):
                start = clock()
                calls[key]()
                seconds[key].append(clock() - start)
                if key in rests:
                    time.sleep(rests[key])
            told()
    finally:
        if was_on:
            gc.enable()
    return {key: np.array(found) for key, found in seconds.items()}
