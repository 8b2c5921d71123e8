"""Rows of different lengths in one array; and the units of a text that a model answers for: its words, or its tokens.

A classifier answers once a text. Where a model answers for each word or token, the walk goes on in flat rows, one a
unit: batches, targets, signals and losses stay what they are, and only what belongs to which text is kept beside.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError

Indices = NDArray[np.int64]
NameOf = Callable[[int], str]
"""A token's id -> how it is written."""

NOWHERE = -1
"""In place of both characters of a unit that stands nowhere in its text: a window's first token, for "no answer"."""


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths.

    Args:
        values: (entries, ...) all rows, one after the other.
        starts: (rows + 1,) int64, where each begins; the last is the end of all.
    """

    values: NDArray[Any]
    starts: Indices

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any] | NDArray[Any]], *, dtype: type, width: tuple[int, ...] = ()) -> "Ragged":
        """Rows as one array.

        Args:
            rows: Each (entries, *width).
            dtype: Of the entries.
            width: Shape of one entry.
        """
        arrays: list[NDArray[Any]] = [np.asarray(row, dtype=dtype).reshape(-1, *width) for row in rows]
        values = np.concatenate(arrays) if arrays else np.empty((0, *width), dtype)
        return cls(values, starts_of([len(row) for row in arrays]))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        found: NDArray[Any] = self.values[self.starts[row] : self.starts[row + 1]]
        return found

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> Indices:
        """(rows,) entries of each."""
        return np.diff(self.starts)

    def entries(self, rows: Sequence[int] | Indices) -> Indices:
        """Where the entries of these rows stand in `values`, row after row."""
        chosen = np.asarray(rows, np.int64)
        lengths = self.lengths[chosen]
        before = np.repeat(self.starts[chosen] - starts_of(lengths)[:-1], lengths)
        found: Indices = before + np.arange(len(before))
        return found

    def take(self, rows: Sequence[int] | Indices) -> "Ragged":
        """These rows, in this order."""
        chosen = np.asarray(rows, np.int64)
        return Ragged(self.values[self.entries(chosen)], starts_of(self.lengths[chosen]))

    def joined(self, others: "Ragged") -> "Ragged":
        """These rows, then others of the same width."""
        starts = np.concatenate([self.starts, others.starts[1:] + self.starts[-1]])
        return Ragged(np.concatenate([self.values, others.values]), starts)

    @classmethod
    def nothing(cls, n: int) -> "Ragged":
        """So many rows without an entry, and with no room for any: what was to be said, others say."""
        return cls(np.empty((0, 0), np.int64), np.zeros(n + 1, np.int64))

    def with_values(self, values: NDArray[Any]) -> "Ragged":
        """Rows of the same lengths with other entries.

        Raises:
            ShapeError: There are not as many.
        """
        if len(values) != len(self.values):
            raise ShapeError(
                f"Expected {len(self.values)} entries for {len(self)} rows, got {len(values)}.",
                hint="Give one entry for each that the rows have.",
            )
        return Ragged(values, self.starts)

    def tolist(self) -> list[tuple[Any, ...]]:
        """Each row as a tuple, which can be compared and counted."""
        return [tuple(map(tuple, row.tolist())) if row.ndim > 1 else tuple(row.tolist()) for row in self]

    def to_bytes(self) -> bytes:
        """The same on machines of either byte order."""
        return b"".join(one.astype(one.dtype.newbyteorder("<")).tobytes() for one in (self.starts, self.values))


def starts_of(lengths: Sequence[int] | Indices) -> Indices:
    """(rows + 1,) where rows of these lengths begin; the last is the end of all."""
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, np.int64), dtype=np.int64)])


def owners_of(rows: Ragged) -> Indices:
    """(entries,) the row that each entry belongs to."""
    return np.repeat(np.arange(len(rows)), rows.lengths)


@dataclass(frozen=True, eq=False)
class Units:
    """Where in each of n texts a model answers.

    Args:
        spans: n rows of (units, 2) int64: the characters [start, end) that a unit covers, or `NOWHERE` twice for the
            first token of a window.
        texts: (n,) what the characters are counted in: the text, or the second text of a pair.
    """

    spans: Ragged
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int] | Indices) -> "Units":
        """Those of these texts, in this order."""
        return Units(self.spans.take(rows), tuple(self.texts[int(row)] for row in rows))

    def joined(self, others: "Units") -> "Units":
        """These texts, then others."""
        return Units(self.spans.joined(others.spans), self.texts + others.texts)

    def are_those_of(self, others: "Units") -> bool:
        """Whether both stand in the same places of as many texts."""
        return np.array_equal(self.spans.starts, others.spans.starts) and np.array_equal(
            self.spans.values, others.spans.values
        )


@dataclass(frozen=True, eq=False)
class UnitLogits:
    """What a model computed for the units of n texts.

    Args:
        values: (units, classes), any float dtype; the rows of all texts, one after the other.
        units: Where they stand.
        threshold: What the score of "no answer" must exceed the best answer's by, where there is such a score;
            infinite where every question has an answer.
        name_of: Where answers are tokens, how these are written, if that is known.
    """

    values: NDArray[np.floating]
    units: Units
    threshold: float = 0.0
    name_of: NameOf | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) != len(self.units.spans.values):
            raise ShapeError(
                f"Expected logits of shape ({len(self.units.spans.values)}, classes), one row for each unit, "
                f"got {self.values.shape}.",
                hint="Give the logits of the texts that the units belong to.",
            )

    def __len__(self) -> int:
        return len(self.units)

    @property
    def n_classes(self) -> int:
        """Columns of the logits."""
        return int(self.values.shape[1])

    @property
    def rows(self) -> Ragged:
        """The logits by text."""
        return self.units.spans.with_values(self.values)

    def columns(self, order: Sequence[int]) -> "UnitLogits":
        """These columns, in this order."""
        return replace(self, values=self.values[:, list(order)])

    def take(self, rows: Sequence[int] | Indices) -> "UnitLogits":
        """Those of these texts, in this order."""
        return replace(self, values=self.rows.take(rows).values, units=self.units.take(rows))

    def at(self, units: Units) -> "UnitLogits | None":
        """The rows of other units of the same texts, by their characters; None where these do not tell all of them.

        Args:
            units: Words, say, of which a shorter reading has fewer.
        """
        if self.units.are_those_of(units):
            return self
        entries: list[int] = []
        for text, (own, wanted) in enumerate(zip(self.units.spans, units.spans, strict=True)):
            begins = int(self.units.spans.starts[text])
            places = {tuple(span): begins + index for index, span in enumerate(own.tolist())}
            if len(places) < len(own):  # windows that overlap
                return None
            entries += [places.get(tuple(span), -1) for span in wanted.tolist()]
        if -1 in entries:
            return None
        return replace(self, values=self.values[entries], units=units)

    def joined(self, others: "UnitLogits") -> "UnitLogits":
        """These texts, then others that were answered alike."""
        return replace(self, values=np.concatenate([self.values, others.values]), units=self.units.joined(others.units))


def together(pieces: Sequence[Any]) -> Any:  # noqa: ANN401  (arrays, or UnitLogits)
    """The logits of several sets of texts, one set after the other; all are arrays, or all `UnitLogits`."""
    if isinstance(pieces[0], UnitLogits):
        return reduce(UnitLogits.joined, pieces)
    return np.concatenate(pieces)


def with_columns(logits: Any, order: Sequence[int]) -> Any:  # noqa: ANN401  (an array, or UnitLogits)
    """The columns of logits in another order.

    Args:
        logits: (n, classes), or those of the texts' units.
        order: (classes,) which column comes first, which next.
    """
    return logits.columns(order) if isinstance(logits, UnitLogits) else logits[:, list(order)]


def values_of(logits: Any) -> NDArray[np.floating]:  # noqa: ANN401  (an array, or UnitLogits)
    """All rows of logits, whatever they belong to."""
    found: NDArray[np.floating] = logits.values if isinstance(logits, UnitLogits) else logits
    return found
