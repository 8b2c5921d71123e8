"""Exports beside the artifact that they were made of: sizes, changed answers, and the time of one text, in one run.

    python benchmarks/exports.py ARTIFACT EXPORT [EXPORT ...] --texts HELD_OUT.jsonl --n-texts 100 --rounds 3

Every runtime has one thread. Each text is asked of all of them in turn, so that whatever else the machine does falls
on all alike. Told is the median over texts and rounds, tokenizing left out; and the median of what each text took
beside the artifact's own graph.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any, Protocol

from limbeck.artifact.sealed import open_artifact
from limbeck.ground.progress import SILENT
from limbeck.runtime.engine import Engine
from limbeck.targets.record import EXPORT_FILE
from limbeck.targets.texts import check_texts
from limbeck.tasks.rules import reading_rules
from limbeck.text.tokens import TextEncoder, TokenBatch


class Answering(Protocol):
    """An engine or a program."""

    def run(self, batch: TokenBatch, /) -> object:
        """The logits of a batch."""


def opened(folder: Path) -> tuple[dict[str, Any], Answering]:
    """What an export tells of itself, and whatever answers its model, on one thread."""
    told = json.loads((folder / EXPORT_FILE).read_text(encoding="utf-8"))
    model = folder / told["model_file"]
    if model.suffix != ".pte":
        return told, Engine(model, threads=1)
    from limbeck.lowering import SHORTEST
    from limbeck.targets.executorch import Program

    return told, Program(model.read_bytes(), tuple(told["inputs"]), shortest=SHORTEST)


def main() -> None:
    """Ask, time, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact", type=Path)
    parser.add_argument("exports", type=Path, nargs="+")
    parser.add_argument("--texts")
    parser.add_argument("--n-texts", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    artifact = open_artifact(given.artifact, check=False)
    manifest = artifact.manifest
    rules = reading_rules(manifest.task, manifest.recipe.get("data", {}))
    encoder = TextEncoder(artifact.folder, max_tokens=manifest.max_tokens, rules=rules)
    texts = check_texts(manifest, given.texts, n_texts=given.n_texts, progress=SILENT)
    encoded = encoder.encode(texts.texts, texts.text_pairs)
    batches = [encoder.pad(encoded, [row]) for row in range(len(encoded.ids))]
    graph = artifact.path(manifest.model_file)
    asked: dict[str, tuple[int, dict[str, Any] | None, Answering]] = {
        f"{manifest.scheme}, the artifact": (graph.stat().st_size, None, Engine(graph, threads=1))
    }
    for folder in given.exports:
        told, answering = opened(folder)
        asked[told["target"]] = (told["model_bytes"], told["agreement"], answering)
    took: dict[str, list[float]] = {name: [] for name in asked}
    for at in range(given.rounds + 1):  # the first round warms up
        for batch in batches:
            for name, (_, _, answering) in asked.items():
                start = time.perf_counter()
                answering.run(batch)
                if at:
                    took[name].append(1000 * (time.perf_counter() - start))
    first = next(iter(took.values()))
    print(f"{len(batches)} texts, {statistics.median(encoded.lengths)} tokens in the median, {given.rounds} rounds")
    print("| | MB | changed | largest difference | error | ms | beside |\n|---|---:|---:|---:|---:|---:|---:|")
    for name, (n_bytes, agreement, _) in asked.items():
        beside = statistics.median(one / other for one, other in zip(took[name], first, strict=True))
        cells = ["", "", ""]
        if agreement:
            cells = [
                f"{agreement['n_changed']} of {agreement['n_texts']}",
                f"{agreement['largest_difference']:.3f}",
                f"{agreement['error']:.2%}",
            ]
        row = [name, f"{n_bytes / 1e6:.2f}", *cells, f"{statistics.median(took[name]):.2f}", f"{beside:.2f}"]
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
