"""Clients that say nothing, never come to the point, or do not take their answers: each is ended, and nobody waits."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_server import Running, running

from limbeck.serve.settings import Limits

IDLE = 0.15
SOON = 20.0


@pytest.fixture(scope="module")
def server(artifacts: dict[str, Path]) -> Iterator[Running]:
    """One that looks at its connections often."""
    with running(artifacts["classification"], limits=Limits(head_bytes=1000, idle_seconds=IDLE)) as one:
        yield one


def connected(server: Running, *, buffer: int | None = None) -> socket.socket:
    """A connection to it."""
    host, port = server.url.removeprefix("http://").split(":")
    found = socket.socket()
    if buffer is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    found.settimeout(SOON)
    found.connect((host, int(port)))
    return found


def until(holds: Callable[[], bool]) -> None:
    """Wait for it."""
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def all_of(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


def test_who_says_nothing_or_half_a_head_is_ended(server: Running) -> None:
    """A thousand such clients would take every file descriptor, without a token."""
    for begun in (b"", b"GET /health HTTP/1.1\r\nhost: x\r\nx-a: "):
        with connected(server) as connection:
            connection.sendall(begun)
            answer = all_of(connection)
        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        body = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        assert body["error"] == f"The head of the request did not come within {IDLE:g} seconds."


def test_a_head_that_comes_byte_by_byte_is_ended(server: Running) -> None:
    """Each byte would buy it more time."""
    with connected(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nx-a: ")
        with pytest.raises(OSError):  # noqa: PT011  (a broken pipe, or a reset)  # whatever the system calls it
            for _ in range(2000):
                connection.sendall(b"a")
                time.sleep(0.01)


def test_a_head_without_an_end_is_refused(server: Running) -> None:
    """It would fill the memory, byte by byte, before anybody asked for a token."""
    with connected(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nx-a: ")
        time.sleep(IDLE / 3)  # so that it goes on in another piece
        connection.sendall(b"a" * 2000)
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"has more than 1000 bytes" in answer


def test_a_client_that_takes_its_time_between_requests_is_kept(server: Running) -> None:
    """Keep-alive is longer than a look, and a body may take longer than a head."""
    with connected(server) as connection:
        for _ in range(2):
            content = b'{"inputs": "play"}'
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(content) + content[:5]
            )
            time.sleep(4 * IDLE)
            connection.sendall(content[5:])
            time.sleep(4 * IDLE)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_who_is_answered_before_the_end_of_the_body_must_end_it(server: Running) -> None:
    """Refused for its size, a body could go on for ever."""
    with connected(server) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000000\r\n\r\n")
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_who_takes_no_answer_is_given_up(artifacts: dict[str, Path]) -> None:
    """Its request would be under way for ever, and the server could not stop: behind `running` it has."""
    with running(artifacts["classification"], limits=Limits(idle_seconds=IDLE)) as server:
        content = json.dumps({"inputs": ["a " * 60_000] * 2}).encode()
        head = b"POST /tokenize HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(content)
        with connected(server, buffer=4096) as connection:
            connection.sendall(head + content + head + content)
            open_ones = server.server.server_state.connections
            until(lambda: len(open_ones) == 1)
            until(lambda: not open_ones)
        until(lambda: b"\nlimbeck_requests_under_way 1.0\n" in server.get("/metrics").content)  # this very one


def test_a_server_stops_whoever_takes_no_answer(artifacts: dict[str, Path]) -> None:
    """Told to stop, it would wait until somebody kills it."""
    with running(artifacts["classification"]) as server:
        content = json.dumps({"inputs": ["a " * 60_000] * 2}).encode()
        connection = connected(server, buffer=4096)
        connection.sendall(b"POST /tokenize HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(content) + content)
        until(lambda: bool(server.server.server_state.total_requests))
    assert not server.server.server_state.connections
    connection.close()
