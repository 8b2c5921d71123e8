"""A file, a folder or a data set of the hub -> tables of texts and labels, row by row and never all of it at once."""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from limbeck.data import opening, sources
from limbeck.data.delimited_rows import read_csv, read_tsv
from limbeck.data.gathering import Gatherer
from limbeck.data.hub_rows import HubSplit, open_hub
from limbeck.data.json_rows import read_json, read_json_lines
from limbeck.data.parquet_rows import ParquetRows
from limbeck.data.tables import TRAIN, Row, Table, Tables
from limbeck.errors import DataError
from limbeck.ground.progress import SILENT, Progress
from limbeck.ground.wording import counted
from limbeck.recipe.knobs import DataTable
from limbeck.tasks import TASKS, Task
from limbeck.tasks.columns import Columns, KnownNames, find_columns, refuse_missing

_READERS: Mapping[str, Callable[[BinaryIO, str], Iterator[Row]]] = {
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_tsv,
}


def read_table(
    source: str | Path,
    *,
    columns: DataTable | None = None,
    task: str = "classification",
    with_labels: bool = True,
    slice_by: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Tables:
    """Read texts, with labels where there are any.

    Args:
        source: A .jsonl, .json, .csv, .tsv or .parquet file (each also .gz, .zst or .bz2), a folder with
            train/validation/test files, or a data set of the hub as `owner/name` or `owner/name:configuration`.
        columns: Which columns to read; those that it does not name are found by their names.
        task: Which task's column names to look for.
        with_labels: Whether to read labels; else a column that looks like some is not looked at.
        slice_by: Further columns to carry along; parts that no artifact is judged by may lack them.
        progress: Told how many texts each part holds, and from which columns.

    Raises:
        DataError: Whatever is wrong with the source, with file and line.
        MissingExtraError: A data set of the hub is named and `datasets` is not installed.
    """
    asked = TASKS[task]
    settings = columns or DataTable()
    wanted = _Wanted(
        asked,
        asked.columns if with_labels else replace(asked.columns, labels=()),
        Columns(settings.text, settings.text_pair, settings.label if with_labels else None),
        tuple(dict.fromkeys(slice_by)),
    )
    found = sources.find(source)
    if isinstance(found, sources.HubDataset):
        splits = open_hub(found)
        parts = {part: _table_of_split(split, wanted, judges=_judges(part, splits)) for part, split in splits.items()}
    else:
        parts = {part: _table_of_files(files, wanted, judges=_judges(part, found)) for part, files in found.items()}
    for part, table in parts.items():
        progress.say(_told(part, table))
    return Tables(str(source), parts, asked)


@dataclass(frozen=True)
class _Wanted:
    """What is read: for which task, from columns of which names."""

    task: Task
    known: KnownNames
    given: Columns
    slice_by: tuple[str, ...] = ()

    def further_in(self, names: Sequence[str], *, source: str, judges: bool) -> tuple[str, ...]:
        """The further columns; one that is missing is no fault of a part that only teaches."""
        if judges:
            refuse_missing(names, self.slice_by, key="verify.slice_by", source=source)
        return tuple(name for name in self.slice_by if name in names)

    def found_in(self, names: Sequence[str], *, source: str) -> Columns:
        return find_columns(names, self.known, given=self.given, source=source)


def _judges(part: str, among: Collection[str]) -> bool:
    """Whether an artifact may be judged by texts of this part: of a train part only where nothing else is given."""
    return part != TRAIN or len(among) == 1


def _table_of_files(files: Sequence[Path], wanted: _Wanted, *, judges: bool) -> Table:
    gatherer: Gatherer | None = None
    number_names: tuple[str, ...] = ()
    for path in files:
        with opening.opened(path) as stream:
            if sources.ending(path) == ".parquet":
                parquet = ParquetRows(stream, str(path))
                settled = wanted.found_in(parquet.columns, source=str(path))
                further = wanted.further_in(parquet.columns, source=str(path), judges=judges)
                rows, unit = parquet.rows(list(dict.fromkeys((*settled.names, *further)))), "row"
                number_names = parquet.number_names(settled.label)
            else:
                rows = _READERS[sources.ending(path)](stream, str(path))
                first = next(rows, None)
                if first is None:
                    raise _empty(str(path))
                unit = first.unit
                settled = wanted.found_in(list(first.values), source=str(path))
                further = wanted.further_in(list(first.values), source=str(path), judges=judges)
                rows = itertools.chain([first], rows)
            if gatherer is None:
                gatherer = Gatherer(settled, wanted.task, wanted.known, further)
            elif settled != gatherer.columns:
                raise DataError(
                    f"{path} has the columns {settled.names}, but {files[0]} has {gatherer.columns.names}.",
                    hint="Files of one part must have the same columns.",
                )
            gatherer.take(rows, name=str(path), unit=unit)
    return _filled(gatherer, number_names, str(files[0]))


def _table_of_split(split: HubSplit, wanted: _Wanted, *, judges: bool) -> Table:
    settled = wanted.found_in(split.columns, source=f"The {split.name}")
    further = wanted.further_in(split.columns, source=f"The {split.name}", judges=judges)
    gatherer = Gatherer(settled, wanted.task, wanted.known, further)
    gatherer.take(split.rows(list(dict.fromkeys((*settled.names, *further)))), name=split.name, unit="row")
    return _filled(gatherer, split.number_names(settled.label), f"The {split.name}")


def _told(part: str, table: Table) -> str:
    """One line on a part: "train: 10,003 texts from 'text', labels from 'intent'."."""
    columns = table.columns
    texts = f"{counted(len(table), 'text')} from {columns.text!r}"
    pairs = f" and {columns.text_pair!r}" if columns.text_pair else ""
    labels = f"labels from {columns.label!r}" if table.labels else "no labels"
    return f"{part}: {texts}{pairs}, {labels}."


def _filled(gatherer: Gatherer | None, number_names: tuple[str, ...], name: str) -> Table:
    if gatherer is None or not gatherer.texts:
        raise _empty(name)
    return gatherer.table(number_names)


def _empty(name: str) -> DataError:
    return DataError(f"{name} holds no rows.", hint="Give a file with at least one text; a header alone is not one.")
