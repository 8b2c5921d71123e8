"""limbeck's own route: every task, with the rows that `limbeck predict --json-lines` takes and the answers it gives."""

from typing import Any

from limbeck.serve.call import Call, Question
from limbeck.serve.refusals import RefusedError, malformed
from limbeck.serve.shelf import Served
from limbeck.tasks.columns import WORDS_NAMES
from limbeck.text.windows import Reads

Json = Any


async def answer(call: Call, served: Served) -> Json:
    """POST /answer: what the model answers, as its task answers; a list for a list, else one."""
    inputs = call.body.get("inputs")
    rows = inputs if isinstance(inputs, list) else [inputs]
    reads = served.model.task.reads
    read = [_row(row, reads, place=f"inputs[{index}]") for index, row in enumerate(rows)]
    question = Question([text for text, _ in read], [pair for _, pair in read], not isinstance(inputs, list))
    in_full = call.flag("in_full", default=False)
    found = await call.ask(served, question, parameter="inputs")
    names = served.model.label_names
    told = [one.to_json(in_full=in_full, label_names=names) for one in await found.answers()]
    return told[0] if question.is_single else told


def _row(row: Any, reads: Reads, *, place: str) -> tuple[str | list[str], str | None]:  # noqa: ANN401  (any JSON)
    """The text and second text of a row, or its words."""
    if isinstance(row, str):
        return row, None
    if isinstance(row, dict):
        words = next((row[name] for name in WORDS_NAMES if name in row), None)
        if reads is Reads.WORDS and words is not None:
            if isinstance(words, list) and words and all(isinstance(word, str) and word.strip() for word in words):
                return words, None
            raise malformed(f"{place} has no list of words, none of them empty.", parameter="inputs")
        is_question = reads is Reads.CONTEXT and "question" in row
        text, pair = (
            (row.get("question"), row.get("context")) if is_question else (row.get("text"), row.get("text_pair"))
        )
        if isinstance(text, str) and (pair is None or isinstance(pair, str)):
            return text, pair
    raise _unreadable(reads, place)


def _unreadable(reads: Reads, place: str) -> RefusedError:
    wanted = {
        Reads.WORDS: '{"words": ["Ada", "Lovelace"]}',
        Reads.CONTEXT: '{"question": "who wrote it?", "context": "Ada Lovelace wrote it."}',
    }.get(reads, '{"text": "wake me at seven"}, with "text_pair" for pairs')
    return malformed(f"{place} is neither a string nor an object like {wanted}.", parameter="inputs")
