"""What a verdict tells besides its scores: each part where the task, the labels and the teacher allow it."""

from limbeck.evaluate.calibration import calibrations_of
from limbeck.evaluate.divergence import divergence_of
from limbeck.evaluate.flips import flips_of
from limbeck.evaluate.scores import Doubt
from limbeck.evaluate.slices import slices_of
from limbeck.records.fidelity import Calibrations, Divergence, Fidelity, Flips, Robustness
from limbeck.tasks import Task
from limbeck.tasks.task import AnyLogits
from limbeck.text.examples import Examples

Named = tuple[str, AnyLogits]
"""A model's name and its logits."""


def fidelity_of(
    artifact: Named,
    teacher: Named | None,
    *,
    examples: Examples,
    task: Task,
    robustness: Robustness | None,
    doubt: Doubt,
) -> Fidelity:
    """Flips, divergence, calibration and slices of the artifact.

    Args:
        artifact: Its name and logits.
        teacher: The same of the teacher; None without one.
        examples: The n held-out texts.
        task: What was asked.
        robustness: What was found on texts in other spellings, if anybody looked.
        doubt: How intervals are made.
    """
    return Fidelity(
        flips=None if teacher is None else _flips(artifact[1], teacher[1], examples, task, doubt),
        divergence=None if teacher is None else _divergence(artifact[1], teacher[1], examples, task, doubt),
        calibrations=_calibrations([artifact] if teacher is None else [teacher, artifact], examples, task, doubt),
        slices=slices_of(
            artifact[1], None if teacher is None else teacher[1], examples=examples, task=task, doubt=doubt
        ),
        robustness=robustness,
    )


def _flips(logits: AnyLogits, teacher_logits: AnyLogits, examples: Examples, task: Task, doubt: Doubt) -> Flips | None:
    if examples.labels is None:
        return None
    own, theirs = (task.decisions_of(one, examples.labels, examples.label_names) for one in (logits, teacher_logits))
    if own is None or theirs is None or not len(own.owners):
        return None
    return flips_of(own, theirs, n_texts=len(examples), doubt=doubt)


def _divergence(
    logits: AnyLogits, teacher_logits: AnyLogits, examples: Examples, task: Task, doubt: Doubt
) -> Divergence | None:
    found = task.distributions_of(logits, teacher_logits)
    return None if found is None else divergence_of(found, examples, doubt)


def _calibrations(models: list[Named], examples: Examples, task: Task, doubt: Doubt) -> Calibrations | None:
    if examples.labels is None:
        return None
    sides = []
    for name, logits in models:
        decisions = task.part_decisions_of(logits, examples.labels, examples.label_names)
        if decisions is None:
            return None
        sides.append((name, decisions))
    return calibrations_of(sides, n_texts=len(examples), doubt=doubt)
