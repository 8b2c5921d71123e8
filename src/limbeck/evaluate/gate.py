"""The gate: what the user accepts against what was measured. Nothing is passed over in silence."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from limbeck.artifact.packing import LARGEST_PAIR
from limbeck.errors import RecipeError
from limbeck.ground import wording
from limbeck.recipe.verify import Tolerances
from limbeck.records.proof import NonInferiority
from limbeck.records.reason import WeightFidelity
from limbeck.records.score import Score
from limbeck.records.verdict import Check, ModelScores, Saturation
from limbeck.runtime.weights_check import LARGEST_DIFFERENCE
from limbeck.tasks import Task

_LABELS, _TEACHER, _TIMINGS = "labels", "the teacher's answers", "timings of the artifact"
PAIR_OF_WEIGHTS = "max_pair_of_weights"
"""What a check of saturation is called among the tolerances."""
WEIGHTS = "max_weight_difference"
"""What a check of the weights is called among the tolerances."""
_NEEDS = {
    "min_retention": (_LABELS, _TEACHER),
    "min_agreement": (_TEACHER,),
    "min_score": (_LABELS,),
    "max_size_mb": (),
    "max_latency_ms": (_TIMINGS,),
    "non_inferior": (_LABELS, _TEACHER),
}
FURTHER = "min_further"
"""The table of tolerances on further measures; a check of one is called so, a dot and its name."""


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


def refuse_unmeasurable(tolerances: Tolerances, evidence: Evidence, task: Task) -> None:
    """Refuse tolerances that somebody wrote and nobody can check. Call it before the long work begins.

    Defaults that cannot be checked are not refused; `not_checked` tells of them.

    Raises:
        RecipeError: A tolerance that was set (not left at its default) needs labels, a teacher or timings that are not
            there, or is on a measure that the task does not have; all of them in one message.
    """
    further = [words.name for words in task.further]
    unknown = [name for name in tolerances.min_further if name not in further]
    if unknown and FURTHER in tolerances.model_fields_set:
        raise RecipeError(
            f"verify.tolerances.{FURTHER} names {', '.join(map(repr, unknown))}, which {task.name} does not have.",
            hint=f"It has: {', '.join(map(repr, further))}." if further else "It has no further measures.",
        )
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


def further_not_checked(tolerances: Tolerances, artifact: ModelScores) -> tuple[str, ...]:
    """A sentence for each further measure with a tolerance that was not measured on these texts.

    Raises:
        RecipeError: Somebody set them just now.
    """
    measured = [one.name for one in artifact.further]
    missing = [name for name in tolerances.min_further if name not in measured]
    if missing and FURTHER in tolerances.model_fields_set:
        raise RecipeError(
            f"verify.tolerances.{FURTHER} names {', '.join(map(repr, missing))}, which is not measured on these texts.",
            hint=f"Measured are: {', '.join(map(repr, measured))}."
            if measured
            else "Nothing further is measured here.",
        )
    return tuple(f"{FURTHER} of {name} was not checked: it is not measured on these texts." for name in missing)


def as_recorded(tolerances: Tolerances) -> Tolerances:
    """The same values, as if nobody had set them just now: for tolerances read back from an earlier run's recipe.

    They were asked of that run's texts. On other texts, those that cannot be checked are told, not refused. What that
    run's user had switched off stays so.
    """
    values = {name: getattr(tolerances, name) for name in Tolerances.model_fields}
    switched_off = {name for name in tolerances.model_fields_set if values[name] is None}
    return Tolerances.model_construct(_fields_set=switched_off, **values)


def check_all(
    tolerances: Tolerances,
    artifact: ModelScores,
    latency_ms: float | None,
    *,
    evidence: Evidence,
    task: Task,
    proof: NonInferiority | None = None,
) -> tuple[Check, ...]:
    """Every tolerance that has a value and can be measured, checked.

    A figure equal to its bound passes. The figures themselves are compared, and the interval beside them says how far
    these texts can be trusted; with `judge_by = "bound"` the lower ends of the intervals are compared instead.

    Args:
        tolerances: What the user accepts.
        artifact: What was measured of the artifact.
        latency_ms: Its p50 at batch 1; None where it was not timed.
        evidence: What there was to measure with.
        task: What was asked.
        proof: Whether the score is at most a margin below the teacher's; None where nobody could test it.
    """
    by_bound = tolerances.judge_by == "bound"

    def least(tolerance: str, word: str, bound: float, score: Score | None) -> Check:
        return _least(tolerance, word, bound, score, by_bound=by_bound)

    bounds = {name: bound for name, bound in _set_tolerances(tolerances).items() if not evidence.missing(name)}
    checks: dict[str, Callable[[float], Check]] = {
        "min_retention": lambda bound: least("min_retention", "retention", bound, artifact.retention),
        "min_agreement": lambda bound: least("min_agreement", "agreement", bound, artifact.agreement),
        "min_score": lambda bound: least("min_score", task.score.name, bound, artifact.score),
        "max_size_mb": lambda bound: _most("max_size_mb", "size", bound, artifact.known_bytes / 1e6, "MB"),
        "max_latency_ms": lambda bound: _most("max_latency_ms", "latency (p50 at batch 1)", bound, latency_ms, "ms"),
        "non_inferior": lambda _: _proven(proof, task),
    }
    further = {one.name: one.score for one in artifact.further}
    return (
        *(checks[name](bound) for name, bound in bounds.items()),
        *(
            least(f"{FURTHER}.{name}", name, bound, further[name])
            for name, bound in tolerances.min_further.items()
            if name in further
        ),
    )


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


def check_weights(found: WeightFidelity) -> tuple[Check, ...]:
    """Whether the quantized graph holds the float graph's weights, where any could be compared."""
    if not found.n_compared:
        return ()
    passed = not found.faults
    compared = wording.counted(found.n_compared, "weight")
    sentence = (
        f"weights are those of the float model: {compared} compared, none of them more than "
        f"{wording.percent(found.largest_difference, decimals=2)} off in scale"
        if passed
        else f"weights differ from the float model's: {found.faults[0]}"
        + (f", and {len(found.faults) - 1} more" if len(found.faults) > 1 else "")
    )
    return (Check(WEIGHTS, LARGEST_DIFFERENCE, found.largest_difference, passed, sentence),)


