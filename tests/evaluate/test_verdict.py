"""The verdict on six texts worked out by hand, the laws it keeps, and what it refuses."""

import dataclasses
from typing import Any

import held_out
import numpy as np
import pytest

from limbeck.errors import DataError, LabelError, LimbeckError, RecipeError, ShapeError
from limbeck.evaluate import ModelAnswers, judge
from limbeck.recipe.verify import Tolerances
from limbeck.records.verdict import Verdict
from limbeck.text.examples import Examples

LENIENT = Tolerances(min_retention=0.5, min_agreement=0.5)


def verdict(**changes: Any) -> Verdict:
    """The verdict on the six texts, with some arguments changed."""
    given: dict[str, Any] = {
        "examples": held_out.examples(),
        "tolerances": LENIENT,
        "others": [held_out.student(), held_out.baseline()],
        "n_truncated": 1,
        "timings": held_out.timings(),
    }
    return judge(
        changes.pop("artifact", held_out.artifact()), changes.pop("teacher", held_out.teacher()), **given | changes
    )


def test_scores_by_hand() -> None:
    """Each figure of the report's first table; the counts stand in held_out.py."""
    found = {model.name: model for model in verdict().models}
    assert list(found) == ["teacher", "student (float32)", "no-teacher baseline", "artifact (int8)"]
    figures = {
        name: tuple(score and score.value for score in (model.score, model.retention, model.agreement))
        for name, model in found.items()
    }
    assert figures == {
        "teacher": (5 / 6, None, None),
        "student (float32)": (4 / 6, 4 / 5, 5 / 6),
        "no-teacher baseline": (4 / 6, 4 / 5, 5 / 6),
        "artifact (int8)": (3 / 6, 3 / 5, 4 / 6),
    }
    assert (found["artifact (int8)"].size_bytes, found["artifact (int8)"].n_parameters) == (16_000_000, 15_000_000)


def test_evidence_by_hand() -> None:
    """Counts and changed answers beside the scores must be of the same texts."""
    found = verdict()
    assert (found.n_held_out, found.n_changed, found.n_truncated) == (6, 2, 1)
    assert [answer.text for answer in found.changed_answers] == ["text 5", "text 2"]
    assert [(group.teacher_label, group.artifact_label, group.count) for group in found.confusions] == [
        ("no", "yes", 1),
        ("yes", "no", 1),
    ]
    assert found.timings == held_out.timings()
    assert found.not_checked == ()


def test_passed_in_one_sentence() -> None:
    """The only line that many readers read."""
    found = verdict()
    assert found.passed
    assert found.sentence == (
        "The artifact passed: it answers 66.7 % of 6 held-out texts as the teacher does (95 % interval 30.0–90.3 %), "
        "keeps 60.0 % of its accuracy (−33.3 points), is 5.0 times smaller and 13 times faster at batch 1."
    )


def test_refused_in_one_sentence() -> None:
    """Whoever is refused must read which tolerances were missed, all of them, and by how much."""
    found = verdict(tolerances=Tolerances(min_agreement=0.9, max_size_mb=20, max_latency_ms=2.5))
    assert not found.passed
    assert found.sentence == (
        "The artifact was refused: retention 60.0 % is below the accepted 98 %; agreement 66.7 % is below the accepted "
        "90 %; latency (p50 at batch 1) 3.0 ms is above the accepted 2.5 ms."
    )
    assert [check.passed for check in found.checks] == [False, False, True, False]


def test_slower_and_larger_are_told() -> None:
    """An artifact that lost must not be praised with its ratio turned around."""
    teacher, artifact = held_out.timings()
    found = verdict(
        artifact=dataclasses.replace(held_out.artifact(), size_bytes=96_000_000),
        timings=(
            dataclasses.replace(teacher, name="artifact (int8)"),
            dataclasses.replace(artifact, name="teacher"),
        ),
    )
    assert found.sentence.endswith("is 1.2 times larger and 13 times slower at batch 1.")


def test_alike_is_told_as_alike() -> None:
    """A ratio of one, told as "1.0 times smaller", would be no sentence."""
    found = verdict(artifact=dataclasses.replace(held_out.artifact(), size_bytes=80_400_000), timings=())
    assert found.sentence.endswith("of its accuracy (−33.3 points), is about as large.")


