"""What somebody gave as answers, by the task -> logits; refused, with its place, where it is none.

task             an answer to a text
multi-label      a probability for each label, from 0 to 1 and each by itself; or the list of its labels, by name
regression       a number
reranking        a number, the score of query and passage
embeddings       a vector, of one size for all texts

Answers for the words of a text: see `given_tags`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import TeacherError
from limbeck.teacher import distributions

Logits = NDArray[np.float32]


def logits_of(answers: Any, task: str, label_names: Sequence[str], *, n_texts: int, source: str) -> Logits:  # noqa: ANN401
    """Answers of any task but classification as logits.

    Args:
        answers: One for each text, as the head of this file says; lists or arrays.
        task: See `limbeck.tasks`.
        label_names: The labels, or what `limbeck.tasks.output_names` gives.
        n_texts: How many answers are wanted.
        source: Who gave them, for messages.

    Returns: (texts, names) float32.

    Raises:
        TeacherError: Another number of answers, or some that are none of this task.
    """
    check_count(answers, n_texts=n_texts, source=source)
    return _READERS[task](answers, label_names, source)


def check_count(answers: Any, *, n_texts: int, source: str) -> None:  # noqa: ANN401
    """Refuse what is not one answer for each text.

    Raises:
        TeacherError: As it says.
    """
    try:
        n_given = len(answers)
    except TypeError:
        n_given = -1
    if n_given != n_texts:
        told = f"{n_given} answers" if n_given >= 0 else f"no list of answers but {answers!r:.60}"
        raise TeacherError(
            f"{source} gave {told} for {n_texts} texts.", hint="Give one answer for each text, in order."
        )


def refuse_others(task: str, *, source: str) -> None:
    """Refuse tasks whose answers cannot be given from outside: they hang on how a student's tokenizer parts the texts.

    Args:
        task: See `limbeck.tasks`.
        source: What was to answer.

    Raises:
        TeacherError: It is one of these.
    """
    known = ("classification", *_READERS, "token-classification")
    if task not in known:
        raise TeacherError(
            f"{source} cannot be asked for the task {task!r}, whose answers are about tokens of one tokenizer.",
            hint="Give a Hugging Face model, an ONNX graph or an artifact.",
        )


def is_named(answers: Any) -> bool:  # noqa: ANN401
    """Whether answers name their labels, so that no order of labels is taken for granted."""
    return all(_is_names(answer) for answer in answers)


def _numbers(answers: Any, label_names: Sequence[str], source: str) -> Logits:  # noqa: ANN401, ARG001
    found = _array(answers, source, wanted="a number for each text")
    if found.shape != (len(found),) and found.shape != (len(found), 1):
        raise _other(source, f"an array of shape {found.shape}", f"a number for each of {len(found)} texts")
    return _finite(found.reshape(-1, 1), source)


def _vectors(answers: Any, label_names: Sequence[str], source: str) -> Logits:  # noqa: ANN401
    wanted = f"vectors of {len(label_names)} numbers"
    found = _array(answers, source, wanted=wanted)
    if found.shape != (len(found), len(label_names)):
        raise _other(source, f"an array of shape {found.shape}", wanted)
    return _finite(found, source)


def _label_sets(answers: Any, label_names: Sequence[str], source: str) -> Logits:  # noqa: ANN401
    if is_named(answers):
        known = {name: index for index, name in enumerate(label_names)}
        shares = np.full((len(answers), len(label_names)), 1 - distributions.LABEL_SHARE)
        for row, answer in enumerate(answers):
            for name in answer:
                if name not in known:
                    raise TeacherError(
                        f"{source} gave the label {name!r} in answer number {row + 1}; the labels are "
                        f"{', '.join(label_names[:20])}.",
                        hint="Give these names; or name other labels: --teacher.labels first,second",
                    )
                shares[row, known[name]] = distributions.LABEL_SHARE
        return distributions.logits_of_decisions(shares)
    wanted = f"probabilities of {len(label_names)} labels for each text, or lists of their names"
    found = _array(answers, source, wanted=wanted)
    if found.shape != (len(found), len(label_names)):
        raise _other(source, f"an array of shape {found.shape}", wanted)
    _finite(found, source)
    outside = ((found < 0) | (found > 1)).any(axis=1)
    if outside.any():
        row = int(np.argmax(outside))
        raise TeacherError(
            f"{source} gave no probabilities in {int(outside.sum())} of {len(found)} answers: number {row + 1} goes "
            f"from {found[row].min():.4g} to {found[row].max():.4g}.",
            hint="Each label has a probability of its own, from 0 to 1: of logits, 1 / (1 + exp(-logit)).",
        )
    return distributions.logits_of_decisions(found)


def _is_names(answer: object) -> bool:
    return isinstance(answer, list | tuple | set | frozenset) and all(isinstance(one, str) for one in answer)


def _array(answers: Any, source: str, *, wanted: str) -> NDArray[np.float64]:  # noqa: ANN401
    try:
        found = np.asarray(answers)
    except ValueError as error:  # rows of unequal length
        raise _other(source, f"rows that make no array ({error})", wanted) from None
    if found.dtype.kind not in "fiu":
        raise _other(source, f"an array of type {found.dtype}", wanted)
    return found.astype(np.float64)


def _finite(found: NDArray[np.float64], source: str) -> Logits:
    finite = np.isfinite(found).all(axis=1)
    if not finite.all():
        raise TeacherError(
            f"{source} gave a number that is not finite, in answer {int(np.argmin(finite)) + 1} of {len(found)}.",
            hint="Give finite numbers.",
        )
    return found.astype(np.float32)


def _other(source: str, given: str, wanted: str) -> TeacherError:
    return TeacherError(f"{source} gave {given}; expected {wanted}.", hint="See docs/guides/choose-a-teacher.md.")


_READERS: Mapping[str, Callable[[Any, Sequence[str], str], Logits]] = {
    "multi-label": _label_sets,
    "regression": _numbers,
    "reranking": _numbers,
    "embeddings": _vectors,
}
