"""What a sweep has to tell: every pair of student and scheme with its figures. Plain data, to JSON and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from limbeck.ground import wording
from limbeck.records.run import from_json, to_json
from limbeck.records.score import Score
from limbeck.records.verdict import Check, ModelScores, Timing


@dataclass(frozen=True)
class SweptPair:
    """One student in one scheme: a run of its own, and how it stands among the others.

    Args:
        layers: Layers of the student.
        scheme: Bits as asked for, in their one notation.
        shipped_scheme: The artifact's, which differs where remedies were needed; the bits stay the same.
        folder: Its run's folder, from the sweep's.
        scores: The artifact's, on the same held-out texts as every other's.
        timing: Its speed, timed in turns with all others.
        checks: Every tolerance that the recipe sets.
        passed: All of them held.
        on_front: No other pair is at least as good in retention (agreement, without labels), size and p50 latency, and
            better in one; latencies count to two figures, as finer differences are the machine's.
    """

    layers: int
    scheme: str
    shipped_scheme: str
    folder: str
    scores: ModelScores
    timing: Timing
    checks: tuple[Check, ...]
    passed: bool
    on_front: bool

    @property
    def name(self) -> str:
        """What tables and sentences call it."""
        return pair_name(self.layers, self.scheme)

    @property
    def fidelity(self) -> Score:
        """What it is weighed by."""
        return fidelity_of(self.scores)


@dataclass(frozen=True)
class SweepRecord:
    """What a sweep has to tell: the source of its page and of sweep.json.

    Args:
        limbeck_version: Version that ran.
        sentence: What a reader should know who reads nothing else.
        teacher: As in `RunRecord`.
        teacher_scores: The teacher's, on the held-out texts.
        teacher_timing: Its speed, timed in turns with all pairs; None where it does not run on this machine.
        data: As in `RunRecord`.
        recipe: What all pairs share of their recipes: all but the number of layers and the scheme.
        n_held_out: Held-out texts.
        task: What was asked; see `limbeck.tasks`.
        pairs: By student, then by scheme, as asked for.
        machine: As in `RunRecord`.
    """

    limbeck_version: str
    sentence: str
    teacher: Mapping[str, str]
    teacher_scores: ModelScores
    teacher_timing: Timing | None
    data: Mapping[str, int | str]
    recipe: Mapping[str, Any]
    n_held_out: int
    task: str
    pairs: tuple[SweptPair, ...]
    machine: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether any pair is within its tolerances."""
        return any(pair.passed for pair in self.pairs)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return to_json(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:  # noqa: ANN401  (parsed JSON)
        """The record from JSON values, checked field by field."""
        return from_json(cls, value)


def pair_name(n_layers: int, scheme: str) -> str:
    """Student and scheme in words: "2 layers, w4a8e4", "static, w8a8e8"."""
    return f"{wording.counted(n_layers, 'layer') if n_layers else 'static'}, {scheme}"


def fidelity_of(scores: ModelScores) -> Score:
    """Retention; agreement where texts have no labels."""
    found = scores.retention or scores.agreement
    assert found is not None, "a sweep has its teacher at hand"
    return found
