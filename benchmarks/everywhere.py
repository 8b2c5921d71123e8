"""Whether an artifact answers the same in ONNX Runtime, OpenVINO, a browser and ExecuTorch: each difference explained.

    pip install openvino executorch playwright
    python benchmarks/everywhere.py ARTIFACT [ARTIFACT ...] --data DATA --name Banking77 [--schemes w4a8e4]

ONNX Runtime, what `limbeck predict` answers by, is the reference. The others get the same texts, one at a time:
OpenVINO the artifact's graph; headless Chromium the page that `limbeck export --to web` writes, tokenization and all;
ExecuTorch the program of `--to executorch`. `--schemes` adds the same student in other schemes, rounded without further
training. An engine that is not here is left out, and the page says so. Nothing is timed. With `--keep FOLDER` a killed
run goes on where it was.

"Error" is the root mean square difference of logits as a share of the spread of those beside which they stand. "From
unrounded" compares each engine with the artifact's own weights where activations are not rounded at all, which ONNX
Runtime computes: an engine as near to that as the reference is no worse for differing from the reference.
"""

import argparse
import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from another_scheme import write_in_scheme
from asked_and_told import origin, tell
from changed_answers import Logits, compared, spread_texts, told_changes
from page_asked import chromium_path, visited
from unrounded_graph import write_unrounded

from limbeck.artifact.sealed import Artifact, open_artifact
from limbeck.cli import console
from limbeck.errors import LimbeckError
from limbeck.ground import files, fingerprint, wording
from limbeck.ground.machine import installed_version
from limbeck.runtime.engines import open_engine
from limbeck.runtime.graph_engine import EngineSettings
from limbeck.targets.agreement import CheckTexts, one_by_one
from limbeck.targets.record import AgreementRecord
from limbeck.targets.registry import Answering, converter_of, target_named
from limbeck.text.tokens import TextEncoder

PROGRESS = console.ConsoleProgress()


@dataclass(frozen=True)
class Case:
    """An artifact and what it is asked.

    Args:
        name: What the table calls it.
        artifact: The opened folder.
        texts: The texts.
        runtime_files: Folder of a page's libraries, or None.
    """

    name: str
    artifact: Artifact
    texts: CheckTexts
    runtime_files: Path | None

    @property
    def graph(self) -> Path:
        """The file that answers."""
        return self.artifact.path(self.artifact.manifest.model_file)

    @cached_property
    def fingerprint(self) -> str:
        """Names graph and texts."""
        pairs = self.texts.text_pairs or [None] * len(self.texts.texts)
        texts = map(fingerprint.of_text, self.texts.texts, pairs)
        return fingerprint.of_many([fingerprint.of_file(self.graph), *texts])

    def asked(self, answering: Answering) -> Logits:
        """(n, classes): the texts' logits, tokenized here."""
        manifest = self.artifact.manifest
        encoder = TextEncoder(self.artifact.folder, max_tokens=manifest.max_tokens)
        found: Logits = one_by_one(encoder, answering, self.texts, progress=PROGRESS)
        return found


@dataclass(frozen=True)
class Asked:
    """An engine.

    Args:
        name: What the table calls it.
        ask: What asks it, with an empty folder to write in: (n, classes).
        needs: Packages that it runs on.
        parts: Where it parts from the reference, as a sentence; None of the reference.
    """

    name: str
    ask: Callable[[Case, Path], Logits]
    needs: tuple[str, ...]
    parts: str | None = None

    @property
    def is_here(self) -> bool:
        """Whether all that it needs is installed."""
        has_browser = "playwright" not in self.needs or chromium_path() is not None
        return has_browser and all(importlib.util.find_spec(name) is not None for name in self.needs)

    def logits(self, case: Case, keep: Path) -> Logits:
        """What it says of a case's texts; found again in `keep` where it was asked before in the same versions."""
        versions = [installed_version(name) for name in ("limbeck", *self.needs)]
        kept = keep / f"{fingerprint.of_settings([case.fingerprint, self.name, versions])}.npy"
        if not kept.exists():
            with tempfile.TemporaryDirectory() as work:
                found = self.ask(case, Path(work))
            with files.written_whole(kept) as temporary, temporary.open("wb") as stream:
                np.save(stream, found)
        logits: Logits = np.load(kept)
        return logits


@dataclass(frozen=True)
class Row:
    """One engine's line of the table.

    Args:
        engine: Its name.
        beside_reference: How it compares with the reference; None of the reference, and where the engine refused.
        beside_unrounded: How it compares with unrounded activations; None where the engine refused.
        told: Each changed label, or why the engine refused, in sentences.
    """

    engine: str
    beside_reference: AgreementRecord | None
    beside_unrounded: AgreementRecord | None
    told: tuple[str, ...] = ()


def _by_onnxruntime(case: Case, _: Path) -> Logits:
    return case.asked(open_engine(case.graph, EngineSettings("onnxruntime", 1)))


def _unrounded(case: Case, work: Path) -> Logits:
    graph = write_unrounded(case.graph, work / "unrounded.onnx")
    return case.asked(open_engine(graph, EngineSettings("onnxruntime", 1)))


def _by_openvino(case: Case, _: Path) -> Logits:
    return case.asked(open_engine(case.graph, EngineSettings("openvino", 1)))


def _by_chromium(case: Case, work: Path) -> Logits:
    options = {} if case.runtime_files is None else {"runtime_files": case.runtime_files}
    converter_of(target_named("web")).convert(case.artifact, work, progress=PROGRESS, **options)
    with visited(work) as visit:
        return visit.ask(case.texts, progress=PROGRESS).logits


def _by_executorch(case: Case, work: Path) -> Logits:
    converted = converter_of(target_named("executorch")).convert(case.artifact, work, progress=PROGRESS)
    return case.asked(converted.answering)


