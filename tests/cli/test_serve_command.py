"""`limbeck serve`: what is refused before anything is served, and what its options come to."""

import re
import socket
from pathlib import Path

import pytest
from command_line import limbeck, refusal

from limbeck.cli import serving
from limbeck.errors import RecipeError
from limbeck.serve.settings import Limits, Settings
from limbeck.serve.shelf import Place
from small_artifact import write_artifact


def test_options_become_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An option that goes nowhere is one that somebody trusts in vain."""
    found: list[tuple[list[Place], Settings]] = []
    monkeypatch.setattr("limbeck.serve.server.serve", lambda places, settings: found.append((places, settings)))
    monkeypatch.setenv("LIMBECK_TOKEN", "s3cret")
    told = limbeck(
        *f"serve mine={tmp_path} b --host 0.0.0.0 --port 0 --threads 3 --workers 2 --batch-tokens 99".split(),
        *"--batch-texts 7 --max-wait-ms 1.5 --max-body 800kB --max-characters 5 --max-texts 6".split(),
        *"--max-requests 8 --queue-tokens 9 --watch 10 --drain 11 --log-requests".split(),
    )
    assert (told.code, told.err) == (0, "")
    ((places, settings),) = found
    assert places == [Place("mine", tmp_path), Place("b", Path("b"))]
    assert settings == Settings(
        host="0.0.0.0",
        port=0,
        threads=3,
        workers=2,
        batch_tokens=99,
        batch_texts=7,
        max_wait_ms=1.5,
        token="s3cret",
        watch_seconds=10,
        drain_seconds=11,
        log_requests=True,
        limits=Limits(body_bytes=800_000, text_characters=5, texts=6, queue_tokens=9, requests=8),
    )
    limbeck("serve", "b")
    assert found[1][1] == Settings(token="s3cret")  # the defaults of the command are those of the settings


def test_what_cannot_be_served_is_told(tmp_path: Path) -> None:
    """A stack trace in place of what to do."""
    found = limbeck("serve", tmp_path / "none", "--port", 0)
    assert found.code == 2
    assert "does not exist" in found.err
    artifact = write_artifact(tmp_path / "a")
    nowhere = limbeck("serve", artifact, "--host", "no host", "--port", 0)
    assert nowhere.code == 2
    assert "Cannot listen on no host: it is no address of this machine" in nowhere.err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = limbeck("serve", artifact, "--port", port)
    assert (found.code, found.err) == (
        2,
        refusal(
            f"Cannot listen on 127.0.0.1, port {port} (Address already in use).",
            "Stop what has the port, or give --port another one; 0 takes any that is free.",
        ),
    )
    found = limbeck("serve", artifact, "--max-body", "2")
    assert "error: --max-body is '2', which has no unit." in found.err


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"port": 70000}, "port is 70000, and ports end at 65535"),
        ({"workers": -1, "limits": Limits(texts=0)}, "workers is -1, which is below zero; texts is 0"),
        ({"max_wait_ms": -1.0}, "max_wait_ms is -1.0, which is below zero"),
        ({"token": ""}, "the token is empty"),
        ({"token": " a"}, "blanks at its ends"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object], told: str) -> None:
    """A server with an empty token lets everybody in; all faults are told at once."""
    with pytest.raises(RecipeError, match=re.escape(told)):
        Settings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "here"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("a.b", False)]
)
def test_what_others_reach_is_known(host: str, here: bool) -> None:
    """An open server without a token would start without a word of warning."""
    assert Settings(host=host).is_loopback is here


def test_the_example_tells_what_the_log_begins_with() -> None:
    """The help would show a line that no server prints; tests/serve/test_process.py reads the true ones."""
    example = (serving.serve.__doc__ or "").split("\n\n")[-1]
    assert re.search(r'\{"time": "[\d:.TZ-]+", "level": "info", "event": "serving",', example)
