"""The verdict: what the models answered on held-out texts, weighed against what the user accepts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from limbeck.errors import DataError, LabelError, ShapeError
from limbeck.evaluate import scores
from limbeck.evaluate.confusion import changed_answers, confusions
from limbeck.evaluate.diagnosis import diagnose, in_order
from limbeck.evaluate.fidelity import fidelity_of
from limbeck.evaluate.gain import Outcomes, distillation_gain
from limbeck.evaluate.gate import (
    Evidence,
    check_all,
    check_saturation,
    check_weights,
    further_not_checked,
    not_checked,
    refuse_unmeasurable,
    saturation_not_checked,
)
from limbeck.evaluate.proof import non_inferiority
from limbeck.evaluate.scores import Doubt
from limbeck.evaluate.stages import StageSide, Twin, stage_costs
from limbeck.evaluate.summary import side, verdict_sentence
from limbeck.evaluate.traits import Trait
from limbeck.recipe.verify import Tolerances
from limbeck.records.fidelity import Robustness
from limbeck.records.proof import NonInferiority
from limbeck.records.reason import Reason, WeightFidelity
from limbeck.records.verdict import (
    ARTIFACT,
    BASELINE,
    STUDENT,
    DistillationGain,
    FurtherScore,
    ModelScores,
    Saturation,
    StageCosts,
    Timing,
    Verdict,
)
from limbeck.tasks import TASKS, LabelKind, Task
from limbeck.tasks.task import AnyLogits
from limbeck.text.examples import Examples
from limbeck.text.units import Ragged, values_of


@dataclass(frozen=True)
class ModelAnswers:
    """What one model said about the held-out texts, and what it takes to run it.

    Args:
        name: As in `ModelScores.name`.
        logits: (n, classes), any float dtype, classes in the order of the examples' label names; or those of units.
        size_bytes: Bytes on disk of what must ship for it to answer: model and tokenizer; None where nobody knows.
        n_parameters: Its parameters; None where nobody knows.
    """

    name: str
    logits: AnyLogits
    size_bytes: int | None
    n_parameters: int | None


def judge(
    artifact: ModelAnswers,
    teacher: ModelAnswers | None,
    *,
    examples: Examples,
    tolerances: Tolerances,
    task: str = "classification",
    others: Sequence[ModelAnswers] = (),
    n_truncated: int = 0,
    confidence: float = 0.95,
    margin: float = 0.005,
    bootstrap_samples: int = 2000,
    seed: int = 0,
    timings: Sequence[Timing] = (),
    saturation: Saturation | None = None,
    weights: WeightFidelity | None = None,
    facts: Sequence[Reason] = (),
    traits: Sequence[Trait] = (),
    robustness: Robustness | None = None,
    twins: Sequence[Twin] = (),
) -> Verdict:
    """Judge an artifact on held-out texts. The same arguments always give the same verdict.

    With labels there is a score, with a teacher agreement, with both retention. A student and a no-teacher baseline
    among `others` show what distillation brought.

    Args:
        artifact: What the artifact answered, through the runtime that serves it.
        teacher: What the teacher answered; None where only labels are at hand.
        examples: The n held-out texts, at least one.
        tolerances: What the user accepts; what is not given has the task's default.
        task: What was asked; see `limbeck.tasks`.
        others: Further models on the same texts: "student (float32)", "no-teacher baseline".
        n_truncated: How many of the texts the artifact's tokenizer cut.
        confidence: Of every interval and of the proof against the margin.
        margin: What the artifact's score may be below the teacher's; see `proof.non_inferiority`.
        bootstrap_samples: Resamples behind each interval of a ratio or difference.
        seed: Of the resampling.
        timings: As `time_sides` gives them; the names begin with "artifact" and "teacher".
        saturation: What was found in the artifact's graph; None where nobody looked.
        weights: What was found of its weights; None where nobody looked.
        facts: What files say of the artifact that would explain changed answers.
        traits: What texts have about them that may explain changed answers.
        robustness: What was found on texts in other spellings; None where nobody looked.
        twins: What PyTorch answers where files do; see `stages.stage_costs`.

    Raises:
        DataError: No text, or neither teacher nor labels.
        LabelError: A label that is no index into the label names.
        ShapeError: Logits that are not (n, classes) or not finite, a model without a size, or two of one name.
        RecipeError: A tolerance was set that nothing here can check; see `refuse_unmeasurable`, `further_not_checked`.
    """
    models = [artifact, *others] if teacher is None else [teacher, *others, artifact]
    asked = TASKS[task].within(examples.groups)
    _check_examples(examples, asked, has_teacher=teacher is not None)
    _check_models(models, examples)
    ours = side(timings, ARTIFACT)
    evidence = Evidence(
        has_labels=examples.labels is not None, has_teacher=teacher is not None, has_timings=ours is not None
    )
    tolerances = tolerances.for_task(task)
    refuse_unmeasurable(tolerances, evidence, asked)

    doubt = Doubt(confidence, bootstrap_samples, seed)
    outcomes = {
        model.name: _outcomes(
            model.name, model.logits, examples, None if teacher is None or model is teacher else teacher.logits, task
        )
        for model in models
    }
    of_teacher = None if teacher is None else outcomes[teacher.name]
    scored = {model.name: _scored(model, outcomes[model.name], of_teacher, doubt) for model in models}
    artifact_scores = scored[artifact.name]
    teacher_scores = None if teacher is None else scored[teacher.name]

    proof = _proof(outcomes[artifact.name], of_teacher, margin, doubt, asked)
    checks = check_all(
        tolerances,
        artifact_scores,
        None if ours is None else ours.batch_1.p50_ms,
        evidence=evidence,
        task=asked,
        proof=proof,
    )
    unchecked = (*not_checked(tolerances, evidence), *further_not_checked(tolerances, artifact_scores))
    if saturation is not None:
        checks, unchecked = (*checks, *check_saturation(saturation)), (*unchecked, *saturation_not_checked(saturation))
    if weights is not None:
        checks = (*checks, *check_weights(weights))
    told = () if teacher is None else diagnose(artifact.logits, teacher.logits, examples, asked, traits=traits)
    reasons = in_order(facts, told)
    changed = () if teacher is None else changed_answers(artifact.logits, teacher.logits, examples, asked)
    return Verdict(
        passed=all(check.passed for check in checks),
        sentence=verdict_sentence(
            artifact_scores, teacher_scores, checks=checks, timings=timings, task=asked, reasons=reasons
        ),
        checks=checks,
        models=tuple(scored.values()),
        confusions=confusions(changed, examples.label_names) if asked.groups_changes else (),
        n_changed=len(changed),
        n_held_out=len(examples),
        n_truncated=n_truncated,
        timings=tuple(timings),
        changed_answers=changed,
        gain=_gain(outcomes, outcomes[artifact.name], asked, doubt),
        not_checked=unchecked,
        task=task,
        reasons=reasons,
        non_inferiority=proof,
        fidelity=fidelity_of(
            (artifact.name, artifact.logits),
            None if teacher is None else (teacher.name, teacher.logits),
            examples=examples,
            task=asked,
            robustness=robustness,
            doubt=doubt,
        ),
        stages=_stages(
            (teacher, next((one for one in others if one.name.startswith(STUDENT)), None), artifact),
            outcomes,
            examples,
            task,
            twins=twins,
            saturation=saturation,
            doubt=doubt,
        ),
    )


def _stages(
    sides: tuple[ModelAnswers | None, ModelAnswers | None, ModelAnswers],
    outcomes: Mapping[str, Outcomes],
    examples: Examples,
    task: str,
    *,
    twins: Sequence[Twin],
    saturation: Saturation | None,
    doubt: Doubt,
) -> StageCosts | None:
    """What each stage cost; `sides` are teacher, student and artifact."""
    teacher, student, artifact = (
        None if side is None else StageSide(side.name, side.logits, outcomes[side.name]) for side in sides
    )
    assert artifact is not None, "it is what is judged"
    return stage_costs(
        teacher,
        student,
        artifact,
        twins=twins,
        saturation=saturation,
        examples=examples,
        task=TASKS[task].within(examples.groups),
        measured=lambda name, logits, some, wanted: _outcomes(name, logits, some, wanted, task),
        doubt=doubt,
    )


def _proof(
    of_artifact: Outcomes, of_teacher: Outcomes | None, margin: float, doubt: Doubt, task: Task
) -> NonInferiority | None:
    if of_teacher is None or of_artifact.score is None or of_teacher.score is None:
        return None
    return non_inferiority(of_artifact.score, of_teacher.score, margin=margin, doubt=doubt, words=task.score)


def _outcomes(name: str, logits: AnyLogits, examples: Examples, others: AnyLogits | None, kind: str) -> Outcomes:
    """What became of texts at the hands of one model; `others` are the teacher's logits, None for itself."""
    task, names, labels = TASKS[kind].within(examples.groups), examples.label_names, examples.labels
    return Outcomes(
        name=name,
        agreement=None if others is None else task.agreement_of(logits, others, names),
        further=task.further_of(logits, labels=labels, teacher_logits=others, label_names=names),
        score=None if labels is None else task.score_of(logits, labels, names),
    )


