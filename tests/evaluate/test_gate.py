"""The gate: bounds held, bounds missed, bounds that nobody can check."""

import math
from dataclasses import replace
from typing import Any

import pytest

from limbeck.errors import RecipeError
from limbeck.evaluate.gate import (
    Evidence,
    as_recorded,
    check_all,
    further_not_checked,
    not_checked,
    refuse_unmeasurable,
)
from limbeck.recipe.verify import Tolerances
from limbeck.records.proof import NonInferiority, ProofAnswer
from limbeck.records.score import Interval, Score
from limbeck.records.verdict import FurtherScore, ModelScores
from limbeck.tasks import TASKS

TASK = TASKS["classification"]
EVERYTHING = Evidence(has_labels=True, has_teacher=True, has_timings=True)


def score(value: float) -> Score:
    """A score on 1,000 texts with an interval of one point to either side."""
    return Score(value, Interval(value - 0.01, value + 0.01, 0.95, "wilson"), 1000)


def measured(*, accuracy: float = 0.9, retention: float | None = 0.99, agreement: float = 0.95) -> ModelScores:
    """An artifact of 15.4 MB with these scores."""
    return ModelScores(
        name="artifact (int8)",
        size_bytes=15_400_000,
        n_parameters=15_000_000,
        score=score(accuracy),
        retention=None if retention is None else score(retention),
        agreement=score(agreement),
    )


def test_every_tolerance_is_checked() -> None:
    """A tolerance that the user sets and no check reads would be a gate without a wall."""
    tolerances = Tolerances(
        min_retention=0.98, min_agreement=0.96, min_score=0.88, max_size_mb=15.4, max_latency_ms=2.5
    )
    checks = check_all(tolerances, measured(), 3.0, evidence=EVERYTHING, task=TASK)
    assert {check.tolerance for check in checks} == set(Tolerances.model_fields) - {
        "judge_by",
        "min_further",
        "non_inferior",
    }
    assert [(check.passed, check.sentence) for check in checks] == [
        (True, "retention 99.0 % is at least the accepted 98 %"),
        (False, "agreement 95.0 % is below the accepted 96 %"),
        (True, "accuracy 90.0 % is at least the accepted 88 %"),
        (True, "size 15.4 MB is within the accepted 15.4 MB"),
        (False, "latency (p50 at batch 1) 3.0 ms is above the accepted 2.5 ms"),
    ]
    assert [(check.bound, check.measured) for check in checks] == [
        (0.98, 0.99),
        (0.96, 0.95),
        (0.88, 0.9),
        (15.4, 15.4),
        (2.5, 3.0),
    ]


def test_exactly_the_bound_passes() -> None:
    """A bound of "at least 90 %" includes 90 %."""
    (check,) = check_all(
        Tolerances(min_retention=None, min_agreement=0.9), measured(agreement=0.9), None, evidence=EVERYTHING, task=TASK
    )
    assert check.passed
    assert check.sentence == "agreement 90 % is at least the accepted 90 %, though its interval reaches down to 89.0 %"


def test_a_near_miss_does_not_read_as_a_contradiction() -> None:
    """Refused because "90.0 % is below the accepted 90 %": that would look like a bug to whoever reads it."""
    (check,) = check_all(
        Tolerances(min_retention=None, min_agreement=0.9),
        measured(agreement=0.89996),
        None,
        evidence=EVERYTHING,
        task=TASK,
    )
    assert not check.passed
    assert check.sentence == "agreement 89.996 % is below the accepted 90 %"


def test_tolerances_left_out_are_not_checked() -> None:
    """What the user does not ask for must not refuse an artifact."""
    assert (
        check_all(Tolerances(min_retention=None, min_agreement=None), measured(), 3.0, evidence=EVERYTHING, task=TASK)
        == ()
    )


def test_retention_of_a_teacher_that_knows_nothing_fails() -> None:
    """Where retention cannot exist, a gate that asks for it must say no."""
    asked = Tolerances(min_retention=0.98, min_agreement=None)
    (check,) = check_all(asked, measured(retention=None), None, evidence=EVERYTHING, task=TASK)
    assert (check.passed, check.measured) == (False, 0.0)
    assert check.sentence == "retention cannot be measured, because the teacher's own score is not above 0"


