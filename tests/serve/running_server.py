"""A server that runs within a test: its own thread and loop, a free port of this machine, and a plain client."""

import asyncio
import http.client
import io
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.serve.log import Log
from limbeck.serve.server import Server
from limbeck.serve.settings import Settings
from limbeck.serve.shelf import places_of


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.content)


@dataclass
class Running:
    """A server and how to ask it."""

    server: Server
    log: io.StringIO
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.server.address

    @property
    def told(self) -> list[dict[str, Any]]:
        """Its log so far."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """One request."""
        return ask(self.url, method, path, body, **headers)

    def get(self, path: str, **headers: str) -> Reply:
        """One that asks for something to be told."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: object, **headers: str) -> Reply:
        """One with a JSON body."""
        return self.ask("POST", path, json.dumps(body).encode(), **headers)

    def swap(self) -> None:
        """Have the server look for new artifacts, and wait until it has."""
        asyncio.run_coroutine_threadsafe(self.server.shelf.swap(), self.loop).result(60)


def ask(url: str, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, told, answer.read())
    finally:
        connection.close()


@contextmanager
def running(*words: str | Path, **settings: Any) -> Iterator[Running]:
    """Within, these artifacts are served; behind it, everything has ended."""
    log = io.StringIO()
    how = Settings(**{"port": 0, "workers": 1, "drain_seconds": 0.0, **settings})
    server = Server(places_of(_words(words)), how, log=Log(log))
    started: dict[str, asyncio.AbstractEventLoop] = {}

    async def serve() -> None:
        started["loop"] = asyncio.get_running_loop()
        await server.serve_all()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive()
        yield Running(server, log, started["loop"])
    finally:
        server.should_exit = True
        thread.join()


def _words(words: Sequence[str | Path]) -> list[str]:
    return [str(word) for word in words]
