"""How fast is an artifact? Against its teacher in PyTorch float32, and the engine's own int8 of the whole teacher.

    python benchmarks/speed.py runs/a/artifact --teacher TEACHER --data DATA [--texts 400] [--rounds 5]

One run, equal threads, the held-out texts as they are, tokenization included, sides timed in turn. PyTorch's side is
sorted by length, so that it pads as little as ours. The third side is what one gets without limbeck: the whole teacher
as ONNX by PyTorch's exporter, quantized by onnxruntime's `quantize_dynamic`; the fourth is the same with limbeck's
exporter, whose last block goes on with the first token. Both stand behind the tokenizer and batches that ours has.

An artifact keeps the tokens of words that it has met (`limbeck.text.known_words`), and after the first round it has met
all of these; so its first call after loading is timed too.

On a machine that others use at the same time, `--processor-time` counts the seconds of processor that each side takes
instead of those that pass; with one thread on every side they are the same when nobody else is there.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import onnxruntime.quantization
import torch
from asked_and_told import flags, origin, tell
from exported_by_pytorch import write_by_pytorch

from limbeck import data, evaluate, runtime, teacher
from limbeck.export import write_onnx
from limbeck.ground import machine, wording
from limbeck.recipe.knobs import DataTable, TeacherTable
from limbeck.records.verdict import Timing
from limbeck.runtime.engine import Engine
from limbeck.teacher.load import load_model
from limbeck.text.batching import served_by_length
from limbeck.text.examples import Examples

OURS, PYTORCH = "artifact (int8)", "teacher (PyTorch float32)"
ENGINE_INT8 = "teacher (onnxruntime dynamic int8)"
ENGINE_INT8_OUR_GRAPH = "teacher (onnxruntime dynamic int8, limbeck's exporter)"


def main() -> None:
    """Time the sides and print the ratios as Markdown."""
    parser = flags(__doc__, name="held-out texts")
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=machine.physical_cores())
    parser.add_argument("--processor-time", action="store_true", help="count processor time; with one thread only")
    options = parser.parse_args()
    if options.processor_time and options.threads != 1:
        parser.error("--processor-time sums up all threads, so give --threads 1")
    with tempfile.TemporaryDirectory() as work:
        page = _page(options, Path(work))
    tell(page, options)


def _page(options: argparse.Namespace, work: Path) -> str:
    model = runtime.load(options.artifact, threads=options.threads)
    settings = DataTable(max_tokens=model.manifest.max_tokens)
    master = teacher.load_teacher(
        options.teacher, settings=TeacherTable(), max_tokens=model.manifest.max_tokens, work=work
    )
    given = data.to_examples(data.read_table(options.data, columns=settings), master.label_names)
    examples, _ = data.held_out_of(given, settings=settings)
    some = examples.take(range(min(options.texts, len(examples))))
    write_onnx(master.model, work / "ours.onnx", packed=None)
    write_by_pytorch(load_model(master.folder, attention="eager").eval(), master.encoder, work / "pytorch.onnx")
    torch.set_num_threads(options.threads)
    timings = evaluate.time_sides(
        (
            evaluate.Side(OURS, model.logits, options.threads),
            evaluate.Side(PYTORCH, master.logits, options.threads),
            evaluate.Side(ENGINE_INT8, _Engine8(work / "pytorch.onnx", master, options.threads), options.threads),
            evaluate.Side(
                ENGINE_INT8_OUR_GRAPH, _Engine8(work / "ours.onnx", master, options.threads), options.threads
            ),
        ),
        some.texts,
        some.text_pairs,
        rounds=options.rounds,
        clock=_clock(options),
    )
    first_calls = [_first_call(options, some) for _ in range(options.rounds)]
    lengths = sorted(master.encoder.encode(some.texts, some.text_pairs).lengths)
    return _table(timings, lengths, statistics.median(first_calls), options)


def _first_call(options: argparse.Namespace, some: Examples) -> float:
    """Texts per second of an artifact that has met none of them."""
    model = runtime.load(options.artifact, threads=options.threads, check=False)
    clock = _clock(options)
    start = clock()
    model.logits(some.texts, some.text_pairs)
    return len(some) / (clock() - start)


def _clock(options: argparse.Namespace) -> Callable[[], float]:
    return time.process_time if options.processor_time else time.perf_counter


class _Engine8:
    """A float graph, quantized by the engine's own tool, behind the teacher's tokenizer and the artifact's batches."""

    def __init__(self, graph: Path, master: teacher.EncoderTeacher, threads: int) -> None:
        quantized = graph.with_suffix(".int8.onnx")
        onnxruntime.quantization.quantize_dynamic(graph, quantized)
        self.engine, self.encoder, self.threads = Engine(quantized, threads=threads), master.encoder, threads

    def __call__(self, texts: Sequence[str], pairs: Sequence[str] | None) -> None:
        encoded = self.encoder.encode(texts, pairs, parallel=self.threads > 1)
        for batch in served_by_length(encoded.lengths):
            self.engine.run(self.encoder.pad(encoded, batch))


def _table(timings: tuple[Timing, ...], lengths: list[int], first_call: float, options: argparse.Namespace) -> str:
    ours = timings[0]
    introduction = (
        f"{len(lengths)} texts of {lengths[0]} to {lengths[-1]} tokens (median {lengths[len(lengths) // 2]}), "
        f"{options.threads} threads on every side, {options.rounds} interleaved rounds, tokenization included"
        f"{'; seconds of processor' if options.processor_time else ''}."
    )
    lines = [
        f"# Speed on {options.name}",
        "",
        introduction,
        "",
        "| side | batch 1, p50 | p99 | ours is faster by | batch 32, texts/s (median) | spread | ours is faster by |",
        "|---|---|---|---|---|---|---|",
    ]
    for timing in timings:
        rate = timing.texts_per_second_batch_32
        lines.append(
            f"| {timing.name} | {timing.batch_1.p50_ms:.3f} ms | {timing.batch_1.p99_ms:.2f} ms "
            f"| {timing.batch_1.p50_ms / ours.batch_1.p50_ms:.1f}× | {rate:.0f} | {wording.percent(timing.spread)} "
            f"| {ours.texts_per_second_batch_32 / rate:.1f}× |"
        )
    lines += ["", f"The artifact's first call after loading, all texts at once: {first_call:.0f} texts/s (median)."]
    command = "python benchmarks/speed.py ARTIFACT --teacher TEACHER --data DATA"
    command += f" --texts {options.texts} --rounds {options.rounds} --threads {options.threads}"
    lines += origin(command + " --processor-time" * options.processor_time)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
