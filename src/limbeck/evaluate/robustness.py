"""Robustness: on texts in other spellings, whether artifact and teacher still agree, and either keeps its answer.

A student that learned the teacher's answers by their surface follows it on clean texts and parts from it on others.
That the artifact changes its own answer is no fault by itself where the teacher changes its own as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from limbeck.errors import RecipeError
from limbeck.evaluate import scores, spellings
from limbeck.evaluate.scores import Doubt
from limbeck.evaluate.some import logits_of, some_rows
from limbeck.recipe.verify import VerifyTable
from limbeck.records.fidelity import Perturbed, Robustness
from limbeck.tasks import TASKS
from limbeck.tasks.task import AnyLogits, Respelled
from limbeck.text.examples import Examples

Ask = Callable[[Sequence[str], Sequence[str] | None], AnyLogits | None]
"""Texts and their second texts -> logits; None where they are not known to whoever is asked."""
_FEWEST = 2
"""Changed texts from which on there is something to tell."""


def refuse_unaskable(settings: VerifyTable, *, runs_here: bool) -> None:
    """Refuse a recipe that wants the teacher asked about other spellings where it cannot be.

    Args:
        settings: The recipe's.
        runs_here: Whether the teacher is a model that runs on this machine.

    Raises:
        RecipeError: It wants that and it is none.
    """
    if settings.robustness is True and not runs_here:
        raise RecipeError(
            "verify.robustness = true asks the teacher about texts in other spellings, and no teacher is at hand that "
            "runs on this machine.",
            hint='Give such a teacher, or leave verify.robustness = "auto": then the artifact alone is asked.',
        )


def n_respelled(task: str, settings: VerifyTable, *, n_texts: int) -> int:
    """How many texts are asked about again at most, all spellings together.

    Args:
        task: What is asked.
        settings: Whether, and of how many texts.
        n_texts: The held-out texts.
    """
    kind = TASKS[task].respelled
    if settings.robustness is False or kind is Respelled.NOTHING:
        return 0
    n_spellings = len(spellings.respellings(seed=0, keeps_places=kind is Respelled.WORDS))
    return n_spellings * min(settings.robustness_texts, n_texts)


def robustness_of(
    artifact: tuple[Ask, AnyLogits],
    teacher: tuple[Ask | None, AnyLogits] | None,
    *,
    examples: Examples,
    task: str,
    settings: VerifyTable,
    doubt: Doubt,
) -> Robustness | None:
    """Ask about some texts in other spellings.

    Args:
        artifact: What answers, and its logits of all texts as they stand.
        teacher: The same of the teacher; what answers is None where it cannot be asked. None without its logits.
        examples: The n texts.
        task: What is asked.
        settings: How many texts at most, and whether at all.
        doubt: How intervals are made; its seed chooses the texts and makes the typos.

    Returns: None where the recipe does not want it, or the task has no spelling that leaves the answer as it is.
    """
    kind = TASKS[task].respelled
    if settings.robustness is False or kind is Respelled.NOTHING:
        return None
    rows = some_rows(examples, TASKS[task], settings.robustness_texts, seed=doubt.seed)
    if not len(rows):
        return None
    some = examples.take(rows)
    clean, wanted = logits_of(artifact[1], rows), None if teacher is None else logits_of(teacher[1], rows)
    ask = None if teacher is None else teacher[0]
    whole = TASKS[task].within(some.groups)
    found, was_told = [], False
    for name, respell in spellings.respellings(seed=doubt.seed, keeps_places=kind is Respelled.WORDS).items():
        written = _respelled(some, respell, kind)
        changed = np.flatnonzero([one != other for one, other in zip(_pairs(written), _pairs(some), strict=True)])
        if TASKS[task].groups_rows:  # a query's passages are put in order together
            changed = np.flatnonzero(np.isin(some.groups, np.unique(some.groups[changed])))
        if len(changed) < _FEWEST:
            continue
        texts = written.take(changed)
        on_these = TASKS[task].within(some.take(changed).groups)
        own = artifact[0](texts.texts, texts.text_pairs)
        theirs = None if ask is None else ask(texts.texts, texts.text_pairs)
        was_told = was_told or theirs is not None
        names = examples.label_names
        found.append(
            Perturbed(
                name=name,
                n=len(changed),
                agreement=None if theirs is None else scores.of_one(on_these.agreement_of(own, theirs, names), doubt),
                artifact_steady=scores.of_one(on_these.agreement_of(own, logits_of(clean, changed), names), doubt),
                teacher_steady=None
                if theirs is None or wanted is None
                else scores.of_one(on_these.agreement_of(theirs, logits_of(wanted, changed), names), doubt),
            )
        )
    if not found:
        return None
    return Robustness(
        n=len(rows),
        agreement=None
        if wanted is None
        else scores.of_one(whole.agreement_of(clean, wanted, examples.label_names), doubt),
        perturbations=tuple(found),
        teacher_asked=was_told,
    )


def _respelled(examples: Examples, respell: spellings.Respell, kind: Respelled) -> Examples:
    texts = tuple(map(respell, examples.texts))
    pairs = examples.text_pairs
    if pairs is not None and kind is not Respelled.FIRST_TEXT:
        pairs = tuple(map(respell, pairs))
    return replace(examples, texts=texts, text_pairs=pairs)


def _pairs(examples: Examples) -> Sequence[tuple[str, str | None]]:
    return list(zip(examples.texts, examples.text_pairs or (None,) * len(examples), strict=True))
