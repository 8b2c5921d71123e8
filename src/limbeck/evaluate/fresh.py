"""What a fresh process takes: from its start to the first answer, and its peak memory. Files lie in the disk's cache.

Everything else is timed in a process that has answered before. Who starts a server, a function in the cloud or a
command pays for the imports, the loading and the first answer too.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limbeck.ground.progress import SILENT, Progress
from limbeck.records.speed import FreshStart
from limbeck.text.examples import Examples

_SCRIPT = Path(__file__).with_name("fresh_artifact.py")
_LONGEST_SECONDS = 300
_LAST_CHARACTERS = 500


@dataclass(frozen=True)
class Start:
    """A side that answers in a process of its own.

    Args:
        arguments: Of Python. The process reads {"text", "text_pair"} as JSON on stdin, answers it, and prints a line of
            JSON with "peak_bytes" when it has.
    """

    arguments: tuple[str, ...]


def of_artifact(folder: Path, *, threads: int, engine: str = "onnxruntime") -> Start:
    """An artifact that `limbeck.load` loads, its hashes checked, as anybody would."""
    return Start((str(_SCRIPT), str(folder), str(threads), engine))


def measure(
    starts: Sequence[Start | None],
    examples: Examples,
    *,
    n: int,
    seconds: float | None = None,
    progress: Progress = SILENT,
) -> list[FreshStart | None]:
    """Start each side n times, in turns, after one start that nobody times and that brings its files into memory.

    Args:
        starts: The sides; None for those that cannot be started alone.
        examples: Their first text is answered.
        n: Processes a side; 0 measures nothing.
        seconds: What all of them may take, about; all sides have fewer processes, one at least, where the starts that
            nobody times show that it would be more. None: no matter how long.
        progress: Told how far it is.

    Returns: What each took; None where nothing was measured, or where a process did not answer, which is told.
    """
    asked = _asked(examples)
    there = [start for start in starts if start is not None and n > 0]
    took: dict[Start, list[float]] = {start: [] for start in there}
    peaks: dict[Start, list[int]] = {start: [] for start in there}
    n_rounds, spent = n, 0.0
    with progress.bar("fresh processes", total=(n + 1) * len(there), unit="starts") as bar:
        for round_index in range(n + 1):
            if round_index > n_rounds:
                break
            for start in [one for one in there if one in took]:
                lasted, told = _run(start, asked)
                spent += lasted
                bar.advance()
                if isinstance(told, str):
                    progress.say(f"A process of its own that was to answer one text did not: {told}")
                    del took[start]
                elif round_index:
                    took[start].append(lasted)
                    peaks[start] += [told["peak_bytes"]] if told["peak_bytes"] else []
            if not round_index:
                n_rounds = _affordable(n, spent, seconds)
    return [None if start is None or not took.get(start) else _summed_up(took[start], peaks[start]) for start in starts]


def reckoned(
    starts: Sequence[Start], examples: Examples, *, n: int, seconds: float, progress: Progress = SILENT
) -> float:
    """What `measure` would take, by one start of each side.

    Args:
        starts: The sides.
        examples: As for `measure`.
        n: As for `measure`.
        seconds: As for `measure`.
        progress: As for `measure`.

    Returns: Seconds.
    """
    if not n:
        return 0.0
    a_round, asked = 0.0, _asked(examples)
    with progress.bar("timing: fresh processes", total=len(starts), unit="starts") as bar:
        for start in starts:
            a_round += _run(start, asked)[0]
            bar.advance()
    return a_round * (1 + _affordable(n, a_round, seconds))


def _affordable(n: int, a_round: float, seconds: float | None) -> int:
    """How many rounds of starts there are after the first, which nobody times."""
    return n if seconds is None or a_round <= 0 else max(1, min(n, int(seconds / a_round) - 1))


def _asked(examples: Examples) -> str:
    """What a process is asked: the first text, as JSON."""
    pairs = examples.text_pairs
    return json.dumps({"text": examples.texts[0], "text_pair": None if pairs is None else pairs[0]})


def _run(start: Start, asked: str) -> tuple[float, dict[str, int | None] | str]:
    """Seconds up to the end of the process that answered, and what it told; or the last words of one that did not."""
    began = time.perf_counter()
    command = [sys.executable, "-P", *start.arguments]
    try:
        done = subprocess.run(  # noqa: S603  (this very Python, and a script of ours)
            command,
            input=asked,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 0.0, f"it took more than {_LONGEST_SECONDS} s"
    took = time.perf_counter() - began
    try:
        found: dict[str, int | None] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return took, done.stderr[-_LAST_CHARACTERS:].strip() or f"it ended with exit code {done.returncode}"
    return took, found


def _summed_up(seconds: Sequence[float], peaks: Sequence[int]) -> FreshStart:
    median = float(np.median(seconds))
    return FreshStart(median, (max(seconds) - min(seconds)) / median, max(peaks, default=None), len(seconds))
