"""Eight bits by limbeck, onnxruntime, NNCF and torchao: the same float32 student, side by side in one run.

    pip install nncf torchao
    python benchmarks/against_others.py runs/a/artifact [runs/b/artifact ...] --teacher TEACHER --data DATA

Each artifact is one seed: its float32 student is what every tool quantizes, by its usual call. onnxruntime and NNCF
get the student as PyTorch exports it, torchao the PyTorch model; NNCF calibrates on 300 training texts. Accuracy,
agreement with the teacher, and answers changed against the float32 student, are means over the artifacts; sizes are
those of the file that each tool writes (torchao: its state); times are of the first artifact, equal threads,
tokenization included, sides in turn.
"""

import argparse
import io
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from asked_and_told import flags, origin, tell
from exported_by_pytorch import write_by_pytorch
from numpy.typing import NDArray
from quantized_by_others import by_nncf, by_onnxruntime

from limbeck import data, evaluate, runtime, teacher
from limbeck.artifact.sealed import FLOAT_MODEL_FILE
from limbeck.ground import machine, wording
from limbeck.recipe.knobs import DataTable, TeacherTable
from limbeck.runtime.engine import Engine
from limbeck.teacher.load import load_model, model_inputs
from limbeck.text.batching import served_by_length
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder, TokenBatch

Logits = NDArray[np.float32]


class Side:
    """A quantized student: answers token batches, and tells its size."""

    def __init__(self, run: Callable[[TokenBatch], Logits], n_bytes: int, encoder: TextEncoder, threads: int) -> None:
        self.run, self.n_bytes, self.encoder, self.threads = run, n_bytes, encoder, threads

    def __call__(self, texts: Sequence[str], pairs: Sequence[str] | None) -> Logits:
        """The logits of texts, in batches by length as the artifact's runtime makes them."""
        encoded = self.encoder.encode(texts, pairs, parallel=self.threads > 1)
        found: dict[int, Logits] = {}
        for batch in served_by_length(encoded.lengths):
            found |= dict(zip(batch.tolist(), self.run(self.encoder.pad(encoded, batch)), strict=True))
        return np.stack([found[index] for index in range(len(texts))])


@dataclass
class Row:
    """What was found of one tool."""

    accuracy: list[float]
    agreement: list[float]
    changed: list[float]
    n_bytes: int = 0


def main() -> None:
    """Quantize by every tool, answer, time, print the table as Markdown."""
    parser = flags(__doc__, name="the data")
    parser.add_argument("artifacts", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=200, help="timed ones")
    parser.add_argument("--threads", type=int, default=machine.physical_cores())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as work:
        page = _page(options, Path(work))
    tell(page, options)


def _page(options: argparse.Namespace, work: Path) -> str:
    first = runtime.load(options.artifacts[0])
    settings = DataTable(max_tokens=first.manifest.max_tokens)
    master = teacher.load_teacher(options.teacher, settings=TeacherTable(), max_tokens=settings.max_tokens, work=work)
    parts = data.split(
        data.to_examples(data.read_table(options.data, columns=settings), master.label_names), settings=settings
    )
    wanted = master.logits(parts.held_out.texts, parts.held_out.text_pairs).argmax(axis=1)
    rows: dict[str, Row] = {}
    timed: dict[str, Side] = {}
    for number, artifact in enumerate(options.artifacts):
        sides = _sides(artifact, parts.train, work / str(number), threads=options.threads)
        timed = timed or sides
        float32 = sides["float32 student"](parts.held_out.texts, parts.held_out.text_pairs).argmax(axis=1)
        for name, side in sides.items():
            answers = side(parts.held_out.texts, parts.held_out.text_pairs).argmax(axis=1)
            row = rows.setdefault(name, Row([], [], []))
            row.accuracy.append(float((answers == parts.held_out.labels).mean()))
            row.agreement.append(float((answers == wanted).mean()))
            row.changed.append(float((answers != float32).mean()))
            row.n_bytes = row.n_bytes or side.n_bytes
    some = parts.held_out.take(range(min(options.texts, len(parts.held_out))))
    timings = evaluate.time_sides(
        tuple(evaluate.Side(name, side, options.threads) for name, side in timed.items()),
        some.texts,
        some.text_pairs,
        rounds=options.rounds,
    )
    introduction = (
        f"{len(options.artifacts)} students of one shape; {len(parts.held_out)} held-out texts; times of the first "
        f"student, {options.threads} threads on every side, {len(some)} texts, {options.rounds} rounds in turn."
    )
    lines = [
        f"# Eight bits by four tools on {options.name}",
        "",
        introduction,
        "",
        "| tool | accuracy | agreement with the teacher | answers changed | file | batch 1, p50 | batch 32, texts/s |",
        "|---|---|---|---|---|---|---|",
    ]
    for timing in timings:
        row = rows[timing.name]
        means = [wording.percent(float(np.mean(one)), decimals=2) for one in (row.accuracy, row.agreement, row.changed)]
        speed = f"{timing.batch_1.p50_ms:.2f} ms | {timing.texts_per_second_batch_32:,.0f}"
        lines.append(f"| {timing.name} | {' | '.join(means)} | {wording.size(row.n_bytes)} | {speed} |")
    command = "python benchmarks/against_others.py ARTIFACT ... --teacher TEACHER --data DATA"
    versions = {name: machine.installed_version(name) for name in ("nncf", "torchao")}
    lines += origin(f"{command} --threads {options.threads}", **versions)
    return "\n".join(lines) + "\n"


def _sides(artifact: Path, train: Examples, work: Path, *, threads: int) -> dict[str, Side]:
    work.mkdir()
    ours, plain = runtime.load(artifact), artifact / FLOAT_MODEL_FILE
    encoder = TextEncoder(artifact, max_tokens=ours.manifest.max_tokens)

    def graph(path: Path) -> Side:
        return Side(Engine(path, threads=threads).run, path.stat().st_size, encoder, threads)

    exported, dynamic, static = (work / f"{name}.onnx" for name in ("pytorch", "dynamic", "nncf"))
    write_by_pytorch(load_model(artifact, attention="eager").eval(), encoder, exported)
    by_onnxruntime(exported, dynamic)
    by_nncf(exported, static, texts=train.texts, encoder=encoder)
    return {
        f"limbeck {ours.manifest.scheme}": graph(artifact / ours.manifest.model_file),
        "onnxruntime quantize_dynamic": graph(dynamic),
        "NNCF post-training int8": graph(static),
        "torchao int8 dynamic": _by_torchao(artifact, encoder, threads=threads),
        "float32 student": graph(plain),
    }


def _by_torchao(artifact: Path, encoder: TextEncoder, *, threads: int) -> Side:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        model = load_model(artifact).eval()
        quantize_(model, Int8DynamicActivationInt8WeightConfig())
    stored = io.BytesIO()
    torch.save(model.state_dict(), stored)

    def run(batch: TokenBatch) -> Logits:
        with torch.inference_mode():
            found: Logits = model(**model_inputs(model, batch)).logits.numpy()
        return found

    return Side(run, stored.tell(), encoder, threads)


if __name__ == "__main__":
    main()
