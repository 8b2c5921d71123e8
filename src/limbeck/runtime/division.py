"""Two engines for one graph: one as usual, the other for the loads at which it was measured to be clearly faster.

One engine is often ahead with a short text and behind with a long one, or with many. Where that is worth the memory of
a second engine, each takes what it is better at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck.runtime.graph_engine import EngineSettings, Feeds, GraphEngine
from limbeck.tokens import TokenBatch


class Load(NamedTuple):
    """What an engine is asked at once: so many batches of so many texts, each text of so many tokens."""

    batches: int
    texts: int
    tokens: int

    def __str__(self) -> str:
        """As a sentence tells it."""
        each = f"{self.texts * self.tokens} tokens"
        return f"one batch of {each}" if self.batches == 1 else "several batches"


LOADS = (Load(1, 1, 16), Load(1, 1, 32), Load(1, 1, 128), Load(1, 8, 64), Load(4, 8, 64))
"""Those that engines are measured with. The last stands for all calls of several batches, each of the others for the
batches whose tokens, padding included, are nearest to its own by ratio."""
_ONE_BATCH, _SEVERAL = LOADS[:-1], LOADS[-1]
_TOKENS = np.log([load.texts * load.tokens for load in _ONE_BATCH])


@dataclass(frozen=True)
class Division:
    """Which of two engines takes which load.

    Args:
        usual: What takes all the others.
        other: What takes `loads`.
        loads: Of `LOADS`, at least one.
    """

    usual: EngineSettings
    other: EngineSettings
    loads: tuple[Load, ...]

    @property
    def threads(self) -> int:
        """Threads that compute, at most."""
        return max(self.usual.threads, self.other.threads)

    @property
    def engine(self) -> str:
        """What the answers hang on, in a name."""
        return f"{self.usual.engine}; {self.other.engine} for {self._told_loads}"

    def __str__(self) -> str:
        """As a table tells it."""
        return f"{self.usual}; {self.other} for {self._told_loads}"

    @property
    def _told_loads(self) -> str:
        return " and ".join(map(str, self.loads))

    def of_batch(self, n_tokens: int) -> EngineSettings:
        """Who takes a batch of so many tokens, padding included."""
        nearest = _ONE_BATCH[int(np.abs(_TOKENS - np.log(max(1, n_tokens))).argmin())]
        return self.other if nearest in self.loads else self.usual

    @property
    def of_several(self) -> EngineSettings:
        """Who takes several batches at once."""
        return self.other if _SEVERAL in self.loads else self.usual


class DividedEngine(GraphEngine):
    """One graph in two engines.

    Args:
        division: Who takes what.
        usual: The engine of `division.usual`.
        other: That of `division.other`, with the same graph.
    """

    def __init__(self, division: Division, usual: GraphEngine, other: GraphEngine) -> None:
        super().__init__(usual.path, inputs=usual.input_names, outputs={usual.output: usual.n_classes})
        self._division, self._engines = division, {division.usual: usual, division.other: other}

    def compute(self, feeds: Feeds) -> NDArray[np.float32]:
        """See `GraphEngine.compute`."""
        return self._engines[self._division.of_batch(feeds[self.input_names[0]].size)].compute(feeds)

    def _run_all(self, batches: Sequence[TokenBatch]) -> Iterator[NDArray[np.float32]]:
        if len(batches) == 1:
            return super()._run_all(batches)
        return self._engines[self._division.of_several].run_all(batches)
