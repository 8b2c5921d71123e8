"""A teacher that is a Python function: texts in, logits, probabilities or labels out.

    def my_function(texts: list[str], text_pairs: list[str] | None): ...

It gives one row for each text: floats of shape (n, classes), which are probabilities where every row is 0 or more and
sums to 1 and logits otherwise; or (n,) labels, by name or number. For other tasks: `given`, `given_tags`.
Attributes of the function that count, where it has them:
`task`, what it answers, where the recipe does not say; `label_names`, the classes in the order of the columns;
`dimensions`, the numbers of a vector; and `fingerprint`, which names all that its answers depend on.
Its answers are kept under its qualified name, its source and that fingerprint: what else it reads (weights, other
functions) cannot be seen from here, so change `fingerprint` when that changes.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LabelError, TeacherError, UnsafeTeacherError
from limbeck.ground import fingerprint
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import TeacherTable
from limbeck.tasks import TASKS, LabelKind, output_names
from limbeck.tasks.task import AnyLogits
from limbeck.teacher import distributions, given, given_tags
from limbeck.teacher.answering import Labelled, MadeUpTexts, TimedAnswers, key_of_answers
from limbeck.teacher.pieces import ask_in_pieces
from limbeck.teacher.signals import SignalStore
from limbeck.text.examples import Examples
from limbeck.text.units import UnitLogits
from limbeck.text.windows import Reads

Function = Callable[[list[str], list[str] | None], Any]

_NAMED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@dataclass(frozen=True)
class FunctionTeacher:
    """A Python function that answers texts.

    Args:
        function: Called with a few hundred texts at once.
        name: Its module and qualified name.
        fingerprint: Of name, source, its own `fingerprint`, and the classes.
        label_names: The classes in the order of the columns.
        names_are_given: Whether function or recipe named the classes; else they are the data's, whose order says
            nothing of the function's columns.
    """

    function: Function
    name: str
    fingerprint: str
    label_names: tuple[str, ...]
    names_are_given: bool
    made_up: MadeUpTexts = "answered"
    size_bytes: int | None = None
    n_parameters: int | None = None
    task: str = "classification"

    @property
    def told(self) -> Mapping[str, str]:
        """By its qualified name."""
        return {"name": self.name, "fingerprint": self.fingerprint}

    def logits(self, texts: Sequence[str], text_pairs: Sequence[str] | None = None) -> AnyLogits:
        """Its answers as logits, of texts or of their words.

        Raises:
            TeacherError: It failed, or gave something else than one row for each text.
        """
        try:
            answers = self.function(list(texts), None if text_pairs is None else list(text_pairs))
        except Exception as error:
            raise TeacherError(
                f"The function {self.name} failed on {len(texts)} texts, the first being {texts[0][:60]!r}: "
                f"{type(error).__name__}: {error}",
                hint="Call it with these texts yourself; the answers before them are kept.",
            ) from error
        if TASKS[self.task].reads is Reads.WORDS:
            return self._of_words(answers, texts)
        return self._as_logits(answers, n_texts=len(texts))

    def prepare(self, wanted: Mapping[str, Examples], root: Path, *, progress: Progress = SILENT) -> None:
        """There is nothing to refuse: what it cannot answer, it says when it is asked."""

    def label(
        self,
        examples: Examples,
        root: Path,
        *,
        settings: TeacherTable,  # noqa: ARG002  (a function has no knobs of ours)
        part_name: str,
        judges: bool,  # noqa: ARG002
        progress: Progress = SILENT,
    ) -> Labelled:
        """See `Teacher.label`."""
        store = SignalStore(root, key_of_answers(self.fingerprint, n_classes=len(self.label_names)))
        return ask_in_pieces(self.logits, examples, store, part_name=part_name, progress=progress)

    @contextmanager
    def timed(self, threads: int) -> Iterator[TimedAnswers | None]:  # noqa: ARG002
        """Nothing: where it computes, and with how many threads, is its own affair."""
        yield None

    def _of_words(self, answers: Any, texts: Sequence[str]) -> UnitLogits:  # noqa: ANN401
        source = f"The function {self.name}"
        given.check_count(answers, n_texts=len(texts), source=source)
        found = given_tags.logits_of_tags(answers, texts, self.label_names, source)
        if not given_tags.are_named(answers):
            self._need_names()
        return found

    def _as_logits(self, answers: object, *, n_texts: int) -> NDArray[np.float32]:
        source = f"The function {self.name}"
        if self.task != "classification":
            found = given.logits_of(answers, self.task, self.label_names, n_texts=n_texts, source=source)
            if not given.is_named(answers):
                self._need_names()
            return found
        try:
            rows = np.asarray(answers)
        except ValueError as error:  # rows of unequal length
            raise _misshapen(source, f"rows that make no array ({error})", n_texts, len(self.label_names)) from None
        if rows.ndim not in {1, 2} or len(rows) != n_texts or (rows.ndim == 2 and rows.dtype.kind not in "fiu"):
            raise _misshapen(
                source, f"an array of shape {rows.shape} and type {rows.dtype}", n_texts, len(self.label_names)
            )
        if rows.ndim == 1:
            labels = distributions.label_indices(rows.tolist(), self.label_names, source=source)
            if rows.dtype.kind in "iu":
                self._need_names()
            return distributions.logits_of_labels(labels, n_classes=len(self.label_names))
        if rows.shape[1] != len(self.label_names):
            raise _misshapen(source, f"an array of shape {rows.shape}", n_texts, len(self.label_names))
        self._need_names()
        floats = rows.astype(np.float64)
        if not np.isfinite(floats).all():
            raise TeacherError(
                f"{source} gave a number that is not finite, for the text number "
                f"{int(np.argmin(np.isfinite(floats).all(axis=1))) + 1} of {n_texts}.",
                hint="Give probabilities or logits; a probability of 0 is fine, its logarithm is not.",
            )
        return distributions.logits_of_scores(floats, source=source)

    def _need_names(self) -> None:
        if not self.names_are_given:
            raise LabelError(
                f"The function {self.name} answers by the numbers of classes, and nobody said which classes they are.",
                hint="Name them in the order of its columns: my_function.label_names = ('first', 'second'), or "
                "--teacher.labels first,second.",
            )


def function_teacher(
    function: Function,
    *,
    labels: Sequence[str],
    known_labels: Sequence[str],
    name: str | None = None,
    task: str = "classification",
) -> FunctionTeacher:
    """A function as a teacher.

    Args:
        function: See the head of this file.
        labels: The recipe's `teacher.labels`; empty where it names none.
        known_labels: The classes of the data, sorted; empty where it has none.
        name: What it is called; None takes its module and qualified name.
        task: What it is asked.

    Raises:
        LabelError: Nobody names the classes, or nobody tells the size of a vector.
        TeacherError: Functions do not answer this task; or its source cannot be read, and it has no `fingerprint`.
    """
    named = name or f"{getattr(function, '__module__', '')}.{_qualified_name(function)}"
    given.refuse_others(task, source=f"The function {named}")
    told = tuple(labels) or tuple(str(one) for one in getattr(function, "label_names", ()))
    is_number = TASKS[task].label_kind is LabelKind.NUMBER
    if is_number:
        told = output_names(task, _size(function, named, labels) if task == "embeddings" else None)
    names = told or tuple(known_labels)
    if len(names) < 2 and not is_number:
        raise LabelError(
            f"The function {named} and the data name no labels.",
            hint="Name them: my_function.label_names = ('first', 'second'), or --teacher.labels first,second.",
        )
    own = getattr(function, "fingerprint", None)
    settings = {"function": named, "source": _source(function, named, own), "own": str(own), "labels": list(names)}
    if task != "classification":
        settings["task"] = task
    return FunctionTeacher(
        function, named, fingerprint.of_settings(settings), names, names_are_given=bool(told), task=task
    )


def task_of(function: Function) -> str:
    """What a function says that it answers; else classification.

    Raises:
        TeacherError: It names a task that does not exist.
    """
    task = getattr(function, "task", "classification")
    if task not in TASKS:
        raise TeacherError(
            f"The function {_qualified_name(function)} says that its task is {task!r}.",
            hint=f"Say one of {', '.join(TASKS)}.",
        )
    return str(task)


def _size(function: Function, name: str, labels: Sequence[str]) -> int:
    """Numbers of a vector."""
    size = len(labels) or getattr(function, "dimensions", None)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise LabelError(
            f"Nobody says how many numbers a vector of the function {name} has.",
            hint="Say it: my_function.dimensions = 384",
        )
    return size


def is_named_function(source: str) -> bool:
    """Whether a source reads as `module:function`; a hub id has no colon."""
    return _NAMED.fullmatch(source) is not None


def find_function(source: str, *, allow_code: Sequence[str]) -> Function:
    """Import the function that `module:function` names, from the working folder or what is installed.

    Args:
        source: The name.
        allow_code: The recipe's `teacher.allow_code`; it must hold this very name.

    Raises:
        UnsafeTeacherError: It is not allowed.
        TeacherError: There is no such module or function, or it cannot be called.
    """
    if source not in allow_code:
        raise UnsafeTeacherError(
            f"{source} is Python code, which can do anything on this machine.",
            hint=f"If you trust it, allow it by name: --teacher.allow_code '[\"{source}\"]'",
        )
    module_name, _, path = source.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise TeacherError(
            f"{source} cannot be imported: {error}.",
            hint="Run the command in the folder of the module, or install it; then `module:function` names a function.",
        ) from error
    finally:
        sys.path.remove(here)
    if not callable(found):
        raise TeacherError(
            f"{source} is a {type(found).__name__}, which cannot be called.", hint="Name a function of the module."
        )
    return found  # type: ignore[no-any-return]


def _qualified_name(function: Function) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _source(function: Function, name: str, own: object) -> str:
    """What a function is written as; of an object that can be called, its class."""
    try:
        return inspect.getsource(function if inspect.isroutine(function) else type(function))
    except (OSError, TypeError):
        if own is None:
            raise TeacherError(
                f"The source of {name} cannot be read, so its answers could not be told from another version's.",
                hint="Give it a name that changes when its answers do: my_function.fingerprint = 'v1'.",
            ) from None
        return ""


def _misshapen(source: str, what: str, n_texts: int, n_classes: int) -> TeacherError:
    return TeacherError(
        f"{source} gave {what} for {n_texts} texts of {n_classes} classes.",
        hint=f"Give floats of shape ({n_texts}, {n_classes}), or {n_texts} labels.",
    )
