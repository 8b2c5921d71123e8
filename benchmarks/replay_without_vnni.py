"""Does an artifact answer alike on a CPU without VNNI? Runs the real engine on both, the older one emulated.

    apt-get install qemu-user
    python benchmarks/replay_without_vnni.py ARTIFACT [ARTIFACT ...] --texts HELD_OUT.jsonl

The engine picks its kernels from what the CPU says it has. Under `qemu-x86_64 -cpu Haswell` it sees AVX2 and no VNNI,
and multiplies with `vpmaddubsw`, which saturates at 16 bits. Two things are compared with the native run:

1. Integer products, against sums in 64 bits: of each artifact's own weights, of weights at the bound that limbeck keeps
   (exact on both), of 7-bit weights (exact on both) and of full-range weights (wrong on Haswell: it shows that the
   emulation does saturate).
2. Each artifact's logits and labels on real texts, one by one and in batches of 32.

On a CPU that has no VNNI nothing need be emulated: `--here` holds its own integer sums against 64 bits.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from limbeck.artifact.manifest import read_manifest

BATCH = 32
MADE_UP = ("at the bound", "7 bits", "full range")
WAYS = {"single": "one by one", "batch": f"batches of {BATCH}"}


def main() -> None:
    """Read the arguments, run both sides, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifacts", type=Path, nargs="+")
    parser.add_argument("--texts", type=Path, help="JSON lines with a field 'text'")
    parser.add_argument("--n-texts", type=int, default=200)
    parser.add_argument("--cpu", default="Haswell", help="a CPU model of qemu-x86_64 without VNNI")
    parser.add_argument("--here", action="store_true", help="only the integer sums of this processor; no qemu")
    parser.add_argument("--side", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side is not None:
        run_side(arguments.artifacts, arguments.side)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, artifact in enumerate(arguments.artifacts):
            feeds = feeds_of(artifact, arguments.texts, n_texts=arguments.n_texts)
            np.savez(folder / f"feeds-{number}.npz", **feeds)  # type: ignore[arg-type]
        schemes = [read_manifest(artifact).scheme for artifact in arguments.artifacts]
        if arguments.here:
            run_side(arguments.artifacts, folder)
            report_sums({"here": np.load(folder / "answers.npz")}, schemes=schemes)
            return
        here = [str(Path(sys.executable).resolve()), __file__, *map(str, arguments.artifacts), "--side", str(folder)]
        environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
        subprocess.run(here, check=True, env=environment)
        (folder / "answers.npz").rename(folder / "native.npz")
        subprocess.run(["qemu-x86_64", "-cpu", arguments.cpu, *here], check=True, env=environment)
        report(np.load(folder / "native.npz"), np.load(folder / "answers.npz"), schemes=schemes, cpu=arguments.cpu)


def feeds_of(artifact: Path, texts: Path, *, n_texts: int) -> dict[str, np.ndarray]:
    """Tokenize once, natively, so that both sides are asked the same."""
    from limbeck.text.tokens import TextEncoder

    encoder = TextEncoder(artifact, max_tokens=read_manifest(artifact).max_tokens)
    lines = texts.read_text(encoding="utf-8").splitlines()[:n_texts]
    encoded = encoder.encode([json.loads(line)["text"] for line in lines])
    groups = [("single", [index]) for index in range(len(lines))]
    groups += [("batch", list(range(len(lines)))[start : start + BATCH]) for start in range(0, len(lines), BATCH)]
    feeds = {}
    for number, (way, group) in enumerate(groups):
        batch = encoder.pad(encoded, group)
        for name in ("input_ids", "attention_mask", "token_type_ids"):
            feeds[f"{way} {number:05} {name}"] = getattr(batch, name)
    return feeds


def run_side(artifacts: Sequence[Path], folder: Path) -> None:
    """Answer everything on the CPU that this process sees, and write the answers down."""
    generator = np.random.default_rng(0)
    shapes = ((384, 1152), (1536, 384), (770, 33), (30, 17))
    answers = {}
    for kind in MADE_UP:
        made_up = [weights_of(kind, generator, n_inputs, n_outputs) for n_inputs, n_outputs in shapes]
        answers[f"wrong {kind}"] = wrong_products(made_up, generator)
    for number, artifact in enumerate(artifacts):
        content = (artifact / read_manifest(artifact).model_file).read_bytes()
        feeds = np.load(folder / f"feeds-{number}.npz")
        session = start(content)
        inputs = [argument.name for argument in session.get_inputs()]
        for key in sorted({key.rsplit(" ", 1)[0] for key in feeds}):
            feed = {name: feeds[f"{key} {name}"] for name in inputs}
            answers[f"logits {number} {key}"] = session.run(None, feed)[0]
        answers[f"wrong {number}"] = wrong_products(multiplied_by(content, feed), generator)
    np.savez(folder / "answers.npz", **answers)  # type: ignore[arg-type]


def multiplied_by(model: bytes, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The (inputs, outputs) int8 weights of every integer product of a graph, few bits as it widens them."""
    graph = onnx.load_from_string(model)
    names = sorted({node.input[1] for node in graph.graph.node if node.op_type == "MatMulInteger"})
    del graph.graph.output[:]
    graph.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.INT8, None) for name in names)
    constants = {constant.name for constant in graph.graph.initializer}
    # A constant is no output of its own: it goes through a node.
    for value in graph.graph.output:
        if value.name in constants:
            graph.graph.node.append(helper.make_node("Identity", [value.name], [f"{value.name} as it is"]))
            value.name = f"{value.name} as it is"
    found: list[np.ndarray] = start(graph.SerializeToString()).run(None, feed)
    return found


def wrong_products(matrices: Sequence[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """Wrong 32-bit sums, and all: random and worst-case activations, 1 to 16 rows."""
    wrong = total = 0
    for weights in matrices:
        n_inputs, n_outputs = weights.shape
        session = start(product_model(weights))
        for rows in (1, 2, 3, 5, 16):
            outputs = generator.integers(0, n_outputs, rows)
            for activations in (
                generator.integers(0, 256, (rows, n_inputs)).astype(np.uint8),
                np.full((rows, n_inputs), 255, np.uint8),
                np.where(weights[:, outputs].T > 0, 255, 0).astype(np.uint8),  # no sum of these outputs is larger
                np.where(weights[:, outputs].T < 0, 255, 0).astype(np.uint8),
            ):
                exact = activations.astype(np.int64) @ weights.astype(np.int64)
                wrong += int((session.run(None, {"activations": activations})[0] != exact).sum())
                total += exact.size
    return np.array([wrong, total])


def weights_of(kind: str, generator: np.random.Generator, n_inputs: int, n_outputs: int) -> np.ndarray:
    """(inputs, outputs) int8 weights."""
    if kind == "full range":
        return generator.integers(-127, 128, (n_inputs, n_outputs)).astype(np.int8)
    if kind == "7 bits":
        return generator.integers(-64, 65, (n_inputs, n_outputs)).astype(np.int8)
    even = generator.integers(1, 128, ((n_inputs + 1) // 2, n_outputs))
    signs = generator.choice([-1, 1], even.shape)
    pairs = np.stack([signs * even, signs * (128 - even)], axis=1)
    return pairs.reshape(-1, n_outputs)[:n_inputs].astype(np.int8)


def product_model(weights: np.ndarray) -> bytes:
    """A model of one integer product."""
    node = helper.make_node("MatMulInteger", ["activations", "weights"], ["sums"])
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("activations", TensorProto.UINT8, ["rows", weights.shape[0]])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, ["rows", weights.shape[1]])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return bytes(model.SerializeToString())


def start(model: bytes) -> onnxruntime.InferenceSession:
    """A session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def report_sums(sides: Mapping[str, Mapping[str, np.ndarray]], *, schemes: Sequence[str]) -> None:
    """Print how many integer sums are wrong on each side."""
    print(f"| wrong integer sums | of | {' | '.join(sides)} |\n|---|---:|{'---:|' * len(sides)}")
    named = {kind: kind for kind in MADE_UP} | {str(number): scheme for number, scheme in enumerate(schemes)}
    for key, name in named.items():
        found = [answers[f"wrong {key}"] for answers in sides.values()]
        print(f"| {name} | {found[0][1]:,} | {' | '.join(f'{wrong:,}' for wrong, _ in found)} |")


def report(native: dict[str, np.ndarray], emulated: dict[str, np.ndarray], *, schemes: Sequence[str], cpu: str) -> None:
    """Print what differs."""
    report_sums({"native": native, cpu: emulated}, schemes=schemes)
    print("\n| scheme | texts | labels that differ | largest logit difference | rms | spread of logits |")
    print("|---|---|---:|---:|---:|---:|")
    for number, scheme in enumerate(schemes):
        for way, words in WAYS.items():
            keys = [key for key in native if key.startswith(f"logits {number} {way} ")]
            here, there = (np.concatenate([side[key] for key in keys]) for side in (native, emulated))
            changed = int((here.argmax(axis=1) != there.argmax(axis=1)).sum())
            apart = np.abs(here - there)
            rms = float(np.sqrt((apart.astype(np.float64) ** 2).mean()))
            print(f"| {scheme} | {len(here)} {words} | {changed} | {apart.max():.4f} | {rms:.4f} | {here.std():.2f} |")


if __name__ == "__main__":
    main()
