"""The routes of text-embeddings-inference: the same bodies, the same answers.

What its clients can ask and an artifact cannot give is refused, not passed over: other prompts, other dimensions.
Scores of regression are the numbers that were taught; everything else is a probability unless `raw_scores` is true.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from limbeck.serve.batcher import Values
from limbeck.serve.call import Call, Found, Question, inline
from limbeck.serve.refusals import malformed, other_task, too_large
from limbeck.serve.shelf import Served
from limbeck.tasks.classification import probabilities as softmax
from limbeck.tasks.embeddings import cosines, unit
from limbeck.tasks.multi_label import probabilities as logistic
from limbeck.tasks.reranking import scores_of

PREDICTS = ("classification", "multi-label", "regression")
EMBEDS = ("embeddings",)
RERANKS = ("reranking",)

Json = Any


async def predict(call: Call, served: Served) -> Json:
    """POST /predict: each label with its score, best first."""
    question, is_raw = sequences(call.body.get("inputs")), call.flag("raw_scores", default=False)
    found = await call.ask(served, question, parameter="inputs")
    rows = scored_labels(found, is_raw=is_raw)
    return rows[0] if question.is_single else rows


async def embed(call: Call, served: Served) -> Json:
    """POST /embed: a vector a text, of length 1 unless `normalize` is false."""
    _refuse_options(call.body, served)
    normalize = call.flag("normalize", default=True)
    found = await call.ask(served, texts_of(call.body, "inputs"), parameter="inputs")
    return vectors(found, normalize=normalize)


async def rerank(call: Call, served: Served) -> Json:
    """POST /rerank: places of the texts with their scores, best first."""
    query, texts = call.body.get("query"), call.body.get("texts")
    if not isinstance(query, str):
        raise malformed('"query" is not a string.', parameter="query")
    question = texts_of(call.body, "texts")
    if not isinstance(texts, list):
        raise malformed('"texts" is not a list of strings.', parameter="texts")
    is_raw, with_texts = (call.flag(key, default=False) for key in ("raw_scores", "return_text"))
    pairs: list[str | None] = list(question.texts)
    found = await call.ask(served, Question([query] * len(pairs), pairs), parameter="texts")
    scores = scores_of(found.values)
    if not is_raw:
        scores = logistic(scores[:, None])[:, 0]
    order = np.argsort(-scores, kind="stable").tolist()
    rows = [{"index": index, "score": float(scores[index])} for index in order]
    if with_texts:
        rows = [row | {"text": texts[int(row["index"])]} for row in rows]
    return rows


async def similarity(call: Call, served: Served) -> Json:
    """POST /similarity: the cosine of a sentence with each of others."""
    inputs = call.body.get("inputs")
    source = inputs.get("source_sentence") if isinstance(inputs, dict) else None
    if not isinstance(inputs, dict) or not isinstance(source, str):
        raise malformed(
            '"inputs" is not an object with a string under "source_sentence" and a list under "sentences".',
            parameter="inputs",
        )
    others = texts_of(inputs, "sentences")
    options = call.body.get("parameters") or {}
    if not isinstance(options, dict):
        raise malformed('"parameters" is not an object.', parameter="parameters")
    _refuse_options(options, served)
    found = await call.ask(served, Question.of([source, *others.texts]), parameter="inputs")
    return cosines(np.repeat(found.values[:1], len(others.texts), axis=0), found.values[1:]).tolist()


async def embed_sparse(call: Call, served: Served) -> Json:  # noqa: ARG001
    """POST /embed_sparse: refused, as no artifact gives sparse vectors."""
    raise other_task("No artifact of limbeck gives sparse vectors (SPLADE). Dense ones are at /embed.")


async def embed_all(call: Call, served: Served) -> Json:  # noqa: ARG001
    """POST /embed_all: refused, as pooling is inside the graph."""
    raise other_task("Pooling is inside the graph of an artifact, which gives one vector a text. It is at /embed.")


async def tokenize(call: Call, served: Served) -> Json:
    """POST /tokenize: the tokens of each text, with their places in it."""
    question = texts_of(call.body, "inputs")
    question.check(call.limits, parameter="inputs")
    _refuse_prompt(call.body)
    special = call.flag("add_special_tokens", default=True)
    n_characters, tokenizer = sum(map(len, question.texts)), served.model.encoder.uncut
    return await inline(n_characters, _all_tokens, tokenizer, question.texts, special, call.limits.queue_tokens)


def texts_of(body: dict[str, Any], key: str) -> Question:
    """A string, or a list of strings."""
    given = body.get(key)
    if isinstance(given, str):
        return Question.of([given], is_single=True)
    if isinstance(given, list) and all(isinstance(one, str) for one in given):
        return Question.of(given)
    if isinstance(given, list) and any(isinstance(one, int | list) for one in given):
        raise malformed(
            f"{key!r} holds token ids, and another tokenizer's ids mean other words here. Send the text itself.",
            parameter=key,
        )
    raise malformed(f"{key!r} is neither a string nor a list of strings.", parameter=key)


def sequences(inputs: Any) -> Question:  # noqa: ANN401  (any JSON)
    """A string; a pair of strings; or a list of lists of one string or two."""
    if isinstance(inputs, str):
        return Question.of([inputs], is_single=True)
    if isinstance(inputs, list) and inputs and all(isinstance(one, str) for one in inputs) and len(inputs) <= 2:
        return Question(inputs[:1], [inputs[1] if len(inputs) == 2 else None], is_single=True)
    if isinstance(inputs, list) and all(_is_sequence(one) for one in inputs):
        return Question([one[0] for one in inputs], [one[1] if len(one) == 2 else None for one in inputs])
    raise malformed(
        '"inputs" is neither a string, nor a pair of strings, nor a list of such, each in a list of its own: '
        '"a text", ["a text", "its pair"], [["a text"], ["another"], ["a text", "its pair"]].',
        parameter="inputs",
    )


def scored_labels(found: Found, *, is_raw: bool, top: int | None = None) -> list[list[dict[str, Any]]]:
    """Of each text all labels with their scores, best first.

    Args:
        found: Of one of the tasks `PREDICTS`.
        is_raw: Logits instead of probabilities.
        top: As many at most.
    """
    values: NDArray[np.floating] = found.values
    if not is_raw and found.served.task != "regression":
        values = softmax(values) if found.served.task == "classification" else logistic(values)
    names = found.served.model.label_names
    rows: list[list[float]] = values.tolist()
    return [
        [
            {"score": row[place], "label": names[place]}
            for place in sorted(range(len(names)), key=row.__getitem__, reverse=True)[:top]
        ]
        for row in rows
    ]


def vectors(found: Found, *, normalize: bool) -> Values:
    """(n, size) float32."""
    values = found.values
    return unit(values).astype(np.float32) if normalize else np.ascontiguousarray(values)


def _all_tokens(tokenizer: Tokenizer, texts: list[str], special: bool, most: int) -> list[list[dict[str, Any]]]:
    """The tokens of each text.

    Raises:
        RefusedError: There are more of them than `most`, the size of the queue: each is told with some sixty bytes.
    """
    encodings: list[Encoding] = []
    n_tokens = 0
    for text in texts:
        encodings.append(tokenizer.encode(text, add_special_tokens=special))
        n_tokens += len(encodings[-1])
        if n_tokens > most:
            raise too_large(f"'inputs' has more than {most} tokens. Send fewer texts at once.", parameter="inputs")
    return [_tokens(encoding) for encoding in encodings]


def _tokens(encoding: Encoding) -> list[dict[str, Any]]:
    rows = zip(encoding.ids, encoding.tokens, encoding.special_tokens_mask, encoding.offsets, strict=True)
    return [
        {"id": number, "text": text, "special": bool(special)}
        | ({"start": None, "stop": None} if special else {"start": start, "stop": stop})
        for number, text, special, (start, stop) in rows
    ]


def _is_sequence(one: object) -> bool:
    return isinstance(one, list) and len(one) in {1, 2} and all(isinstance(text, str) for text in one)


def _refuse_options(options: dict[str, Any], served: Served) -> None:
    _refuse_prompt(options)
    refuse_dimensions(options.get("dimensions"), served)


def _refuse_prompt(options: dict[str, Any]) -> None:
    if options.get("prompt_name") is not None:
        raise malformed(
            f'"prompt_name" is {options["prompt_name"]!r}, and artifacts hold no prompts. Write it in front of the '
            "texts.",
            parameter="prompt_name",
        )


def refuse_dimensions(wanted: Any, served: Served) -> None:  # noqa: ANN401  (any JSON)
    """Refuse vectors of another size than the model gives: a part of a vector would mean something else."""
    size = len(served.model.label_names)
    if wanted is not None and wanted != size:
        raise malformed(
            f'"dimensions" is {wanted!r}, and the vectors of {served.name} have {size}: a part of them would not be '
            "near what the whole is near. Leave it out.",
            parameter="dimensions",
        )
