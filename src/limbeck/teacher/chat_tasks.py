"""The question that a recipe asks of a large language model, by its task."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from limbeck.errors import LabelError, RecipeError, TeacherError
from limbeck.recipe.chat import ChatTable
from limbeck.tasks import output_names
from limbeck.teacher.chat_label_set import LabelSet
from limbeck.teacher.chat_one_label import OneLabel
from limbeck.teacher.chat_prompt import Question
from limbeck.teacher.chat_scale import Relevance, Scale

_KINDS: dict[str, type[Question]] = {kind.task: kind for kind in (OneLabel, LabelSet, Scale, Relevance)}
_ROOM = 2
"""Tokens that an answer may take for each that an estimate counts: blanks, line breaks, a code of several tokens."""


def askable(task: str, *, name: str) -> str:
    """The task, if a language model can be asked it.

    Args:
        task: See `limbeck.tasks`.
        name: What the teacher is called.

    Raises:
        TeacherError: It cannot.
    """
    if task not in _KINDS:
        raise TeacherError(
            f"{name} can be asked {', '.join(_KINDS)}, and the recipe's task is {task!r}.",
            hint="For other tasks give a model or an artifact; of vectors also a function or a file of answers.",
        )
    return task


def question_of(
    table: ChatTable, *, source: str, task: str, labels: Sequence[str], known_labels: Sequence[str]
) -> Question:
    """What a language model is asked about every text.

    Args:
        table: The recipe's `teacher.chat`.
        source: The address, for messages.
        task: One that `askable` lets through.
        labels: The recipe's `teacher.labels`; empty takes the data's.
        known_labels: The classes of the data; empty where it has none.

    Raises:
        RecipeError: No model is named, nobody says what a number is of or its scale, or a description is of nothing
            that can be answered.
        LabelError: Nobody names the labels.
    """
    if table.model is None:
        raise RecipeError(
            f"teacher.chat.model is not given, and {source} may serve several models.",
            hint="Name one: --teacher.chat.model NAME.",
        )
    kind = _KINDS[task]
    instructions = table.instructions if table.instructions is not None else kind.usual_instructions
    if instructions is None:
        raise RecipeError(
            f"teacher.chat.instructions is not given, and nothing else tells {table.model} what its numbers are of.",
            hint="Say it: --teacher.chat.instructions 'Say how friendly the text is.'",
        )
    names = tuple(labels) or tuple(known_labels)
    told = {"model": table.model, "instructions": instructions, "descriptions": dict(table.descriptions)}
    question = _about_numbers(table, told, kind) if issubclass(kind, Scale) else _about_labels(table, told, kind, names)
    strangers = [name for name in table.descriptions if name not in question.choices]
    if strangers:
        raise RecipeError(
            f"teacher.chat.descriptions describes {', '.join(map(repr, strangers))}; {question.choices_told}.",
            hint="Describe what can be answered by its name, letter by letter.",
        )
    usual = {"temperature": 0, "max_tokens": _ROOM * question.n_answer_tokens}
    return replace(question, parameters=usual if table.parameters is None else dict(table.parameters))


def _about_labels(table: ChatTable, told: Mapping[str, Any], kind: type[Question], names: tuple[str, ...]) -> Question:
    if len(names) < 2:
        raise LabelError(
            f"The labels that {table.model} is to choose from are not known, as the data has none.",
            hint="Name them: --teacher.labels first,second.",
        )
    if table.scale is not None:
        raise RecipeError(
            f"teacher.chat.scale is for numbers, and the recipe's task is {kind.task!r}.",
            hint="Leave it out, or ask for numbers: --task regression.",
        )
    return kind(**told, label_names=names, parameters={})


def _about_numbers(table: ChatTable, told: Mapping[str, Any], kind: type[Scale]) -> Question:
    scale = table.scale or kind.usual_scale
    if scale is None:
        raise RecipeError(
            f"teacher.chat.scale is not given, and nothing else tells {table.model} which numbers to answer with.",
            hint="Give the least and the greatest: --teacher.chat.scale 0,5",
        )
    return kind(**told, label_names=output_names(kind.task), parameters={}, scale=scale)
