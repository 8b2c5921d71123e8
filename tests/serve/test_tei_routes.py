"""The routes of text-embeddings-inference: its bodies, its answers, and the same figures as the runtime gives."""

from typing import Any

import numpy as np
import pytest
from running_server import Running, running

from limbeck.runtime import Model
from limbeck.tasks.embeddings import cosines, unit
from limbeck.tasks.multi_label import probabilities as logistic
from limbeck.tasks.reranking import scores_of

TEXTS = ["play the song", "wake me up at seven", "rain", "the weather today is good and the film was bad"]
PAIR = ("play", "the music")
LONG = "play " * 40


def _by_label(rows: list[dict[str, Any]]) -> dict[str, float]:
    assert [set(row) for row in rows] == [{"label", "score"}] * len(rows)
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    return {row["label"]: row["score"] for row in rows}


@pytest.mark.parametrize("task", ["classification", "multi-label"])
def test_predict_gives_every_label_best_first(task: str, everything: Running, models: dict[str, Model]) -> None:
    """A client of text-embeddings-inference would read another answer than `limbeck predict` prints."""
    model = models[task]
    single = everything.post(f"/models/{task}/predict", {"inputs": TEXTS[0]})
    assert single.status == 200
    assert single.headers["content-type"] == "application/json"
    wanted = dict(zip(model.label_names, model(TEXTS[0])[0].probabilities, strict=True))
    assert _by_label(single.json) == pytest.approx(wanted, rel=1e-5)
    mixed = everything.post("/predict", {"inputs": [[TEXTS[1]], list(PAIR), [TEXTS[2]]], "model": task}).json
    answers = [model(TEXTS[1])[0], model(*PAIR)[0], model(TEXTS[2])[0]]
    for row, answer in zip(mixed, answers, strict=True):
        assert _by_label(row) == pytest.approx(
            dict(zip(model.label_names, answer.probabilities, strict=True)), rel=1e-5
        )
    pair = everything.post("/predict", {"inputs": list(PAIR), "model": task}).json
    assert _by_label(pair) == pytest.approx(_by_label(mixed[1]))
    raw = everything.post("/predict", {"inputs": [[one] for one in TEXTS], "raw_scores": True, "model": task}).json
    found = [[_by_label(row)[name] for name in model.label_names] for row in raw]
    np.testing.assert_allclose(found, model.logits(TEXTS).values, rtol=1e-5)


def test_a_number_stays_the_number_that_was_taught(everything: Running, models: dict[str, Model]) -> None:
    """Squeezed between 0 and 1 like a probability, a rating of four stars would be gone."""
    found = everything.post("/predict", {"inputs": [[one] for one in TEXTS], "model": "regression"}).json
    assert [[row["label"] for row in rows] for rows in found] == [["score"]] * len(TEXTS)
    values = [answer.value for answer in models["regression"](TEXTS)]
    assert [row[0]["score"] for row in found] == pytest.approx(values, rel=1e-5)


def test_embed_gives_vectors(everything: Running, models: dict[str, Model]) -> None:
    """A search index would hold other vectors than the verdict was about."""
    raw = models["embeddings"].logits(TEXTS).values
    found = everything.post("/embed", {"inputs": TEXTS, "truncate": None}).json
    np.testing.assert_allclose(found, unit(raw), rtol=1e-5)
    plain = everything.post("/embed", {"inputs": TEXTS[1], "normalize": False}).json
    np.testing.assert_allclose(plain, raw[1:2], rtol=1e-5)
    assert np.array_equal(np.float32(plain), np.array(plain, np.float32))  # as short as float32 allows, and exact
    asked = {"inputs": {"source_sentence": TEXTS[0], "sentences": TEXTS}}
    alike = everything.post("/similarity", asked).json
    np.testing.assert_allclose(alike, cosines(np.repeat(raw[:1], 4, axis=0), raw), rtol=1e-5, atol=1e-7)


def test_rerank_puts_texts_in_order(everything: Running, models: dict[str, Model]) -> None:
    """The best passage would not come first, or would be another one than the runtime's."""
    model = models["reranking"]
    wanted = model.rank("play", TEXTS)
    rows = everything.post("/rerank", {"query": "play", "texts": TEXTS, "raw_scores": True, "return_text": True}).json
    assert [(row["index"], row["text"]) for row in rows] == [(one.index, one.text) for one in wanted]
    assert [row["score"] for row in rows] == pytest.approx([one.score for one in wanted], rel=1e-5)
    shares = everything.post("/rerank", {"query": "play", "texts": TEXTS}).json
    scores = logistic(scores_of(model.logits(["play"] * 4, TEXTS).values)[:, None])[:, 0]
    assert {row["index"]: row["score"] for row in shares} == pytest.approx(dict(enumerate(scores)), rel=1e-5)
    assert set(shares[0]) == {"index", "score"}


