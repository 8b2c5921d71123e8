"""POST /: each task in the form of the Hugging Face Hub's inference API, which `InferenceClient(model=url)` speaks.

    {"inputs": ..., "parameters": {...}}

Parameters that choose among what is computed are honoured (`top_k`, `function_to_apply`); those that would have the
model compute something else are refused.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from limbeck.serve import tei
from limbeck.serve.call import Call, Found, Question
from limbeck.serve.refusals import malformed
from limbeck.serve.shelf import Served
from limbeck.tasks.fill_mask import FillAnswer
from limbeck.tasks.question_answering import TextAnswer
from limbeck.tasks.token_classification import SpansAnswer

Json = Any
_Kind = TypeVar("_Kind")

_USUAL_TOP = 5
_TRANSFORMS = {"classification": "softmax", "multi-label": "sigmoid", "regression": "none"}


async def infer(call: Call, served: Served) -> Json:
    """POST /: by the model's task."""
    return await _WAYS[served.task](call, served)


async def _classify(call: Call, served: Served) -> Json:
    parameters = _parameters(call, known={"top_k", "function_to_apply"})
    wanted, own = parameters.get("function_to_apply"), _TRANSFORMS[served.task]
    if wanted not in (None, "none", own):
        raise malformed(
            f'"function_to_apply" is {wanted!r}; a model for {served.task} takes "{own}" or "none".',
            parameter="function_to_apply",
        )
    inputs = call.body.get("inputs")
    if isinstance(inputs, dict) and isinstance(inputs.get("text"), str):
        pair = inputs.get("text_pair")
        question = Question([inputs["text"]], [pair if isinstance(pair, str) else None])
    else:
        question = tei.texts_of(call.body, "inputs")
    found = await call.ask(served, question, parameter="inputs")
    return tei.scored_labels(found, is_raw=wanted == "none", top=_top(parameters))


async def _embed(call: Call, served: Served) -> Json:
    if isinstance(call.body.get("inputs"), dict):
        return await tei.similarity(call, served)
    call.body |= _parameters(call, known={"normalize", "dimensions", "prompt_name"})
    return await tei.embed(call, served)


async def _tag(call: Call, served: Served) -> Json:
    parameters = _parameters(call, known={"aggregation_strategy", "ignore_labels"})
    wanted = parameters.get("aggregation_strategy")
    if wanted not in (None, "simple", "first"):
        raise malformed(
            f'"aggregation_strategy" is {wanted!r}; the first token of each word answers for it, which is "first".',
            parameter="aggregation_strategy",
        )
    ignored = parameters.get("ignore_labels") or []
    if not isinstance(ignored, list):
        raise malformed('"ignore_labels" is not a list.', parameter="ignore_labels")
    question = tei.texts_of(call.body, "inputs")
    found = await call.ask(served, question, parameter="inputs")
    rows = [
        [
            {"entity_group": one.label, "score": one.probability, "word": one.text, "start": one.start, "end": one.end}
            for one in answer.spans
            if one.label not in ignored
        ]
        for answer in await _answers(found, SpansAnswer)
    ]
    return rows[0] if question.is_single else rows


async def _answer(call: Call, served: Served) -> Json:
    parameters = _parameters(call, known={"top_k", "handle_impossible_answer", "align_to_words"})
    if parameters.get("top_k") not in (None, 1):
        raise malformed('"top_k" is not 1; the best answer is the one that is computed.', parameter="top_k")
    inputs = call.body.get("inputs")
    if not isinstance(inputs, dict) or not all(isinstance(inputs.get(key), str) for key in ("question", "context")):
        raise malformed('"inputs" is not an object with strings under "question" and "context".', parameter="inputs")
    found = await call.ask(served, Question([inputs["question"]], [inputs["context"]]), parameter="inputs")
    (one,) = await _answers(found, TextAnswer)
    # Whoever reads this form takes numbers for the places of an answer; where there is none, they are 0.
    return {"answer": one.text, "score": one.probability, "start": one.start or 0, "end": one.end or 0}


async def _fill(call: Call, served: Served) -> Json:
    top = _top(_parameters(call, known={"top_k"}))
    text = call.body.get("inputs")
    if not isinstance(text, str):
        raise malformed('"inputs" is not a string with a mask in it.', parameter="inputs")
    found = await call.ask(served, Question.of([text]), parameter="inputs")
    (one,) = await _answers(found, FillAnswer)
    rows = [
        [
            {
                "score": filling.probability,
                "token": filling.id,
                "token_str": filling.token,
                "sequence": text[: mask.start] + filling.token + text[mask.end :],
            }
            for filling in mask.tokens[: _USUAL_TOP if top is None else top]
        ]
        for mask in one.masks
    ]
    return rows[0] if len(rows) == 1 else rows


async def _answers(found: Found, kind: type[_Kind]) -> list[_Kind]:
    answers = await found.answers()
    assert all(isinstance(one, kind) for one in answers), "a task gives one kind of answer"
    return answers  # type: ignore[return-value]


def _parameters(call: Call, *, known: set[str]) -> dict[str, Any]:
    found = call.body.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise malformed('"parameters" is not an object.', parameter="parameters")
    given = {key: value for key, value in found.items() if value is not None}
    unknown = sorted(given.keys() - known - {"truncate", "truncation_direction"})
    if unknown:
        raise malformed(f'"parameters" holds {", ".join(unknown)}, which change nothing here.', parameter=unknown[0])
    return given


def _top(parameters: dict[str, Any]) -> int | None:
    top = parameters.get("top_k")
    if top is not None and (isinstance(top, bool) or not isinstance(top, int) or top < 1):
        raise malformed(f'"top_k" is {top!r}, and not a whole number from 1 up.', parameter="top_k")
    return top


_WAYS: dict[str, Callable[[Call, Served], Awaitable[Json]]] = {
    "classification": _classify,
    "multi-label": _classify,
    "regression": _classify,
    "reranking": tei.rerank,
    "embeddings": _embed,
    "token-classification": _tag,
    "question-answering": _answer,
    "fill-mask": _fill,
}
