"""What holds for every test: seeded, offline, and one thread a process."""

import os
import random
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest

if TYPE_CHECKING:
    from small_run import SmallRun

# Before anything imports the libraries that read them.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    "NO_COLOR": "1",
    "COLUMNS": "120",
}
SEED = 0
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
_connect = socket.socket.connect


def _connect_only_here(self: socket.socket, address: Any) -> None:
    """Stand in for `socket.connect`: a test that reaches for another machine fails, with the address."""
    if isinstance(address, tuple) and address[0] not in _LOCAL:
        _refuse(address)
    _connect(self, address)


def _refuse(address: object) -> NoReturn:
    raise AssertionError(f"a test tried to reach {address}; tests run offline")


@pytest.fixture(autouse=True, scope="session")
def _offline_and_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hold every test of the session to this machine, and to a home of its own for signals and taught teachers."""
    os.environ["LIMBECK_HOME"] = str(tmp_path_factory.mktemp("limbeck-home"))
    socket.socket.connect = _connect_only_here  # type: ignore[method-assign]
    yield
    socket.socket.connect = _connect  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Start every test from the same random state, torch's too where a test has loaded it."""
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002  (libraries under test draw from the global state)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(SEED)


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> "SmallRun":
    """A tiny teacher and a finished run of it, shared by all tests; none of them may change its files."""
    from small_run import small_run

    return small_run(tmp_path_factory.mktemp("walked"))