def test_gain_compares_student_with_baseline() -> None:
    """Comparing the int8 artifact with a float32 baseline would blame distillation for what quantizing did."""
    found = verdict().gain
    assert found is not None
    assert (found.student, found.baseline) == ("student (float32)", "no-teacher baseline")
    assert found.agreement is not None
    assert found.agreement.value == 0.0
    assert "no gain in agreement that 6 texts can show" in found.sentence


def test_gain_falls_back_to_the_artifact() -> None:
    """Without the float32 student at hand, what ships is compared."""
    found = verdict(others=[held_out.baseline()]).gain
    assert found is not None
    assert found.student == "artifact (int8)"
    assert found.agreement is not None
    assert found.agreement.value == pytest.approx(-1 / 6)


@pytest.mark.parametrize("unsteady", [0, 1])
def test_no_ratio_of_speeds_is_told_that_is_chance(unsteady: int) -> None:
    """A failure would boast of 62 times where something else held the cores while one side was timed."""
    timings = list(held_out.timings())
    timings[unsteady] = dataclasses.replace(timings[unsteady], spread=1.16)
    sentence = verdict(timings=timings).sentence
    assert "faster" not in sentence
    assert sentence.endswith("Its speed could not be told: the machine was busy, and rounds differ by 116.0 %.")
    timings[unsteady] = dataclasses.replace(timings[unsteady], spread=0.1, processor_share=0.1)
    sentence = verdict(timings=timings).sentence
    assert sentence.endswith("Its speed could not be told: the machine was busy, and gave them 10.0 % of a core.")
    timings[unsteady] = dataclasses.replace(timings[unsteady], spread=0.5, processor_share=0.7)
    assert "13 times faster" in verdict(timings=timings).sentence


def test_without_a_baseline_there_is_no_gain() -> None:
    """No claim about distillation without something to hold it against."""
    assert verdict(others=[held_out.student()]).gain is None


def test_labels_alone_give_accuracy_alone() -> None:
    """On a customer's own box there may be no teacher; what can be measured must be, and the rest told."""
    found = verdict(teacher=None, tolerances=Tolerances(min_score=0.4), others=())
    (model,) = found.models
    assert model.score is not None
    assert (model.score.value, model.retention, model.agreement) == (0.5, None, None)
    assert (found.n_changed, found.confusions, found.changed_answers) == (0, (), ())
    assert found.not_checked == (
        "min_retention was not checked: it needs the teacher's answers.",
        "min_agreement was not checked: it needs the teacher's answers.",
    )
    assert found.sentence == (
        "The artifact passed: it answers 50.0 % of 6 held-out texts as labelled (95 % interval 18.8–81.2 %) "
        "and is 13 times faster at batch 1."
    )


def test_teacher_alone_gives_agreement_alone() -> None:
    """Unlabelled texts still show whether the artifact answers as the teacher does."""
    found = verdict(examples=held_out.examples(labelled=False), tolerances=Tolerances(min_agreement=0.6))
    artifact = found.models[-1]
    assert (artifact.score, artifact.retention) == (None, None)
    assert artifact.agreement is not None
    assert artifact.agreement.value == 4 / 6
    assert found.not_checked == ("min_retention was not checked: it needs labels.",)
    assert found.gain is not None
    assert found.gain.score is None
    assert "accuracy" not in found.sentence


def test_no_tolerance_is_said() -> None:
    """Having passed a gate without bounds must not sound like praise."""
    found = verdict(tolerances=Tolerances(min_retention=None, min_agreement=None))
    assert found.passed
    assert found.sentence.startswith("The artifact was held to no tolerance: it answers 66.7 % of 6 held-out texts")


def test_the_teacher_judged_by_itself_is_perfect() -> None:
    """A verdict that finds fault with an exact copy measures something else than it says."""
    copy = dataclasses.replace(held_out.teacher(), name="artifact (int8)")
    found = verdict(artifact=copy, tolerances=Tolerances(min_agreement=1.0, min_retention=1.0))
    assert found.passed
    assert found.n_changed == 0