def saturation_not_checked(found: Saturation) -> tuple[str, ...]:
    """A sentence where products are the engine's own."""
    if not found.n_blocks:
        return ()
    products = wording.counted(found.n_blocks, "product")
    return (f"CPUs without VNNI were not looked at: {products} of blocks are the engine's own.",)


def _set_tolerances(tolerances: Tolerances) -> dict[str, float]:
    values = {name: getattr(tolerances, name) for name in _NEEDS}
    return {name: value for name, value in values.items() if value is not None and value is not False}


def _least(tolerance: str, word: str, bound: float, score: Score | None, *, by_bound: bool) -> Check:
    if score is None:  # labels and a teacher are there, and the teacher is right on no text
        sentence = f"{word} cannot be measured, because the teacher's own score is not above 0"
        return Check(tolerance, bound, 0.0, passed=False, sentence=sentence)
    if math.isnan(score.value) or (by_bound and not math.isfinite(score.interval.low)):
        sentence = f"{word} is not defined on these texts, or too few of them tell of it"
        return Check(tolerance, bound, 0.0, passed=False, sentence=sentence)
    if by_bound:
        low = score.interval.low
        told, accepted = wording.told_apart(100 * low, 100 * bound), f"the accepted {wording.plain(100 * bound)} %"
        sure = f"{wording.plain(100 * score.interval.confidence)} %"
        relation = "is at least" if low >= bound else "is below"
        sentence = f"the lower end of {word}'s {sure} interval, {told} %, {relation} {accepted}"
        return Check(tolerance, bound, low, low >= bound, sentence)
    passed = score.value >= bound
    told = wording.told_apart(100 * score.value, 100 * bound)
    relation = "is at least" if passed else "is below"
    sentence = f"{word} {told} % {relation} the accepted {wording.plain(100 * bound)} %"
    if passed and score.interval.low < bound:
        low = score.interval.low
        sentence += (
            f", though its interval reaches down to {wording.percent(low)}"
            if math.isfinite(low)
            else ", though its interval is unknown"
        )
    return Check(tolerance, bound, score.value, passed, sentence)


def _proven(proof: NonInferiority | None, task: Task) -> Check:
    if proof is None:
        sentence = f"{task.score.name} cannot be tested against the teacher's, because one of them is not defined"
        return Check("non_inferior", 0.0, 0.0, passed=False, sentence=sentence)
    margin = wording.margin(proof.margin)
    if proof.answer == "refuted":
        sentence = f"{proof.measure} is proven to be more than {margin} below the teacher's"
    else:
        sentence = f"that {proof.measure} is at most {margin} below the teacher's is {proof.answer}"
    if proof.answer == "not decidable":
        sentence += f" with {wording.counted(proof.n, *task.score.units)}"
    return Check("non_inferior", -proof.margin, proof.low, proof.answer == "proven", sentence)


def _most(tolerance: str, word: str, bound: float, measured: float | None, unit: str) -> Check:
    assert measured is not None, tolerance  # what is missing was left out before
    passed = measured <= bound
    relation = "is within" if passed else "is above"
    sentence = (
        f"{word} {wording.told_apart(measured, bound)} {unit} {relation} the accepted {wording.plain(bound)} {unit}"
    )
    return Check(tolerance, bound, measured, passed, sentence)
