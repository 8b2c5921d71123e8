"""Is what was trained what is exported? The student with its roundings in PyTorch against its integers in the runtime.

    python benchmarks/trained_and_exported.py RUN [RUN ...] --data DATA --name SST-2

Each run is a folder of `limbeck compress` or `limbeck sweep`. The student is built as training built it: the float32
student of the artifact, prepared on the same calibration texts, its layers replaced by rounding ones, filled with the
weights and steps that training left in the run. A run that was not trained with its roundings is built as training
would have begun. It is exported once more, and its file compared with the artifact's; then both answer all held-out
texts in the runtime's batches, and labels and logits are compared.

More sides tell what such a difference is worth: PyTorch's other attention (the same numbers, summed in another order)
against its usual one; the bfloat16 that training computes its products in, against the exported integers; and with
`--exact` linear layers summed in float64, which is what rounding alone does on either side.
"""

import argparse
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from asked_and_told import origin, tell
from numpy.typing import NDArray
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from limbeck import data, runtime, student
from limbeck.artifact.manifest import Manifest, read_manifest
from limbeck.export import write_onnx
from limbeck.quantization import Preparation, Wants, baked, fake_quantized, prepare
from limbeck.recipe.knobs import Recipe
from limbeck.recipe.scheme import Scheme
from limbeck.runtime.engine import Engine
from limbeck.runtime.graph_file import read_graph
from limbeck.teacher.load import load_model, model_inputs
from limbeck.teacher.quick import first_token_at_last
from limbeck.text.batching import served_by_length
from limbeck.text.examples import Examples, Parts
from limbeck.text.tokens import TextEncoder, TokenBatch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Logits = NDArray[np.float32]
TRAINED, REORDERED, HALVED = "trained", "another attention", "bfloat16"
DOUBLED, EXPORTED = "float64 sums", "exported"
SAME_BYTES = "same bytes"


@dataclass(frozen=True)
class Found:
    """What one run showed: the logits of each side, and whether its weights are those that ship."""

    name: str
    scheme: str
    weights: str
    logits: dict[str, Logits]


