"""The whole process: what it prints, and what it does at SIGHUP, SIGTERM and SIGKILL."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from running_server import ask

from small_artifact import write_artifact

RUN = "from limbeck.cli.main import run; run()"
BODY = json.dumps({"inputs": "play the song"}).encode()


class Process:
    """`limbeck serve`, its log read as it comes."""

    def __init__(self, *arguments: object, **variables: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUN, "serve", "--port", "0", "--threads", "1", *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | variables,
        )
        self.told: list[dict[str, Any]] = []
        self.url = str(self.next("serving")["address"])

    def next(self, event: str) -> dict[str, Any]:
        """Read the log up to an event."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.told.append(json.loads(line))
            if self.told[-1]["event"] == event:
                return self.told[-1]
        raise AssertionError(f"it ended before {event}: {self.told}")

    @property
    def n(self) -> int:
        """Its number."""
        return self._process.pid

    def send(self, what: int) -> None:
        """Send a signal."""
        self._process.send_signal(what)

    def end(self) -> int:
        """Read the rest of the log, and give the exit code."""
        assert self._process.stderr is not None
        self.told += [json.loads(line) for line in self._process.stderr]
        self._process.stderr.close()
        return self._process.wait(30)

    def kill(self) -> None:
        """Kill it, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self.end()


@contextmanager
def _served(*arguments: object, **variables: str) -> Iterator[Process]:
    process = Process(*arguments, **variables)
    try:
        yield process
    finally:
        process.kill()


def _ask_until_the_end(url: str, found: Counter[str]) -> None:
    """Ask on one connection until the server says that it closes, or is gone; count what came of it."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    while True:
        try:
            connection.request("POST", "/predict", BODY)
        except ConnectionRefusedError:
            found["none taken"] += 1
            return
        except OSError:
            found["lost"] += 1
            connection.close()
            continue
        try:
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            found["lost"] += 1
            connection.close()
            continue
        found["answered" if answer.status == 200 and len(json.loads(content)) == 3 else "wrong"] += 1
        if answer.getheader("connection") == "close":
            found["sent away"] += 1
            return


def _clients(url: str, n: int) -> tuple[list[threading.Thread], Counter[str]]:
    found: Counter[str] = Counter()
    threads = [threading.Thread(target=_ask_until_the_end, args=(url, found)) for _ in range(n)]
    for thread in threads:
        thread.start()
    while found["answered"] < 20:
        threads[0].join(0.01)
    return threads, found


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_signals_swap_and_stop_without_a_lost_request(tmp_path: Path) -> None:
    """Every deployment would cost requests: those that were on their way when the server was told to stop.

    Clients ask on open connections all the time, and go elsewhere when they are told that theirs closes, as a load
    balancer does. SIGHUP takes in a new artifact; SIGTERM ends the process with exit code 0. Each request is answered.
    """
    folder = write_artifact(tmp_path / "intents")
    with _served(folder, "--drain", "0.5") as process:
        threads, found = _clients(process.url, 4)
        new = write_artifact(tmp_path / "new", seed=1)
        folder.rename(tmp_path / "old")
        shutil.copytree(new, folder)
        process.send(signal.SIGHUP)
        swapped = process.next("swapped")
        assert swapped["model"] == "intents"
        process.send(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert process.end() == 0
    events = [line["event"] for line in process.told]
    assert events == ["serving", "swapped", "stopping", "stopped"]
    assert process.told[2]["signal"] == "SIGTERM"
    assert (found["lost"], found["wrong"], found["sent away"]) == (0, 0, 4)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not tell what a process holds")
def test_a_server_holds_nothing_of_the_command_line(tmp_path: Path) -> None:
    """Every server would take 15 MB for libraries that read its options once."""
    with _served(write_artifact(tmp_path / "intents")) as process:
        held = Path(f"/proc/{process.n}/maps").read_text()
    assert "onnxruntime" in held
    assert "pydantic_core" not in held


def test_a_killed_server_loses_only_what_was_under_way_and_says_so(tmp_path: Path) -> None:
    """Clients would take half of an answer for a whole one, or wait for ever; a new server could not start there."""
    folder = write_artifact(tmp_path / "intents")
    with _served(folder) as process:
        threads, found = _clients(process.url, 4)
        process.kill()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        assert found["wrong"] == 0
        assert found["none taken"] == 4
        assert found["lost"] <= 8  # what each had under way, and what it tried on a connection that was gone
        port = process.url.rsplit(":", 1)[1]
        with _served(folder, "--port", port, LIMBECK_TOKEN="s3cret") as again:
            assert again.url == process.url
            assert ask(again.url, "POST", "/predict", BODY).status == 401  # the token came from the environment
            assert ask(again.url, "POST", "/predict", BODY, authorization="Bearer s3cret").status == 200