def test_tokenize_tells_places(everything: Running) -> None:
    """A client that counts tokens before it asks would count wrong."""
    tokens = everything.post("/tokenize", {"inputs": "play xs", "model": "classification"}).json[0]
    assert [(one["text"], one["special"], one["start"], one["stop"]) for one in tokens] == [
        ("[CLS]", True, None, None),
        ("play", False, 0, 4),
        ("x", False, 5, 6),
        ("##s", False, 6, 7),
        ("[SEP]", True, None, None),
    ]
    body = {"inputs": [LONG, "a"], "add_special_tokens": False, "model": "classification"}
    assert [len(one) for one in everything.post("/tokenize", body).json] == [40, 1]


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/predict", {"inputs": ["a", "b", "c"]}, 422, "neither a string, nor a pair"),
        ("/predict", {"inputs": []}, 422, "holds no text"),
        ("/predict", {"inputs": [["a", "b", "c"]]}, 422, "neither a string, nor a pair"),
        ("/predict", {"inputs": "a", "raw_scores": 1}, 422, "'raw_scores' is 1, which is neither true nor false"),
        ("/predict", {"inputs": LONG, "truncate": False}, 422, "more than the 16 tokens"),
        ("/predict", {"inputs": [["a", "b"], [LONG]], "truncate": False}, 422, "Text 1 has more than the 16 tokens"),
        ("/predict", {"inputs": LONG, "truncation_direction": "left"}, 422, "cut at the right, not the left"),
        ("/predict", {"inputs": "a", "model": 3}, 422, '"model" is not a string'),
        ("/predict", {"inputs": "a", "model": "none"}, 404, "No model 'none' is served here, but classification, "),
        ("/predict", {"inputs": "a", "model": "embeddings"}, 424, "for embeddings; this route is for classification"),
        ("/embed", {"inputs": [1, 2]}, 422, "token ids"),
        ("/embed", {"inputs": {"a": 1}}, 422, "neither a string nor a list"),
        ("/embed", {"inputs": "a", "prompt_name": "query"}, 422, "artifacts hold no prompts"),
        ("/embed", {"inputs": "a", "dimensions": 4}, 422, "the vectors of embeddings have 8"),
        ("/embed_sparse", {"inputs": "a", "model": "embeddings"}, 424, "sparse vectors (SPLADE)"),
        ("/embed_all", {"inputs": "a", "model": "embeddings"}, 424, "one vector a text"),
        ("/similarity", {"inputs": "a"}, 422, "source_sentence"),
        ("/rerank", {"texts": ["a"]}, 422, '"query" is not a string'),
        ("/rerank", {"query": "a", "texts": "b"}, 422, '"texts" is not a list'),
    ],
)
def test_what_cannot_be_answered_is_told(path: str, body: Any, status: int, told: str, everything: Running) -> None:
    """A client would get a wrong answer, or a fault of the server for a fault of its own."""
    if "model" not in body and path == "/predict":
        body = body | {"model": "classification"}
    reply = everything.post(path, body)
    assert (reply.status, set(reply.json)) == (status, {"error", "error_type"})
    assert told in reply.json["error"]


def test_halves_of_characters_and_other_bytes_are_refused(everything: Running) -> None:
    """They would end a tokenizer, or be logged, in the middle of everybody's requests."""
    for content in (b'{"inputs": "\\ud800"}', b'{"inputs": "\xff"}', b"\x00", b"", b"[]", b'{"inputs": NaN}'):
        reply = everything.ask("POST", "/models/classification/predict", content)
        assert reply.status == 422, content
        assert reply.json["error_type"] == "Validation"


def test_which_model_is_meant_must_be_clear(everything: Running, artifacts: dict[str, Any]) -> None:
    """With several models a text would be answered by the wrong one, and nobody would notice."""
    reply = everything.post("/predict", {"inputs": "a"})
    assert (reply.status, reply.json["error"]) == (
        422,
        'Several models could answer: name one of classification, multi-label, regression under "model".',
    )
    assert everything.post("/embed", {"inputs": "a"}).status == 200  # one alone is for this
    with running(f"intents={artifacts['classification']}") as alone:
        assert alone.post("/predict", {"inputs": "a"}).status == 200
        reply = alone.post("/embed", {"inputs": "a"})
        assert (reply.status, reply.json) == (
            424,
            {
                "error": "This route is for embeddings, and served here are intents (classification).",
                "error_type": "Backend",
            },
        )
