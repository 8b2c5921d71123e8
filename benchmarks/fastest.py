"""Is limbeck's runtime the fastest on this machine? Against every other way to answer with 8 bits, and float32.

    pip install nncf openvino executorch
    python benchmarks/fastest.py --data DATA [--shapes 6x384 4x312 3x384 2x128] [--threads 2] [--rounds 40]

Students with random weights, the same ones on all sides: in limbeck's artifact, by onnxruntime's `quantize_dynamic`, by
NNCF in OpenVINO, by torchao's 8 bits in ExecuTorch with XNNPACK, and in PyTorch float32. A side whose packages are not
installed is left out, and the page says so. The other tools' sessions keep their defaults; limbeck's is what
`engine="auto"` chose on this machine with as many threads.

One text of 16, 32 and 128 tokens; and batches of 32 texts as long as the data's held-out ones, each side in the way
that it takes them: padded together, or one by one where a program takes one text (ExecuTorch), or by limbeck's own
batches of like length. Tokenization is left out, and all padding but limbeck's. Each round times each side once, in
turns, after a pause that lets others' threads come to rest and a call that is not timed; ExecuTorch lives in a process
of its own. Told is the time that a quarter of the rounds beat: what else runs on a machine only ever adds to it.

A product of 8-bit matrices takes its turn among them, so that the peak is that of the same minutes: a side's share of
it is the multiply-adds that the texts need, without padding, a second, over those of the product.
"""

import argparse
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from asked_and_told import origin, tell
from executorch_apart import ExecuTorchApart
from exported_by_pytorch import write_by_pytorch
from int8_peak import Peak
from quantized_by_others import by_executorch, by_nncf, by_onnxruntime

from limbeck import data
from limbeck.artifact.sealed import Artifact, open_artifact
from limbeck.export import multiply_adds
from limbeck.ground import machine, wording
from limbeck.recipe.knobs import DataTable
from limbeck.runtime.engines import open_engine, settings_of
from limbeck.runtime.graph_engine import GraphEngine
from limbeck.runtime.turns import SPIN_SECONDS
from limbeck.teacher.load import load_model
from limbeck.text.tokens import EncodedTexts, TextEncoder, TokenBatch
from random_artifact import write_random

OURS, DYNAMIC, NNCF, EXECUTORCH, PYTORCH, PEAK = (
    "limbeck", "onnxruntime dynamic", "OpenVINO NNCF", "ExecuTorch XNNPACK", "PyTorch float32", "peak"
)  # fmt: skip
PACKAGES = {NNCF: ("nncf", "openvino"), EXECUTORCH: ("executorch", "torchao")}
LENGTHS, BATCH, N_BATCHES = (16, 32, 128), 32, 8

Feeds = dict[str, np.ndarray]


@dataclass(frozen=True)
class Call:
    """What every side is asked at once, as each takes it, made before the clock runs.

    Args:
        texts: For limbeck, which pads them itself where they are several.
        together: All of them in one batch.
        singles: Each of them in a batch of its own.
    """

    texts: EncodedTexts
    together: TokenBatch
    singles: Sequence[TokenBatch]

    @classmethod
    def of(cls, lengths: Sequence[int], encoder: TextEncoder, generator: np.random.Generator) -> "Call":
        """Texts of these lengths in tokens: which tokens they are costs nothing."""
        ids = [generator.integers(1000, 20000, n).tolist() for n in lengths]
        texts = EncodedTexts(ids, [[0] * n for n in lengths], ())
        return cls(texts, encoder.pad(texts, range(len(ids))), [encoder.pad(texts, [row]) for row in range(len(ids))])


Answer = Callable[[Call], object]
Timed = Callable[[Call], float]
"""Answers twice, and gives the milliseconds of the second time."""


@dataclass(frozen=True)
class Cell:
    """One shape in one case.

    Args:
        shape: Layers x hidden size.
        case: In words.
        ms: Side -> milliseconds of a call.
        shares: Side -> its share of the peak.
    """

    shape: str
    case: str
    ms: Mapping[str, float]
    shares: Mapping[str, float]

    @property
    def best_other(self) -> float:
        """Milliseconds of the fastest of the others."""
        return min(value for name, value in self.ms.items() if name != OURS)


