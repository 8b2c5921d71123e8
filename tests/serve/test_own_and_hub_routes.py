"""limbeck's own route and the hub's form: every task answers through the server what the runtime answers."""

import random
from typing import Any

import pytest
from running_server import Running

from limbeck.runtime import Model
from limbeck.serve.app import ASKS

TEXTS = ["play the song", "wake me up at seven", "rain"]
QUESTION, CONTEXT = "who is dad", "the weather today is good and dad is at home " * 4
MASKED = "play [MASK] song"
Inputs = tuple[Any, Any]

ASKED: dict[str, list[Inputs]] = {
    "classification": [("play", None), ("play", "the song")],
    "multi-label": [("play", None)],
    "regression": [("play", "the song")],
    "reranking": [("play", "the song"), ("play", "rain")],
    "embeddings": [("play", None), ("the rain", None)],
    "token-classification": [("dad is at home, not mum", None), (["dad", "at home"], None)],
    "question-answering": [(QUESTION, CONTEXT), ("when", "today"), ("when", "")],
    "fill-mask": [(MASKED, None), ("[MASK] and [MASK]", None)],
}
assert len(ASKED) == 8


def _row(task: str, text: Any, pair: Any) -> Any:
    if task == "question-answering":
        return {"question": text, "context": pair}
    if isinstance(text, list):
        return {"words": text}
    return text if pair is None else {"text": text, "text_pair": pair}


