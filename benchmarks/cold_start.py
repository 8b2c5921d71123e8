"""From the start of a process to its first answer: how long it takes, and how much memory at most.

    python benchmarks/cold_start.py runs/a/artifact [runs/b/artifact ...] [--n 20] [--threads 2] [--result FILE]

Each start is a process of its own: Python, its imports, the hashes of what answering reads, loading, tokenizing, one
answer. All artifacts are started in turns, after one start that nobody times and that brings their files into memory.
Beside them stands a process that does nothing but import numpy, onnxruntime and tokenizers: less than that no runtime
of this kind can take. Python keeps its compiled modules here; with PYTHONDONTWRITEBYTECODE they are compiled each time.
"""

import argparse
import os
import tempfile
from pathlib import Path

from asked_and_told import origin, tell

from limbeck.artifact.sealed import open_artifact
from limbeck.evaluate import fresh
from limbeck.ground import machine
from limbeck.records.speed import FreshStart
from limbeck.text.examples import Examples

_IMPORTS = """
import numpy, onnxruntime, tokenizers
import json
from limbeck.ground.machine import peak_bytes
print(json.dumps({"peak_bytes": peak_bytes()}))
"""


def main() -> None:
    """Start processes in turns, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifacts", type=Path, nargs="+")
    parser.add_argument("--text", default="what became of the card that I ordered last week?")
    parser.add_argument("--n", type=int, default=20, help="starts of each")
    parser.add_argument("--threads", type=int, default=machine.physical_cores())
    parser.add_argument("--result", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # for the processes that are timed
    sides = {"imports alone": fresh.Start(("-c", _IMPORTS))}
    for folder in options.artifacts:
        manifest = open_artifact(folder).manifest
        name = f"{manifest.shape.get('layers')} layers, `{manifest.scheme}`"
        sides[name] = fresh.of_artifact(folder, threads=options.threads)
    asked = Examples(texts=(options.text,), text_pairs=None, labels=None, label_names=())
    with tempfile.TemporaryDirectory() as compiled:
        os.environ.setdefault("PYTHONPYCACHEPREFIX", compiled)
        found = fresh.measure(list(sides.values()), asked, n=options.n)
    tell(_page(dict(zip(sides, found, strict=True)), options), options)


def _page(found: dict[str, FreshStart | None], options: argparse.Namespace) -> str:
    lines = [
        "# From the start of a process to its first answer",
        "",
        f"{options.n} processes of each, in turns, {options.threads} threads; files in the disk's cache; one text.",
        "",
        "| process | median | spread | peak memory |",
        "|---|---:|---:|---:|",
    ]
    for name, one in found.items():
        assert one is not None, f"no process of {name} answered"
        memory = "" if one.peak_bytes is None else f"{one.peak_bytes / 1e6:.0f} MB"
        lines.append(f"| {name} | {one.seconds:.2f} s | {one.spread:.0%} | {memory} |")
    command = f"python benchmarks/cold_start.py ARTIFACT ... --n {options.n} --threads {options.threads}"
    return "\n".join([*lines, *origin(command)]) + "\n"


if __name__ == "__main__":
    main()
