"""Whether a page answers as the runtime does, how many bytes it loads, and how long a text takes.

    python benchmarks/browser.py ARTIFACT --data DATA --name Banking77 [--texts 500] [--rounds 10]

The artifact's page is written, served from this machine by a plain server of files, and opened in headless Chromium.
Texts are spread evenly over the file. Sides are timed in turn, one text at a time, one thread each, tokenization
included; the page's milliseconds are its own, in the thread of its model, so that the browser's messages do not count.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from asked_and_told import origin, tell

import limbeck
from limbeck import wording
from limbeck.progress import SILENT
from limbeck.runtime.model import Model
from limbeck.targets import export_artifact
from limbeck.targets.texts import check_texts

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "web"))

from browsing import Served, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_ASK = """async (texts) => {
  const { Model } = await import("./asking.js");
  window.asked ??= await Model.load(() => {});
  const found = [];
  for (const text of texts) {
    const { answer, ms, n_tokens } = await window.asked.ask({ text });
    found.push({ logits: answer.logits, ms, n_tokens });
  }
  return found;
}"""


def _page(address: str, browser: "Browser") -> "Page":
    """A new visitor's page, ready to answer."""
    page = browser.new_context().new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]", timeout=120_000)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    return page


def _native(model: Model, texts: list[str]) -> tuple[np.ndarray, list[float]]:
    """(texts, classes) logits, and the milliseconds of each."""
    rows, times = [], []
    for text in texts:
        begin = time.perf_counter()
        rows.append(model.logits([text]).values[0])
        times.append(1e3 * (time.perf_counter() - begin))
    return np.array(rows), times


def _differences(native: np.ndarray, wasm: np.ndarray, names: tuple[str, ...]) -> list[str]:
    """Each changed label with its reason: the lead of the native answer beside the largest difference of a logit."""
    lines = []
    for row in np.flatnonzero(native.argmax(axis=1) != wasm.argmax(axis=1)):
        one, other = native[row], wasm[row]
        lead = one.max() - one[other.argmax()]
        lines.append(
            f"- text {row}: {names[one.argmax()]} became {names[other.argmax()]}; it led by {lead:.4f}, and logits of "
            f"this text differ by up to {np.abs(one - other).max():.4f}."
        )
    return lines


def main() -> None:
    """Ask both sides, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--name", required=True, help="what to call the data")
    parser.add_argument("--result", type=Path, help="Markdown file to write")
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--timed", type=int, default=100, help="how many of the texts are timed")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--runtime-files", type=Path)
    options = parser.parse_args()
    model = limbeck.load(options.artifact, threads=1)
    given = check_texts(model.manifest, options.data, n_texts=sys.maxsize, progress=SILENT).texts
    chosen = np.linspace(0, len(given) - 1, options.texts).round().astype(int)
    texts = [given[index] for index in chosen]
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "page"
        export_artifact(options.artifact, to="web", out=folder, n_texts=20, runtime_files=options.runtime_files)
        with Served.of(folder) as served, chromium() as browser:
            page = _page(served.address, browser)
            sent = dict(served.sent)
            told = int(page.get_attribute("#sum", "data-bytes") or 0)
            found = page.evaluate(_ASK, texts)
            native, _ = _native(model, texts)
            ours: list[list[float]] = []
            theirs: list[list[float]] = []
            for _ in range(options.rounds):
                theirs.append([one["ms"] for one in page.evaluate(_ASK, texts[:: options.texts // options.timed])])
                ours.append(_native(model, texts[:: options.texts // options.timed])[1])
    wasm = np.array([one["logits"] for one in found])
    changed = _differences(native, wasm, model.label_names)
    apart = np.abs(native - wasm).max(axis=1)
    n_tokens = statistics.median(one["n_tokens"] for one in found)
    lines = [
        f"Texts: {len(texts)} of {options.name}, {n_tokens:.0f} tokens in the median.",
        f"Labels that differ: {len(changed)}.",
        f"Logits differ by {apart.max():.4f} at most, {np.median(apart):.2g} in the median; spread {native.std():.2f}.",
        *changed,
        "",
        f"First load: {wording.size(sum(sent.values()))}; by the page's own log {wording.size(told)}.",
        "",
        "| file | bytes sent |",
        "|---|---:|",
        *(f"| {name or './'} | {n_bytes:,} |" for name, n_bytes in sorted(sent.items(), key=lambda one: -one[1])),
        "",
        f"One text, one thread, {len(ours[0])} texts, {options.rounds} rounds in turn:",
        "",
        "| | runtime | page (wasm) | ratio |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {one:.2f} ms | {other:.2f} ms | {other / one:.1f}x |"
            for name, (one, other) in (
                ("fastest round of each text, median", [np.median(np.min(side, axis=0)) for side in (ours, theirs)]),
                ("all rounds, median", [np.median(side) for side in (ours, theirs)]),
            )
        ),
    ]
    command = (
        f"python benchmarks/browser.py ARTIFACT --data DATA --name {options.name} --texts {options.texts} "
        f"--timed {options.timed} --rounds {options.rounds}"
    )
    tell("\n".join([*lines, *origin(command, chromium=browser.version)]) + "\n", options)


if __name__ == "__main__":
    main()
