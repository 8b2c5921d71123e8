"""What a run starts from: teacher and texts; what can be refused before the teacher answers is refused here."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from limbeck import data, student, teacher
from limbeck.distill import Objective
from limbeck.encoder.origin import Origin
from limbeck.evaluate import Evidence, refuse_unaskable, refuse_unmeasurable
from limbeck.ground.progress import SILENT, Progress
from limbeck.quantization import refuse_unfit
from limbeck.recipe.knobs import Recipe
from limbeck.recipe.scheme import Scheme
from limbeck.tasks import TASKS
from limbeck.teacher import Teacher, TeacherSource
from limbeck.teacher.masked import Masker, load_masker, masked_texts
from limbeck.text.examples import Examples, Parts
from limbeck.walk import mixing, shaping
from limbeck.walk.asking import TAUGHT_BY, made_up, refuse_made_up
from limbeck.walk.respelling import runs_here


@dataclass(frozen=True)
class Inputs:
    """What a run starts from.

    Args:
        master: The teacher, who answers.
        origin: What the student starts from; the teacher itself where that can be.
        parts: The texts, parted.
        extra: Texts without labels to learn from too.
        masker: A masked language model that makes some up.
    """

    master: Teacher
    origin: Origin
    parts: Parts
    extra: Examples | None = None
    masker: Masker | None = None

    @property
    def given(self) -> Examples:
        """The texts to learn from that nobody made up."""
        return self.parts.train if self.extra is None else self.parts.train.joined(self.extra)


def read_inputs(
    teacher_source: TeacherSource, data_source: str | Path, *, recipe: Recipe, work: Path, progress: Progress = SILENT
) -> Inputs:
    """Load the teacher, read the texts and part them; what cannot be judged in the end is refused here.

    Args:
        teacher_source: As for `compress`.
        data_source: As for `compress`.
        recipe: Its tables data, teacher, student, distill and verify.
        work: Where a converted tokenizer may lie.
        progress: Told what goes on.

    Raises:
        LimbeckError: Whatever is wrong with what was given.
    """
    progress.say("Reading texts and teacher")
    tables = cache(lambda task: _read(data_source, recipe, task=task, progress=progress))
    master = teacher.open_teacher(
        teacher_source,
        recipe=recipe,
        work=work,
        known_labels=lambda task: data.label_names_in(tables(task)),
        starts_student=recipe.student.encoder is None,
    )
    origin = teacher.origin_of(master, recipe, work=work)
    examples = data.to_examples(tables(master.task), master.label_names, progress=progress)
    parts = data.split(examples, settings=recipe.data)
    if not TASKS[master.task].takes_pairs:
        parts = data.apart(parts)
    data.refuse_unanswerable(parts, recipe.data)
    for sentence in data.in_sentences(parts.leaks):
        progress.say(sentence)
    refuse_unmeasurable(
        recipe.verify.tolerances,
        Evidence(has_labels=parts.held_out.labels is not None, has_teacher=True, has_timings=True),
        TASKS[master.task],
    )
    refuse_unaskable(recipe.verify, runs_here=runs_here(master))
    refuse_made_up(master, recipe)
    extra = None
    if recipe.data.extra_texts is not None:
        source = recipe.data.extra_texts
        extra = data.read_extra(source, parts, columns=recipe.data, task=master.task, progress=progress)
    masker = None
    if recipe.distill.masker is not None:
        limit, place = recipe.data.tokens_for(master.task), work / "masker"
        masker = load_masker(recipe.distill.masker, settings=recipe.teacher, max_tokens=limit, work=place)
    return Inputs(master, origin, parts, extra, masker)


def _read(data_source: str | Path, recipe: Recipe, *, task: str, progress: Progress) -> data.Tables:
    columns = recipe.data
    return data.read_table(data_source, columns=columns, task=task, slice_by=recipe.verify.slice_by, progress=progress)


@dataclass(frozen=True)
class Start:
    """All that is settled before the teacher is asked anything.

    Args:
        objective: What the student is pulled to.
        origin: What it starts from, its vocabulary trimmed where the recipe says so.
        wanted: Part -> its texts that the teacher answers; under `TAUGHT_BY` those to learn from, made-up ones last.
        n_made_up: How many of these are made up.
        answers_teach: Whether the student learns from answers that are there before it begins; not where the teacher
            answers as training goes, nor where nothing is trained.
    """

    objective: Objective
    origin: Origin
    wanted: Mapping[str, Examples]
    n_made_up: int
    answers_teach: bool

    @property
    def taught_by(self) -> Examples:
        """The texts to learn from."""
        return self.wanted[TAUGHT_BY]


def start(inputs: Inputs, recipe: Recipe, *, work: Path, progress: Progress = SILENT) -> Start:
    """Settle objective, texts and origin; what no student of this recipe can be is refused.

    Args:
        inputs: Teacher and texts.
        recipe: Every knob, its task settled.
        work: Where a trimmed tokenizer lies.
        progress: Told what goes on.

    Raises:
        LimbeckError: The student's shape, objective, vocabulary, bits or size cannot be.
    """
    parts = inputs.parts
    objective = shaping.planned_objective(inputs.origin, parts.train, recipe)
    masked = None
    if inputs.masker is not None:
        masked = partial(
            masked_texts,
            inputs.masker,
            parts.train,
            seed=recipe.seed,
            work=work,
            keeps_first=TASKS[recipe.task].groups_rows,
            progress=progress,
        )
    more = made_up(inputs.master, parts, recipe, masked=masked, progress=progress)
    taught_by = inputs.given.joined(more)
    origin = student.trimmed(inputs.origin, recipe.student, corpus=taught_by, work=work, progress=progress)
    _refuse_impossible(origin, recipe)
    wanted = {TAUGHT_BY: taught_by, "validation": parts.validation, "held_out": parts.held_out}
    answers_teach = recipe.distill.trains and not objective.answered_live
    return Start(objective, origin, wanted, len(more), answers_teach)


def recipe_told(recipe: Recipe, origin: Origin) -> dict[str, Any]:
    """The recipe as records have it that ship: no path of this machine stands in it."""
    told = recipe.told()
    if recipe.student.encoder is not None:
        told["student"]["encoder"] = origin.told["name"]
    return told


def _refuse_impossible(origin: Origin, recipe: Recipe) -> None:
    """Refuse bits that no student of this shape can have, before anything is spent on one."""
    shape = student.initialise(origin.model, recipe.student)
    refuse_unfit(shape, scheme=Scheme.parse(recipe.quantize.scheme))
    mixing.refuse_unreachable(shape, recipe.quantize, tokenizer_folder=origin.tokenizer_folder)
