"""Texts with their labels, as every stage hands them on."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from limbeck.ground import fingerprint
from limbeck.text.units import Ragged

UNLABELLED: Final = -100
"""In place of a label: nobody labelled this text."""

Labels = NDArray[np.int64] | NDArray[np.int8] | NDArray[np.float64] | Ragged


@dataclass(frozen=True)
class Examples:
    """Texts (or pairs of texts) in a fixed order, and what is known of their labels.

    Args:
        texts: (n,) the texts.
        text_pairs: (n,) the second text of each pair, or None for single texts.
        labels: What people say of each text, by the kind of the task: (n,) int64 indices into `label_names`;
            (n, labels) int8 of 0 and 1; (n,) float64 numbers; rows of one index a word; rows of answers, the characters
            [start, end) in the second text; rows without an entry where the text itself says what is right.
            `UNLABELLED` where nobody labelled a text (in rows: one for the whole
            text); None where nobody labelled any.
        label_names: The classes in the order of the teacher's logits.
        columns: Further columns of the data -> (n,) their values in words: what held-out texts are sliced by. They are
            no part of what makes these examples these.
    """

    texts: tuple[str, ...]
    text_pairs: tuple[str, ...] | None
    labels: Labels | None
    label_names: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def within(self) -> tuple[str, ...]:
        """(n,) what the characters of answers are counted in: the second text of a pair, else the text."""
        return self.texts if self.text_pairs is None else self.text_pairs

    @cached_property
    def text_fingerprints(self) -> tuple[str, ...]:
        """(n,) the key of each text's answer in the signals; see `fingerprint.of_text`."""
        return tuple(fingerprint.of_text(*pair) for pair in self._pairs())

    @cached_property
    def content_fingerprints(self) -> tuple[str, ...]:
        """(n,) what splits and leak checks compare; see `fingerprint.of_content`."""
        return tuple(fingerprint.of_content(*pair) for pair in self._pairs())

    @cached_property
    def query_fingerprints(self) -> tuple[str, ...]:
        """(n,) the content of each first text alone: of pairs for a reranker, the query."""
        return tuple(map(fingerprint.of_content, self.texts))

    @cached_property
    def context_fingerprints(self) -> tuple[str, ...]:
        """(n,) the content of each second text alone: of questions, what they are asked about."""
        return tuple(map(fingerprint.of_content, self.text_pairs or ()))

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """(n,) a number for each row, the same for rows of the same first text; numbered as they first stand."""
        numbers: dict[str, int] = {}
        found = [numbers.setdefault(query, len(numbers)) for query in self.query_fingerprints]
        return np.array(found, np.int64)

    @cached_property
    def fingerprint(self) -> str:
        """The name of this whole set: texts, labels, label names and their order."""
        labels = "none" if self.labels is None else fingerprint.of_bytes(_portable(self.labels))
        return fingerprint.of_many((*self.text_fingerprints, labels, *self.label_names))

    def spread(self, n: int) -> "Examples":
        """At most `n` of them from all over, in their order, as they may be sorted by label."""
        n = min(n, len(self))
        return self.take(np.arange(n) * len(self) // max(n, 1))

    def take(self, indices: Sequence[int] | NDArray[np.int64]) -> "Examples":
        """The examples at `indices`, in that order."""
        chosen = [int(index) for index in indices]
        return Examples(
            texts=tuple(self.texts[index] for index in chosen),
            text_pairs=None if self.text_pairs is None else tuple(self.text_pairs[index] for index in chosen),
            labels=self.labels.take(chosen)
            if isinstance(self.labels, Ragged)
            else None
            if self.labels is None
            else self.labels[chosen],
            label_names=self.label_names,
            columns={name: tuple(values[index] for index in chosen) for name, values in self.columns.items()},
        )

    def without(self, positions: Sequence[int]) -> "Examples":
        """The examples but those at `positions`, in their order."""
        left_out = set(positions)
        return self.take([index for index in range(len(self)) if index not in left_out]) if left_out else self

    def joined(self, unlabelled: "Examples") -> "Examples":
        """These examples, followed by others of the same kind whose labels nobody gave; without further columns."""
        return Examples(
            texts=self.texts + unlabelled.texts,
            text_pairs=None if self.text_pairs is None else self.text_pairs + (unlabelled.text_pairs or ()),
            labels=None if self.labels is None else _with_missing(self.labels, len(unlabelled)),
            label_names=self.label_names,
        )

    def new_among(
        self, rows: Iterable[tuple[str, str | None]], *, avoid: Collection[str], most: int | None = None
    ) -> "Examples":
        """Made-up rows as examples of the same kind without labels: each content once, and none that stands here.

        Args:
            rows: First and second text of each, taken one by one, and no more of them than are wanted.
            avoid: Content fingerprints of further rows that must not come back.
            most: How many are wanted; None for all.
        """
        taken = {*avoid, *self.content_fingerprints}
        found: list[tuple[str, str | None]] = []
        for row in rows if most != 0 else ():
            content = fingerprint.of_content(*row)
            if content in taken:
                continue
            taken.add(content)
            found.append(row)
            if len(found) == most:
                break
        return Examples(
            texts=tuple(first for first, _ in found),
            text_pairs=None if self.text_pairs is None else tuple(second or "" for _, second in found),
            labels=None,
            label_names=self.label_names,
        )

    def _pairs(self) -> zip:  # type: ignore[type-arg]
        return zip(self.texts, self.text_pairs or (None,) * len(self.texts), strict=True)


def _with_missing(labels: Labels, n: int) -> Labels:
    """These labels, then those of n texts that nobody labelled."""
    entries = labels.values if isinstance(labels, Ragged) else labels
    missing = np.full((n, *entries.shape[1:]), UNLABELLED, entries.dtype)
    if isinstance(labels, Ragged):
        return labels.joined(Ragged(missing, np.arange(n + 1)))
    joined: Labels = np.concatenate([labels, missing])
    return joined


def _portable(labels: Labels) -> bytes:
    """The same on machines of either byte order."""
    return labels.to_bytes() if isinstance(labels, Ragged) else labels.astype(labels.dtype.newbyteorder("<")).tobytes()


@dataclass(frozen=True)
class LeakReport:
    """What parting the texts found: repeats, and texts that stood in two parts.

    Args:
        repeats: part -> rows dropped because the same content stood earlier in that part.
        leaks: "held_out in train" and the like -> rows dropped from the first-named part.
        contradictions: rows whose content stands earlier in the data with another label; the first label counts.
        notes: What else a reader should know, in sentences: which part was taken for which, labels that train lacks.
    """

    repeats: dict[str, int]
    leaks: dict[str, int]
    contradictions: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parts:
    """The texts, parted so that no content stands in two parts.

    Args:
        train: What the student learns from; calibration texts come from here too.
        validation: Chooses the best checkpoint.
        held_out: Read by no stage before `verify`.
        leaks: What parting them found.
    """

    train: Examples
    validation: Examples
    held_out: Examples
    leaks: LeakReport
