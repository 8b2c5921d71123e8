"""A server that speaks chat completions, for the tests of teachers; and waits that a test can sit through."""

from collections.abc import Iterator

import pytest
from chat_server import ChatServer, serving

from limbeck.teacher import http_calls


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """A server that answers everything well until a test says otherwise; callers wait hundredths of a second."""
    monkeypatch.setattr(http_calls, "FIRST_WAIT_SECONDS", 0.01)
    with serving(ChatServer()) as found:
        yield found
