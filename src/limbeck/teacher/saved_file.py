"""A file of saved answers -> texts and logits; see `saved` for what its rows hold."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.data import opening, sources
from limbeck.data.gathering import words_of_row
from limbeck.data.json_rows import read_json_lines
from limbeck.data.labels import natural_order
from limbeck.data.parquet_rows import ParquetRows
from limbeck.data.raw_labels import read_label
from limbeck.errors import DataError, LabelError
from limbeck.ground import fingerprint
from limbeck.recipe.knobs import DataTable
from limbeck.tasks import TASKS, LabelKind, output_names
from limbeck.tasks.columns import Columns, find_columns
from limbeck.tasks.task import AnyLogits
from limbeck.teacher import distributions, given, given_tags
from limbeck.teacher.saved import SavedAnswers, saved_answers
from limbeck.text.units import UnitLogits
from limbeck.text.windows import Reads

ENDINGS = (".jsonl", ".ndjson", ".parquet")
_WHOLE = ("logits", "probabilities")
_NUMBERS = ("logits", "value", "score", "number")
_VECTORS = ("embedding", "embeddings", "vector", "logits")
_PREFIXES = {"logit_": "logits", "probability_": "probabilities"}

Row = Mapping[str, Any]
Logits = NDArray[np.float32]


def is_saved_answers(path: Path) -> bool:
    """Whether a file's ending, without that of its packing, is one of answers."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in opening.COMPRESSIONS:
        suffixes.pop()
    return path.is_file() and bool(suffixes) and suffixes[-1] in ENDINGS


def read_answers(
    path: Path,
    *,
    columns: DataTable,
    labels: Sequence[str],
    known_labels: Sequence[str],
    task: str = "classification",
) -> SavedAnswers:
    """Read a file of answers.

    Args:
        path: A .jsonl or .parquet file, perhaps packed.
        columns: The recipe's data table; the columns that it names are looked for here too.
        labels: The recipe's `teacher.labels`; empty where it names none.
        known_labels: The classes of the data; empty where it has none. They give the order, where they are the file's.
        task: What was asked.

    Raises:
        DataError: Damaged, without texts or answers, or two answers to one text.
        LabelError: An answer is about other classes than the rest, or nobody names them.
        TeacherError: Probabilities that are none, or numbers and vectors that are not finite or not alike.
    """
    rows = list(_rows(path))
    if not rows:
        raise DataError(f"{path} holds no answers.", hint="Give a file with a row for each text.")
    names = list(dict.fromkeys(name for row in rows[:100] for name in row))
    given.refuse_others(task, source=str(path))
    logits: AnyLogits
    texts = _texts(rows, _text_columns(names, columns, path, task), path, task)
    if TASKS[task].reads is Reads.WORDS:
        kind, answers = _answers(rows, names, path, task)
        label_names, logits = _tags(kind, answers, texts, labels, known_labels, path=path)
    elif TASKS[task].label_kind is LabelKind.NUMBER:
        label_names, logits = _values(rows, names, path, task)
    else:
        kind, answers = _answers(rows, names, path, task)
        label_names = _label_names(kind, answers, labels, known_labels, path)
        logits = _logits(kind, answers, label_names, path, task)
    file = fingerprint.of_file(path)
    return saved_answers(str(path), texts, logits, label_names=label_names, file=file, task=task)


def _rows(path: Path) -> Iterator[Row]:
    with opening.opened(path) as stream:
        if sources.ending(path) == ".parquet":
            parquet = ParquetRows(stream, str(path))
            found = parquet.rows(list(parquet.columns))
        else:
            found = read_json_lines(stream, str(path))
        for row in found:
            yield row.values


def _text_columns(names: Sequence[str], columns: DataTable, path: Path, task: str) -> Columns:
    text, text_pair = (name if name in names else None for name in (columns.text, columns.text_pair))
    free = [name for name in names if name not in _WHOLE and not name.startswith(tuple(_PREFIXES))]
    return find_columns(free, TASKS[task].columns, given=Columns(text, text_pair, None), source=str(path))


def _texts(rows: Sequence[Row], columns: Columns, path: Path, task: str) -> list[tuple[str, str | None]]:
    if TASKS[task].reads is Reads.WORDS and columns.text is not None:
        return [
            (words_of_row(row, columns.text, f"{path}, answer {number}", are_tagged=True), None)
            for number, row in enumerate(rows, start=1)
        ]
    wanted = [name for name in (columns.text, columns.text_pair) if name is not None]
    for number, row in enumerate(rows, start=1):
        for name in wanted:
            if not isinstance(row.get(name), str):
                raise DataError(
                    f"{path}, answer {number}: expected a text in {name!r}, got {row.get(name)!r:.40}.",
                    hint="Every answer needs its text, letter by letter as in the data.",
                )
    return [(row[wanted[0]], row[wanted[1]] if len(wanted) > 1 else None) for row in rows]


def _values(rows: Sequence[Row], names: Sequence[str], path: Path, task: str) -> tuple[tuple[str, ...], Logits]:
    """What stands for label names, and the number or vector of each row.

    A number is looked for under the names that `limbeck predict` gives it, then under those of the task's labels.
    """
    is_vector = task == "embeddings"
    wanted = _VECTORS if is_vector else (*_NUMBERS, *TASKS[task].columns.labels)
    column = next((name for name in wanted if name in names), None)
    if column is None:
        raise DataError(
            f"{path} has no answers: its columns are {', '.join(map(repr, names))}.",
            hint=f"Give a column {wanted[0]!r} that holds a list of numbers." if is_vector else
            f"Give a column {wanted[1]!r} or {wanted[2]!r} that holds a number.",
        )  # fmt: skip
    answers = [row.get(column) for row in rows]
    first = answers[0]
    size = len(first) if is_vector and isinstance(first, list | tuple) else 1
    label_names = output_names(task, size if is_vector else None)
    return label_names, given.logits_of(answers, task, label_names, n_texts=len(rows), source=str(path))