def main() -> None:
    """Make all sides of all shapes, time them in turns, print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="whose held-out texts give the batches their lengths")
    parser.add_argument("--name", default="the held-out texts")
    parser.add_argument("--shapes", nargs="+", default=["6x384", "4x312", "3x384", "2x128"])
    parser.add_argument("--threads", type=int, default=machine.physical_cores())
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--without", nargs="*", default=[], choices=list(PACKAGES), help="sides to leave out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--result", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cells: list[Cell] = []
    chosen: dict[str, str] = {}
    peak = Peak(options.threads)
    for shape in options.shapes:
        with tempfile.TemporaryDirectory() as work:
            found, chosen[shape] = _cells(shape, Path(work), peak, options)
        cells += found
    tell(_page(cells, chosen, options), options)


def _cells(shape: str, work: Path, peak: Peak, options: argparse.Namespace) -> tuple[list[Cell], str]:
    artifact = open_artifact(write_random(work / "artifact", shape, seed=options.seed), check=False)
    encoder = TextEncoder(artifact.folder, max_tokens=artifact.manifest.max_tokens)
    texts = _held_out(options.data)
    counted = multiply_adds(load_model(artifact.folder))
    generator = np.random.default_rng(options.seed)
    lengths = encoder.encode(texts).lengths[: BATCH * N_BATCHES]
    cases = {f"1 x {n}": [Call.of([n], encoder, generator)] for n in LENGTHS}
    cases[f"{BATCH} mixed"] = [
        Call.of(lengths[start : start + BATCH], encoder, generator)
        for start in range(0, len(lengths) - BATCH + 1, BATCH)
    ]
    found = []
    with ExitStack() as opened:
        sides, chosen = _sides(artifact, encoder, texts, work, options, opened=opened)
        for case, calls in cases.items():
            ms = _timed(sides | {PEAK: _clocked(lambda _: peak())}, calls, rounds=options.rounds)
            most = peak.multiply_adds / ms.pop(PEAK)
            needed = statistics.mean(counted.of(call.texts.lengths) for call in calls)
            found.append(Cell(shape, case, ms, {name: needed / value / most for name, value in ms.items()}))
            print(
                shape, case, {name: round(value, 3) for name, value in ms.items()}, f"{most / 1e6:.0f} G/s", flush=True
            )
    return found, chosen


def _held_out(path: str) -> list[str]:
    """Texts that tell how long texts are, and that NNCF calibrates on."""
    settings = DataTable()
    given = data.to_examples(data.read_table(path, columns=settings), None)
    return list(data.held_out_of(given, settings=settings)[0].texts)


def _clocked(answer: Answer) -> Timed:
    def timed(call: Call) -> float:
        answer(call)
        start = time.perf_counter()
        answer(call)
        return 1000 * (time.perf_counter() - start)

    return timed


def _timed(sides: Mapping[str, Timed], calls: Sequence[Call], *, rounds: int) -> dict[str, float]:
    """Milliseconds of each side's calls: the time that a quarter of them beat."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    in_a_row = cycle(calls)
    for number in range(rounds + 2):
        call = next(in_a_row)
        for name in list(sides) if number % 2 else reversed(list(sides)):
            time.sleep(SPIN_SECONDS)
            taken[name].append(sides[name](call))
    return {name: float(np.percentile(found[2:], 25)) for name, found in taken.items()}


def _sides(
    artifact: Artifact,
    encoder: TextEncoder,
    texts: list[str],
    work: Path,
    options: argparse.Namespace,
    *,
    opened: ExitStack,
) -> tuple[dict[str, Timed], str]:
    """Whatever is installed, and what "auto" chose for limbeck; what must be closed is left to `opened`."""
    threads, graph = options.threads, artifact.path(artifact.manifest.model_file)
    settings = settings_of("auto", graph, threads=threads, longest=artifact.manifest.max_tokens)
    engine = open_engine(graph, settings)
    eager = partial(load_model, artifact.folder, attention="eager")
    plain, dynamic = work / "plain.onnx", work / "dynamic.onnx"
    write_by_pytorch(eager().eval(), encoder, plain)
    by_onnxruntime(plain, dynamic)
    sides: dict[str, Timed] = {
        OURS: _clocked(partial(_ours, engine, encoder)),
        DYNAMIC: _clocked(partial(_together, _onnxruntime(dynamic, threads))),
    }
    if _is_here(NNCF) and NNCF not in options.without:
        by_nncf(plain, work / "nncf.xml", texts=texts, encoder=encoder)
        sides[NNCF] = _clocked(partial(_together, _openvino(work / "nncf.xml", threads)))
    sides[PYTORCH] = _clocked(partial(_together, _pytorch(load_model(artifact.folder).eval())))
    if _is_here(EXECUTORCH) and EXECUTORCH not in options.without:
        by_executorch(eager().eval(), work / "model.pte", max_tokens=artifact.manifest.max_tokens)
        apart = opened.enter_context(closing(ExecuTorchApart(work / "model.pte", threads=threads)))
        sides[EXECUTORCH] = partial(_one_by_one, apart)
    return sides, str(settings)


