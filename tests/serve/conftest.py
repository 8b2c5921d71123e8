"""Small artifacts of every task, and one server of all of them, for the tests that change neither."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from running_server import Running, running
from small_artifacts import write_all

from limbeck.runtime import Model, load


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Task -> artifact."""
    return write_all(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def models(artifacts: dict[str, Path]) -> dict[str, Model]:
    """Task -> the same artifact in the runtime: what every answer is compared with."""
    return {task: load(folder, threads=1) for task, folder in artifacts.items()}


@pytest.fixture(scope="module")
def everything(artifacts: dict[str, Path]) -> Iterator[Running]:
    """A server of all tasks."""
    with running(*artifacts.values()) as one:
        yield one
