"""Rows -> a table: each text and label is checked once, here, with the place where it stands."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from limbeck.data.raw_labels import GivenLabel, chosen_columns, kind_of, read_label
from limbeck.data.tables import Piece, Row, Table
from limbeck.errors import DataError
from limbeck.tasks import Task
from limbeck.tasks.columns import Columns, KnownNames, looks_like_label
from limbeck.text.windows import WORD_BREAK, Reads, joined_words, words_within

MAX_CHARACTERS = 100_000
NO_VALUE = "(empty)"
_UNLABELLED_NUMBER = -1  # what the data sets of the hub write where labels are withheld
_MISSING = object()


@dataclass
class Gatherer:
    """Takes in the rows of one part, file after file."""

    columns: Columns
    task: Task
    known: KnownNames
    further: tuple[str, ...] = ()
    texts: list[str] = field(default_factory=list)
    text_pairs: list[str] = field(default_factory=list)
    labels: list[GivenLabel] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    _same_labels: dict[tuple[type, GivenLabel], GivenLabel] = field(default_factory=dict)
    _first_labelled: str | None = None
    _first_unlabelled: str | None = None

    def take(self, rows: Iterable[Row], *, name: str, unit: str) -> None:
        """Check and keep the rows of one file.

        Raises:
            DataError: A row without text, a text that no model should be given, a label that is neither a name nor a
                number, or labels at some rows only; the message names the first such row.
        """
        self.pieces.append(Piece(name, unit, len(self.texts)))
        first_keys = None
        for number, values, _ in rows:
            place = f"{name}, {unit} {number}"
            self.texts.append(self._text(values, place))
            if self.columns.text_pair is not None:
                self.text_pairs.append(_text(values, self.columns.text_pair, place))
            if self.columns.label is not None:
                self._take_label(values, place)
            elif first_keys is None:
                first_keys = values.keys()
            elif values.keys() != first_keys:
                self._check_unlabelled(values, place)
            for column in self.further:
                self.values.setdefault(column, []).append(_value_in_words(values.get(column)))
            self.numbers.append(number)

    def table(self, number_names: tuple[str, ...]) -> Table:
        """What was taken in; at least one row."""
        labels = tuple(self.labels) if self._first_labelled else None
        if labels is not None and all(label == _UNLABELLED_NUMBER for label in self._same_labels.values()):
            labels = None
        return Table(
            texts=tuple(self.texts),
            text_pairs=None if self.columns.text_pair is None else tuple(self.text_pairs),
            labels=labels,
            numbers=np.array(self.numbers, dtype=np.int64),
            pieces=tuple(self.pieces),
            columns=self.columns,
            number_names=number_names,
            further={column: tuple(given) for column, given in self.values.items()},
        )

    def _text(self, values: Mapping[str, Any], place: str) -> str:
        column = self.columns.text or ""
        if self.task.reads is Reads.WORDS:
            return words_of_row(values, column, place, are_tagged=self.columns.label is not None)
        return _text(values, column, place)

    def _take_label(self, values: Mapping[str, Any], place: str) -> None:
        given = values.get(self.columns.label or "")
        if self.columns.label_columns:
            given = chosen_columns(values, self.columns.label_columns, place)
        label = read_label(
            given,
            self.task.label_kind,
            place=place,
            column=self.columns.label,
            text=self.text_pairs[-1] if self.text_pairs else self.texts[-1],
        )
        if label is None:
            self._first_unlabelled = self._first_unlabelled or place
        else:
            self._first_labelled = self._first_labelled or place
            # The same object for the same label: a million labels then cost a million pointers.
            self.labels.append(self._same_labels.setdefault((type(label), label), label))
        if self._first_labelled is not None and self._first_unlabelled is not None:
            raise DataError(
                f"{self._first_unlabelled}: no label in column {self.columns.label!r}, "
                f"while {self._first_labelled} has one.",
                hint="Label all rows of a part, or none; move the others to a file of their own.",
            )

    def _check_unlabelled(self, values: Mapping[str, Any], place: str) -> None:
        late = [name for name in values if looks_like_label(name, self.known)]
        if late:
            raise DataError(
                f"{place}: has a label in {late[0]!r}, while {self.pieces[0].name}, {self.pieces[0].unit} "
                f"{self.numbers[0]} has none.",
                hint="Label all rows of a part, or none; move the others to a file of their own.",
            )


def words_of_row(values: Mapping[str, Any], column: str, place: str, *, are_tagged: bool) -> str:
    """A text as its words: given as a list; or as plain text, parted at its blanks where each word has a tag.

    Raises:
        DataError: A word, or the text, is blank or none at all.
    """
    given = values.get(column, _MISSING)
    if isinstance(given, str) and given.lstrip().startswith("["):
        with suppress(ValueError):
            given = json.loads(given)
    if not isinstance(given, list | tuple):
        text = _text(values, column, place)
        return joined_words(text.split() if are_tagged else [text[at:end] for at, end in words_within(text)])
    for number, word in enumerate(given, start=1):
        if not isinstance(word, str) or not word.strip(WORD_BREAK):
            raise DataError(
                f"{place}: word {number} of {column!r} is {'blank' if isinstance(word, str) else kind_of(word)}.",
                hint="Give each word as a string; remove blank ones together with their tags.",
            )
    return _checked(joined_words(given), column, place)


def _value_in_words(value: object) -> str:
    """A value of a further column; empty ones are all the same."""
    if value is None or value == "":
        return NO_VALUE
    if isinstance(value, str | int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _text(values: Mapping[str, Any], column: str, place: str) -> str:
    return _checked(values.get(column, _MISSING), column, place)


def _checked(text: object, column: str, place: str) -> str:
    if not isinstance(text, str) or not text or text.isspace():
        found = (
            f"there is no {column!r}" if text is _MISSING
            else f"{column!r} is null" if text is None
            else f"{column!r} is blank" if isinstance(text, str)
            else f"{column!r} holds {kind_of(text)}"
        )  # fmt: skip
        raise DataError(
            f"{place}: expected a text, but {found}.", hint="Give every row a text, or remove the rows without one."
        )
    if len(text) > MAX_CHARACTERS:
        raise DataError(
            f"{place}: the text has {len(text):,} characters; at most {MAX_CHARACTERS:,} are taken.",
            hint="A model reads the first few hundred words only: cut the text, part it into rows, or remove the row.",
        )
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{place}: half a character (U+{ord(text[error.start]):04X}) at position {error.start + 1:,} of it.",
                hint="An emoji was cut in two where the file was written: write it whole, or remove the half.",
            ) from None
    if "\0" in text:
        raise DataError(
            f"{place}: a NUL character at position {text.index(chr(0)) + 1:,} of the text.", hint="Remove it."
        )
    return text
