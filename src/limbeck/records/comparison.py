"""What a comparison has to tell: several models on the same texts, and what parts each two. Plain data, to JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import TypeAdapter

from limbeck.records.run import from_json, to_json
from limbeck.records.score import Score
from limbeck.records.verdict import ModelScores, PairedDifference, Timing


@dataclass(frozen=True)
class ComparedModel:
    """One model among the others.

    Args:
        name: What tables and sentences call it.
        kind: What it is: "artifact (int8)", "ONNX Runtime".
        fingerprint: Names what answers: of an artifact the SHA-256 of its graph.
        scores: On the same held-out texts as every other's.
        timing: Its speed, timed in turns with all others.
        n_truncated: How many of the texts it cut; None where nobody knows.
        on_front: No other model is at least as good in fidelity, size and p50 latency, and better in one; latencies
            count to two figures, as finer differences are the machine's.
    """

    name: str
    kind: str
    fingerprint: str
    scores: ModelScores
    timing: Timing
    n_truncated: int | None
    on_front: bool

    @property
    def fidelity(self) -> Score:
        """What it is weighed by: retention, without labels agreement, without a teacher the score."""
        found = self.scores.retention or self.scores.agreement or self.scores.score
        assert found is not None, "texts have labels, or the teacher's answers are known"
        return found

    def fidelity_name(self, score_name: str) -> str:
        """What that is called, where the task calls its score so."""
        if self.scores.retention is not None:
            return "retention"
        return score_name if self.scores.agreement is None else "agreement"


@dataclass(frozen=True)
class ComparedPair:
    """What parts two of the models.

    Args:
        first: The one's name.
        second: The other's.
        score: Difference of the scores; None without labels.
        agreement: Difference of the agreements with the teacher; None without its answers.
    """

    first: str
    second: str
    score: PairedDifference | None
    agreement: PairedDifference | None

    @property
    def told(self) -> tuple[PairedDifference, ...]:
        """The differences that were measured."""
        return tuple(one for one in (self.score, self.agreement) if one is not None)

    @property
    def told_apart(self) -> bool:
        """Whether these texts tell the two apart in anything."""
        return any(one.told_apart for one in self.told)


@dataclass(frozen=True)
class ComparisonRecord:
    """What a comparison has to tell: the source of its page and of compare.json.

    Args:
        limbeck_version: Version that compared.
        choice: Name of the model to take.
        sentence: Which one to take, and why.
        not_told_apart: Which pairs these texts cannot tell apart, in a sentence.
        notes: What else a reader should know, in sentences.
        teacher: Its fingerprint, and its name where it was asked; empty where its answers are not known.
        teacher_scores: The teacher's, on the same texts; None where its answers are not known.
        teacher_timing: Its speed, timed in turns with all others; None where it was not at hand.
        data: Number and fingerprint of the texts.
        n_held_out: Held-out texts.
        task: What was asked; see `limbeck.tasks`.
        models: As they were given.
        pairs: Every pair of them.
        machine: As in `RunRecord`.
    """

    limbeck_version: str
    choice: str
    sentence: str
    not_told_apart: str
    notes: tuple[str, ...]
    teacher: Mapping[str, str]
    teacher_scores: ModelScores | None
    teacher_timing: Timing | None
    data: Mapping[str, int | str]
    n_held_out: int
    task: str
    models: tuple[ComparedModel, ...]
    pairs: tuple[ComparedPair, ...]
    machine: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return to_json(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:  # noqa: ANN401  (parsed JSON)
        """The record from JSON values, checked field by field."""
        return from_json(cls, value)


def comparison_schema() -> dict[str, Any]:
    """The JSON schema of `compare.json`, for tools that read it."""
    return TypeAdapter(ComparisonRecord).json_schema()
