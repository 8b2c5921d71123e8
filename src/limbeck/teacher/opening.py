"""A teacher from whatever names one: a model, a file of answers, a function, an address, or several of these.

source                                       teacher
a Hugging Face folder or hub id              `load.EncoderTeacher`, the one that a student can start from
an artifact                                  the same by its weights where a student is to start from it, else
                                             `graph.GraphTeacher` by its float32 graph
an ONNX file, or a folder with one           `graph.GraphTeacher`
a .jsonl or .parquet file                    `saved.SavedAnswers`
a Python function, or module:function        `function.FunctionTeacher`
http://... or https://...                    `chat.ChatTeacher`, a large language model
a .toml file, or sources with their weights  `ensemble.Ensemble` of these
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.artifact.sealed import FolderKind, folder_kind, open_artifact
from limbeck.errors import TeacherError
from limbeck.ground import extras
from limbeck.recipe.knobs import AUTO, Recipe
from limbeck.tasks import TASKS, LabelKind
from limbeck.teacher import chat, graph
from limbeck.teacher import function as functions
from limbeck.teacher.answering import Teacher
from limbeck.teacher.chat_tasks import askable
from limbeck.teacher.ensemble import ensemble_of, read_ensemble
from limbeck.teacher.saved_file import is_saved_answers, read_answers

Source = str | Path | Callable[[list[str], list[str] | None], Any]
TeacherSource = Source | Mapping[Source, float]


def open_teacher(
    source: TeacherSource,
    *,
    recipe: Recipe,
    work: Path,
    known_labels: Callable[[str], Sequence[str]] = lambda _task: (),
    starts_student: bool = False,
) -> Teacher:
    """Find out what a source is, and open it.

    Args:
        source: See above.
        recipe: Its tables teacher and data.
        work: Where a converted tokenizer may be put.
        known_labels: Task -> the classes of the data, for teachers that name none; empty where it has none.
        starts_student: Whether a student is to start from this very teacher, if it has weights.

    Raises:
        LimbeckError: It cannot be used; what was expected stands in the message.
    """
    opening = _Opening(recipe, work, known_labels, starts_student)
    if isinstance(source, Mapping):
        members = [opening.member(member, recipe, number) for number, member in enumerate(source)]
        return ensemble_of(" + ".join(member.name for member in members), members, tuple(source.values()))
    if callable(source):
        return opening.function(source)
    return opening.by_mark(str(source)) or opening.model(source)


@dataclass(frozen=True)
class _Opening:
    """What is known besides the source; the arguments of `open_teacher`."""

    recipe: Recipe
    work: Path
    known_labels: Callable[[str], Sequence[str]]
    starts_student: bool

    def member(self, source: Source, recipe: Recipe, number: int) -> Teacher:
        """A member of an ensemble."""
        folder = self.work / f"member-{number + 1}"
        return open_teacher(source, recipe=recipe, work=folder, known_labels=self.known_labels)

    def by_mark(self, name: str) -> Teacher | None:
        """A teacher that is told by how its source is written or ends; None where that tells nothing."""
        settings, path = self.recipe.teacher, Path(name).expanduser()
        if chat.is_address(name):
            task = askable(self.task(), name=name)
            return chat.chat_teacher(name, settings.chat, task=task, **self.labels(task))
        if is_saved_answers(path):
            task = self.task()
            return read_answers(path, columns=self.recipe.data, task=task, **self.labels(task))
        if path.is_file() and path.suffix == ".toml":
            return read_ensemble(path, recipe=self.recipe, open_member=self.member)
        if functions.is_named_function(name) and not path.exists():
            return self.function(functions.find_function(name, allow_code=settings.allow_code), name=name)
        return None

    def function(self, function: functions.Function, *, name: str | None = None) -> Teacher:
        """A teacher that is a Python function."""
        task = self.task(functions.task_of(function))
        return functions.function_teacher(function, name=name, task=task, **self.labels(task))

    def task(self, otherwise: str = "classification") -> str:
        """What is asked of a teacher that is no model: as the recipe says, else as it says itself."""
        task = otherwise if self.recipe.task == AUTO else self.recipe.task
        if TASKS[task].taught_live:
            raise TeacherError(
                f"The task {task!r} asks other things of a teacher in each pass over the texts, and only a Hugging "
                "Face model can answer as training goes.",
                hint="Give a folder or hub id of a masked language model.",
            )
        return task

    def labels(self, task: str) -> dict[str, tuple[str, ...]]:
        """The classes that the recipe names, and those that stand in the data; numbers of the data are none."""
        is_number = TASKS[task].label_kind is LabelKind.NUMBER
        known = () if is_number else tuple(self.known_labels(task))
        return {"labels": self.recipe.teacher.labels, "known_labels": known}

    def model(self, source: str | Path) -> Teacher:
        """A teacher that is a model, in a folder, a file, or on the hub."""
        settings, table, path = self.recipe.teacher, self.recipe.data, Path(source).expanduser()
        if folder_kind(path) is FolderKind.ARTIFACT:
            if not (self.starts_student and any(path.glob("*.safetensors"))):
                return graph.artifact_teacher(source, task=self.recipe.task)
            open_artifact(path)
        elif graph.is_graph(path):
            return graph.graph_teacher(source, labels=settings.labels, data=table, task=self.recipe.task)
        extras.need("train", what="Asking a teacher that is a Hugging Face model")
        from limbeck.teacher.load import load_teacher

        return load_teacher(source, settings=settings, work=self.work, task=self.recipe.task, data=table)
