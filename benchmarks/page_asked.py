"""An artifact's page in headless Chromium, opened as a new visitor opens it, and asked texts one at a time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from limbeck.ground.progress import SILENT, Progress
from limbeck.targets.agreement import CheckTexts

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "web"))

from browsing import Served, chromium, chromium_path

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["PageAnswers", "Visit", "chromium_path", "visited"]

_AT_ONCE = 50
"""Texts handed to the page in one message; it answers them one after the other."""
_ASK = """async (questions) => {
  const { Model } = await import("./asking.js");
  window.asked ??= await Model.load(() => {});
  const found = [];
  for (const question of questions) {
    const { answer, ms, n_tokens } = await window.asked.ask(question);
    found.push({ logits: answer.logits, ms, n_tokens });
  }
  return found;
}"""


@dataclass(frozen=True)
class PageAnswers:
    """What a page says of texts.

    Args:
        logits: (n, classes) float32.
        ms: (n,) milliseconds of each, by the page's own clock, in the thread of its model.
        n_tokens: (n,) tokens that it read of each.
    """

    logits: NDArray[np.float32]
    ms: list[float]
    n_tokens: list[int]


@dataclass(frozen=True)
class Visit:
    """A page that is ready.

    Args:
        page: Chromium's.
        sent: Name -> bytes that the server had sent when the page was ready, and its service worker too.
        version: Chromium's.
    """

    page: "Page"
    sent: dict[str, int]
    version: str

    def ask(self, texts: CheckTexts, *, progress: Progress = SILENT) -> PageAnswers:
        """Have texts answered, each by itself.

        Args:
            texts: Of a task that answers a text as a whole.
            progress: Told how far it is.
        """
        questions = [{"text": text} for text in texts.texts]
        if texts.text_pairs is not None:
            questions = [one | {"pair": pair} for one, pair in zip(questions, texts.text_pairs, strict=True)]
        found = []
        with progress.bar("Asking", total=len(questions), unit="texts") as bar:
            for start in range(0, len(questions), _AT_ONCE):
                some = questions[start : start + _AT_ONCE]
                found += self.page.evaluate(_ASK, some)
                bar.advance(len(some))
        return PageAnswers(
            np.array([one["logits"] for one in found], np.float32),
            [one["ms"] for one in found],
            [one["n_tokens"] for one in found],
        )


@contextmanager
def visited(folder: Path) -> Iterator[Visit]:
    """Serve an exported page from this machine and open it, within the block.

    Args:
        folder: What `limbeck export --to web` wrote.
    """
    with Served.of(folder) as served, chromium() as browser:
        page = browser.new_context().new_page()
        page.goto(served.address)
        page.wait_for_selector("html[data-ready]", timeout=120_000)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        yield Visit(page, dict(served.sent), browser.version)