def test_tolerances_that_were_set_and_cannot_be_checked_are_refused() -> None:
    """Passing them over would let an artifact through a gate that saw nothing."""
    asked = Tolerances(min_score=0.9, min_retention=0.98, max_latency_ms=5)
    with pytest.raises(RecipeError) as caught:
        refuse_unmeasurable(asked, Evidence(has_labels=False, has_teacher=False, has_timings=False), TASK)
    assert str(caught.value) == (
        "Tolerances were set that these texts cannot check: "
        "verify.tolerances.min_retention needs labels and the teacher's answers; "
        "verify.tolerances.min_score needs labels; "
        "verify.tolerances.max_latency_ms needs timings of the artifact.\n"
        "Hint: Bring what is missing, or leave the tolerance out: a gate that cannot see must not say yes."
    )


def test_defaults_that_cannot_be_checked_are_told() -> None:
    """Unlabelled texts must stay usable without thought, and the reader must learn what was left unchecked."""
    unlabelled = Evidence(has_labels=False, has_teacher=True, has_timings=False)
    usual = Tolerances().for_task("classification")
    refuse_unmeasurable(usual, unlabelled, TASK)
    assert not_checked(usual, unlabelled) == ("min_retention was not checked: it needs labels.",)
    (check,) = check_all(usual, measured(), None, evidence=unlabelled, task=TASK)
    assert check.tolerance == "min_agreement"


def test_a_recorded_recipe_is_told_not_refused() -> None:
    """A recipe read back from an artifact names every key; that must not forbid verifying on unlabelled texts."""
    recorded = Tolerances.model_validate(Tolerances(min_retention=0.97).model_dump())
    unlabelled = Evidence(has_labels=False, has_teacher=True, has_timings=False)
    with pytest.raises(RecipeError):
        refuse_unmeasurable(recorded, unlabelled, TASK)
    refuse_unmeasurable(as_recorded(recorded), unlabelled, TASK)
    assert as_recorded(recorded).for_task("classification").min_retention == 0.97
    switched_off = Tolerances.model_validate(Tolerances(min_retention=None, min_agreement=0.5).model_dump())
    assert as_recorded(switched_off).for_task("classification").min_retention is None
    assert as_recorded(Tolerances()).for_task("classification").min_retention == 0.98


def test_values_of_none_are_never_refused() -> None:
    """A key written as "not set" asks for nothing."""
    nothing = Evidence(has_labels=False, has_teacher=False, has_timings=False)
    empty = Tolerances(min_retention=None, min_agreement=None, min_score=None)
    refuse_unmeasurable(empty, nothing, TASK)
    assert not_checked(empty, nothing) == ()


@pytest.mark.parametrize(("value", "judge_by"), [(math.nan, "value"), (0.99, "bound")])
def test_what_is_not_defined_passes_no_gate(value: float, judge_by: Any) -> None:
    """To be told that nan % is below 90 % helps nobody; and an unknown interval has no lower end."""
    unknown = Score(value, Interval(-math.inf, math.inf, 0.95, "BCa bootstrap"), 3)
    asked = Tolerances(min_retention=None, min_agreement=0.9, judge_by=judge_by)
    (check,) = check_all(asked, replace(measured(), agreement=unknown), None, evidence=EVERYTHING, task=TASK)
    assert (check.passed, check.measured) == (False, 0.0)
    assert check.sentence == "agreement is not defined on these texts, or too few of them tell of it"


