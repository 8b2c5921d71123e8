"""A real server on this machine that speaks chat completions, and its failures, as a test tells it to."""

import json
import math
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from other_teachers import chances

Piece = tuple[str, dict[str, float]]
"""A token, and what could stand in its place with its probability, itself among it."""


def logprobs_of(pieces: Sequence[Piece]) -> dict[str, Any]:
    """What the API tells of an answer's tokens; a token without alternatives is certain."""
    return {
        "content": [
            {
                "token": token,
                "logprob": math.log(shares[token] if shares else 1.0),
                "top_logprobs": [{"token": other, "logprob": math.log(p)} for other, p in shares.items()],
            }
            for token, shares in pieces
        ]
    }


@dataclass
class Failure:
    """What is answered in place of an answer.

    Args:
        status: Of HTTP.
        body: As it is sent.
        headers: Besides the usual ones.
        wait_seconds: Before anything is sent.
    """

    status: int = 500
    body: str = '{"error": {"message": "out of order"}}'
    headers: dict[str, str] = field(default_factory=dict)
    wait_seconds: float = 0.0


@dataclass
class ChatServer:
    """What a server does, and what it was asked.

    Args:
        takes_schema: It knows a response_format that is a JSON schema; else such a call is a 400.
        takes_object: It knows one that is a JSON object.
        takes_logprobs: It knows logprobs; else such a call is a 400.
        fail: Text and number of the call about it, from 1 -> what to fail with, or None.
        say: Text, codes and number of the call -> the content of the answer; None says what is likeliest.
        believe: Text -> the probability of each label. Of a scale, that of its last digit; all the rest has its first.
        wait_seconds: Before each answer.
        usage: What is told about tokens.
    """

    takes_schema: bool = True
    takes_object: bool = True
    takes_logprobs: bool = True
    fail: Callable[[str, int], Failure | None] = lambda _text, _number: None
    say: Callable[[str, list[str], int], str | None] | None = None
    believe: Callable[[str], list[float]] = chances
    wait_seconds: float = 0.0
    usage: dict[str, int] | None = field(default_factory=lambda: {"prompt_tokens": 50, "completion_tokens": 5})
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    url: str = ""
    _now: int = 0
    _calls: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers for a request."""
        text = body["messages"][1]["content"]
        with self._lock:
            self.requests.append(body)
            self.headers.append(headers)
            kind = body.get("response_format", {}).get("type")
            takes = {"json_schema": self.takes_schema, "json_object": self.takes_object, None: True}[kind]
            if not takes or ("logprobs" in body and not self.takes_logprobs):
                return 400, json.dumps({"error": {"message": "unknown field"}}), {}
            self._calls[text] += 1
            number = self._calls[text]
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            failure = self.fail(text, number)
            time.sleep(self.wait_seconds if failure is None else failure.wait_seconds)
            if failure is not None:
                return failure.status, failure.body, failure.headers
            reply = json.dumps(self._completion(body, text, number))
            with self._lock:
                self.answered[text] += 1
            return 200, reply, {}
        finally:
            with self._lock:
                self._now -= 1

    def _completion(self, body: dict[str, Any], text: str, number: int) -> dict[str, Any]:
        codes = re.findall(r"^(\w+): ", body["messages"][0]["content"], re.MULTILINE)
        said = None if self.say is None else self.say(text, codes, number)
        pieces = self._pieces(body, text, codes)
        content = said if said is not None else "".join(piece for piece, _ in pieces)
        choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": content}}
        if "logprobs" in body and said is None:
            choice["logprobs"] = logprobs_of(pieces)
        return {"id": "1", "object": "chat.completion", "choices": [choice], "usage": self.usage}

    def _pieces(self, body: dict[str, Any], text: str, codes: list[str]) -> list[Piece]:
        """The tokens of the likeliest answer in the form that the last line of the prompt asks for."""
        closing, believed = body["messages"][0]["content"].splitlines()[-1], self.believe(text)
        if "every label" in closing:
            found: list[Piece] = []
            for code, share in zip(codes, believed, strict=True):
                opening = [_sure(', "' if found else '{"'), _sure(code), _sure('":')]
                found += [*opening, _likeliest({" true": share, " false": 1 - share})]
            return [*found, _sure("}")]
        key = "label"
        if "one digit" in closing:
            key, (first, last) = "number", re.findall(r"from (\d).* to (\d)", closing)[0]
            codes, believed = [first, last], [1 - believed[-1], believed[-1]]
        named = _likeliest(dict(zip(codes, believed, strict=False)))
        if "response_format" not in body:
            return [named]
        return [_sure('{"'), _sure(key), _sure('": "'), named, _sure('"}')]


def _sure(piece: str) -> Piece:
    return piece, {piece: 1.0}


def _likeliest(shares: dict[str, float]) -> Piece:
    return max(shares, key=shares.__getitem__), shares


@contextmanager
def serving(server: ChatServer) -> Iterator[ChatServer]:
    """Let it answer on a free port of this machine; its address is then `server.url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.split("?")[0] != "/v1/chat/completions":
                status, reply, more = 404, '{"error": {"message": "no such path"}}', {}
            else:
                status, reply, more = server.answer(json.loads(content), dict(self.headers))
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **more}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.encode())))
                self.end_headers()
                self.wfile.write(reply.encode())
            except OSError:
                pass  # whoever asked is gone

        def log_message(self, *_: Any) -> None: ...

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    http = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