def test_one_text_is_judged() -> None:
    """A single text says little, but it must not crash the last stage of a long run."""
    one = ModelAnswers("artifact (int8)", np.array([[0.0, 1.0]]), 1, 1)
    found = judge(
        one,
        dataclasses.replace(one, name="teacher"),
        examples=held_out.examples().take([1]),
        tolerances=Tolerances(),
    )
    assert found.passed
    assert "of 1 held-out text as the teacher does" in found.sentence


def test_a_teacher_that_is_never_right_fails_retention() -> None:
    """Labels in another order than the logits make every teacher look useless; that must not pass."""
    wrong = Examples(("a", "b"), None, np.array([0, 1]), ("no", "yes"))
    answers = ModelAnswers("teacher", np.array([[0.0, 1.0], [1.0, 0.0]]), 1, 1)
    found = judge(
        dataclasses.replace(answers, name="artifact (int8)"), answers, examples=wrong, tolerances=Tolerances()
    )
    assert not found.passed
    assert found.models[-1].retention is None
    assert found.sentence == (
        "The artifact was refused: retention cannot be measured, because the teacher's own score is not above 0."
    )


def test_same_arguments_same_verdict() -> None:
    """A verdict that cannot be repeated convinces nobody."""
    assert verdict(seed=5) == verdict(seed=5)


def test_order_of_the_others_does_not_move_figures() -> None:
    """Intervals drawn from one shared stream would change with the company a model keeps."""
    forwards = {model.name: model for model in verdict().models}
    backwards = {model.name: model for model in verdict(others=[held_out.baseline(), held_out.student()]).models}
    assert forwards == backwards


REFUSALS: dict[str, tuple[dict[str, Any], type[LimbeckError], str]] = {
    "no text": (
        {"examples": held_out.examples().take([])},
        DataError,
        "There is no held-out text to judge on.\nHint: Give at least one text; several hundred say more.",
    ),
    "neither teacher nor labels": (
        {"teacher": None, "examples": held_out.examples(labelled=False)},
        DataError,
        (
            "The 6 held-out texts have no labels, and the teacher's answers to them are missing.\n"
            "Hint: Bring labels to measure the score, or the teacher's signals to measure agreement."
        ),
    ),
    "a label that does not exist": (
        {"examples": dataclasses.replace(held_out.examples(), labels=np.array([0, 1, 1, 2, 1, 0]))},
        LabelError,
        (
            "Expected labels from 0 to 1, got 2 at text 3.\n"
            "Hint: Labels are indices into the label names, in the order of the teacher's logits."
        ),
    ),
    "other texts": (
        {"others": [dataclasses.replace(held_out.student(), logits=np.zeros((5, 2)))]},
        ShapeError,
        (
            "Expected logits of shape (6, 2) (texts, classes) from 'student (float32)', got (5, 2).\n"
            "Hint: Judge every model on the same texts, with the label names of the teacher."
        ),
    ),
    "not a number": (
        {"artifact": dataclasses.replace(held_out.artifact(), logits=np.array([[0, 1]] * 4 + [[np.nan, 1]] * 2))},
        ShapeError,
        (
            "Expected finite logits from 'artifact (int8)', got one that is not at text 4.\n"
            "Hint: A model that answers NaN or infinity is damaged, or its number format overflows."
        ),
    ),
    "two of one name": (
        {"others": [held_out.student(), held_out.student()]},
        ShapeError,
        "Two models are called 'student (float32)'.\nHint: Give every model a name of its own.",
    ),
    "a model without a size": (
        {"artifact": dataclasses.replace(held_out.artifact(), size_bytes=0)},
        ShapeError,
        (
            "Expected the size of 'artifact (int8)' in bytes, at least 1, got 0.\n"
            "Hint: Count the files that must ship for it to answer."
        ),
    ),
    "a bound on latency without a timing of the artifact": (
        {"tolerances": Tolerances(max_latency_ms=5), "timings": held_out.timings()[:1]},
        RecipeError,
        (
            "Tolerances were set that these texts cannot check: verify.tolerances.max_latency_ms needs timings of the "
            "artifact.\n"
            "Hint: Bring what is missing, or leave the tolerance out: a gate that cannot see must not say yes."
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case: str) -> None:
    """Each of these would otherwise give a verdict on something else, or a traceback at the end of a long run."""
    changes, kind, message = REFUSALS[case]
    with pytest.raises(kind) as caught:
        verdict(**changes)
    assert str(caught.value) == message
