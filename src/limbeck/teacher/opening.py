"""A teacher from whatever names one: a model, a file of answers, a function, an address, or several of these.

source                                       teacher
a Hugging Face folder or hub id              `load.EncoderTeacher`, the one that a student can start from
a .jsonl or .parquet file                    `saved.SavedAnswers`
a Python function, or module:function        `function.FunctionTeacher`
http://... or https://...                    `chat.ChatTeacher`, a large language model
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from limbeck import extras
from limbeck.recipe import Recipe
from limbeck.teacher import chat
from limbeck.teacher import function as functions
from limbeck.teacher.answering import Teacher
from limbeck.teacher.saved_file import is_saved_answers, read_answers

TeacherSource = str | Path | Callable[[list[str], list[str] | None], Any]


def open_teacher(source: TeacherSource, *, recipe: Recipe, work: Path, known_labels: Sequence[str] = ()) -> Teacher:
    """Find out what a source is, and open it.

    Args:
        source: See above.
        recipe: Its tables teacher and data.
        work: Where a converted tokenizer may be put.
        known_labels: The classes of the data, for teachers that name none; empty where it has none.

    Raises:
        LimbeckError: It cannot be used; what was expected stands in the message.
    """
    settings = recipe.teacher
    if callable(source):
        return functions.function_teacher(source, labels=settings.labels, known_labels=known_labels)
    if chat.is_address(str(source)):
        return chat.chat_teacher(str(source), settings.chat, labels=settings.labels, known_labels=known_labels)
    path = Path(source).expanduser()
    if is_saved_answers(path):
        return read_answers(path, columns=recipe.data, labels=settings.labels, known_labels=known_labels)
    if functions.is_named_function(str(source)) and not path.exists():
        function = functions.find_function(str(source), allow_code=settings.allow_code)
        return functions.function_teacher(function, labels=settings.labels, known_labels=known_labels, name=str(source))
    extras.need("train", what="Asking a teacher that is a Hugging Face model")
    from limbeck.teacher.load import load_teacher

    return load_teacher(source, settings=settings, max_tokens=recipe.data.max_tokens, work=work)
