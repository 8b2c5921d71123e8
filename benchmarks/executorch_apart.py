"""ExecuTorch in a process of its own, timed there: its pool of threads has no peace beside those of other runtimes."""

import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Inputs = list[NDArray[np.int64]]


class ExecuTorchApart:
    """A program, loaded elsewhere.

    Args:
        path: The .pte; it takes one text.
        threads: That compute.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, its_end = context.Pipe()
        self._process = context.Process(target=_answer, args=(its_end, path, threads), daemon=True)
        self._process.start()
        its_end.close()

    def milliseconds(self, texts: list[Inputs]) -> float:
        """Of all texts, one after the other, the second time that they are asked.

        Args:
            texts: Of each what the program takes, in its order.
        """
        self._line.send(texts)
        return float(self._line.recv())

    def close(self) -> None:
        """Let it end."""
        self._line.close()
        self._process.join()


def _answer(line: Connection, path: Path, threads: int) -> None:
    import torch
    from executorch.runtime import Runtime

    from limbeck.targets.executorch import compute_on

    compute_on(threads)
    program = Runtime.get().load_program(path)
    method = program.load_method("forward")
    while True:
        try:
            texts = line.recv()
        except EOFError:
            return
        asked = [[torch.from_numpy(values) for values in inputs] for inputs in texts]
        for _ in range(2):
            start = time.perf_counter()
            for inputs in asked:
                method.execute(inputs)
            taken = time.perf_counter() - start
        line.send(1000 * taken)
