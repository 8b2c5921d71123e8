"""One browser for all tests of this folder, and the libraries that pages run on."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import absent, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def libraries() -> Path:
    """The folder that LIMBECK_RUNTIME_FILES names: tests fetch nothing themselves."""
    named = os.environ.get("LIMBECK_RUNTIME_FILES")
    if named is None:
        absent("LIMBECK_RUNTIME_FILES names no folder with onnxruntime-web and @huggingface/tokenizers")
    return Path(named)


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Headless Chromium."""
    with chromium() as found:
        yield found
