"""A station of judging: artifact and teacher are asked again about some held-out texts, spelled otherwise."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from limbeck import evaluate
from limbeck.ground import machine
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import Recipe
from limbeck.records.fidelity import Robustness
from limbeck.runtime import Model
from limbeck.tasks.task import AnyLogits
from limbeck.teacher.answering import Teacher
from limbeck.text.examples import Examples
from limbeck.text.units import with_columns

Remember = Callable[[Sequence[str], Sequence[str] | None, AnyLogits], None]
"""Told texts, their second texts, and what a teacher said about them."""


def respelled(
    model: Model,
    logits: AnyLogits,
    examples: Examples,
    *,
    recipe: Recipe,
    master: Teacher | None,
    teacher_logits: AnyLogits | None,
    recalled: evaluate.Ask | None = None,
    remember: Remember | None = None,
    progress: Progress = SILENT,
) -> Robustness | None:
    """What other spellings do to the answers; the teacher is asked where it runs on this machine, and only there.

    Args:
        model: The artifact.
        logits: What it said about the texts as they stand.
        examples: The texts.
        recipe: Whether, and on how many texts; threads, confidence and seed.
        master: The teacher; None where it is not at hand.
        teacher_logits: What it said about the texts as they stand, in the artifact's order of labels.
        recalled: What the teacher said about such texts before, where it is not at hand.
        remember: Told what the teacher says, so that it can be recalled.
        progress: Told what goes on.
    """
    settings = recipe.verify
    if settings.robustness is False:
        return None

    def own(texts: Sequence[str], text_pairs: Sequence[str] | None) -> AnyLogits:
        return model.logits(texts, text_pairs).values

    with ExitStack() as stack:
        theirs = recalled
        if master is not None and runs_here(master):
            here = stack.enter_context(master.timed(settings.threads or machine.physical_cores()))
            if here is not None:
                order = [master.label_names.index(name) for name in model.label_names]

                def theirs(texts: Sequence[str], text_pairs: Sequence[str] | None) -> AnyLogits:
                    found = with_columns(here.logits(texts, text_pairs), order)
                    if remember is not None:
                        remember(texts, text_pairs, found)
                    return found

        progress.say("Asking again about texts in other spellings")
        return evaluate.robustness_of(
            (own, logits),
            None if teacher_logits is None else (theirs, teacher_logits),
            examples=examples,
            task=model.manifest.task,
            settings=settings,
            doubt=evaluate.doubt_of(recipe),
        )


def runs_here(master: Teacher) -> bool:
    """Whether asking this teacher again costs no more than this machine's time: a model whose files are here."""
    return master.size_bytes is not None
