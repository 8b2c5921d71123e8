"""Rows of JSON files: one object a line, or one array of objects."""

import io
import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from limbeck.data import opening
from limbeck.data.squad_rows import is_squad, squad_rows
from limbeck.data.tables import Row
from limbeck.errors import DataError

_DECODER = json.JSONDecoder()
_BLANKS = " \t\r\n"
_KINDS = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


def read_json_lines(stream: BinaryIO, name: str) -> Iterator[Row]:
    """Read one JSON object from each line; blank lines are skipped.

    Raises:
        DataError: A line is not JSON, or is no object.
    """
    return _from_lines(opening.lines(stream, name), name)


def read_json(stream: BinaryIO, name: str) -> Iterator[Row]:
    """Read a JSON array of objects, one after the other, or a file of SQuAD's; any other is read as one object a line.

    The text of the whole file is held in memory, its parsed objects are not.

    Raises:
        DataError: The file is not JSON, or holds something else than objects.
    """
    text = opening.decoded(stream.read().removeprefix(b"\xef\xbb\xbf"), name)
    position = _after_blanks(text, 0)
    if text.startswith("{", position):
        value, _ = _parsed(text, position, name)
        if is_squad(value):
            yield from squad_rows(value, name)
            return
    if not text.startswith("[", position):
        yield from _from_lines(enumerate(io.StringIO(text), start=1), name)
        return
    line, counted = 1, 0
    position = _after_blanks(text, position + 1)
    while not text.startswith("]", position):
        value, end = _parsed(text, position, name)
        line, counted = line + text.count("\n", counted, position), position
        yield _row(value, line, name)
        position = _after_blanks(text, end)
        if text.startswith(",", position):
            position = _after_blanks(text, position + 1)
        elif not text.startswith("]", position):
            raise _fault(json.JSONDecodeError("Expecting ',' delimiter", text, position), name)


def _from_lines(lines: Iterable[tuple[int, str]], name: str) -> Iterator[Row]:
    for number, with_end in lines:
        line = with_end.rstrip("\r\n")
        if not line or line.isspace():
            continue
        value, end = _parsed(line, _after_blanks(line, 0), name, line=number)
        end = _after_blanks(line, end)
        if end < len(line):
            raise _fault(json.JSONDecodeError("Extra data", line, end), name, line=number)
        yield _row(value, number, name)


def _parsed(text: str, position: int, name: str, *, line: int = 1) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise _fault(error, name, line=line) from None
    except (RecursionError, ValueError):  # thousands of brackets, or of digits
        number = line + text.count("\n", 0, position)
        raise DataError(
            f"{name}, line {number}: this JSON is nested too deeply or holds a number of too many digits.",
            hint="A row needs only a text and a label: leave the other values out.",
        ) from None


def _row(value: object, line: int, name: str) -> Row:
    if isinstance(value, dict):
        return Row(line, value)
    kind = _KINDS.get(type(value), "null")
    raise DataError(
        f"{name}, line {line}: expected a JSON object, got {kind}.",
        hint='Each row must look like {"text": "...", "label": "..."}. An array of them needs the ending .json.',
    )


def _fault(error: json.JSONDecodeError, name: str, *, line: int = 1) -> DataError:
    return DataError(
        f"{name}, line {line + error.lineno - 1}, column {error.colno}: not JSON ({error.msg}).",
        hint="Mend that line. If it is the last one, the file may be cut short.",
    )


def _after_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in _BLANKS:
        position += 1
    return position
