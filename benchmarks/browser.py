"""Whether a page answers as the runtime does, how many bytes it loads, and how long a text takes.

    python benchmarks/browser.py ARTIFACT --data DATA --name Banking77 [--texts 500] [--rounds 10]

The artifact's page is written, served from this machine by a plain server of files, and opened in headless Chromium.
Texts are spread evenly over the file. Sides are timed in turn, one text at a time, one thread each, tokenization
included; the page's milliseconds are its own, in the thread of its model, so that the browser's messages do not count.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from asked_and_told import origin, tell
from changed_answers import Logits, compared, spread_texts, told_changes
from page_asked import visited
from unrounded_graph import write_unrounded

import limbeck
from limbeck.ground import wording
from limbeck.ground.progress import SILENT
from limbeck.runtime.engine import Engine
from limbeck.runtime.model import Model
from limbeck.targets import export_artifact
from limbeck.targets.agreement import CheckTexts, one_by_one


def _native(model: Model, texts: CheckTexts) -> tuple[Logits, list[float]]:
    """(texts, classes) logits, and the milliseconds of each."""
    rows, times = [], []
    for text in texts.texts:
        begin = time.perf_counter()
        rows.append(model.logits([text]).values[0])
        times.append(1e3 * (time.perf_counter() - begin))
    return np.array(rows), times


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
    texts = spread_texts(model.manifest, options.data, options.texts)
    timed = CheckTexts(texts.source, texts.texts[:: max(1, len(texts.texts) // options.timed)], None)
    with tempfile.TemporaryDirectory() as root:
        graph = write_unrounded(options.artifact / model.manifest.model_file, Path(root) / "unrounded.onnx")
        unrounded = one_by_one(model.encoder, Engine(graph, threads=1), texts, progress=SILENT)
        folder = Path(root) / "page"
        export_artifact(options.artifact, to="web", out=folder, n_texts=20, runtime_files=options.runtime_files)
        with visited(folder) as visit:
            told = int(visit.page.get_attribute("#sum", "data-bytes") or 0)
            found = visit.ask(texts)
            native, _ = _native(model, texts)
            ours: list[list[float]] = []
            theirs: list[list[float]] = []
            for _ in range(options.rounds):
                theirs.append(visit.ask(timed).ms)
                ours.append(_native(model, timed)[1])
    record = compared(found.logits, native, texts, model.manifest)
    apart = np.abs(native - found.logits).max(axis=1)
    lines = [
        f"Texts: {record.n_texts} of {options.name}, {statistics.median(found.n_tokens):.0f} tokens in the median.",
        f"Labels that differ: {record.n_changed}.",
        f"Logits differ by {apart.max():.4f} at most, {np.median(apart):.2g} in the median; spread {native.std():.2f}.",
        *(f"- {line}" for line in told_changes(record, found.logits, native, unrounded, model.label_names)),
        "",
        f"First load: {wording.size(sum(visit.sent.values()))}; by the page's own log {wording.size(told)}.",
        "",
        "| file | bytes sent |",
        "|---|---:|",
        *(f"| {name or './'} | {n_bytes:,} |" for name, n_bytes in sorted(visit.sent.items(), key=lambda one: -one[1])),
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
    tell("\n".join([*lines, *origin(command, chromium=visit.version)]) + "\n", options)


if __name__ == "__main__":
    main()
