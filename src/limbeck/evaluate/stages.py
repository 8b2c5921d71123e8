"""What each stage cost: from the teacher to the student, to its integers, to another processor, and into a file.

Two questions, so two kinds of rows. Through the files that ship, on all held-out texts: what distilling and quantizing
did. On as many texts as PyTorch can answer in the time: whether a file answers as the weights do that it was made of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.artifact.packing import LARGEST_PAIR
from limbeck.evaluate import scores
from limbeck.evaluate.differences import differences
from limbeck.evaluate.gain import Outcomes
from limbeck.evaluate.scores import Doubt
from limbeck.evaluate.some import logits_of
from limbeck.ground import wording
from limbeck.records.score import Score
from limbeck.records.verdict import (
    ARTIFACT_EXPORTED,
    DISTILLED,
    ELSEWHERE,
    IN_ALL,
    QUANTIZED,
    STUDENT_EXPORTED,
    PairedDifference,
    Saturation,
    StageCost,
    StageCosts,
)
from limbeck.tasks import MeasureWords, Task
from limbeck.tasks.measures import Measure
from limbeck.tasks.task import AnyLogits
from limbeck.text.examples import Examples

_NOT_RUN = "Not computed: onnxruntime takes its kernels by the processor it finds, and no setting makes it take others."
_EXPORTED = (STUDENT_EXPORTED, ARTIFACT_EXPORTED)
_DOING = {DISTILLED: "Distilling", QUANTIZED: "quantizing"}


@dataclass(frozen=True)
class StageSide:
    """What a model said about texts, and what became of it.

    Args:
        name: The model's.
        logits: (n, classes), or those of the texts' units.
        outcomes: Its score and agreement on these texts.
    """

    name: str
    logits: AnyLogits
    outcomes: Outcomes


@dataclass(frozen=True)
class Twin:
    """The weights of a file, computed once more in PyTorch, on some of the held-out texts.

    Args:
        stage: `STUDENT_EXPORTED` or `ARTIFACT_EXPORTED`.
        rows: (m,) which texts, rising.
        name: What it is called: "student in PyTorch".
        logits: Of these texts, in PyTorch.
        shipped_name: What the file is called.
        shipped_logits: Of these texts, by the file, in the same batches.
    """

    stage: str
    rows: NDArray[np.int64]
    name: str
    logits: AnyLogits
    shipped_name: str
    shipped_logits: AnyLogits


Measured = Callable[[str, AnyLogits, Examples, AnyLogits | None], Outcomes]
"""A model's name, its logits, the texts, the teacher's logits of them -> what became of them."""


def stage_costs(
    teacher: StageSide | None,
    student: StageSide | None,
    artifact: StageSide,
    *,
    twins: Sequence[Twin],
    saturation: Saturation | None,
    examples: Examples,
    task: Task,
    measured: Measured,
    doubt: Doubt,
) -> StageCosts | None:
    """What each stage cost, as far as its two sides are at hand.

    Shares are compared by McNemar's exact test, all else by the paired bootstrap; each stage is a question of its own,
    so p-values are not corrected.

    Args:
        teacher: On all held-out texts.
        student: The float32 file, on the same.
        artifact: The same.
        twins: The files that were computed once more; none where PyTorch was not asked.
        saturation: What was found in the artifact's graph; None where nobody looked.
        examples: The n held-out texts.
        task: What is asked.
        measured: How answers to some texts are measured.
        doubt: How intervals are made.

    Returns: None where there is no student to tell distilling from quantizing by.
    """
    if student is None:
        return None
    found = []
    names = examples.label_names
    pairs = {DISTILLED: (teacher, student), QUANTIZED: (student, artifact), IN_ALL: (teacher, artifact)}
    for stage, (before, after) in pairs.items():
        if before is not None and after is not None:
            found.append(
                _cost(stage, before, after, is_from_teacher=before is teacher, task=task, names=names, doubt=doubt)
            )
        if stage == QUANTIZED:
            found.append(_elsewhere(artifact.name, saturation))
    for twin in twins:
        some = examples.take(twin.rows)
        wanted = None if teacher is None else logits_of(teacher.logits, twin.rows)
        sides = [
            StageSide(name, logits, measured(name, logits, some, wanted))
            for name, logits in ((twin.name, twin.logits), (twin.shipped_name, twin.shipped_logits))
        ]
        found.append(
            _cost(twin.stage, *sides, is_from_teacher=False, task=task.within(some.groups), names=names, doubt=doubt)
        )
    return StageCosts(tuple(found), _sentence({cost.name: cost for cost in found}, task))


def _cost(
    stage: str,
    before: StageSide,
    after: StageSide,
    *,
    is_from_teacher: bool,
    task: Task,
    names: Sequence[str],
    doubt: Doubt,
) -> StageCost:
    def changed(words: MeasureWords, one: Measure | None, other: Measure | None) -> PairedDifference | None:
        return None if one is None or other is None else differences([(one, other)], doubt, name=words.name)[0]

    def told(measure: Measure | None) -> Score | None:
        return None if measure is None else scores.of_one(measure, doubt)

    return StageCost(
        name=stage,
        before=before.name,
        after=after.name,
        n=len(after.logits),
        n_changed=len(task.changes(after.logits, before.logits, names)),
        score=told(after.outcomes.score),
        agreement=told(after.outcomes.agreement),
        score_change=changed(task.score, after.outcomes.score, before.outcomes.score),
        agreement_change=None
        if is_from_teacher
        else changed(task.agreement, after.outcomes.agreement, before.outcomes.agreement),
    )


def _elsewhere(name: str, saturation: Saturation | None) -> StageCost:
    """What the file tells of processors that multiply integers in pairs; they are not here to be asked."""
    return StageCost(
        ELSEWHERE, name, f"{name} without VNNI", n=0, n_changed=None, note=f"{_NOT_RUN} {_known(saturation)}"
    )


def _known(saturation: Saturation | None) -> str:
    if saturation is None:
        return "Nobody looked into the file either."
    of_blocks = (
        f" Of {wording.counted(saturation.n_blocks, 'product')} of blocks, the engine’s own, nothing is known."
        if saturation.n_blocks
        else ""
    )
    if not saturation.n_products:
        return f"The file has no product of 8-bit integers that could be cut off there.{of_blocks}"
    pair = f"two neighbouring weights of one sign sum to {saturation.largest_pair}, and {LARGEST_PAIR} always fit"
    if saturation.largest_pair <= LARGEST_PAIR:
        return (
            f"From the file: the sums of its {wording.counted(saturation.n_products, 'product')} of integers are the "
            f"same there to the bit ({pair}). Sums of floats may round otherwise.{of_blocks}"
        )
    return f"From the file: sums of integers can be cut off there, and answers differ ({pair}).{of_blocks}"


def _sentence(costs: Mapping[str, StageCost], task: Task) -> str:
    """Which stage cost what, in plain words."""
    clauses = [f"{doing} {_clause(costs[stage], task)}" for stage, doing in _DOING.items() if stage in costs]
    twins = [costs[stage] for stage in _EXPORTED if stage in costs]
    if twins:
        counts = sorted({cost.n_changed or 0 for cost in twins})
        told = "none" if counts == [0] else f"at most {counts[-1]}" if len(counts) > 1 else str(counts[0])
        clauses.append(f"exporting changed {told} of {wording.counted(twins[0].n, 'answer')}")
    else:
        clauses.append("whether exporting changed answers was not measured")
    return wording.sentence_case("; ".join(clauses)) + "."


def _clause(cost: StageCost, task: Task) -> str:
    change = cost.score_change or cost.agreement_change
    words = task.score if cost.score_change else task.agreement
    if change is None:
        agreement = cost.agreement
        return f"left {task.agreement.name} at {wording.percent(None if agreement is None else agreement.value)}"
    points = wording.points(change.difference.value)
    if change.told_apart:
        did = "cost" if change.difference.value < 0 else "brought"
        return f"{did} {points.lstrip('+−')} of {words.name}"
    return f"cost no {words.name} that {wording.counted(change.difference.n, *words.units)} can show ({points})"