def main() -> None:
    """Compare every run, print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data", required=True)
    parser.add_argument("--name", required=True, help="what to call the data in the table")
    parser.add_argument("--exact", action="store_true", help="also sum linear layers in float64")
    parser.add_argument("--result", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    parts: dict[str, Parts] = {}
    found = [_compared(run, options.data, parts, is_exact=options.exact) for run in options.runs]
    page = page_of(found, name=options.name)
    tell(page, options)


def page_of(found: Sequence[Found], *, name: str) -> str:
    """The tables: trained against exported, and the two sides beside them."""
    lines = [
        f"## {name}",
        "",
        "| run | weights | held-out texts | labels that differ | the same | largest difference | rms | spread |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
        *_rows(found, _first_row),
        "",
        "| run | labels: another attention | rms | labels: bfloat16 | the same | rms |",
        "|---|---:|---:|---:|---:|---:|",
        *_rows(found, _second_row),
    ]
    command = f"python benchmarks/trained_and_exported.py RUN ... --data DATA --name {shlex.quote(name)}"
    if DOUBLED in found[0].logits:
        lines += [
            "",
            "| run | labels: trained, float64 sums | rms | labels: exported, float64 sums | rms |",
            "|---|---:|---:|---:|---:|",
            *_rows(found, _third_row),
        ]
        command += " --exact"
    lines += origin(command)
    return "\n".join(lines) + "\n"


def _rows(found: Sequence[Found], row: Callable[[Sequence[Found]], Sequence[str]]) -> list[str]:
    """A row for each run, and one for all runs of a scheme."""
    rows = []
    for scheme in dict.fromkeys(one.scheme for one in found):
        runs = [one for one in found if one.scheme == scheme]
        rows += [(one.name, *row([one])) for one in runs]
        rows += [(f"**{scheme}, all**", *row(runs))] if len(runs) > 1 else []
    return [f"| {' | '.join(cells)} |" for cells in rows]


def _first_row(runs: Sequence[Found]) -> Sequence[str]:
    apart = _Apart(runs, TRAINED, EXPORTED)
    return (
        runs[0].weights if len(runs) == 1 else "",
        f"{apart.n_texts:,}",
        str(apart.n_changed),
        apart.share_kept,
        f"{apart.largest:.4f}",
        f"{apart.rms:.4f}",
        f"{apart.spread:.2f}",
    )


def _second_row(runs: Sequence[Found]) -> Sequence[str]:
    reordered, halved = _Apart(runs, TRAINED, REORDERED), _Apart(runs, HALVED, EXPORTED)
    return (
        str(reordered.n_changed),
        f"{reordered.rms:.4f}",
        str(halved.n_changed),
        halved.share_kept,
        f"{halved.rms:.4f}",
    )


def _third_row(runs: Sequence[Found]) -> Sequence[str]:
    trained, exported = _Apart(runs, TRAINED, DOUBLED), _Apart(runs, EXPORTED, DOUBLED)
    return str(trained.n_changed), f"{trained.rms:.4f}", str(exported.n_changed), f"{exported.rms:.4f}"


class _Apart:
    """How far two sides of some runs lie apart."""

    def __init__(self, runs: Sequence[Found], first: str, second: str) -> None:
        one, other = (np.concatenate([run.logits[side] for run in runs]) for side in (first, second))
        differences = one.astype(np.float64) - other
        self.n_texts = len(one)
        self.n_changed = int((one.argmax(axis=1) != other.argmax(axis=1)).sum())
        self.share_kept = f"{100 * (1 - self.n_changed / self.n_texts):.3f} %"
        self.largest = float(np.abs(differences).max())
        self.rms = float(np.sqrt((differences**2).mean()))
        self.spread = float(other.std())


def _compared(run: Path, source: str, parts: dict[str, Parts], *, is_exact: bool) -> Found:
    """Build, export and ask one run; texts that were read for an earlier run are not read again."""
    artifact = run / "artifact"
    manifest = read_manifest(artifact)
    recipe = Recipe.model_validate(manifest.recipe)
    columns = recipe.data.model_dump_json()
    if columns not in parts:
        parts[columns] = _parts(source, recipe, manifest)
    texts = parts[columns]
    encoder = TextEncoder(artifact, max_tokens=manifest.max_tokens)
    ready = _prepared(artifact, texts, recipe, manifest, encoder=encoder)
    trained = sorted(path.parent for path in (run / "work" / "rounded").rglob("model.safetensors"))
    folders: list[Path | None] = [*trained] or [None]
    with tempfile.TemporaryDirectory() as work:
        for folder in folders:
            model = _built(artifact, manifest, ready, weights=folder)
            difference = _difference(model, manifest, artifact / manifest.model_file, work=Path(work))
            if difference == SAME_BYTES:
                break
    engine = Engine(artifact / manifest.model_file, threads=1)
    logits = _answers(model, engine, encoder, texts.held_out, is_exact=is_exact)
    served = runtime.load(artifact, threads=1).logits(texts.held_out.texts, texts.held_out.text_pairs).values
    if not np.array_equal(logits[EXPORTED], served):
        raise SystemExit(f"{artifact} answers otherwise through the runtime: its batches are others than these.")
    return Found(run.name, manifest.scheme, difference, logits)


def _parts(source: str, recipe: Recipe, manifest: Manifest) -> Parts:
    table = data.read_table(source, columns=recipe.data, task=recipe.task)
    return data.split(data.to_examples(table, manifest.label_names), settings=recipe.data)


def _prepared(artifact: Path, texts: Parts, recipe: Recipe, manifest: Manifest, *, encoder: TextEncoder) -> Preparation:
    """As `quantizing.quantized` prepares; Hessians decide only where training starts, and are left out."""
    table = recipe.quantize
    return prepare(
        load_model(artifact),
        texts.train.take(range(min(table.calibration_texts, len(texts.train)))),
        wants=Wants.of(
            Scheme.parse(manifest.scheme),
            range_method=table.range_method,
            divides_outliers=table.divide_outliers,
            compensates=False,
        ),
        encoder=encoder,
        held_out=texts.held_out.content_fingerprints,
    )


def _built(artifact: Path, manifest: Manifest, ready: Preparation, *, weights: Path | None) -> "PreTrainedModel":
    """The student with its roundings, as it was when training ended."""
    model = fake_quantized(load_model(artifact, attention="eager"), scheme=manifest.scheme, ready=ready)
    built: PreTrainedModel = (model if weights is None else student.load_weights(model, weights)).eval()
    return built


def _difference(model: "PreTrainedModel", manifest: Manifest, shipped: Path, *, work: Path) -> str:
    """How the file of the model, exported once more, differs from the one that ships."""
    again = work / "again.onnx"
    write_onnx(model, again, packed=baked(model, scheme=manifest.scheme).weights)
    if again.read_bytes() == shipped.read_bytes():
        return SAME_BYTES
    ours, theirs = read_graph(again).constants, read_graph(shipped).constants
    if ours.keys() != theirs.keys():
        return f"{len(ours.keys() ^ theirs.keys())} other constants"
    unlike = {name for name in ours if not np.array_equal(ours[name], theirs[name])}
    codes = sum(int((ours[name] != theirs[name]).sum()) for name in unlike if ours[name].dtype.kind in "iu")
    return f"{codes} codes and {len(unlike)} constants differ" if unlike else "same constants"


def _answers(
    model: "PreTrainedModel", engine: Engine, encoder: TextEncoder, held_out: Examples, *, is_exact: bool
) -> dict[str, Logits]:
    """Logits of all held-out texts by each side, in the same batches."""

    def computed(batch: TokenBatch, *, attention: str = "eager") -> Logits:
        model.set_attn_implementation(attention)
        # As training does: the last layer goes on with the first token, which decides the ranges there.
        with first_token_at_last(model), torch.inference_mode():
            logits: Logits = model(**model_inputs(model, batch)).logits.float().numpy()
        return logits

    def halved(batch: TokenBatch) -> Logits:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return computed(batch)

    def doubled(batch: TokenBatch) -> Logits:
        with _ExactSums():
            return computed(batch)

    sides: dict[str, Callable[[TokenBatch], Logits]] = {
        TRAINED: computed,
        REORDERED: lambda batch: computed(batch, attention="sdpa"),
        HALVED: halved,
        EXPORTED: engine.run,
    }
    if is_exact:
        sides[DOUBLED] = doubled
    encoded = encoder.encode(held_out.texts, held_out.text_pairs)
    n_classes = len(model.config.id2label or {})
    logits = {name: np.empty((len(held_out), n_classes), np.float32) for name in sides}
    for rows in served_by_length(encoded.lengths):
        batch = encoder.pad(encoded, rows)
        for name, answered in sides.items():
            logits[name][rows] = answered(batch)
    return logits


class _ExactSums(TorchFunctionMode):
    """Within, linear layers are summed in float64 and rounded to float32 once."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        if func is functional.linear:
            inputs, weight, bias = args
            return func(inputs.double(), weight.double(), None if bias is None else bias.double()).float()
        return func(*args, **(kwargs or {}))


if __name__ == "__main__":
    main()
