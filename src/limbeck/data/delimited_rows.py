"""Rows of CSV and TSV files, whose first line names the columns."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from limbeck.data import opening
from limbeck.data.tables import Row
from limbeck.errors import DataError

_OTHER_DELIMITERS = (";", "\t")


def read_csv(stream: BinaryIO, name: str) -> Iterator[Row]:
    """Read comma-separated values as RFC 4180 has them: a quoted value may hold commas and line ends.

    Where the header has no comma but semicolons or tabs, as spreadsheets write in many countries, these part values.

    Raises:
        DataError: Quotes do not match, a row has too many or too few values, or a column name stands twice.
    """
    source = opening.lines(stream, name)
    first = next(source, None)
    if first is None:
        return
    line = first[1]
    delimiter = "," if "," in line else next((other for other in _OTHER_DELIMITERS if other in line), ",")
    yield from _read_quoted(line, source, name, delimiter)


def read_tsv(stream: BinaryIO, name: str) -> Iterator[Row]:
    r"""Read tab-separated values.

    Quotes are plain characters, as the media type text/tab-separated-values and the files of GLUE have it, with two
    exceptions: where the header is quoted, the file is read as CSV with tabs; and a value in quotes that holds doubled
    quotes only (pandas writes ``"say ""hi"" now"``) stands for the value without them.

    Raises:
        DataError: A row has too many or too few values, or a column name stands twice.
    """
    source = opening.lines(stream, name)
    first = next(source, None)
    if first is None:
        return
    if first[1].startswith('"'):
        yield from _read_quoted(first[1], source, name, "\t")
        return
    header = _header(_ended(first[1]).split("\t"), name)
    for number, line in source:
        values = _ended(line).split("\t")
        if values != [""]:
            yield _row(header, [_unquoted(value) for value in values], number, name)


def _read_quoted(first: str, source: Iterator[tuple[int, str]], name: str, delimiter: str) -> Iterator[Row]:
    latest = first

    def texts() -> Iterator[str]:
        nonlocal latest
        yield first
        for _, latest in source:
            yield latest

    reader = csv.reader(texts(), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    start = 1
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _fault(error, latest, name, start=start, end=reader.line_num) from None
        if header is None:
            header = _header(values, name)
        elif values:
            yield _row(header, values, start, name)
        start = reader.line_num + 1


def _fault(error: csv.Error, line: str, name: str, *, start: int, end: int) -> DataError:
    limit = csv.field_size_limit()
    if end > start:
        return DataError(
            f"{name}, line {start}: not CSV: this row does not end before line {end:,} ({error}).",
            hint='A quote is opened and never closed. In a quoted value a quote is written twice: "say ""hi"" now".',
        )
    if len(line) > limit:
        return DataError(
            f"{name}, line {start}: a row of {len(line):,} characters; at most {limit:,} are taken for a value.",
            hint="A model reads the first few hundred words only: cut the text, part it into rows, or remove the row.",
        )
    if "\r" in line.rstrip("\r\n"):
        return DataError(
            f"{name}, line {start}: not CSV: a carriage return stands alone, as old Macs end lines.",
            hint=f"Convert it: tr '\\r' '\\n' < {name} > converted",
        )
    return DataError(
        f"{name}, line {start}: not CSV ({error}).",
        hint='Put values that hold commas or quotes in quotes and write each quote in them twice: "say ""hi"" now".',
    )


def _header(names: Sequence[str], name: str) -> list[str]:
    header = [column.strip() for column in names]
    twice = [column for column, count in Counter(header).items() if count > 1 and column]
    if twice:
        raise DataError(
            f"{name}, line 1: the column {twice[0]!r} stands {header.count(twice[0])} times in the header.",
            hint="Give each column its own name.",
        )
    return header


def _row(header: Sequence[str], values: Sequence[str], number: int, name: str) -> Row:
    if len(values) != len(header):
        raise DataError(
            f"{name}, line {number}: expected {len(header)} values as in the header, got {len(values)}.",
            hint="Every value of a row must be there. One with the separator in it must stand in quotes; in a .tsv "
            "no value may hold a tab.",
        )
    return Row(number, dict(zip(header, values, strict=True)))


def _ended(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


def _unquoted(value: str) -> str:
    if len(value) > 2 and value[0] == value[-1] == '"':
        inner = value[1:-1].replace('""', "\0")  # no line holds a NUL, see `opening.lines`
        if "\0" in inner and '"' not in inner:
            return inner.replace("\0", '"')
    return value
