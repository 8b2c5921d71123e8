"""What each stage of the sample run cost, and where its bytes are, with SST-2-like numbers."""

import numpy as np

from limbeck.encoder.parts import (
    ATTENTION,
    EMBEDDING,
    FEED_FORWARD,
    GRAPH,
    HEAD,
    TOKENIZER,
    ModelBytes,
    PartBytes,
)
from limbeck.evaluate import Doubt, Twin
from limbeck.evaluate.gain import Outcomes
from limbeck.evaluate.stages import StageSide, stage_costs
from limbeck.records.verdict import ARTIFACT_EXPORTED, STUDENT_EXPORTED, Saturation, StageCosts
from limbeck.tasks import TASKS
from limbeck.tasks.task import AnyLogits
from limbeck.text.examples import Examples

DOUBT = Doubt(0.95, 200, 0)
TASK = TASKS["classification"]


def sample_stages(n: int = 872, *, n_twins: int = 500, labelled: bool = True) -> StageCosts:
    """A teacher right nine times in ten, a student that parts from it now and then, and an artifact near the student.

    Args:
        n: Texts.
        n_twins: Texts that PyTorch answered; 0 for none.
        labelled: Whether people labelled them.
    """
    draw = np.random.default_rng(0)
    labels = draw.integers(2, size=n)
    teacher = 2.2 * np.eye(2)[labels] + draw.standard_normal((n, 2))
    student = teacher + 0.5 * draw.standard_normal((n, 2))
    artifact = student + 0.08 * draw.standard_normal((n, 2))
    examples = Examples(
        tuple(f"film {index}" for index in range(n)), None, labels if labelled else None, ("negative", "positive")
    )

    def measured(name: str, logits: AnyLogits, some: Examples, wanted: AnyLogits | None) -> Outcomes:
        return Outcomes(
            name,
            None if wanted is None else TASK.agreement_of(logits, wanted),
            None if some.labels is None else TASK.score_of(logits, some.labels),
        )

    rows = np.arange(n_twins)
    found = stage_costs(
        StageSide("teacher", teacher, measured("teacher", teacher, examples, None)),
        StageSide("student (float32)", student, measured("student (float32)", student, examples, teacher)),
        StageSide("artifact (int8)", artifact, measured("artifact (int8)", artifact, examples, teacher)),
        twins=(
            Twin(STUDENT_EXPORTED, rows, "student in PyTorch", student[rows], "student (float32)", student[rows]),
            Twin(
                ARTIFACT_EXPORTED, rows, "quantized student in PyTorch", artifact[rows] + 0.004, "artifact (int8)",
                artifact[rows] + 0.01 * draw.standard_normal((n_twins, 2)),
            ),
        )[: 2 * (n_twins > 0)],
        saturation=Saturation(n_products=19, largest_pair=127, n_blocks=0),
        examples=examples,
        task=TASK,
        measured=measured,
        doubt=DOUBT,
    )  # fmt: skip
    assert found is not None
    return found


def sample_bytes() -> tuple[ModelBytes, ...]:
    """Where the bytes of the sample run's teacher, student and artifact are."""

    def model(name: str, sizes: dict[str, int], *, bits: tuple[int, ...]) -> ModelBytes:
        parts = (
            PartBytes(part, 4, n_bytes // 4, bits, n_bytes)
            if part not in {TOKENIZER, GRAPH}
            else PartBytes(part, 0, 0, (), n_bytes)
            for part, n_bytes in sizes.items()
        )
        return ModelBytes(name, tuple(parts))

    table, attention, forward, head = 47_669_760, 2_365_440, 4_724_736, 594_440
    beside = {TOKENIZER: 712_396}
    whole = {EMBEDDING: table, ATTENTION: 6 * attention, FEED_FORWARD: 6 * forward, HEAD: head} | beside
    half = whole | {ATTENTION: 3 * attention, FEED_FORWARD: 3 * forward, GRAPH: 41_210}
    small = {EMBEDDING: 12_044_616, ATTENTION: 1_785_000, FEED_FORWARD: 3_560_000, HEAD: 153_000} | beside
    return (
        model("teacher", whole, bits=(32,)),
        model("student (float32)", half, bits=(32,)),
        model("artifact (int8)", small | {GRAPH: 48_770}, bits=(8, 32)),
    )
