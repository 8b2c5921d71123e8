"""The finished cases of a benchmark that is not complete: a killed one goes on from there, a complete one leaves none.

They are kept in LIMBECK_HOME under a name made of all that they hang on, for a day.
"""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

from limbeck.errors import OutputError
from limbeck.ground import files, fingerprint, places
from limbeck.records.bench import BenchCell
from limbeck.records.run import from_json, to_json

KEPT_SECONDS = 24 * 3600.0
"""Since the last case was timed; after that the machine may be another one under the same name."""

Case = tuple[int, int]
"""Tokens of a text, and texts of a call."""


class BenchMemory:
    """What a benchmark has timed so far.

    A home that cannot be read or written keeps nothing, and nobody is told: the benchmark then begins anew.

    Args:
        hangs_on: All that tells this benchmark from another, as a JSON value.
    """

    def __init__(self, hangs_on: Mapping[str, Any]) -> None:
        root = places.benches_root()
        _remove_old(root)
        self._path = root / f"{fingerprint.of_settings(hangs_on)}.json"
        self._hangs_on = hangs_on
        self._cells: list[BenchCell] = []
        with suppress(OSError, ValueError, KeyError, TypeError):  # absent, or of another version
            self._cells = [from_json(BenchCell, cell) for cell in json.loads(self._path.read_bytes())["cells"]]

    def cases(self) -> dict[Case, list[BenchCell]]:
        """The finished cases, each with the cells of all its sides."""
        found = groupby(self._cells, key=lambda cell: (cell.n_tokens, cell.n_texts))
        return {case: list(cells) for case, cells in found}

    def keep(self, cells: Sequence[BenchCell]) -> None:
        """Write a case down, as soon as it is finished."""
        self._cells += cells
        with suppress(OutputError, OSError):
            files.write_json(self._path, {"cells": [to_json(cell) for cell in self._cells], **self._hangs_on})

    def forget(self) -> None:
        """Remove what was kept: the benchmark is complete, and the next one times anew."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _remove_old(root: Path) -> None:
    """Remove what nobody came back for."""
    with suppress(OSError):
        for path in root.glob("*.json"):
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink(missing_ok=True)
