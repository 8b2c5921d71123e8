"""Answers to a stream of lines, in its order and in constant memory: what `limbeck predict` does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, BinaryIO

from limbeck.errors import DataError
from limbeck.runtime.model import Model
from limbeck.tasks import Answer, Task
from limbeck.tasks.columns import WORDS_NAMES
from limbeck.windows import Reads

_MAX_LINE_BYTES = 16 << 20
_MAX_CHUNK_BYTES = 16 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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


@dataclass(frozen=True)
class _Line:
    number: int
    text: str | list[str]
    text_pair: str | None
    told: dict[str, Any]


def predict_lines(
    model: Model, in_stream: BinaryIO, *, json_lines: bool = False, chunk: int = 1024
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
    for lines in _chunks(in_stream, model.task, json_lines=json_lines, chunk=chunk):
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
            for index, (line, answer) in enumerate(zip(alike, found.answers, strict=True)):
                yield Prediction(line.number, line.told, answer, is_truncated=index in truncated)


def _chunks(in_stream: BinaryIO, task: Task, *, json_lines: bool, chunk: int) -> Iterator[list[_Line]]:
    """Lines by the `chunk`, fewer when they are long, so that a stream of megabyte texts needs no more memory."""
    lines: list[_Line] = []
    n_bytes = 0
    for number, content in _numbered(in_stream):
        if json_lines and not content.strip():
            continue
        text = _decoded(content, number)
        lines.append(_parsed(text, number, task) if json_lines else _Line(number, text, None, {"text": text}))
        n_bytes += len(content)
        if len(lines) >= chunk or n_bytes >= _MAX_CHUNK_BYTES:
            yield lines
            lines, n_bytes = [], 0
    if lines:
        yield lines


def _numbered(in_stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while content := in_stream.readline(_MAX_LINE_BYTES):
        number += 1
        if len(content) == _MAX_LINE_BYTES:
            raise DataError(
                f"Line {number} is longer than {_MAX_LINE_BYTES >> 20} MiB.",
                hint="Give one text a line, not a whole file.",
            )
        text = content.removeprefix(_BYTE_ORDER_MARK) if number == 1 else content
        yield number, text.rstrip(b"\r\n")


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