def _near(value: Any) -> Any:
    """The same, its numbers within rounding: texts of one batch are summed with more or fewer zeros."""
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-4, abs=1e-6)
    if isinstance(value, dict):
        return {key: _near(one) for key, one in value.items()}
    return [_near(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("task", sorted(ASKED))
@pytest.mark.parametrize("in_full", [False, True])
def test_answers_are_those_of_predict(task: str, in_full: bool, everything: Running, models: dict[str, Model]) -> None:
    """The artifact that was judged and the one that serves would answer differently."""
    model, asked = models[task], ASKED[task]
    names = model.label_names
    wanted = [
        model([text], None if pair is None else [pair])[0].to_json(in_full=in_full, label_names=names)
        for text, pair in asked
    ]
    rows = [_row(task, text, pair) for text, pair in asked]
    reply = everything.post(f"/models/{task}/answer", {"inputs": rows, "in_full": in_full})
    assert (reply.status, reply.json) == (200, _near(wanted))
    single = everything.post("/answer", {"model": task, "inputs": rows[0], "in_full": in_full})
    assert single.json == _near(wanted[0])


@pytest.mark.parametrize(
    ("task", "inputs", "told"),
    [
        ("classification", {"texts": "a"}, 'inputs[0] is neither a string nor an object like {"text": '),
        ("classification", ["a", 3], "inputs[1] is neither a string nor an object"),
        ("token-classification", {"words": ["a", " "]}, "inputs[0] has no list of words"),
        ("token-classification", {"words": []}, "inputs[0] has no list of words"),
        ("question-answering", {"question": "a", "context": 3}, '{"question": "who wrote it?"'),
        ("question-answering", "a question", "Expected a context for each question"),
        ("fill-mask", "no mask", "holds no [MASK]"),
        ("reranking", "alone", "reads a query and a passage"),
        ("embeddings", {"text": "a", "text_pair": "b"}, "reads each text by itself"),
    ],
)
def test_rows_that_a_task_cannot_read_are_refused(task: str, inputs: Any, told: str, everything: Running) -> None:
    """Somebody would look for the fault in the server, not in the row."""
    reply = everything.post(f"/models/{task}/answer", {"inputs": inputs})
    assert reply.status == 422
    assert told in reply.json["error"]


def test_the_hub_form_honours_what_it_can(everything: Running) -> None:
    """A parameter that is passed over gives an answer to another question."""
    best = everything.post("/models/classification", {"inputs": TEXTS, "parameters": {"top_k": 1}}).json
    assert [len(rows) for rows in best] == [1, 1, 1]
    body = {"inputs": {"text": "a", "text_pair": "b"}, "parameters": {"function_to_apply": "none"}}
    raw = everything.post("/models/classification", body).json
    assert sum(row["score"] for row in raw[0]) != pytest.approx(1)
    ignored = {"inputs": "dad at home", "parameters": {"ignore_labels": ["person", "place"]}}
    assert everything.post("/models/token-classification", ignored).json == []
    filled = everything.post("/models/fill-mask", {"inputs": MASKED, "parameters": {"top_k": 3}}).json
    assert [row["sequence"] for row in filled] == [f"play {row['token_str']} song" for row in filled]
    assert len(filled) == 3
    ids = [
        one["id"] for one in everything.post("/models/fill-mask/tokenize", {"inputs": filled[0]["sequence"]}).json[0]
    ]
    assert filled[0]["token"] == ids[2]  # [CLS] play [MASK]
    plain = everything.post("/models/embeddings", {"inputs": "play", "parameters": {"normalize": False}}).json
    assert plain == everything.post("/models/embeddings/embed", {"inputs": "play", "normalize": False}).json
    assert plain != everything.post("/models/embeddings", {"inputs": "play"}).json
    ranked = everything.post("/models/reranking", {"query": "play", "texts": TEXTS}).json
    assert len(ranked) == 3


@pytest.mark.parametrize(
    ("task", "parameters", "told"),
    [
        ("classification", {"function_to_apply": "sigmoid"}, 'takes "softmax" or "none"'),
        ("classification", {"top_k": 0}, "not a whole number from 1 up"),
        ("classification", {"temperature": 2}, "temperature, which change nothing here"),
        ("token-classification", {"aggregation_strategy": "max"}, "the first token of each word"),
        ("question-answering", {"top_k": 3}, '"top_k" is not 1'),
        ("fill-mask", {"targets": ["a"]}, "targets, which change nothing here"),
        ("embeddings", {"dimensions": 2}, '"dimensions" is 2, and the vectors'),
        ("embeddings", {"pooling": "max"}, "pooling, which change nothing here"),
        ("fill-mask", [1], '"parameters" is not an object'),
    ],
)
def test_the_hub_form_refuses_what_it_cannot(task: str, parameters: Any, told: str, everything: Running) -> None:
    """As above."""
    inputs = {"question": "a", "context": "b"} if task == "question-answering" else MASKED
    reply = everything.post(f"/models/{task}", {"inputs": inputs, "parameters": parameters})
    assert reply.status == 422
    assert told in reply.json["error"]


def test_no_json_is_a_fault_of_the_server(everything: Running) -> None:
    """Whatever people send by mistake would be logged as our fault, and looked for in our code.

    Every key that any route knows gets every kind of value, on every route and task.
    """
    draw = random.Random(0)
    values: list[Any] = [
        None,
        True,
        0,
        -1,
        1.5,
        "",
        "a [MASK]",
        [],
        {},
        [None],
        [[]],
        [["a", "b"]],
        ["a", 1],
        {"text": 1},
    ]
    values += [{"question": "a", "context": "b"}, {"source_sentence": "a", "sentences": ["b"]}, ["a", ["b"]], "left"]
    keys = "inputs input query texts parameters truncate truncation_direction normalize raw_scores".split()
    keys += "return_text in_full prompt_name dimensions encoding_format add_special_tokens".split()
    keys += "top_k function_to_apply ignore_labels aggregation_strategy".split()
    seen = set()
    for task in ASKED:
        for asks in ASKS:
            for _ in range(12):
                body = {key: draw.choice(values) for key in keys if draw.random() < 0.5}
                body["parameters"] = {key: draw.choice(values) for key in keys if draw.random() < 0.2} or 3
                body |= {"inputs": draw.choice(values), "input": draw.choice(values)}
                reply = everything.post(f"/models/{task}{asks.path.rstrip('/')}", body)
                assert reply.status in {200, 404, 413, 422, 424}, (task, asks.path, body)
                seen.add(reply.status)
    assert {200, 422, 424} <= seen
