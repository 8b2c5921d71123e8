"""The ASGI application: every route of the server, by whoever's API it belongs to."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.routing import Route, Router

from limbeck.ground import machine
from limbeck.serve import hub, openai_routes, own, tei
from limbeck.serve.call import Call
from limbeck.serve.docs_page import docs_page
from limbeck.serve.door import Door, Receive, Scope, Send, tell
from limbeck.serve.log import Log
from limbeck.serve.metrics import CONTENT_TYPE, Metrics
from limbeck.serve.openapi import openapi
from limbeck.serve.refusals import STOPPING, RefusedError
from limbeck.serve.settings import Settings
from limbeck.serve.shelf import Served, Shelf

Answers = Callable[[Call, Served], Awaitable[Any]]


@dataclass(frozen=True)
class Asks:
    """A route that asks a model.

    Args:
        path: Below the root, and below /models/{model}.
        answers: What answers.
        tasks: Those that it is about; none for one that is about all.
    """

    path: str
    answers: Answers
    tasks: tuple[str, ...] = ()


ASKS = (
    Asks("/predict", tei.predict, tei.PREDICTS),
    Asks("/embed", tei.embed, tei.EMBEDS),
    Asks("/similarity", tei.similarity, tei.EMBEDS),
    Asks("/rerank", tei.rerank, tei.RERANKS),
    Asks("/embed_sparse", tei.embed_sparse),
    Asks("/embed_all", tei.embed_all),
    Asks("/tokenize", tei.tokenize),
    Asks("/answer", own.answer),
    Asks("/v1/embeddings", openai_routes.embeddings, tei.EMBEDS),
    Asks("/", hub.infer),
)


class App:
    """The application of one server.

    Args:
        shelf: What is served.
        settings: How.
        metrics: What is counted.
        log: What is told.
    """

    def __init__(self, shelf: Shelf, *, settings: Settings, metrics: Metrics, log: Log) -> None:
        self._shelf, self._settings, self._metrics = shelf, settings, metrics
        self._since = int(time.time())
        self.door = Door(self._routes(), settings=settings, metrics=metrics, log=log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as ASGI wants it."""
        await self.door(scope, receive, send)

    def _routes(self) -> Router:
        routes = [
            Route(
                prefix + (asks.path if prefix == "" or asks.path != "/" else ""), _Asking(asks, self), methods=["POST"]
            )
            for prefix in ("", "/models/{model}")
            for asks in ASKS
        ]
        told: Sequence[tuple[str, Callable[[Scope], tuple[bytes, str]]]] = (
            ("/info", self._info),
            ("/models/{model}/info", self._info),
            ("/health", self._health),
            ("/ready", self._ready),
            ("/metrics", lambda _: (self._metrics.text(), CONTENT_TYPE)),
            ("/openapi.json", lambda _: (orjson.dumps(openapi(self._settings.limits)), "application/json")),
            ("/docs", lambda _: (docs_page(openapi(self._settings.limits)), "text/html; charset=utf-8")),
            ("/v1/models", lambda _: _json(openai_routes.models(self._shelf, since=self._since))),
            ("/v1/models/{model}", self._model),
        )
        routes += [Route(path, _Telling(path, gives), methods=["GET"]) for path, gives in told]
        return Router(routes, redirect_slashes=False)

    def _info(self, scope: Scope) -> tuple[bytes, str]:
        name = scope["path_params"].get("model")
        chosen = list(self._shelf) if name is None else [self._shelf.find(name, ())]
        every = [self._about(served) for served in chosen]
        return _json(every[0] | ({"models": every} if name is None else {}))

    def _about(self, served: Served) -> dict[str, Any]:
        """As text-embeddings-inference tells it, and what limbeck adds."""
        manifest, limits = served.model.manifest, self._settings.limits
        labels = served.model.label_names
        ids = {"id2label": {str(index): name for index, name in enumerate(labels)},
               "label2id": {name: index for index, name in enumerate(labels)}}  # fmt: skip
        kinds: dict[str, dict[str, Any]] = {"embeddings": {"embedding": {"pooling": "inside the graph"}},
                                            "reranking": {"reranker": ids}}  # fmt: skip
        return {
            "model_id": served.name,
            "model_sha": served.fingerprint,
            "model_dtype": manifest.scheme,
            "model_type": kinds.get(served.task, {"classifier": ids}),
            "max_concurrent_requests": limits.requests,
            "max_input_length": manifest.max_tokens,
            "max_batch_tokens": served.bounds.batch_tokens,
            "max_batch_requests": served.bounds.batch_texts,
            "max_client_batch_size": limits.texts,
            "auto_truncate": True,
            "tokenization_workers": 1,
            "version": machine.installed_version("limbeck"),
            "task": served.task,
            "shape": dict(manifest.shape),
            "size_bytes": served.model.size_bytes,
            "engine": served.model.settings.engine,
            "threads": served.model.threads,
        }

    def _health(self, scope: Scope) -> tuple[bytes, str]:  # noqa: ARG002
        if not self._shelf.is_alive:
            raise RefusedError(STOPPING, "A worker has ended; start the server anew.", kind="Unhealthy")
        return _json({"status": "alive"})

    def _ready(self, scope: Scope) -> tuple[bytes, str]:
        if self.door.is_draining:
            raise RefusedError(STOPPING, "The server is stopping.", kind="Unhealthy")
        self._health(scope)
        return _json({"status": "ready"})

    def _model(self, scope: Scope) -> tuple[bytes, str]:
        return _json(openai_routes.model(self._shelf.find(scope["path_params"]["model"], ()), since=self._since))

    async def asked(self, asks: Asks, scope: Scope, receive: Receive) -> bytes:
        """The answer of a route that asks a model."""
        call = Call(scope, receive, limits=self._settings.limits)
        await call.read(scope["state"]["length"])
        with self._shelf.find(call.model_name, asks.tasks).lent() as served:
            scope["told"] = {"model": served.name}
            found = await asks.answers(call, served)
            scope["told"]["texts"] = call.n_texts
        return orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)


class _Asking:
    """A POST route as ASGI application."""

    def __init__(self, asks: Asks, app: App) -> None:
        self._asks, self._app = asks, app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route_name"] = self._asks.path
        await tell(await self._app.asked(self._asks, scope, receive), send)


class _Telling:
    """A GET route as ASGI application."""

    def __init__(self, path: str, gives: Callable[[Scope], tuple[bytes, str]]) -> None:
        self._path, self._gives = path, gives

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        scope["route_name"] = self._path
        content, kind = self._gives(scope)
        await tell(content, send, kind=kind)


def _json(value: Any) -> tuple[bytes, str]:  # noqa: ANN401  (what JSON can hold)
    return orjson.dumps(value), "application/json"
