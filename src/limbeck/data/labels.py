"""Labels as the data write them -> indices into the label names; and the names, where no teacher brings any."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from limbeck.data.tables import RawLabel, Table, Tables
from limbeck.errors import LabelError
from limbeck.ground.progress import SILENT, Progress
from limbeck.ground.wording import count, counted

_PLACEHOLDER = re.compile(r"LABEL_(\d+)", re.IGNORECASE | re.ASCII)
_DIGITS = re.compile(r"(\d+)", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_SHOWN_LABELS = 5
_SHOWN_NAMES = 20
_SHOWN_CHARACTERS = 60


def names_in_data(tables: Tables, *, progress: Progress = SILENT) -> tuple[str, ...]:
    """The label names that the data itself has: sorted, numbers by value ("2" before "10").

    Raises:
        LabelError: No part is labelled, or all rows have the same label.
    """
    names = label_names_in(tables)
    if not names:
        raise LabelError(
            f"{tables.source} has no labels.", hint="If a column holds them under an unusual name: --data.label NAME."
        )
    if len(names) == 1:
        raise only_one_label(tables.source, names[0])
    for folded, times in Counter(name.casefold() for name in names).items():
        if times > 1:
            twins = ", ".join(repr(name) for name in names if name.casefold() == folded)
            progress.say(f"Labels that differ in case only are taken for different ones: {twins}.")
    return names


def label_names_in(tables: Tables) -> tuple[str, ...]:
    """As `names_in_data`, whatever they are; empty where no part is labelled."""
    names = next((table.number_names for table in tables.parts.values() if table.number_names), ())
    return names or tuple(sorted({str(label) for label in _counts(tables)}, key=natural_order))


def match(tables: Tables, label_names: Sequence[str], *, progress: Progress = SILENT) -> Mapping[RawLabel, int]:
    """Find each label of the data among the teacher's label names, in the same way for all parts.

    Tried in this order, each for all labels together, as numbers must not mean names in one row and indices in another:
    the names themselves (exact, or else unique when case does not count, which is told); then numbers, or
    LABEL_0, LABEL_1 ..., as indices. A data set of the hub that names its numbers is matched by these names; only where
    the teacher has no names of its own (LABEL_0 ...) do its numbers count as indices.

    Args:
        tables: All parts.
        label_names: (classes,) names in the order of the teacher's logits.
        progress: Told when names were matched in another case.

    Returns: Label as it stands in the data -> index.

    Raises:
        LabelError: Labels that the teacher does not know: how many, where, and the nearest known names.
    """
    found = _counts(tables)
    data_names = next((table.number_names for table in tables.parts.values() if table.number_names), ())
    by_name = {label: _index_by_name(_written(label, data_names), label_names) for label in found}
    if None not in by_name.values():
        others = [f"{_written(label, data_names)!r} as {label_names[index]!r}" for label, index in by_name.items()
                  if index is not None and _written(label, data_names) != label_names[index]]  # fmt: skip
        if others:
            progress.say(f"Labels matched although written in another case: {', '.join(others[:_SHOWN_LABELS])}.")
        return {label: index for label, index in by_name.items() if index is not None}
    has_placeholders = all(_PLACEHOLDER.fullmatch(name) for name in label_names)
    by_number = {
        label: _index_by_number(label, len(label_names)) if has_placeholders or not data_names else None
        for label in found
    }
    if None not in by_number.values():
        return {label: index for label, index in by_number.items() if index is not None}
    fewest = min((by_name, by_number), key=lambda matched: sum(found[k] for k, i in matched.items() if i is None))
    raise _unknown(tables, [label for label, index in fewest.items() if index is None], label_names, data_names)


def only_one_label(source: str, name: str) -> LabelError:
    """The error for data from which nothing can be told apart."""
    return LabelError(
        f"{source}: every row has the label {name!r}, and there is nothing to tell it from.",
        hint="Classification needs rows of at least two labels. Is the right column named? --data.label NAME.",
    )


def _counts(tables: Tables) -> Counter[RawLabel]:
    return sum((Counter(table.named_labels) for table in tables.parts.values()), Counter())


def _written(label: RawLabel, data_names: Sequence[str]) -> str:
    if isinstance(label, int) and 0 <= label < len(data_names):
        return data_names[label]
    return str(label)


def _index_by_name(written: str, label_names: Sequence[str]) -> int | None:
    if written in label_names:
        return label_names.index(written)
    alike = [index for index, name in enumerate(label_names) if name.casefold() == written.casefold()]
    return alike[0] if len(alike) == 1 else None


def _index_by_number(label: RawLabel, n_labels: int) -> int | None:
    written = str(label)
    placeholder = _PLACEHOLDER.fullmatch(written)
    if placeholder is None and not _WHOLE_NUMBER.fullmatch(written):
        return None
    index = int(placeholder[1] if placeholder else written)
    return index if 0 <= index < n_labels else None


def _unknown(
    tables: Tables, unknown: Sequence[RawLabel], label_names: Sequence[str], data_names: Sequence[str]
) -> LabelError:
    """Each unknown label with its count, its first place and text, and the nearest name that the teacher knows."""
    found = _counts(tables)
    told = []
    for label in unknown[:_SHOWN_LABELS]:
        table, index = _first(tables, label)
        text = table.texts[index]
        shown = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
        written = _written(label, data_names)
        near = difflib.get_close_matches(written, label_names, n=1, cutoff=0.5)
        nearest = f"; did you mean {near[0]!r}?" if near else ""
        name = repr(written) if data_names else repr(label)
        rows = counted(found[label], "row")
        told.append(f"  - {name} in {rows}, first in {table.place(index)}: {shown!r}{nearest}")
    if len(unknown) > _SHOWN_LABELS:
        told.append(f"  - and {counted(len(unknown) - _SHOWN_LABELS, 'more label')}")
    n_rows = sum(found[label] for label in unknown)
    more = f" and {count(len(label_names) - _SHOWN_NAMES)} more" if len(label_names) > _SHOWN_NAMES else ""
    return LabelError(
        f"{tables.source}: {counted(n_rows, 'row has', 'rows have')} a label that the teacher does not know:\n"
        + "\n".join(told),
        hint=f"The teacher knows {', '.join(map(repr, label_names[:_SHOWN_NAMES]))}{more}. Write these names, "
        f"or their numbers 0 to {len(label_names) - 1} in this order.",
    )


def _first(tables: Tables, label: RawLabel) -> tuple[Table, int]:
    for table in tables.parts.values():
        for row, given in enumerate(table.labels or ()):
            if label == given or (isinstance(given, tuple) and label in given):
                return table, row
    raise AssertionError(label)


def natural_order(name: str) -> tuple[bool, int, list[str | int], str]:
    """What label names are sorted by where nobody orders them: numbers by value, so that "2" comes before "10"."""
    is_number = _WHOLE_NUMBER.fullmatch(name) is not None
    pieces = [int(piece) if at % 2 else piece.casefold() for at, piece in enumerate(_DIGITS.split(name))]
    return (not is_number, int(name) if is_number else 0, pieces, name)
