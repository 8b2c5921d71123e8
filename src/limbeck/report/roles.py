"""Which of the models a name means, so that each keeps its place and colour throughout the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from limbeck.records.verdict import ARTIFACT, BASELINE, STUDENT, TEACHER, ModelScores, Timing, Verdict

Role = Literal["teacher", "baseline", "student", "artifact", "other"]

# The order of the columns: what was given, what one could have had, what was learned, what ships.
_ROLE_OF_FIRST_WORDS: dict[str, Role] = {
    TEACHER: "teacher",
    BASELINE: "baseline",
    "baseline": "baseline",
    STUDENT: "student",
    ARTIFACT: "artifact",
}
_ORDER: tuple[Role, ...] = ("teacher", "baseline", "student", "artifact", "other")


def role_of(name: str) -> Role:
    """The role of a model by the first words of its name: "artifact (int8)" is the artifact."""
    for first_words, role in _ROLE_OF_FIRST_WORDS.items():
        if name.startswith(first_words):
            return role
    return "other"


@dataclass(frozen=True)
class Side:
    """One model with everything that was measured of it.

    Args:
        role: Its place and colour.
        scores: Fidelity, size, parameters.
        timing: Its speed, or None where it was not timed.
    """

    role: Role
    scores: ModelScores
    timing: Timing | None

    @property
    def name(self) -> str:
        """Its name as the records have it."""
        return self.scores.name


def sides(verdict: Verdict) -> tuple[Side, ...]:
    """The models of a verdict from left to right, each with its timing."""
    timing_of: dict[Role, Timing] = {}
    for timing in verdict.timings:
        timing_of.setdefault(role_of(timing.name), timing)
    found = [Side(role_of(model.name), model, timing_of.get(role_of(model.name))) for model in verdict.models]
    return tuple(sorted(found, key=lambda side: _ORDER.index(side.role)))


def timings_in_order(verdict: Verdict) -> tuple[Timing, ...]:
    """The timings in the order of the models' columns."""
    return tuple(sorted(verdict.timings, key=lambda timing: _ORDER.index(role_of(timing.name))))


def first_of(role: Role, among: Sequence[Side]) -> Side | None:
    """The first side that plays `role`, or None."""
    return next((side for side in among if side.role == role), None)
