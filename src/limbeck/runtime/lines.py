"""Answers to a stream of lines, in its order and in constant memory: what `limbeck predict` does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from types import TracebackType
from typing import Any, Protocol, Self

from limbeck.errors import DataError
from limbeck.ground.progress import Progress
from limbeck.runtime.model import Model
from limbeck.tasks import Answer, Task
from limbeck.tasks.columns import WORDS_NAMES
from limbeck.text.windows import Reads

LINES_AT_ONCE = 1024
"""Enough to put texts of like length together; no more than these are ever held."""
_MEGABYTE = 1_000_000
_MAX_LINE_BYTES = 16 << 20
_MAX_CHUNK_BYTES = 16 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class LineStream(Protocol):
    """What lines are read from: a binary file, or anything that reads like one."""

    def readline(self, size: int, /) -> bytes:
        """The next line with its end, or the first `size` bytes of it; nothing at the end."""


@dataclass(frozen=True)
class Prediction:
    """The answer to one line.

    Args:
        line: Its number, from 1.
        told: What was answered, by the names under which it is printed beside the answer.
        answer: The answer.
        is_truncated: Whether the text was cut to the artifact's `max_tokens`.
    """

    line: int
    told: dict[str, Any]
    answer: Answer
    is_truncated: bool

    def as_json(self, label_names: tuple[str, ...], *, in_full: bool = False) -> dict[str, Any]:
        """The row to print; in full with all that was computed, such as the probability of each label."""
        return self.told | self.answer.to_json(in_full=in_full, label_names=label_names)

    def as_line(self, label_names: tuple[str, ...], *, in_full: bool = False) -> str:
        """That row as a line of JSON."""
        return json.dumps(self.as_json(label_names, in_full=in_full), ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Place:
    """How far a stream was read: to the end of a line.

    Args:
        n_lines: Lines from its beginning.
        n_bytes: Bytes from its beginning.
    """

    n_lines: int
    n_bytes: int


BEGINNING = Place(0, 0)


@dataclass(frozen=True)
class AnsweredLines:
    """Lines that were answered together.

    Args:
        predictions: One a line, in order.
        end: Where the last of them ends.
    """

    predictions: tuple[Prediction, ...]
    end: Place

    @property
    def n_truncated(self) -> int:
        """How many of them were cut."""
        return sum(prediction.is_truncated for prediction in self.predictions)


@dataclass(frozen=True)
class _Line:
    number: int
    text: str | list[str]
    text_pair: str | None
    told: dict[str, Any]


def predict_lines(
    model: Model, in_stream: LineStream, *, json_lines: bool = False, chunk: int = LINES_AT_ONCE
) -> Iterator[Prediction]:
    """Answer each line of a stream, in order.

    Args:
        model: The loaded artifact.
        in_stream: UTF-8, one text a line; a blank line is an empty text, so that answers stay beside their lines.
        json_lines: Each line is instead a JSON object with "text" and, for pairs, "text_pair"; or with a list of words
            under "words" or "tokens", or with "question" and "context", where the task is about these. Other keys are
            passed over, and so are blank lines.
        chunk: Lines answered at once. More make longer waits and less padding; for a person at a terminal it is 1.

    Raises:
        DataError: A line is not UTF-8, is longer than 16 MiB, or is not such an object; the message names the line.
    """
    for answered in predict_together(model, in_stream, json_lines=json_lines, chunk=chunk):
        yield from answered.predictions


def predict_together(
    model: Model,
    in_stream: LineStream,
    *,
    json_lines: bool = False,
    chunk: int = LINES_AT_ONCE,
    begin: Place = BEGINNING,
) -> Iterator[AnsweredLines]:
    """As `predict_lines`, but as many lines at once as are answered together; no more are read before these are taken.

    Args:
        model: The loaded artifact.
        in_stream: As there; it stands at `begin`.
        json_lines: As there.
        chunk: As there.
        begin: Where an earlier call ended, so that lines are numbered on, and answered in the company of the same.
    """
    for lines, end in _chunks(in_stream, model.task, json_lines=json_lines, chunk=chunk, begin=begin):
        predictions: list[Prediction] = []
        for is_pair, group in groupby(lines, key=lambda line: line.text_pair is not None):
            alike = list(group)
            if model.task.reads is Reads.MASKS:
                for line in alike:
                    model.refuse_without_mask(str(line.text), f"Line {line.number}")
            found = model.answer(
                [line.text for line in alike],  # plain texts and given words may be mixed
                [line.text_pair or "" for line in alike] if is_pair else None,
            )
            truncated = set(found.truncated)
            predictions += [
                Prediction(line.number, line.told, answer, is_truncated=index in truncated)
                for index, (line, answer) in enumerate(zip(alike, found.answers, strict=True))
            ]
        yield AnsweredLines(tuple(predictions), end)


class LinesBar:
    """How far a stream was read, told as a bar: of megabytes where its size is known, else of lines.

    Args:
        progress: Where it is drawn.
        n_bytes: Bytes of the whole stream; None where nobody knows.
        begin: How far an earlier run had read.
    """

    def __init__(self, progress: Progress, *, n_bytes: int | None, begin: Place = BEGINNING) -> None:
        self._in_bytes, self._at = n_bytes is not None, begin
        total = None if n_bytes is None else max(1, n_bytes // _MEGABYTE)
        unit = "lines" if n_bytes is None else "MB"
        self._bar = progress.bar("answers", total=total, unit=unit, done=self._of(begin))

    def reached(self, place: Place) -> None:
        """Tell how far it is read now."""
        note = f"{place.n_lines} lines" if self._in_bytes else ""
        self._bar.advance(self._of(place) - self._of(self._at), note=note)
        self._at = place

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def _of(self, place: Place) -> int:
        return place.n_bytes // _MEGABYTE if self._in_bytes else place.n_lines


def _chunks(
    in_stream: LineStream, task: Task, *, json_lines: bool, chunk: int, begin: Place
) -> Iterator[tuple[list[_Line], Place]]:
    """Lines by the `chunk`, fewer when they are long, so that a stream of megabyte texts needs no more memory."""
    lines: list[_Line] = []
    first_byte = begin.n_bytes
    end = begin
    for content, end in _numbered(in_stream, begin):
        if json_lines and not content.strip():
            continue
        text = _decoded(content, end.n_lines)
        lines.append(_parsed(text, end.n_lines, task) if json_lines else _Line(end.n_lines, text, None, {"text": text}))
        if len(lines) >= chunk or end.n_bytes - first_byte >= _MAX_CHUNK_BYTES:
            yield lines, end
            lines, first_byte = [], end.n_bytes
    if lines:
        yield lines, end


def _numbered(in_stream: LineStream, begin: Place) -> Iterator[tuple[bytes, Place]]:
    """Each line without its end, and where it ends."""
    place = begin
    while content := in_stream.readline(_MAX_LINE_BYTES):
        place = Place(place.n_lines + 1, place.n_bytes + len(content))
        if len(content) == _MAX_LINE_BYTES:
            raise DataError(
                f"Line {place.n_lines} is longer than {_MAX_LINE_BYTES >> 20} MiB.",
                hint="Give one text a line, not a whole file.",
            )
        text = content.removeprefix(_BYTE_ORDER_MARK) if place.n_lines == 1 else content
        yield text.rstrip(b"\r\n"), place


def _decoded(content: bytes, number: int) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"Line {number} is not UTF-8: byte 0x{content[error.start]:02x} at position {error.start}.",
            hint="Convert it first: iconv -f LATIN1 -t UTF-8 texts > texts.utf8",
        ) from None


def _parsed(content: str, number: int, task: Task) -> _Line:
    try:
        row = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"Line {number} is not JSON ({error}).", hint='Each line is like {"text": "wake me at seven"}.'
        ) from None
    if isinstance(row, dict) and task.reads is Reads.WORDS:
        words = next((row[name] for name in WORDS_NAMES if isinstance(row.get(name), list)), None)
        if words is not None and all(isinstance(word, str) and word.strip() for word in words):
            return _Line(number, words, None, {"words": words})
    if isinstance(row, dict) and task.reads is Reads.CONTEXT and isinstance(row.get("question"), str):
        row = {"text": row["question"], "text_pair": row.get("context", "")}
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise DataError(
            f'Line {number} is not a JSON object with a string under "text".',
            hint='Each line is like {"text": "wake me at seven"}; for plain texts leave the JSON option out.',
        )
    text, text_pair = row["text"], row.get("text_pair")
    if text_pair is not None and not isinstance(text_pair, str):
        raise DataError(
            f'Line {number} has no string under "text_pair" but {json.dumps(text_pair)[:40]}.',
            hint='Each line is like {"text": "a premise", "text_pair": "a hypothesis"}.',
        )
    try:
        (text + (text_pair or "")).encode()
    except UnicodeEncodeError:
        raise DataError(
            f"Line {number} holds half of a character: a \\ud800 to \\udfff without its partner.",
            hint="Write characters outside the Basic Multilingual Plane as UTF-8, or as both of their escapes.",
        ) from None
    told = {"text": text} | ({} if text_pair is None else {"text_pair": text_pair})
    return _Line(number, text, text_pair, {"question": text} if task.reads is Reads.CONTEXT else told)
