"""Six held-out texts whose verdict can be worked out by hand: what the tests of this room judge.

text  label  teacher  student  baseline  artifact
0     no     no       no       no        no
1     yes    yes      yes      no        yes
2     yes    yes      yes      yes       no        changed
3     no     no       no       no        no
4     yes    no       no       no        no
5     no     no       yes      no        yes       changed
"""

import numpy as np
from numpy.typing import NDArray

from limbeck.evaluate import ModelAnswers
from limbeck.records.speed import Latency
from limbeck.records.verdict import Timing
from limbeck.text.examples import Examples

LABELS = [0, 1, 1, 0, 1, 0]
TEACHER = [0, 1, 1, 0, 0, 0]
STUDENT = [0, 1, 1, 0, 0, 1]
BASELINE = [0, 0, 1, 0, 0, 0]
ARTIFACT = [0, 1, 0, 0, 0, 1]
# The teacher's and artifact's logit of the chosen class; text 5 changed more surely than text 2.
SURENESS = [4.0, 4.0, 0.5, 4.0, 4.0, 2.0]


def examples(*, labelled: bool = True) -> Examples:
    """The six texts."""
    return Examples(
        texts=tuple(f"text {index}" for index in range(6)),
        text_pairs=None,
        labels=np.array(LABELS) if labelled else None,
        label_names=("no", "yes"),
    )


def logits(answers: list[int]) -> NDArray[np.float32]:
    """(6, 2) logits whose largest stands at `answers`; the other one is 0."""
    values = np.zeros((len(answers), 2), dtype=np.float32)
    values[np.arange(len(answers)), answers] = SURENESS[: len(answers)]
    return values


def teacher() -> ModelAnswers:
    """5 of 6 right, 80 MB."""
    return ModelAnswers("teacher", logits(TEACHER), size_bytes=80_000_000, n_parameters=20_000_000)


def student() -> ModelAnswers:
    """4 of 6 right, 5 of 6 as the teacher."""
    return ModelAnswers("student (float32)", logits(STUDENT), size_bytes=60_000_000, n_parameters=15_000_000)


def baseline() -> ModelAnswers:
    """4 of 6 right, 5 of 6 as the teacher."""
    return ModelAnswers("no-teacher baseline", logits(BASELINE), size_bytes=60_000_000, n_parameters=15_000_000)


def artifact() -> ModelAnswers:
    """3 of 6 right, 4 of 6 as the teacher, 16 MB."""
    return ModelAnswers("artifact (int8)", logits(ARTIFACT), size_bytes=16_000_000, n_parameters=15_000_000)


def timings() -> tuple[Timing, Timing]:
    """The artifact answers in 3 ms, the teacher in 39 ms."""
    return (
        Timing("teacher (PyTorch float32)", Latency(39.0, 60.0, 600), 100.0, 0.05, threads=2),
        Timing("artifact (int8)", Latency(3.0, 4.5, 600), 700.0, 0.04, threads=2),
    )