def _scored(model: ModelAnswers, outcomes: Outcomes, of_teacher: Outcomes | None, doubt: Doubt) -> ModelScores:
    retention = None
    if outcomes is not of_teacher and outcomes.score is not None and of_teacher and of_teacher.score is not None:
        retention = scores.retention(outcomes.score, of_teacher.score, doubt)
    return ModelScores(
        name=model.name,
        size_bytes=model.size_bytes,
        n_parameters=model.n_parameters,
        score=None if outcomes.score is None else scores.of_one(outcomes.score, doubt),
        retention=retention,
        agreement=None if outcomes.agreement is None else scores.of_one(outcomes.agreement, doubt),
        further=tuple(
            FurtherScore(words.name, words.meaning, scores.of_one(measure, doubt))
            for words, measure in outcomes.further.items()
        ),
    )


def _gain(outcomes: Mapping[str, Outcomes], of_artifact: Outcomes, task: Task, doubt: Doubt) -> DistillationGain | None:
    baseline = next((outcome for name, outcome in outcomes.items() if name.startswith(BASELINE)), None)
    if baseline is None:
        return None
    student = next((outcome for name, outcome in outcomes.items() if name.startswith(STUDENT)), of_artifact)
    return distillation_gain(student, baseline, task=task, doubt=doubt)