def _answers(rows: Sequence[Row], names: Sequence[str], path: Path, task: str) -> tuple[str, list[Any]]:
    """Which way the file holds its answers, and the answer of each row: an object, a list, a label or a set of them."""
    for kind in _WHOLE:
        if kind in names:
            return kind, [row.get(kind) for row in rows]
    for prefix, kind in _PREFIXES.items():
        own = [name for name in names if name.startswith(prefix)]
        if own:
            return kind, [{name.removeprefix(prefix): row.get(name) for name in own} for row in rows]
    label = next((name for name in TASKS[task].columns.labels if name in names), None)
    if label is None:
        raise DataError(
            f"{path} has no answers: its columns are {', '.join(map(repr, names))}.",
            hint='Give a column "probabilities" or "logits" that holds {"label": number, ...}, columns '
            'probability_<label> or logit_<label>, or a column "label".',
        )
    if TASKS[task].label_kind is LabelKind.CLASSES:
        return "label", [
            _label_set(row.get(label), f"{path}, answer {number}", label) for number, row in enumerate(rows, 1)
        ]
    return "label", [row.get(label) for row in rows]


def _label_set(cell: object, place: str, column: str) -> tuple[str, ...]:
    """The names of a text's labels."""
    found = read_label(cell, LabelKind.CLASSES, place=place, column=column)
    if not isinstance(found, tuple):
        raise DataError(f"{place}: no labels in {column!r}.", hint="An empty list means that a text has none of them.")
    return tuple(map(str, found))


def _label_names(
    kind: str, answers: Sequence[Any], labels: Sequence[str], known_labels: Sequence[str], path: Path
) -> tuple[str, ...]:
    """The recipe's order, else the data's where the file has these classes, else the file's own."""
    if labels:
        return tuple(labels)
    if kind != "label" and isinstance(answers[0], list | tuple):
        raise LabelError(
            f"{path} gives numbers without the names of their labels.",
            hint="Name them in the order of the numbers: --teacher.labels first,second.",
        )
    own = {key for answer in answers for key in (answer if isinstance(answer, dict | tuple) else (answer,))}
    names = sorted((str(key) for key in own if key is not None), key=natural_order)
    # Bare labels need not name all classes; numbers are about just those that they name.
    if set(names) == set(known_labels) or (
        kind == "label" and len(known_labels) > 1 and set(names) <= set(known_labels)
    ):
        return tuple(known_labels)
    if len(names) < 2:
        raise LabelError(
            f"{path} knows {len(names)} label{'s' if len(names) != 1 else ''}; a classifier has two or more.",
            hint="Name all labels: --teacher.labels first,second.",
        )
    return tuple(names)


def _logits(kind: str, answers: Sequence[Any], label_names: Sequence[str], path: Path, task: str) -> Logits:
    is_sets = TASKS[task].label_kind is LabelKind.CLASSES
    if kind == "label" and is_sets:
        return given.logits_of(answers, task, label_names, n_texts=len(answers), source=str(path))
    if kind == "label":
        labels = distributions.label_indices(
            [str(one) if str(one) in label_names else one for one in answers], label_names, source=str(path)
        )
        return distributions.logits_of_labels(labels, n_classes=len(label_names))
    values = np.array([_numbers(answer, label_names, number, path) for number, answer in enumerate(answers, start=1)])
    if kind == "probabilities" and is_sets:
        return given.logits_of(values, task, label_names, n_texts=len(values), source=str(path))
    if kind == "probabilities":
        return distributions.logits_of_probabilities(values, source=str(path))
    return values.astype(np.float32)


def _tags(
    kind: str,
    answers: Sequence[Any],
    texts: Sequence[tuple[str, str | None]],
    labels: Sequence[str],
    known_labels: Sequence[str],
    *,
    path: Path,
) -> tuple[tuple[str, ...], UnitLogits]:
    """The names of the tags, and a row for each word: tags by name, or numbers as an object or a list."""
    for number, answer in enumerate(answers, start=1):
        if not isinstance(answer, list | tuple) or not answer:
            raise DataError(
                f"{path}, answer {number}: expected a list with a tag for each word, got {answer!r:.60}.",
                hint="Give as many tags, or lists of numbers, as there are words.",
            )
    of_words = [one for answer in answers for one in answer]
    names = _label_names(kind, of_words, labels, known_labels, path)
    if kind != "label":
        answers = [[_numbers(one, names, number, path) for one in told] for number, told in enumerate(answers, 1)]
    return names, given_tags.logits_of_tags(answers, [text for text, _ in texts], names, str(path))


def _numbers(answer: Any, label_names: Sequence[str], number: int, path: Path) -> list[float]:  # noqa: ANN401
    given = [answer.get(name) for name in label_names] if isinstance(answer, dict) else answer
    if (
        not isinstance(given, list | tuple)
        or not len(given) == len(answer) == len(label_names)
        or not all(isinstance(one, int | float) and np.isfinite(one) for one in given)
    ):
        raise LabelError(
            f"{path}, answer {number}: expected a number for each of {', '.join(label_names[:20])}, got "
            f"{answer!r:.80}.",
            hint="Every answer is about the same labels; --teacher.labels names them.",
        )
    return [float(one) for one in given]
