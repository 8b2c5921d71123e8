"""The gate: what the user accepts against what was measured. Nothing is passed over in silence."""

from dataclasses import dataclass

from limbeck import wording
from limbeck.errors import RecipeError
from limbeck.packing import LARGEST_PAIR
from limbeck.recipe import Tolerances
from limbeck.records import Check, ModelScores, Saturation, Score
from limbeck.tasks import Task

_LABELS, _TEACHER, _TIMINGS = "labels", "the teacher's answers", "timings of the artifact"
PAIR_OF_WEIGHTS = "max_pair_of_weights"
"""What a check of saturation is called among the tolerances."""
_NEEDS = {
    "min_retention": (_LABELS, _TEACHER),
    "min_agreement": (_TEACHER,),
    "min_score": (_LABELS,),
    "max_size_mb": (),
    "max_latency_ms": (_TIMINGS,),
}


@dataclass(frozen=True)
class Evidence:
    """What there is to measure with.

    Args:
        has_labels: The texts are labelled.
        has_teacher: The teacher's answers to these texts are at hand.
        has_timings: The artifact was (or will be) timed.
    """

    has_labels: bool
    has_teacher: bool
    has_timings: bool

    def missing(self, tolerance: str) -> tuple[str, ...]:
        """What this tolerance needs and is not there, in words."""
        there = {_LABELS: self.has_labels, _TEACHER: self.has_teacher, _TIMINGS: self.has_timings}
        return tuple(need for need in _NEEDS[tolerance] if not there[need])


def refuse_unmeasurable(tolerances: Tolerances, evidence: Evidence) -> None:
    """Refuse tolerances that somebody wrote and nobody can check. Call it before the long work begins.

    Defaults that cannot be checked are not refused; `not_checked` tells of them.

    Raises:
        RecipeError: A tolerance that was set (not left at its default) needs labels, a teacher or timings that are not
            there; all of them in one message.
    """
    faults = [
        f"verify.tolerances.{name} needs {' and '.join(missing)}"
        for name in _set_tolerances(tolerances)
        if name in tolerances.model_fields_set and (missing := evidence.missing(name))
    ]
    if faults:
        raise RecipeError(
            f"Tolerances were set that these texts cannot check: {'; '.join(faults)}.",
            hint="Bring what is missing, or leave the tolerance out: a gate that cannot see must not say yes.",
        )


def not_checked(tolerances: Tolerances, evidence: Evidence) -> tuple[str, ...]:
    """A sentence for each tolerance that has a value but lacks what it needs."""
    return tuple(
        f"{name} was not checked: it needs {' and '.join(missing)}."
        for name in _set_tolerances(tolerances)
        if (missing := evidence.missing(name))
    )


def as_recorded(tolerances: Tolerances) -> Tolerances:
    """The same values, as if nobody had set them just now: for tolerances read back from an earlier run's recipe.

    They were asked of that run's texts. On other texts, those that cannot be checked are told, not refused.
    """
    values = {name: getattr(tolerances, name) for name in Tolerances.model_fields}
    return Tolerances.model_construct(_fields_set=set(), **values)


def check_all(
    tolerances: Tolerances, artifact: ModelScores, latency_ms: float | None, *, evidence: Evidence, task: Task
) -> tuple[Check, ...]:
    """Every tolerance that has a value and can be measured, checked.

    A figure equal to its bound passes. The figures themselves are compared, not the ends of their intervals: a bound
    says what the user accepts on these texts, and the interval beside it how far these texts can be trusted.

    Args:
        tolerances: What the user accepts.
        artifact: What was measured of the artifact.
        latency_ms: Its p50 at batch 1; None where it was not timed.
        evidence: What there was to measure with.
        task: What was asked.
    """
    bounds = {name: bound for name, bound in _set_tolerances(tolerances).items() if not evidence.missing(name)}
    checks = {
        "min_retention": lambda bound: _least("min_retention", "retention", bound, artifact.retention),
        "min_agreement": lambda bound: _least("min_agreement", "agreement", bound, artifact.agreement),
        "min_score": lambda bound: _least("min_score", task.score.name, bound, artifact.score),
        "max_size_mb": lambda bound: _most("max_size_mb", "size", bound, artifact.known_bytes / 1e6, "MB"),
        "max_latency_ms": lambda bound: _most("max_latency_ms", "latency (p50 at batch 1)", bound, latency_ms, "ms"),
    }
    return tuple(checks[name](bound) for name, bound in bounds.items())


def check_saturation(found: Saturation) -> tuple[Check, ...]:
    """Whether CPUs without VNNI give the same labels, where integers are multiplied and so much is claimed."""
    if not found.n_products:
        return ()
    passed = found.largest_pair <= LARGEST_PAIR
    sentence = (
        f"saturation is ruled out on CPUs without VNNI: two neighbouring weights sum to at most {found.largest_pair}, "
        f"and up to {LARGEST_PAIR} nothing is cut off"
        if passed
        else f"saturation changes answers on CPUs without VNNI: two neighbouring weights sum to {found.largest_pair}, "
        f"above {LARGEST_PAIR}"
    )
    return (Check(PAIR_OF_WEIGHTS, LARGEST_PAIR, found.largest_pair, passed, sentence),)


def saturation_not_checked(found: Saturation) -> tuple[str, ...]:
    """A sentence where products are the engine's own."""
    if not found.n_blocks:
        return ()
    products = wording.counted(found.n_blocks, "product")
    return (f"CPUs without VNNI were not looked at: {products} of blocks are the engine's own.",)


def _set_tolerances(tolerances: Tolerances) -> dict[str, float]:
    return {name: value for name in _NEEDS if (value := getattr(tolerances, name)) is not None}


def _least(tolerance: str, word: str, bound: float, score: Score | None) -> Check:
    if score is None:  # labels and a teacher are there, and the teacher is right on no text
        sentence = f"{word} cannot be measured, because the teacher's own score is not above 0"
        return Check(tolerance, bound, 0.0, passed=False, sentence=sentence)
    passed = score.value >= bound
    told = wording.told_apart(100 * score.value, 100 * bound)
    relation = "is at least" if passed else "is below"
    sentence = f"{word} {told} % {relation} the accepted {wording.plain(100 * bound)} %"
    if passed and score.interval.low < bound:
        sentence += f", though its interval reaches down to {wording.percent(score.interval.low)}"
    return Check(tolerance, bound, score.value, passed, sentence)


def _most(tolerance: str, word: str, bound: float, measured: float | None, unit: str) -> Check:
    assert measured is not None, tolerance  # what is missing was left out before
    passed = measured <= bound
    relation = "is within" if passed else "is above"
    sentence = (
        f"{word} {wording.told_apart(measured, bound)} {unit} {relation} the accepted {wording.plain(bound)} {unit}"
    )
    return Check(tolerance, bound, measured, passed, sentence)