def _check_examples(examples: Examples, task: Task, *, has_teacher: bool) -> None:
    if len(examples) == 0:
        raise DataError(
            "There is no held-out text to judge on.", hint="Give at least one text; several hundred say more."
        )
    if examples.labels is None:
        if not has_teacher:
            raise DataError(
                f"The {len(examples)} held-out texts have no labels, and the teacher's answers to them are missing.",
                hint="Bring labels to measure the score, or the teacher's signals to measure agreement.",
            )
        return
    if task.label_kind is not LabelKind.CLASS or isinstance(examples.labels, Ragged):
        return
    n_classes = len(examples.label_names)
    outside = np.flatnonzero((examples.labels < 0) | (examples.labels >= n_classes))
    if len(outside):
        row = int(outside[0])
        raise LabelError(
            f"Expected labels from 0 to {n_classes - 1}, got {examples.labels[row]} at text {row}.",
            hint="Labels are indices into the label names, in the order of the teacher's logits.",
        )


def _check_models(models: Sequence[ModelAnswers], examples: Examples) -> None:
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ShapeError(f"Two models are called {name!r}.", hint="Give every model a name of its own.")
    expected = (len(examples), len(examples.label_names))
    for model in models:
        if model.size_bytes is not None and model.size_bytes < 1:
            raise ShapeError(
                f"Expected the size of {model.name!r} in bytes, at least 1, got {model.size_bytes}.",
                hint="Count the files that must ship for it to answer.",
            )
        values = values_of(model.logits)
        found = (len(model.logits), *values.shape[1:])
        if found != expected:
            raise ShapeError(
                f"Expected logits of shape {expected} (texts, classes) from {model.name!r}, got {found}.",
                hint="Judge every model on the same texts, with the label names of the teacher.",
            )
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise ShapeError(
                f"Expected finite logits from {model.name!r}, got one that is not at text {int(np.argmin(finite))}.",
                hint="A model that answers NaN or infinity is damaged, or its number format overflows.",
            )
