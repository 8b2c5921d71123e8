"""What a benchmark of an artifact has to tell: each engine at each length, call size and number of threads. To JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limbeck.records.run import to_json


@dataclass(frozen=True)
class BenchCell:
    """How long calls of one kind took, from texts to logits, tokenization included.

    Args:
        engine: "onnxruntime" or "openvino".
        threads: Threads that it computed with.
        n_texts: Texts handed over in a call.
        n_tokens: Tokens of each text, special ones included.
        p50_ms: Milliseconds of a call, median.
        p95_ms: Of all calls 5 % took longer.
        p99_ms: Of all calls 1 % took longer.
        spread: (largest - smallest) / median of the medians of five stretches of calls, one after the other.
        n: Calls.
    """

    engine: str
    threads: int
    n_texts: int
    n_tokens: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    spread: float
    n: int

    @property
    def texts_per_second(self) -> float:
        """At the median."""
        return 1000 * self.n_texts / self.p50_ms

    @property
    def side(self) -> str:
        """Who answered, as a table tells it."""
        return f"{self.engine}, {self.threads} thread{'s'[: self.threads > 1]}"


@dataclass(frozen=True)
class BenchRecord:
    """A benchmark.

    Args:
        limbeck_version: What measured.
        artifact: Name of the artifact's folder.
        scheme: Of its quantized graph.
        shape: Layers, hidden size and so on.
        machine: As `limbeck.ground.machine.describe` tells it.
        cells: All engines at one length and call size beside each other, as they were timed in turns.
        n_earlier: How many of these cases an earlier attempt had timed, which was killed.
    """

    limbeck_version: str
    artifact: str
    scheme: str
    shape: Mapping[str, int]
    machine: Mapping[str, str]
    cells: tuple[BenchCell, ...]
    n_earlier: int = 0

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values, each cell with its texts a second."""
        found = to_json(self)
        rates = [{"texts_per_second": cell.texts_per_second} for cell in self.cells]
        return found | {"cells": [cell | rate for cell, rate in zip(found["cells"], rates, strict=True)]}
