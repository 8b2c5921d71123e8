"""The process: load, listen, swap at SIGHUP or when a folder changes, and stop at SIGTERM with every answer given.

At SIGTERM or SIGINT the server goes on for `drain_seconds`, says on every answer that the connection closes, and is no
longer ready. Then it takes no more, answers what it took, and ends. A second signal ends it at once.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any

import uvicorn

from limbeck.errors import OutputError
from limbeck.serve.app import App
from limbeck.serve.connection import Connection
from limbeck.serve.log import Log, LogHandler
from limbeck.serve.metrics import Metrics
from limbeck.serve.settings import Settings
from limbeck.serve.shelf import Place, Shelf

_KEEP_ALIVE_SECONDS = 30
_LAST_WORDS_SECONDS = 0.1
"""For requests on connections that were just taken, before those on which nothing goes on are closed."""


class Server(uvicorn.Server):
    """One server, from its artifacts to its end.

    Args:
        places: The artifacts.
        settings: How they are served.
        log: Who is told.

    Raises:
        ArtifactError: One of them cannot be loaded.
        OutputError: The address cannot be listened on.
    """

    def __init__(self, places: Sequence[Place], settings: Settings, *, log: Log | None = None) -> None:
        self._settings = settings
        self._log = Log() if log is None else log
        metrics = Metrics()
        self._sockets = [_listening(settings)]  # first, so that a taken port is told before artifacts are loaded
        self.address = _address(self._sockets[0])
        try:
            self.shelf = Shelf(places, settings=settings, metrics=metrics, log=self._log)
        except BaseException:
            self._sockets[0].close()
            raise
        self._app = App(self.shelf, settings=settings, metrics=metrics, log=self._log)
        self._tasks: set[asyncio.Task[None]] = set()
        super().__init__(
            uvicorn.Config(
                self._app,
                access_log=False,
                proxy_headers=False,  # nobody here asks where a request came from
                log_config=None,
                lifespan="off",
                server_header=False,
                http=partial(Connection, limits=settings.limits),  # type: ignore[arg-type]  # called as a class is
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )

    async def serve_all(self) -> None:
        """Serve until a signal, or until `should_exit` is set."""
        self._loop = asyncio.get_running_loop()
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            self._loop.add_signal_handler(signal.SIGHUP, lambda: self._start(self.shelf.swap()))
        if self._settings.watch_seconds:
            self._start(self._watch())
        try:
            await self.serve(self._sockets)
        finally:
            for task in list(self._tasks):
                task.cancel()
            self.shelf.close()
        self._log.tell("stopped")

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ANN401  (as uvicorn has it)
        """Take a signal to stop: at first gently, then at once."""
        if self._app.door.is_draining:
            self.force_exit = True
            super().handle_exit(sig, frame)
            return
        self._app.door.is_draining = True
        self._log.tell("stopping", signal=signal.Signals(sig).name, seconds=self._settings.drain_seconds)
        self._loop.call_soon_threadsafe(self._start, self._drain())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self._log.tell("serving", address=self.address, models={one.name: str(one.folder) for one in self.shelf})
        if not self._settings.is_loopback and self._settings.token is None:
            self._log.tell("anybody who reaches this address may ask: set a token", level="warning")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, and end once all is answered."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LAST_WORDS_SECONDS)
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        await asyncio.sleep(self._settings.drain_seconds)
        self.should_exit = True

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._settings.watch_seconds)
            await self.shelf.swap(refuse_absent=False)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def serve(places: Sequence[Place], settings: Settings) -> None:
    """Serve artifacts until a signal to stop.

    Args:
        places: At least one; see `limbeck.serve.shelf.places_of`.
        settings: How.

    Raises:
        ArtifactError: One of them cannot be loaded.
        OutputError: The address cannot be listened on.
    """
    log = Log()
    server = Server(places, settings, log=log)
    with _libraries_tell(log):
        _runner()(server.serve_all())


@contextlib.contextmanager
def _libraries_tell(log: Log) -> Iterator[None]:
    """Within, what other libraries warn of is told as an event."""
    handler, root = LogHandler(log), logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop
    except ImportError:  # none for Windows
        return asyncio.run
    return uvloop.run


def _listening(settings: Settings) -> socket.socket:
    """A socket that has the address; it listens once the server starts."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except socket.gaierror as error:
        raise OutputError(
            f"Cannot listen on {settings.host}: it is no address of this machine ({error.strerror}).",
            hint="Give --host 127.0.0.1 for this machine alone, or 0.0.0.0 for all of its addresses.",
        ) from None
    except OSError as error:
        raise OutputError(
            f"Cannot listen on {settings.host}, port {settings.port} ({error.strerror}).",
            hint="Stop what has the port, or give --port another one; 0 takes any that is free.",
        ) from None
    listening.setblocking(False)
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