def _ours(engine: GraphEngine, encoder: TextEncoder, call: Call) -> object:
    """As `limbeck.runtime.model` does: a single text needs no padding."""
    is_single = len(call.singles) == 1
    return engine.run(call.together) if is_single else engine.run_by_length(encoder, call.texts)


def _is_here(side: str) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES[side])


Run = Callable[[Feeds], object]


def _together(run: Run, call: Call) -> None:
    run(_feeds(call.together))


def _one_by_one(apart: ExecuTorchApart, call: Call) -> float:
    return apart.milliseconds([list(_feeds(batch).values()) for batch in call.singles])


def _feeds(batch: TokenBatch) -> Feeds:
    return {name: getattr(batch, name) for name in ("input_ids", "attention_mask", "token_type_ids")}


def _onnxruntime(path: Path, threads: int) -> Run:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    names = {given.name for given in session.get_inputs()}
    return lambda feeds: session.run(None, {name: feeds[name] for name in names})


def _openvino(path: Path, threads: int) -> Run:
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    names = {given.any_name for given in request.model_inputs}
    return lambda feeds: request.infer({name: feeds[name] for name in names}, share_inputs=True)


def _pytorch(model: torch.nn.Module) -> Run:
    def run(feeds: Feeds) -> object:
        with torch.inference_mode():
            return model(**{name: torch.from_numpy(values) for name, values in feeds.items()})

    return run


def _page(cells: list[Cell], chosen: Mapping[str, str], options: argparse.Namespace) -> str:
    names = [name for name in (OURS, DYNAMIC, NNCF, EXECUTORCH, PYTORCH) if name in cells[0].ms]
    gain = float(np.exp(np.mean([np.log(cell.ms[DYNAMIC] / cell.ms[OURS]) for cell in cells])))
    n_first = sum(cell.ms[OURS] <= cell.best_other for cell in cells)
    introduction = (
        f"Milliseconds of a call, {wording.counted(options.threads, 'thread')} on every side, {options.rounds} rounds "
        f"in turns, random weights (seed {options.seed}); mixed: {BATCH} texts as long as those of {options.name}. "
        "Behind each time, its share of the machine's int8 peak in the same minutes. The last column: how many times "
        "as long the fastest of the others takes."
    )
    lines = [
        "# Is limbeck the fastest on this machine?",
        "",
        introduction,
        "",
        f"| shape | case | {' | '.join(names)} | fastest other / limbeck |",
        f"|---|---|{'---:|' * (len(names) + 1)}",
    ]
    for cell in cells:
        times = " | ".join(f"{cell.ms[name]:.3f} ({cell.shares[name]:.0%})" for name in names)
        lines.append(f"| {cell.shape} | {cell.case} | {times} | {cell.best_other / cell.ms[OURS]:.2f} |")
    lines += [
        "",
        f"- limbeck is the fastest in {n_first} of {len(cells)} cells.",
        f"- Beside onnxruntime's dynamic int8 it is {gain:.2f} times as fast (geometric mean of all cells).",
        *(f"- `auto` chose for {shape}: {what}." for shape, what in chosen.items()),
        *(
            f"- Left out{'' if name in options.without else ', not installed'}: {name}."
            for name in PACKAGES
            if name not in names
        ),
    ]
    versions = {name: machine.installed_version(name) for found in PACKAGES.values() for name in found}
    command = f"python benchmarks/fastest.py --data DATA --threads {options.threads} --rounds {options.rounds}"
    command += "".join(f" --without '{name}'" for name in options.without)
    return "\n".join([*lines, *origin(command, **versions)]) + "\n"


if __name__ == "__main__":
    main()