REFERENCE = Asked("ONNX Runtime", _by_onnxruntime, ("onnxruntime",))
UNROUNDED = Asked("without rounding of activations", _unrounded, ("onnxruntime", "onnx"))
OTHERS = (
    Asked(
        "OpenVINO",
        _by_openvino,
        ("openvino",),
        "Activations are rounded for each 32 inputs of a token, where the reference rounds by the whole text's range.",
    ),
    Asked(
        "Chromium, wasm",
        _by_chromium,
        ("playwright",),
        "The same roundings; sums are added in another order, and a rounding that stands on the edge falls to the "
        "other side.",
    ),
    Asked(
        "ExecuTorch, XNNPACK",
        _by_executorch,
        ("executorch", "torch", "onnx"),
        "Activations are rounded by each token's own range, where the reference rounds by the whole text's.",
    ),
)


def main() -> None:
    """Ask every engine about every model, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("artifacts", type=Path, nargs="+", help="of classifiers")
    parser.add_argument("--data", required=True, help="whose held-out texts are asked")
    parser.add_argument("--name", required=True, help="what to call the data")
    parser.add_argument("--schemes", nargs="*", default=[], help="further schemes of each artifact's student")
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--runtime-files", type=Path, help="folder of a page's libraries")
    parser.add_argument("--keep", type=Path, help="folder from which a killed run goes on")
    parser.add_argument("--result", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    if others := [str(path) for path in options.artifacts if open_artifact(path).manifest.task != "classification"]:
        parser.error(f"only classifiers are compared here, which {', '.join(others)} is not")
    console.silence_libraries()
    found: list[tuple[Case, list[Row]]] = []
    with tempfile.TemporaryDirectory() as work:
        keep = options.keep or Path(work)
        keep.mkdir(parents=True, exist_ok=True)
        for case in _cases(options, Path(work)):
            PROGRESS.say(f"{case.name}: {len(case.texts.texts)} texts")
            found.append((case, list(_rows(case, keep))))
    tell("\n".join(_page(found, options)) + "\n", options)


def _cases(options: argparse.Namespace, work: Path) -> Iterator[Case]:
    """Each artifact, and its student in the further schemes."""
    for number, folder in enumerate(options.artifacts):
        opened = open_artifact(folder)
        texts = spread_texts(opened.manifest, options.data, options.texts)
        layers = f"{opened.manifest.shape['layers']} layers"
        yield Case(f"{layers}, `{opened.manifest.scheme}`", opened, texts, options.runtime_files)
        for scheme in (one for one in options.schemes if one != opened.manifest.scheme):
            rounded = open_artifact(write_in_scheme(folder, scheme, work / f"{number}-{scheme}"), check=False)
            yield Case(f"{layers}, `{scheme}`, rounded anew", rounded, texts, options.runtime_files)


def _rows(case: Case, keep: Path) -> Iterator[Row]:
    reference, unrounded = (one.logits(case, keep) for one in (REFERENCE, UNROUNDED))
    manifest = case.artifact.manifest
    beside = partial(compared, texts=case.texts, manifest=manifest)
    yield Row(REFERENCE.name, None, beside(reference, unrounded))
    for other in OTHERS:
        if not other.is_here:
            continue
        PROGRESS.say(other.name)
        try:
            logits = other.logits(case, keep)
        except LimbeckError as error:
            yield Row(other.name, None, None, (f"not asked: {error.message}",))
            continue
        record = beside(logits, reference)
        PROGRESS.say(f"{other.name}: {wording.counted(record.n_changed, 'label')} of {record.n_texts} differ")
        changes = tuple(told_changes(record, logits, reference, unrounded, manifest.label_names))
        yield Row(other.name, record, beside(logits, unrounded), changes)


def _page(found: list[tuple[Case, list[Row]]], options: argparse.Namespace) -> Iterator[str]:
    n_texts = len(found[0][0].texts.texts)
    yield f"Texts: {n_texts} of {options.name}, each asked by itself. Reference: {REFERENCE.name}."
    if missing := [other.name for other in OTHERS if not other.is_here]:
        yield f"Not installed, and left out: {'; '.join(missing)}."
    yield ""
    yield "| model | engine | labels that differ | largest difference | error | from unrounded: labels | error |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for case, rows in found:
        for row in rows:
            cells = [*_figures(row.beside_reference, with_largest=True), *_figures(row.beside_unrounded)]
            yield f"| {' | '.join([case.name if row is rows[0] else '', row.engine, *cells])} |"
    yield from ("", "Where an engine parts from the reference:", "")
    yield from (f"- {other.name}: {other.parts}" for other in OTHERS if other.is_here)
    yield from ("", "Each label that differs:", "")
    lines = [f"- {case.name}, {row.engine}: {line}" for case, rows in found for row in rows for line in row.told]
    yield from lines or ["None."]
    schemes = f" --schemes {' '.join(options.schemes)}" if options.schemes else ""
    folders = " ".join(["ARTIFACT"] * len(options.artifacts))
    command = f"python benchmarks/everywhere.py {folders} --data DATA --name {options.name}{schemes}"
    versions = {name: installed_version(name) for name in ("openvino", "executorch", "playwright")}
    yield from origin(f"{command} --texts {options.texts}", **versions)


def _figures(record: AgreementRecord | None, *, with_largest: bool = False) -> list[str]:
    """Changed labels, the largest difference where it is wanted, and the error."""
    if record is None:
        return [""] * (2 + with_largest)
    largest = [f"{record.largest_difference:.4f}"] if with_largest else []
    return [str(record.n_changed), *largest, wording.percent(record.error, decimals=2)]


if __name__ == "__main__":
    main()
