"""Running a server: health, metrics, logs, tokens, limits, overload, and what it says of itself."""

import json
import re
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from running_server import Running, running

from limbeck.runtime import Model
from limbeck.serve.app import ASKS
from limbeck.serve.docs_page import docs_page
from limbeck.serve.openapi import openapi
from limbeck.serve.settings import Limits


def _metrics(server: Running) -> dict[str, float]:
    """Name with labels -> value."""
    lines = server.get("/metrics").content.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_what_is_served_is_told(everything: Running, artifacts: dict[str, Path]) -> None:
    """Clients of text-embeddings-inference look at /info before they ask."""
    info = everything.get("/info").json
    assert info["model_id"] == "classification"
    assert [one["model_id"] for one in info["models"]] == list(artifacts)
    one = everything.get("/models/embeddings/info").json
    assert (one["max_input_length"], one["max_client_batch_size"], one["model_type"]) == (
        16,
        256,
        {"embedding": {"pooling": "inside the graph"}},
    )
    assert one["max_batch_tokens"] == 512
    assert info["model_type"]["classifier"]["label2id"] == {"alarm": 0, "music": 1, "weather": 2}
    assert everything.get("/health").json == {"status": "alive"}
    assert everything.get("/ready").json == {"status": "ready"}
    assert everything.get("/models/none/info").status == 404


