"""What stands in a label's cell: one name or number, several of them, or a number on a scale."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from limbeck.data.answer_cells import AnswerSpans, read_answers
from limbeck.data.tables import RawLabel
from limbeck.errors import DataError
from limbeck.tasks import LabelKind
from limbeck.text.windows import WORD_BREAK

GivenLabel = RawLabel | float | tuple[RawLabel, ...] | AnswerSpans
"""As a table keeps it: by the kind of the task a class, a number, the classes of a text, a tag a word, or answers."""
_SEPARATORS = re.compile(r"[|;,]")
_YES, _NO = frozenset({1, "1", "true", "yes"}), frozenset({0, "0", "false", "no", ""})


def read_label(value: object, kind: LabelKind, *, place: str, column: str | None, text: str = "") -> GivenLabel | None:
    """One cell; None where nobody labelled the text.

    Args:
        value: As the file has it.
        kind: What the task wants.
        place: Where it stands, for messages.
        column: Its column, for messages.
        text: What the label is of: the words that have tags, the context that has answers.

    Raises:
        DataError: It is not of this kind, or does not fit the text.
    """
    if kind is LabelKind.ANSWERS:
        return read_answers(value, text, place=place, column=column)
    if kind is LabelKind.HIDDEN:
        return None
    label = _READERS[kind](value, place, column)
    if kind is LabelKind.TAGS and isinstance(label, tuple):
        n_words = text.count(WORD_BREAK) + 1
        if len(label) != n_words:
            raise DataError(
                f"{place}: {n_words} words, but {len(label)} tags in {column!r}.",
                hint="Give each word one tag, O for those outside of all spans.",
            )
    return label


def chosen_columns(values: Mapping[str, Any], columns: Sequence[str], place: str) -> list[str] | None:
    """The names of the columns that say yes, where each label has a column of its own; None where all are empty.

    Raises:
        DataError: A cell is neither yes (1, true) nor no (0, false, empty).
    """
    cells = {column: _folded(values.get(column)) for column in columns}
    if all(cell is None or cell == "" for cell in cells.values()):
        return None
    for column, cell in cells.items():
        if cell is not None and not (isinstance(cell, str | int | float) and cell in _YES | _NO):
            raise DataError(
                f"{place}: expected 0 or 1, but {column!r} holds {kind_of(values.get(column))}.",
                hint="Where each label has a column of its own, 1 stands for yes and 0 for no.",
            )
    return [column for column, cell in cells.items() if cell in _YES]


def kind_of(value: object) -> str:
    """What a cell holds, in words."""
    written = repr(value)
    kind = {dict: "an object", list: "a list", bool: "true or false", float: "a number with decimals", int: "a number"}
    return f"{kind.get(type(value), type(value).__name__)} ({written if len(written) <= 40 else written[:39] + '…'})"


def _one(value: object, place: str, column: str | None) -> RawLabel | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    hints = {
        bool: "Write the names of both classes, or the numbers 0 and 1.",
        float: "Classes are names or whole numbers; numbers on a scale are the task regression.",
        list: "Classification takes one label a text; several are the task multi-label.",
    }
    raise DataError(
        f"{place}: expected a label, a name or a whole number, but {column!r} holds {kind_of(value)}.",
        hint=hints.get(type(value), "Write a name or a whole number, or name another column with --data.label NAME."),
    )


def _several(value: object, place: str, column: str | None) -> tuple[RawLabel, ...] | None:
    """A list; or text that is one: ["a", "b"], a|b, a;b or a,b. An empty cell means none of the labels."""
    if value is None:
        return None
    given = value
    if isinstance(given, str):
        given = _listed(given)
    elif isinstance(given, int) and not isinstance(given, bool):
        given = [given]
    if not isinstance(given, list | tuple):
        raise DataError(
            f"{place}: expected a list of labels, but {column!r} holds {kind_of(value)}.",
            hint='Write ["joy", "love"], or joy|love, or give each label a column of 0 and 1: --data.label joy,love',
        )
    labels = [_one(one, place, column) for one in given]
    return tuple(dict.fromkeys(label for label in labels if label is not None))


def _tags(value: object, place: str, column: str | None) -> tuple[RawLabel, ...] | None:
    """A tag for each word: a list, or text with blanks between them. Nothing at all means that nobody tagged."""
    if value is None or value == "":
        return None
    given = value.split() if isinstance(value, str) and not value.lstrip().startswith("[") else value
    given = _listed(given) if isinstance(given, str) else given
    if not isinstance(given, list | tuple):
        raise DataError(
            f"{place}: expected a list of tags, but {column!r} holds {kind_of(value)}.",
            hint='Write ["O", "B-place", "I-place"], one tag for each word.',
        )
    tags = [_one(one, place, column) for one in given]
    if None in tags:
        raise DataError(
            f"{place}: the tag of word {tags.index(None) + 1} is empty in {column!r}.",
            hint="Write O for words outside of all spans.",
        )
    return tuple(tag for tag in tags if tag is not None) or None


def _listed(cell: str) -> list[Any]:
    if cell.lstrip().startswith("["):
        try:
            found = json.loads(cell.replace("'", '"') if '"' not in cell else cell)
        except ValueError:
            found = None
        if isinstance(found, list):
            return found
    return _SEPARATORS.split(cell)


def _number(value: object, place: str, column: str | None) -> float | None:
    if value is None or value == "":
        return None
    number = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
    if not math.isfinite(number):
        raise DataError(
            f"{place}: expected a number, but {column!r} holds {kind_of(value)}.",
            hint="Regression takes finite numbers such as 3.5; names are the task classification.",
        )
    return number


_READERS: Mapping[LabelKind, Callable[[object, str, str | None], GivenLabel | None]] = {
    LabelKind.CLASS: _one,
    LabelKind.CLASSES: _several,
    LabelKind.NUMBER: _number,
    LabelKind.TAGS: _tags,
}


def _folded(cell: object) -> object:
    return cell.strip().casefold() if isinstance(cell, str) else cell
