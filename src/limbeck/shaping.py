"""The student's shape, chosen once for the whole walk, and what was measured for it on training texts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck import student, teacher
from limbeck.cuts import Cut
from limbeck.distill import Objective, kept_and_computed, objective_of
from limbeck.examples import Examples
from limbeck.progress import SILENT, Progress
from limbeck.recipe import Recipe
from limbeck.student import Pattern
from limbeck.student_table import StudentTable
from limbeck.teacher import Teacher

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MEASURED_TEXTS = 512
REMOVALS_FILE = "removals.json"


@dataclass(frozen=True)
class Shaped:
    """A student that can be built.

    Args:
        master: The teacher.
        wanted: The recipe's student table.
        pattern: What it takes over.
        cut: The same for people, with what each cut was measured to cost.
    """

    master: Teacher
    wanted: StudentTable
    pattern: Pattern
    cut: Cut

    def build(self) -> "PreTrainedModel":
        """The untrained student; the same every time."""
        return student.initialise(self.master.model, self.wanted, pattern=self.pattern)


def shape(master: Teacher, train: Examples, wanted: StudentTable, *, work: Path, progress: Progress = SILENT) -> Shaped:
    """Choose what the student takes over from its teacher.

    Args:
        master: The teacher.
        train: Training texts, of which at most 512, evenly spread, are measured on.
        wanted: The recipe's student table.
        work: Keeps what was measured, so that a killed run goes on.
        progress: Told of each measurement.

    Raises:
        RecipeError: The teacher does not have what is wanted.
        OutputError: The disk is full.
    """
    config = master.model.config
    if wanted.take_layers is not None or wanted.choose != "by_loss":
        pattern = Pattern(student.choose_layers(config, wanted))
        return Shaped(master, wanted, pattern, Cut("given" if wanted.take_layers else wanted.choose, pattern.layers))
    some = _spread(train)
    removals = student.remove_layers(
        master.model,
        student.count_layers(config, wanted),
        ask=lambda model: teacher.float32_logits(model, master.encoder, some.texts, some.text_pairs),
        memory=work / REMOVALS_FILE,
        progress=progress,
    )
    layers = student.choose_layers(config, wanted, removed=[removal.removed for removal in removals])
    progress.say(f"Layers by loss: {', '.join(map(str, layers))} of 0 to {student.shape_of(master.model).layers - 1}.")
    return Shaped(master, wanted, Pattern(layers), Cut(wanted.choose, layers, removals, len(some)))


def planned_objective(master: Teacher, train: Examples, recipe: Recipe) -> Objective:
    """What the student is pulled to; what its shape does not allow is refused before the teacher is asked anything.

    Args:
        master: The teacher.
        train: Training texts.
        recipe: Its tables student and distill.

    Raises:
        RecipeError: The teacher does not have what is wanted.
    """
    config = master.model.config
    planned = student.planned_config(config, student.unmeasured(config, recipe.student))
    return objective_of(recipe, student=planned, teacher=config, has_labels=train.labels is not None)


def kept(
    master: Teacher, train: Examples, objective: Objective, recipe: Recipe, *, n_texts: int, progress: Progress = SILENT
) -> tuple[str, ...]:
    """Tell, before the work, which of the teacher's signals are kept and which are computed as training goes.

    Args:
        master: The teacher.
        train: Training texts, of which some tell how long texts are.
        objective: What the student is pulled to.
        recipe: Its table student.
        n_texts: Texts that the student learns from, made-up ones included.
        progress: Told each sentence.
    """
    config, some = master.model.config, _spread(train)
    told = kept_and_computed(
        objective,
        n_texts=n_texts,
        sample=master.encoder.encode(some.texts, some.text_pairs),
        teacher=config,
        n_layers=student.count_layers(config, recipe.student),
    )
    for sentence in told:
        progress.say(sentence)
    return told


def _spread(train: Examples) -> Examples:
    """Some texts from all over the training part, which may be sorted by label."""
    step = -(-len(train) // MEASURED_TEXTS)
    return train.take(range(0, len(train), step))