@pytest.mark.parametrize("engine", ["openvino", "auto"])
def test_another_engine_answers_alike(
    engine: str, artifacts: dict[str, Path], models: dict[str, Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would serve another model because of an engine, or not say which engine answers."""
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path))
    folder, model = artifacts["classification"], models["classification"]
    with running(folder, engine=engine, workers=2) as server:
        told = server.get("/info").json["engine"]
        found = server.post("/predict", {"inputs": [["wake me at seven"], ["play some music"]]}).json
    assert told.startswith(("openvino", "onnxruntime")) if engine == "auto" else told == engine
    assert (tmp_path / "engines").exists() == (engine == "auto")
    for labels, answer in zip(found, model(["wake me at seven", "play some music"]), strict=True):
        scores = dict(zip(model.label_names, answer.probabilities, strict=True))
        assert {one["label"] for one in labels} == set(scores)
        assert all(abs(one["score"] - scores[one["label"]]) < 1e-4 for one in labels)


def test_metrics_count_what_was_done(artifacts: dict[str, Path]) -> None:
    """Who watches a fleet by these figures would watch something else."""
    with running(artifacts["classification"]) as server:
        server.post("/predict", {"inputs": [["play"], ["play the song"]]})
        server.post("/predict", {"inputs": 3})
        server.get("/nowhere")
        found = _metrics(server)
    assert found['limbeck_requests_total{route="/predict",status="200"}'] == 1
    assert found['limbeck_requests_total{route="/predict",status="422"}'] == 1
    assert found['limbeck_requests_total{route="other",status="404"}'] == 1
    assert found['limbeck_refused_total{reason="validation"}'] == 2
    assert found['limbeck_request_seconds_count{route="/predict"}'] == 2
    assert found['limbeck_texts_total{model="classification"}'] == 2
    assert found['limbeck_tokens_total{model="classification"}'] == 3 + 5
    assert found['limbeck_padding_tokens_total{model="classification"}'] == 2
    assert found['limbeck_batch_texts_sum{model="classification"}'] == 2
    assert found['limbeck_queue_seconds_count{model="classification"}'] == 2
    assert found['limbeck_queue_tokens{model="classification"}'] == 0
    assert found["limbeck_requests_under_way"] == 1  # the one that asks
    assert [value for name, value in found.items() if name.startswith("limbeck_artifact{")] == [1]
    assert found["process_resident_memory_bytes"] > 0


def test_logs_are_json_and_name_requests(artifacts: dict[str, Path]) -> None:
    """A log that no machine reads is read by nobody; and a fault could not be found again by its request."""
    with running(artifacts["classification"], log_requests=True) as server:
        asked = server.post("/predict", {"inputs": [["a"], ["b"]]}, x_request_id="mine-7")
        other = server.post("/predict", {"inputs": "a"}, x_request_id="no\tname")
        server.post("/predict", {"inputs": 3})
    assert asked.headers["x-request-id"] == "mine-7"
    assert re.fullmatch(r"[0-9a-f]{8}-\d+", other.headers["x-request-id"])
    started, first, _, refused, stopped = server.told
    assert (started["event"], started["models"]) == ("serving", {"classification": str(artifacts["classification"])})
    assert started["address"] == server.url
    assert {key: first[key] for key in ("event", "path", "status", "request", "model", "texts")} == {
        "event": "request",
        "path": "/predict",
        "status": 200,
        "request": "mine-7",
        "model": "classification",
        "texts": 2,
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z", first["time"])
    assert (refused["status"], refused["level"]) == (422, "info")
    assert "neither a string" in refused["error"]
    assert stopped["event"] == "stopped"


def test_a_token_is_asked_for(artifacts: dict[str, Path]) -> None:
    """Anybody who finds the address would use the server, or read what it does."""
    with running(artifacts["classification"], token="s3cret") as server:
        body = {"inputs": "a"}
        for headers in (
            {},
            {"authorization": "Bearer s3cre"},
            {"authorization": "s3cret"},
            {"authorization": "Bearer ü"},
        ):
            reply = server.post("/predict", body, **{key: value.encode("latin-1") for key, value in headers.items()})
            assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
            assert reply.json == {"error": "The bearer token is missing or wrong.", "error_type": "Unauthorized"}
        assert server.post("/predict", body, authorization="Bearer s3cret").status == 200
        assert [server.get(path).status for path in ("/info", "/metrics", "/v1/models")] == [401] * 3
        assert [server.get(path).status for path in ("/health", "/ready", "/docs", "/openapi.json")] == [200] * 4
        assert "s3cret" not in server.log.getvalue()


def test_limits_are_kept(artifacts: dict[str, Path]) -> None:
    """One request could take the server's memory, or its time, from all others."""
    limits = Limits(body_bytes=1000, text_characters=100, texts=3, queue_tokens=20, body_seconds=0.2)
    with running(artifacts["classification"], limits=limits) as server:
        for inputs, told in (
            (["a"] * 400, "more than 1000 bytes"),
            ([["a"]] * 4, "holds 4 texts, and one request may have 3"),
            ([["a"], ["a" * 60, "b" * 41]], "Text 1 of 'inputs' has 101 characters, and a text may have 100"),
            ([["play the song now"]] * 3, "tokens together, and one request may have 20"),
        ):
            reply = server.post("/predict", {"inputs": inputs})
            assert reply.status == 413, told
            assert told in reply.json["error"]
        reply = server.post("/tokenize", {"inputs": ["play the song now"] * 3})
        assert (reply.status, reply.json["error"]) == (
            413,
            "'inputs' has more than 20 tokens. Send fewer texts at once.",
        )
        host, port = server.url.removeprefix("http://").split(":")
        head = b"POST /predict HTTP/1.1\r\nhost: x\r\n"
        assert _raw(host, int(port), head + b"transfer-encoding: chunked\r\n\r\n" + b"fff\r\n" + b"a" * 4095) == 413
        for begun in (b"", b"{"):
            assert _raw(host, int(port), head + b"content-length: 10\r\n\r\n" + begun) == 408
        assert server.post("/predict", {"inputs": "a"}).status == 200


def _raw(host: str, port: int, content: bytes) -> int:
    """The status of the answer to bytes that are sent as they are."""
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(content)
        return int(connection.recv(4096).split()[1])


class _Held:
    """Holds a served model's batches back."""

    def __init__(self, server: Running) -> None:
        (self._served,) = server.server.shelf
        self.may, self.begun = threading.Event(), threading.Event()
        self._compute = self._served.model.compute
        self._served.model.compute = self.compute  # type: ignore[method-assign]

    def compute(self, rows: Any) -> Any:
        self.begun.set()
        assert self.may.wait(20)
        return self._compute(rows)


def test_too_much_is_refused_and_what_was_accepted_is_answered(artifacts: dict[str, Path]) -> None:
    """Without back-pressure everybody waits, ever longer; with a careless one, accepted requests are dropped.

    The model is held. Texts of 3 tokens: one is computed, six of 18 tokens wait, and the seventh gets 429. Then all
    that were accepted are answered.
    """
    limits = Limits(queue_tokens=20)
    with running(artifacts["classification"], limits=limits) as server, ThreadPoolExecutor(10) as pool:
        held = _Held(server)
        first = pool.submit(server.post, "/predict", {"inputs": "play"})
        assert held.begun.wait(20)
        waiting = [pool.submit(server.post, "/predict", {"inputs": "play"}) for _ in range(6)]
        while _metrics(server)['limbeck_queue_texts{model="classification"}'] < 6:
            time.sleep(0.01)
        refused = server.post("/predict", {"inputs": "play"})
        assert (refused.status, refused.json["error_type"]) == (429, "Overloaded")
        assert refused.headers["retry-after"] == "1"
        assert server.post("/v1/embeddings", {"input": "play"}).status == 424
        held.may.set()
        assert Counter(one.result().status for one in [first, *waiting]) == {200: 7}
        found = _metrics(server)
    assert found['limbeck_refused_total{reason="overloaded"}'] == 1
    assert found['limbeck_queue_tokens{model="classification"}'] == 0


def test_requests_under_way_are_bounded(artifacts: dict[str, Path]) -> None:
    """Bodies that are being read are no tokens yet, and would take memory without a bound."""
    with running(artifacts["classification"], limits=Limits(requests=2)) as server, ThreadPoolExecutor(2) as pool:
        held = _Held(server)
        waiting = [pool.submit(server.post, "/predict", {"inputs": "play"}) for _ in range(2)]
        while _metrics(server)["limbeck_requests_under_way"] < 3:  # with the one that asks
            time.sleep(0.01)
        assert server.post("/predict", {"inputs": "play"}).status == 429
        assert server.get("/health").status == 200  # else an orchestrator would end a server that is just busy
        held.may.set()
        assert [one.result().status for one in waiting] == [200, 200]


def test_a_client_that_goes_away_leaves_nothing_behind(artifacts: dict[str, Path]) -> None:
    """Clients that give up and ask again would fill the queue with work for nobody."""
    with running(artifacts["classification"]) as server, ThreadPoolExecutor(1) as pool:
        held = _Held(server)
        first = pool.submit(server.post, "/predict", {"inputs": "play"})
        assert held.begun.wait(20)
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as gone:
            body = json.dumps({"inputs": "the song"}).encode()
            gone.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            while _metrics(server)['limbeck_queue_texts{model="classification"}'] < 1:
                time.sleep(0.01)
        while _metrics(server)["limbeck_clients_gone_total"] < 1:
            time.sleep(0.01)
        assert _metrics(server)['limbeck_queue_texts{model="classification"}'] == 0
        held.may.set()
        assert first.result().status == 200


def test_a_fault_of_ours_is_a_clear_answer_and_a_log_line(artifacts: dict[str, Path]) -> None:
    """The client would wait for ever, or read our stack; and we would never hear of it."""
    with running(artifacts["classification"]) as server:
        (served,) = server.server.shelf
        compute = served.model.compute
        served.model.compute = lambda rows: 1 / 0  # type: ignore[method-assign,assignment,return-value]
        reply = server.post("/predict", {"inputs": "a"})
        assert (reply.status, reply.json) == (
            500,
            {"error": "The server failed at this request.", "error_type": "Backend"},
        )
        served.model.compute = compute  # type: ignore[method-assign]
        assert server.post("/predict", {"inputs": "a"}).status == 200
    (line,) = [one for one in server.told if one["event"] == "request"]
    assert (line["level"], line["error"]) == ("error", "ZeroDivisionError('division by zero')")


def test_the_document_tells_every_route_and_no_other(everything: Running) -> None:
    """Generated clients would lack a route, or have one that is not there."""
    document = everything.get("/openapi.json").json
    assert document["openapi"].startswith("3.")
    assert {path for path, ways in document["paths"].items() if "post" in ways} == {asks.path for asks in ASKS}
    for path, ways in document["paths"].items():
        for method, about in ways.items():
            if method == "get":
                assert everything.get(path.replace("{model}", "embeddings")).status == 200, path
            else:
                assert everything.get(path).status == 405
            assert about["summary"]
    ids = [about["operationId"] for ways in document["paths"].values() for about in ways.values()]
    assert len(set(ids)) == len(ids)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named == set(document["components"]["schemas"])


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/predict", "classification"),
        ("/embed", "embeddings"),
        ("/similarity", "embeddings"),
        ("/rerank", "reranking"),
        ("/answer", "classification"),
        ("/", "classification"),
        ("/tokenize", "classification"),
        ("/v1/embeddings", "embeddings"),
    ],
)
def test_examples_of_the_document_are_answered(path: str, model: str, everything: Running) -> None:
    """The first thing that a reader copies would fail."""
    document = everything.get("/openapi.json").json
    example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert everything.post(f"/models/{model}{path if path != '/' else ''}", example).status == 200


def test_the_page_needs_no_network(everything: Running) -> None:
    """Behind a firewall it would stay blank."""
    page = everything.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    text = page.content.decode()
    assert page.content == docs_page(openapi(Limits()))
    assert "<script" not in text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
    for path in openapi(Limits())["paths"]:
        assert f"{path}</code>" in text
