"""Before and behind every route: who may come in, how many at once, what is told of it, and how faults are told."""

import hmac
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException

from limbeck.serve.call import ClientGoneError
from limbeck.serve.log import Log
from limbeck.serve.metrics import Metrics
from limbeck.serve.refusals import RefusedError, overloaded
from limbeck.serve.settings import Settings

OPEN = frozenset({"/health", "/ready", "/docs", "/openapi.json"})
"""Asked for no token: what orchestrators look at, and what says how to ask."""
_UNLIMITED = OPEN | {"/metrics"}
_LONGEST_ID = 128
_CLIENT_GONE = 499  # as nginx has it; nobody is there to read it

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Door:
    """An ASGI application around another one.

    Args:
        app: The routes.
        settings: Token and limits.
        metrics: Counts.
        log: Tells of faults, and of all requests where that is set.
    """

    def __init__(self, app: App, *, settings: Settings, metrics: Metrics, log: Log) -> None:
        self._app, self._metrics, self._log = app, metrics, log
        self._token = None if settings.token is None else f"Bearer {settings.token}".encode("ascii")
        self._most = settings.limits.requests
        self._log_requests = settings.log_requests
        self._n_under_way = self._n_requests = 0
        metrics.watch_requests(lambda: self._n_requests)
        self._numbers = itertools.count(1)
        self._start = secrets.token_hex(4)
        self.is_draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        began = time.perf_counter()
        name = self._name(headers.get(b"x-request-id"))
        scope["app"] = self  # without one, the router tells of faults by itself, in plain text
        scope["state"] = {"length": headers.get(b"content-length", b"").decode("latin-1") or None}
        status = 500

        async def send_on(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name)]
                if self.is_draining:
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        self._n_requests += 1
        error: str | None = None
        try:
            with_limit = scope["path"] not in _UNLIMITED
            self._n_under_way += with_limit
            try:
                self._check(scope, headers, n_under_way=self._n_under_way if with_limit else 0)
                await self._routed(scope, receive, send_on)
            except RefusedError as refusal:
                error = refusal.message
                self._metrics.refused(refusal.kind.lower())
                await tell_refusal(refusal, scope, send_on)
            except ClientGoneError:
                status = _CLIENT_GONE
                self._metrics.client_gone()
            except Exception as fault:
                error = repr(fault)
                await tell_refusal(
                    RefusedError(500, "The server failed at this request.", kind="Backend"), scope, send_on
                )
                raise
            finally:
                self._n_under_way -= with_limit
        finally:
            self._n_requests -= 1
            seconds = time.perf_counter() - began
            route = scope.get("route_name", "other")
            self._metrics.ends(route, status=status, seconds=seconds)
            if (error is not None and scope["path"] not in OPEN) or self._log_requests:
                self._tell(scope, name=name, status=status, seconds=seconds, error=error)

    async def _routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except HTTPException as fault:
            wanted = (fault.headers or {}).get("Allow")
            told = f"{scope['path']} is asked with {wanted}." if wanted else f"There is no route {scope['path']}."
            raise RefusedError(fault.status_code, f"{told} All routes: /docs.") from None

    def _check(self, scope: Scope, headers: dict[bytes, bytes], *, n_under_way: int) -> None:
        if self._token is not None and scope["path"] not in OPEN:
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, self._token):
                raise RefusedError(401, "The bearer token is missing or wrong.", kind="Unauthorized")
        if n_under_way > self._most:
            raise overloaded("Model is overloaded: too many requests are under way.", retry_seconds=1)

    def _name(self, given: bytes | None) -> bytes:
        """A request's name in logs: the client's own, if it gives a usable one."""
        if given and len(given) <= _LONGEST_ID and given.isascii() and given.decode("ascii").isprintable():
            return given
        return f"{self._start}-{next(self._numbers)}".encode("ascii")

    def _tell(self, scope: Scope, *, name: bytes, status: int, seconds: float, error: str | None) -> None:
        about: dict[str, Any] = {"method": scope["method"], "path": scope["path"], "status": status}
        about |= {"milliseconds": round(seconds * 1000, 3), "request": name.decode("ascii"), **scope.get("told", {})}
        if error is not None:
            about["error"] = error
        self._log.tell("request", level="error" if status >= 500 else "info", **about)


async def tell(
    content: bytes, send: Send, *, status: int = 200, kind: str = "application/json", **headers: str
) -> None:
    """Send a whole answer."""
    told = [(b"content-type", kind.encode("latin-1")), (b"content-length", b"%d" % len(content))]
    told += [(key.replace("_", "-").encode("latin-1"), value.encode("latin-1")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": content})


async def tell_refusal(refusal: RefusedError, scope: Scope, send: Send) -> None:
    """Send a refusal in the form of the API that was spoken."""
    is_openai = "/v1/" in scope["path"]
    headers = {key.replace("-", "_"): value for key, value in refusal.headers.items()}
    await tell(orjson.dumps(refusal.body(openai=is_openai)), send, status=refusal.status, **headers)
