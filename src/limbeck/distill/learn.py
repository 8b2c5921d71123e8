"""Training with a memory: a model that was trained before is read back, one that was not is trained and kept."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.distill.lessons import Lessons
from limbeck.distill.loop import TrainingPlan, forget, train
from limbeck.distill.objective import EMBEDDINGS, QUESTIONS, Objective
from limbeck.ground import files
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import Recipe
from limbeck.records.run import TrainingRecord, from_json, to_json
from limbeck.student import load_static, save_model
from limbeck.teacher.load import load_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_RECORD_FILE = "training.json"
_FEWEST_EPOCHS, _MOST_EPOCHS = 1, 60
_ROUNDING_SHARE = 0.4
"""Of the student's peak learning rate, while it learns to live with rounded weights."""
_TEACHING_RATE, _DISTILLING_RATE, _RATES_HOLD_AT = 1e-4, 2.5e-4, 384
_TEXTS, _CONTEXTS = (64, 1500), (8, 5000)
"""Texts a step, or windows of contexts, and how many steps are usual. A window has as many tokens as several texts, and
steps count for more than what they read (docs/lab-log.md)."""
_STATIC, _STATIC_VECTORS = (512, 700, 2e-3), (512, 1000, 5e-3)
"""The same of static students, and their rate: vectors say all that a text says, classes what tells them apart."""


@dataclass(frozen=True)
class Learned:
    """A trained model in evaluation mode, and how it was trained."""

    model: "PreTrainedModel"
    record: TrainingRecord


def learn(
    start: Callable[[], "PreTrainedModel"],
    lessons: Lessons,
    *,
    objective: Objective,
    plan: TrainingPlan,
    work: Path,
    read: Callable[[Path], "PreTrainedModel"] | None = None,
    progress: Progress = SILENT,
) -> Learned:
    """Train what `start` builds, or read back what an earlier call in the same folder trained; of no steps, keep it.

    Args:
        start: Builds the untrained model; not called when the trained one is there.
        lessons: What it reads.
        objective: What it is pulled to.
        plan: How; its name names the folder.
        work: Where trained models and checkpoints lie.
        read: Loads a trained model from its folder; None reads any kind of student, and teachers.
        progress: Told of each step.

    Raises:
        OutputError: The disk is full; the same call goes on from the last checkpoint.
    """
    folder = work / plan.name
    if not (folder / _RECORD_FILE).exists():
        model = start()
        if plan.steps:
            record = train(model, lessons, objective=objective, plan=plan, work=work, progress=progress)
        else:
            record = TrainingRecord(plan.name, n_texts=0, epochs=0, steps=0, best_step=0, curve=())
        with files.folder_written_whole(folder) as temporary:
            save_model(model, temporary)
            files.write_json(temporary / _RECORD_FILE, to_json(record))
        forget(work, plan.name)
    told = json.loads((folder / _RECORD_FILE).read_text(encoding="utf-8"))
    model = read(folder) if read is not None else load_static(folder) or load_model(folder)
    return Learned(model.eval(), from_json(TrainingRecord, told))


def distillation_plan(
    recipe: Recipe, *, n_texts: int, hidden_size: int, taken: tuple[int, ...], is_whole: bool = True
) -> TrainingPlan:
    """How the student is trained.

    Args:
        recipe: The recipe.
        n_texts: Training texts, made-up ones included; where the recipe names no epochs, few are read more often.
        hidden_size: The student's; wider models take a lower learning rate.
        taken: Which teacher layer each student layer was taken from. The lowest ones that stand where they stood
            compute what the teacher computes, whatever the text; trained on few texts they would do so no longer.
        is_whole: Layers and embeddings are the teacher's own; of a narrower student, or one from scratch, all parts
            train, the embeddings too unless the recipe says no.
    """
    table, is_static = recipe.distill, recipe.student.is_static
    if is_static:
        usual_batch, usual_steps, rate = _STATIC_VECTORS if recipe.task == EMBEDDINGS else _STATIC
    else:
        rate = _DISTILLING_RATE * _RATES_HOLD_AT / hidden_size
        usual_batch, usual_steps = _CONTEXTS if recipe.task == QUESTIONS else _TEXTS
    batch_size = table.batch_size or usual_batch
    n_kept = next((number for number, layer in enumerate(taken) if number != layer), len(taken) - 1)
    steps_per_epoch = -(-n_texts // batch_size)
    usual_epochs = max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, -(-usual_steps // steps_per_epoch)))
    steps = (usual_epochs if table.epochs is None else table.epochs) * steps_per_epoch
    return TrainingPlan(
        name="student",
        steps=steps,
        batch_size=batch_size,
        learning_rate=table.learning_rate or rate,
        warmup_share=table.warmup_share,
        weight_decay=table.weight_decay,
        max_gradient_norm=table.max_gradient_norm,
        train_embeddings=not is_whole if table.train_embeddings is None else table.train_embeddings,
        frozen_layers=0 if table.train_lowest or not is_whole else n_kept,
        dropout=False,
        evaluate_every=max(1, -(-steps // table.evaluations)),
        patience=None,
        choose_by="agreement",
        checkpoint_seconds=table.checkpoint_seconds,
        seed=recipe.seed,
    )


def baseline_plan(student: TrainingPlan, *, has_labels: bool) -> TrainingPlan:
    """How the no-teacher baseline is trained: as the student, for the same steps.

    It is chosen by score, as it knows no teacher, and keeps the dropout of plain fine-tuning. Without labels nothing
    may choose, and the last step counts.
    """
    return replace(student, name="baseline", dropout=True, choose_by="score" if has_labels else "last")


def rounding_plan(student: TrainingPlan, recipe: Recipe, *, share: float) -> TrainingPlan:
    """How the student is trained on with its roundings in place: as before, for fewer steps, at a lower rate.

    Args:
        student: How it was trained.
        recipe: The recipe.
        share: Of the student's steps.
    """
    steps = max(1, round(share * student.steps))
    return replace(
        student,
        name="rounded",
        steps=steps,
        learning_rate=recipe.quantize.learning_rate or _ROUNDING_SHARE * student.learning_rate,
        evaluate_every=max(1, -(-steps // recipe.distill.evaluations)),
    )


def teaching_plan(recipe: Recipe, *, n_texts: int, hidden_size: int) -> TrainingPlan:
    """How a teacher is fine-tuned: everything trains, with dropout, until validation texts stop getting better."""
    table = recipe.teach
    steps_per_epoch = -(-n_texts // table.batch_size)
    return TrainingPlan(
        name="teacher",
        steps=table.epochs * steps_per_epoch,
        batch_size=table.batch_size,
        learning_rate=table.learning_rate or _TEACHING_RATE * _RATES_HOLD_AT / hidden_size,
        warmup_share=table.warmup_share,
        weight_decay=table.weight_decay,
        max_gradient_norm=table.max_gradient_norm,
        train_embeddings=True,
        frozen_layers=0,
        dropout=True,
        evaluate_every=steps_per_epoch,
        patience=table.patience,
        choose_by="score",
        checkpoint_seconds=recipe.distill.checkpoint_seconds,
        seed=recipe.seed,
    )