def test_bounds_are_judged_by_the_lower_end() -> None:
    """Who asks for the bound must not be given the figure, whose luck is what he wants to be safe from."""
    tolerances = Tolerances(min_retention=0.97, min_agreement=0.945, min_score=0.89, judge_by="bound")
    checks = check_all(tolerances, measured(), None, evidence=EVERYTHING, task=TASK)
    assert [(check.passed, check.measured, check.sentence) for check in checks] == [
        (True, 0.98, "the lower end of retention's 95 % interval, 98.0 %, is at least the accepted 97 %"),
        (False, 0.94, "the lower end of agreement's 95 % interval, 94.0 %, is below the accepted 94.5 %"),
        (True, 0.89, "the lower end of accuracy's 95 % interval, 89 %, is at least the accepted 89 %"),
    ]


def proof(answer: ProofAnswer) -> NonInferiority:
    """A proof on 1,000 texts with a margin of half a point."""
    return NonInferiority("accuracy", 0.005, 0.95, answer, -0.003, -0.012, 0.006, 1000, 9900, 0.2, "test", "")


@pytest.mark.parametrize(
    ("answer", "passed", "sentence"),
    [
        ("proven", True, "that accuracy is at most 0.5 points below the teacher's is proven"),
        ("refuted", False, "accuracy is proven to be more than 0.5 points below the teacher's"),
        (
            "not decidable",
            False,
            "that accuracy is at most 0.5 points below the teacher's is not decidable with 1,000 texts",
        ),
    ],
)
def test_only_a_proof_satisfies_who_asks_for_one(answer: ProofAnswer, passed: bool, sentence: str) -> None:
    """Too few texts must not pass for a proof: a gate that asks for one refuses what is not decidable."""
    asked = Tolerances(min_retention=None, min_agreement=None, non_inferior=True)
    (check,) = check_all(asked, measured(), None, evidence=EVERYTHING, task=TASK, proof=proof(answer))
    assert (check.passed, check.sentence) == (passed, sentence)
    assert (check.bound, check.measured) == (-0.005, -0.012)


def test_a_proof_that_nobody_can_give_is_refused() -> None:
    """Without labels there is no score to prove anything of."""
    with pytest.raises(RecipeError, match=r"verify\.tolerances\.non_inferior needs labels"):
        refuse_unmeasurable(
            Tolerances(non_inferior=True), Evidence(has_labels=False, has_teacher=True, has_timings=True), TASK
        )
    asked = Tolerances(min_retention=None, min_agreement=None, non_inferior=True)
    (check,) = check_all(asked, measured(), None, evidence=EVERYTHING, task=TASK, proof=None)
    assert not check.passed
    assert "not defined" in check.sentence


def test_further_measures_are_checked_by_name() -> None:
    """A task's other figures are tolerances too, and a name that nothing measures must not pass in silence."""
    found = measured()
    found = ModelScores(**{**vars(found), "further": (FurtherScore("exact match", "Of words.", score(0.8)),)})
    asked = Tolerances(min_retention=None, min_agreement=None, min_further={"exact match": 0.82})
    (check,) = check_all(asked, found, None, evidence=EVERYTHING, task=TASK)
    assert (check.tolerance, check.passed) == ("min_further.exact match", False)
    assert check.sentence == "exact match 80.0 % is below the accepted 82 %"
    assert further_not_checked(asked, found) == ()

    misspelt = Tolerances(min_further={"exact mach": 0.8})
    with pytest.raises(RecipeError) as caught:
        further_not_checked(misspelt, found)
    assert str(caught.value) == (
        "verify.tolerances.min_further names 'exact mach', which is not measured on these texts.\n"
        "Hint: Measured are: 'exact match'."
    )
    for task, hint in (("question-answering", "It has: 'exact match'."), ("regression", "It has no further measures.")):
        with pytest.raises(RecipeError) as caught:  # before the long work
            refuse_unmeasurable(misspelt, EVERYTHING, TASKS[task])
        assert caught.value.message.endswith(f"names 'exact mach', which {task} does not have.")
        assert caught.value.hint == hint
    refuse_unmeasurable(asked, EVERYTHING, TASKS["question-answering"])
    refuse_unmeasurable(as_recorded(misspelt), EVERYTHING, TASK)
    assert further_not_checked(as_recorded(misspelt), found) == (
        "min_further of exact mach was not checked: it is not measured on these texts.",
    )
