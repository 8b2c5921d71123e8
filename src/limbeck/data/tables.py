"""Texts as they were read: column by column, with the place of each row, labels still as the file has them."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck.tasks import Task
from limbeck.tasks.columns import Columns

WHOLE = "all"
TRAIN = "train"
VALIDATION = "validation"
HELD_OUT = "held_out"

RawLabel = str | int


class Row(NamedTuple):
    """One row of any kind of file: its number, counted from 1, its values by column, and what the number counts."""

    number: int
    values: Mapping[str, Any]
    unit: str = "line"


@dataclass(frozen=True)
class Piece:
    """Rows of a table that came from one file.

    Args:
        name: The file, or the data set with its split.
        unit: What `Table.numbers` counts in it: "line", "row" or "question".
        start: Index in the table of its first row.
    """

    name: str
    unit: str
    start: int


@dataclass(frozen=True)
class Table:
    """The rows of one part; columns, not rows, so that a million texts cost little more than their characters.

    Args:
        texts: (n,) the texts, n at least 1.
        text_pairs: (n,) the second texts, or None for single texts.
        labels: (n,) names or numbers as they stand in the file, tuples of them where a text may have several, tuples of
            characters [start, end) where they are answers, or None where it has none.
        numbers: (n,) line or row number of each row in its file, counted from 1.
        pieces: The files that the rows came from, in order.
        columns: Where they stood.
        number_names: Names of the labels 0, 1, ... where the file itself tells them; else empty.
        further: Further columns that were asked for -> (n,) their values in words.
    """

    texts: tuple[str, ...]
    text_pairs: tuple[str, ...] | None
    labels: tuple[Any, ...] | None
    numbers: NDArray[np.int64]
    pieces: tuple[Piece, ...]
    columns: Columns
    number_names: tuple[str, ...] = ()
    further: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def named_labels(self) -> tuple[RawLabel, ...]:
        """Every label of every row, one after the other."""
        found: list[RawLabel] = []
        for given in self.labels or ():
            found += given if isinstance(given, tuple) else (given,)
        return tuple(found)

    def place(self, index: int) -> str:
        """Where row `index` stands: "texts.jsonl, line 7"."""
        piece = self.pieces[bisect_right([piece.start for piece in self.pieces], index) - 1]
        return f"{piece.name}, {piece.unit} {self.numbers[index]}"


@dataclass(frozen=True)
class Tables:
    """All that one source holds.

    Args:
        source: The file, folder or data set, as it was given.
        parts: "all", or "train" with "validation" and "held_out" where the source has them.
        task: What the texts are asked, which settles what their labels are.
    """

    source: str
    parts: Mapping[str, Table]
    task: Task
