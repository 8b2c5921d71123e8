"""The guide: its lines for curl, and its lines of Python, are asked of a server."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_server import Reply, Running, running

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "serve.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"
LINES = re.findall(r"^curl .*$", GUIDE, re.MULTILINE)
TOKEN = "choose-your-own"


@pytest.fixture(scope="module")
def server(artifacts: dict[str, Path]) -> Iterator[Running]:
    """Under the names of the guide."""
    named = {"intents": "classification", "search": "embeddings", "order": "reranking"}
    with running(*(f"{name}={artifacts[task]}" for name, task in named.items())) as one:
        yield one


def _curl(server: Running, line: str) -> Reply:
    """What curl does with these words."""
    _, address, *options = shlex.split(line.replace("$LIMBECK_TOKEN", TOKEN))
    assert address.startswith(ADDRESS)
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert given.keys() <= {"-d", "-H"}
    headers = {"authorization": given["-H"].partition(": ")[2]} if "-H" in given else {}
    path = address.removeprefix(ADDRESS)
    return server.ask("POST", path, given["-d"].encode(), **headers) if "-d" in given else server.get(path, **headers)


@pytest.mark.parametrize("line", [line for line in LINES if "-H" not in line])
def test_a_line_for_curl_is_answered(line: str, server: Running) -> None:
    """The first thing that a reader copies would fail."""
    reply = _curl(server, line)
    assert (reply.status, reply.content[:9] == b'{"error":') == (200, False)


def test_the_line_with_a_token_is_answered(artifacts: dict[str, Path]) -> None:
    """As above."""
    (line,) = [line for line in LINES if "-H" in line]
    assert f"export LIMBECK_TOKEN={TOKEN}\n" in GUIDE
    with running(artifacts["classification"], token=TOKEN) as server:
        assert server.post("/predict", {"inputs": "a"}).status == 401
        assert _curl(server, line).status == 200


def test_the_lines_of_python_run(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "unused")
    (block,) = re.findall(r"^```py\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert ADDRESS in block
    exec(compile(block.replace(ADDRESS, server.url), "<guide>", "exec"), {})


def test_the_guide_tells_every_status_and_route() -> None:
    """Somebody would meet an answer that is explained nowhere."""
    from limbeck.serve.openapi import openapi
    from limbeck.serve.settings import Limits

    document = openapi(Limits())["paths"]
    for status in {status for ways in document.values() for about in ways.values() for status in about["responses"]}:
        assert status == "200" or f"\n| {status} |" in GUIDE, status
