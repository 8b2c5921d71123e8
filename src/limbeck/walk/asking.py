"""A station of the walk: texts are made up where that is of use, and the teacher is asked about all of them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from limbeck import data
from limbeck.errors import RecipeError, TeacherError
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import Recipe
from limbeck.records.run import LabellingRecord
from limbeck.tasks import TASKS
from limbeck.tasks.rules import reading_rules
from limbeck.teacher.answering import Teacher
from limbeck.teacher.signals import Signals
from limbeck.text.examples import Examples, Parts
from limbeck.text.windows import Reads

TAUGHT_BY = "training texts"
MakeTexts = Callable[[int, Collection[str]], Examples]
_USUAL_TEXTS, _FEWEST_MADE_UP, _MOST_MADE_UP = 10_000, 3.0, 8.0
_USUAL_QUESTIONS = 30_000
"""Made-up questions: their contexts are long, so that each takes the teacher as long as many texts."""
_LIKES_MOST = ("classification",)
"""Tasks that more made-up texts were measured to help, however many are given; see docs/lab-log.md."""
_COUNTED = ("n_texts", "n_found", "n_asked", "n_truncated", "n_unanswered")


def refuse_made_up(master: Teacher, recipe: Recipe) -> None:
    """Refuse made-up texts where nothing is trained, or for a teacher that answers given texts only.

    Raises:
        RecipeError: The recipe asks for them.
    """
    if not recipe.distill.trains and recipe.distill.augment:
        raise RecipeError(
            f"distill.augment = {recipe.distill.augment} asks for made-up texts, and with distill.epochs = 0 nobody "
            "reads them.",
            hint="Leave distill.augment out, or set epochs to 1 or more.",
        )
    if master.made_up == "impossible" and recipe.distill.augment:
        raise RecipeError(
            f"distill.augment = {recipe.distill.augment} asks for made-up texts, and {master.name} answers no other "
            "texts than those it was given.",
            hint="Set distill.augment = 0, or give a teacher that can be asked.",
        )


def made_up(
    master: Teacher, parts: Parts, recipe: Recipe, *, masked: MakeTexts | None = None, progress: Progress = SILENT
) -> Examples:
    """Texts for the teacher to answer besides the given ones; none of them stands in another part.

    Args:
        master: The teacher.
        parts: The texts of the run.
        recipe: Its table distill, and the seed.
        masked: What makes half of them, given a number and the contents that must not come back; None for none.
        progress: Told why none are made.

    Raises:
        RecipeError: They are asked for where they would make no sense.
    """
    if not TASKS[master.task].takes_made_up:
        if recipe.distill.augment:
            raise RecipeError(
                f"distill.augment = {recipe.distill.augment}, but a language is not learned from texts put together of "
                "other texts.",
                hint="Set distill.augment = 0 for this task.",
            )
        return replace(parts.train.take(()), labels=None)
    n_train = len(parts.train)
    share = recipe.distill.augment if recipe.distill.trains else 0.0
    if share is None and master.made_up != "answered":
        why = "it cannot be asked about them" if master.made_up == "impossible" else "each costs a call"
        progress.say(f"No texts are made up for this teacher: {why}.")
        share = 0.0
    elif share is None:
        share = _usual_share(master.task, n_train)
    unread = {*parts.validation.content_fingerprints, *parts.held_out.content_fingerprints}
    n = round(share * n_train)
    if TASKS[recipe.task].reads is Reads.CONTEXT:
        make = partial(data.questioned, parts.train, seed=recipe.seed)
    else:
        make = partial(data.augmented, parts.train, seed=recipe.seed, keeps_first=TASKS[recipe.task].groups_rows)
    if masked is None or not n:
        return make(n=n, avoid=unread)
    found = masked(n // 2, unread)
    return found.joined(make(n=n - n // 2, avoid=unread | {*found.content_fingerprints}))


def _usual_share(task: str, n_train: int) -> float:
    """Made-up texts for each given one, where the recipe does not say."""
    if task in _LIKES_MOST:
        return _MOST_MADE_UP
    if TASKS[task].reads is Reads.CONTEXT:
        return min(_MOST_MADE_UP, _USUAL_QUESTIONS / n_train)
    return max(_FEWEST_MADE_UP, min(_MOST_MADE_UP, _USUAL_TEXTS / n_train))


def ask(
    master: Teacher,
    wanted: Mapping[str, Examples],
    recipe: Recipe,
    *,
    teaches: bool,
    root: Path,
    progress: Progress = SILENT,
) -> tuple[dict[str, Examples], dict[str, Signals], LabellingRecord]:
    """Ask the teacher about every part: about `TAUGHT_BY` to learn from, about the others to judge by.

    Args:
        master: The teacher.
        wanted: Part -> its texts.
        recipe: How to ask, and when a question has no answer.
        teaches: Whether it is asked about texts to learn from; else these are given back as they are, with no answers.
        root: Folder of all signals.
        progress: Told how far it is.

    Returns: Part -> the texts that it answers; part -> its answers; and what asking took.

    Raises:
        TeacherError: It answers no text of a part.
        LimbeckError: It cannot be asked; what it answered is kept.
    """
    answered: dict[str, Examples] = {}
    found: dict[str, Signals] = {}
    told: list[LabellingRecord] = []
    rules = reading_rules(master.task, recipe.data.model_dump())
    if not teaches:
        answered[TAUGHT_BY] = wanted[TAUGHT_BY]
    judging = {name: examples for name, examples in wanted.items() if name not in answered}
    master.prepare(judging, root, progress=progress)
    for name, examples in judging.items():
        labelled = master.label(
            examples, root, settings=recipe.teacher, part_name=name, judges=name != TAUGHT_BY, progress=progress
        )
        told.append(labelled.record)
        answered[name] = examples.without(labelled.store.unanswered(examples.text_fingerprints))
        if not len(answered[name]):
            raise TeacherError(
                f"{master.name} answers none of the {len(examples)} texts of the part {name}.",
                hint="Give a teacher that knows such texts, or other texts.",
            )
        found[name] = labelled.store.read(
            answered[name].text_fingerprints,
            within=answered[name].within,
            threshold=rules.threshold,
        )
    together = LabellingRecord(
        **{key: sum(getattr(one, key) for one in told) for key in _COUNTED},
        folder=str(root),
        notes=tuple(note for one in told for note in one.notes),
    )
    return answered, found, together
