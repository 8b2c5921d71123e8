"""What was measured of speed and memory: latencies, calls of several sizes, chosen lengths, fresh processes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one answer at batch 1, tokenization included, over `n` timed calls."""

    p50_ms: float
    p99_ms: float
    n: int
    p95_ms: float | None = None


@dataclass(frozen=True)
class Throughput:
    """Texts a second when so many are handed over at once, in the order in which they stand in the data.

    Args:
        texts_per_call: Texts in one call; the last of a round may have fewer.
        texts_per_second: Median of the rounds.
        spread: (largest - smallest) / median of the rounds.
    """

    texts_per_call: int
    texts_per_second: float
    spread: float


@dataclass(frozen=True)
class LatencyAt:
    """Latency of single texts of one length.

    Args:
        n_tokens: Tokens of each text, as the artifact's tokenizer counts them, special ones included.
        latency: Over all calls of all rounds.
    """

    n_tokens: int
    latency: Latency


@dataclass(frozen=True)
class FreshStart:
    """What a process that does nothing else takes to answer its first text; files lie in the disk's cache.

    Args:
        seconds: From the start of the process to the first answer; median.
        spread: (longest - shortest) / median.
        peak_bytes: Largest resident memory of any of the processes; None where the system does not tell.
        n: Processes.
    """

    seconds: float
    spread: float
    peak_bytes: int | None
    n: int


@dataclass(frozen=True)
class TextLengths:
    """Tokens of the texts that were timed, as the artifact's tokenizer counts them, special ones included."""

    p5: float
    p50: float
    p95: float
    largest: int
    n: int
