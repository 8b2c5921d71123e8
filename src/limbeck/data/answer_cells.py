"""What stands in an answer's cell: where in the context people found the answer, checked against the context."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from limbeck.errors import DataError

AnswerSpans = tuple[tuple[int, int], ...]
"""The characters [start, end) of each answer; none where the question has no answer."""
_FORMS = (
    'Write {"text": ["at seven"], "answer_start": [12]}, a list of such pairs, or the answer alone; [] where there is '
    "none."
)


def read_answers(value: object, context: str, *, place: str, column: str | None) -> AnswerSpans | None:
    """One cell; None where nobody answered.

    It may be {"text": [...], "answer_start": [...]}, a list of {"text": ..., "answer_start": ...}, either of them as
    JSON text, or the words of one answer, which are then looked for. A start that is a little off, as in many
    translations, is mended: the answer is taken where it stands nearest.

    Args:
        value: As the file has it.
        context: Where answers stand.
        place: Where the cell stands, for messages.
        column: Its column, for messages.

    Raises:
        DataError: It is of none of these forms, or an answer does not stand in the context.
    """
    found = []
    cell = _unpacked(value)
    if cell is None:
        return None
    for one in cell if isinstance(cell, list) else [cell]:
        answer: Mapping[str, Any] = one if isinstance(one, dict) else {"text": one}
        text, start = answer.get("text"), answer.get("answer_start")
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{place}: expected answers, but {column!r} holds {_shown(value)}.", hint=_FORMS)
        if isinstance(start, float) and start.is_integer():  # as pandas writes a column with gaps
            start = int(start)
        at = _nearest(context, text, start if isinstance(start, int) else None)
        if at is None:
            raise DataError(
                f"{place}: the answer {_shown(text)} does not stand in its context.",
                hint="An answer must be a piece of the context, letter by letter; remove the row if it is not.",
            )
        found.append((at, at + len(text)))
    return tuple(found)


def _unpacked(value: object) -> object:
    """A list of answers wherever there can be several; what cannot be unpacked comes back as it is."""
    if isinstance(value, str) and not value.strip():
        return []
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        with suppress(ValueError):
            value = json.loads(value)
    texts = value.get("text") if isinstance(value, dict) else None
    if isinstance(value, dict) and isinstance(texts, list):
        starts = value.get("answer_start") or [None] * len(texts)
        if isinstance(starts, list) and len(starts) == len(texts):
            return [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    return value


def _nearest(context: str, text: str, start: int | None) -> int | None:
    """Where the text stands, nearest to `start`; None where it does not."""
    if start is not None and context.startswith(text, start) and start >= 0:
        return start
    places = []
    at = context.find(text)
    while at >= 0:
        places.append(at)
        at = context.find(text, at + 1)
    return min(places, key=lambda place: abs(place - (start or 0)), default=None)


def _shown(value: object) -> str:
    written = repr(value)
    return written if len(written) <= 60 else written[:59] + "…"
