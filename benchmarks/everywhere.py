"""Whether an artifact answers the same in ONNX Runtime, OpenVINO, a browser and ExecuTorch: each difference explained.

    pip install openvino executorch playwright
    python benchmarks/everywhere.py ARTIFACT [ARTIFACT ...] --data DATA --name Banking77 [--schemes w4a8e4 w4a32e4]

ONNX Runtime, what `limbeck predict` answers by, is the reference. The others get the same texts, one at a time:
OpenVINO the artifact's graph; headless Chromium the page that `limbeck export --to web` writes, tokenization and all;
ExecuTorch the program of `--to executorch`. `--schemes` adds the same student in other schemes, rounded without further
training. An engine that is not here is left out, and the page says so. Nothing is timed.

"Error" is the root mean square difference of logits as a share of the spread of those beside which they stand. "From
unrounded" compares each engine with the artifact's own weights where activations are not rounded at all, which ONNX
Runtime computes: an engine as near to that as the reference is no worse for differing from the reference.
"""

import argparse
import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from another_scheme import write_in_scheme
from asked_and_told import origin, tell
from changed_answers import Logits, compared, spread_texts, told_changes
from page_asked import chromium_path, visited
from unrounded_graph import write_unrounded

from limbeck import wording
from limbeck.artifact import Artifact, open_artifact
from limbeck.cli import console
from limbeck.errors import LimbeckError
from limbeck.machine import installed_version
from limbeck.runtime.engines import open_engine
from limbeck.runtime.graph_engine import EngineSettings
from limbeck.targets.agreement import CheckTexts, one_by_one
from limbeck.targets.record import AgreementRecord
from limbeck.targets.registry import Answering, converter_of, target_named
from limbeck.tokens import TextEncoder

REFERENCE = "ONNX Runtime"
PROGRESS = console.ConsoleProgress()


@dataclass(frozen=True)
class Case:
    """An artifact and what it is asked.

    Args:
        artifact: The opened folder.
        texts: The texts.
        work: An empty folder for what an engine needs written.
        runtime_files: Folder of a page's libraries, or None.
    """

    artifact: Artifact
    texts: CheckTexts
    work: Path
    runtime_files: Path | None

    @property
    def graph(self) -> Path:
        """The file that answers."""
        return self.artifact.path(self.artifact.manifest.model_file)

    def asked(self, answering: Answering) -> Logits:
        """(n, classes): the texts' logits, tokenized here."""
        manifest = self.artifact.manifest
        encoder = TextEncoder(self.artifact.folder, max_tokens=manifest.max_tokens)
        return one_by_one(encoder, answering, self.texts, progress=PROGRESS)

    def by_onnxruntime(self, graph: Path) -> Logits:
        """(n, classes) of one of the artifact's graphs, or of what was made of it."""
        return self.asked(open_engine(graph, EngineSettings("onnxruntime", 1)))


@dataclass(frozen=True)
class Other:
    """An engine beside the reference.

    Args:
        ask: What asks it: (n, classes).
        needs: Packages that it runs on.
        parts: Where it parts from the reference, as a sentence.
    """

    ask: Callable[[Case], Logits]
    needs: tuple[str, ...]
    parts: str

    @property
    def is_here(self) -> bool:
        """Whether all that it needs is installed."""
        has_browser = "playwright" not in self.needs or chromium_path() is not None
        return has_browser and all(importlib.util.find_spec(name) is not None for name in self.needs)


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


def _by_openvino(case: Case) -> Logits:
    return case.asked(open_engine(case.graph, EngineSettings("openvino", 1)))


def _by_chromium(case: Case) -> Logits:
    options = {} if case.runtime_files is None else {"runtime_files": case.runtime_files}
    converter_of(target_named("web")).convert(case.artifact, case.work, progress=PROGRESS, **options)
    with visited(case.work) as visit:
        return visit.ask(case.texts, progress=PROGRESS).logits


def _by_executorch(case: Case) -> Logits:
    converted = converter_of(target_named("executorch")).convert(case.artifact, case.work, progress=PROGRESS)
    return case.asked(converted.answering)


OTHERS = {
    "OpenVINO": Other(
        _by_openvino,
        ("openvino",),
        "Activations are rounded for each 32 inputs of a token, where the reference rounds by the whole text's range.",
    ),
    "Chromium, wasm": Other(
        _by_chromium,
        ("playwright",),
        "The same roundings; sums are added in another order, and a rounding that stands on the edge falls to the "
        "other side.",
    ),
    "ExecuTorch, XNNPACK": Other(
        _by_executorch,
        ("executorch", "torch", "onnx"),
        "Activations are rounded by each token's own range, where the reference rounds by the whole text's.",
    ),
}


def main() -> None:
    """Ask every engine about every model, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("artifacts", type=Path, nargs="+", help="of classifiers")
    parser.add_argument("--data", required=True, help="whose held-out texts are asked")
    parser.add_argument("--name", required=True, help="what to call the data")
    parser.add_argument("--schemes", nargs="*", default=[], help="further schemes of each artifact's student")
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--runtime-files", type=Path, help="folder of a page's libraries")
    parser.add_argument("--result", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    if others := [str(path) for path in options.artifacts if open_artifact(path).manifest.task != "classification"]:
        parser.error(f"only classifiers are compared here, which {', '.join(others)} is not")
    console.silence_libraries()
    here = {name: other for name, other in OTHERS.items() if other.is_here}
    found: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as work:
        for artifact in _models(options, Path(work)):
            manifest = artifact.manifest
            texts = spread_texts(manifest, options.data, options.texts)
            name = f"{manifest.shape['layers']} layers, `{manifest.scheme}`"
            PROGRESS.say(f"{name}: {len(texts.texts)} texts")
            found[name] = list(_rows(partial(Case, artifact, texts, runtime_files=options.runtime_files), here))
    tell("\n".join(_page(found, here, options)) + "\n", options)


def _models(options: argparse.Namespace, work: Path) -> Iterator[Artifact]:
    """Each artifact, and its student in the further schemes."""
    for number, folder in enumerate(options.artifacts):
        yield open_artifact(folder)
        for scheme in options.schemes:
            yield open_artifact(write_in_scheme(folder, scheme, work / f"{number}-{scheme}"), check=False)


def _rows(case_in: Callable[..., Case], here: dict[str, Other]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as work:
        case = case_in(work=Path(work))
        reference = case.by_onnxruntime(case.graph)
        unrounded = case.by_onnxruntime(write_unrounded(case.graph, case.work / "unrounded.onnx"))
    manifest = case.artifact.manifest
    beside = partial(compared, texts=case.texts, manifest=manifest)
    yield Row(REFERENCE, None, beside(reference, unrounded))
    for name, other in here.items():
        PROGRESS.say(name)
        try:
            with tempfile.TemporaryDirectory() as work:
                logits = other.ask(case_in(work=Path(work)))
        except LimbeckError as error:
            yield Row(name, None, None, (f"not asked: {error.message}",))
            continue
        record = beside(logits, reference)
        PROGRESS.say(f"{name}: {wording.counted(record.n_changed, 'label')} of {record.n_texts} differ")
        changes = tuple(told_changes(record, logits, reference, unrounded, manifest.label_names))
        yield Row(name, record, beside(logits, unrounded), changes)


def _page(found: dict[str, list[Row]], here: dict[str, Other], options: argparse.Namespace) -> Iterator[str]:
    compared_rows = [row.beside_unrounded for rows in found.values() for row in rows if row.beside_unrounded]
    yield f"Texts: {compared_rows[0].n_texts} of {options.name}, each asked by itself. Reference: {REFERENCE}."
    if missing := [name for name in OTHERS if name not in here]:
        yield f"Not installed, and left out: {'; '.join(missing)}."
    yield ""
    yield "| model | engine | labels that differ | largest difference | error | from unrounded: labels | error |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for name, rows in found.items():
        for row in rows:
            cells = [*_cells(row.beside_reference, with_largest=True), *_cells(row.beside_unrounded)]
            yield f"| {' | '.join([name if row is rows[0] else '', row.engine, *cells])} |"
    yield from ("", "Where an engine parts from the reference:", "")
    yield from (f"- {name}: {other.parts}" for name, other in here.items())
    yield from ("", "Each label that differs:", "")
    lines = [f"- {name}, {row.engine}: {line}" for name, rows in found.items() for row in rows for line in row.told]
    yield from lines or ["None."]
    schemes = f" --schemes {' '.join(options.schemes)}" if options.schemes else ""
    folders = " ".join(["ARTIFACT"] * len(options.artifacts))
    command = f"python benchmarks/everywhere.py {folders} --data DATA --name {options.name}{schemes}"
    versions = {name: installed_version(name) for name in ("openvino", "executorch", "playwright")}
    yield from origin(f"{command} --texts {options.texts}", **versions)


def _cells(record: AgreementRecord | None, *, with_largest: bool = False) -> list[str]:
    """Changed labels, the largest difference where it is wanted, and the error."""
    if record is None:
        return [""] * (2 + with_largest)
    largest = [f"{record.largest_difference:.4f}"] if with_largest else []
    return [str(record.n_changed), *largest, wording.percent(record.error, decimals=2)]


if __name__ == "__main__":
    main()
