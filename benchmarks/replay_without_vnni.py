"""Does an int8 file answer alike on a CPU without VNNI? Runs the real engine on both, the older one emulated.

    apt-get install qemu-user
    python benchmarks/replay_without_vnni.py runs/a/artifact --texts held_out.jsonl

The engine picks its kernels from what the CPU says it has. Under `qemu-x86_64 -cpu Haswell` it sees AVX2 and no VNNI,
and multiplies with `vpmaddubsw`, which saturates at 16 bits. Two things are compared with the native run:

1. Integer products of weights at the bound that limbeck keeps (exact on both), of 7-bit weights (exact on both) and of
   full-range weights (wrong on Haswell: it shows that the emulation does saturate).
2. The artifact's logits and labels on real texts, one by one and in batches of 32.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

BATCH = 32


def main() -> None:
    """Read the arguments, run both sides, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--texts", type=Path, help="JSON lines with a field 'text'")
    parser.add_argument("--n-texts", type=int, default=200)
    parser.add_argument("--cpu", default="Haswell", help="a CPU model of qemu-x86_64 without VNNI")
    parser.add_argument("--side", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side is not None:
        run_side(arguments.artifact, arguments.side)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_feeds(arguments.artifact, arguments.texts, folder, n_texts=arguments.n_texts)
        here = [str(Path(sys.executable).resolve()), __file__, str(arguments.artifact), "--side", str(folder)]
        environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
        subprocess.run(here, check=True, env=environment)
        (folder / "answers.npz").rename(folder / "native.npz")
        subprocess.run(["qemu-x86_64", "-cpu", arguments.cpu, *here], check=True, env=environment)
        report(np.load(folder / "native.npz"), np.load(folder / "answers.npz"), cpu=arguments.cpu)


def write_feeds(artifact: Path, texts: Path, folder: Path, *, n_texts: int) -> None:
    """Tokenize once, natively, so that both sides are asked the same."""
    from limbeck.tokens import TextEncoder

    encoder = TextEncoder(artifact, max_tokens=128)
    lines = texts.read_text(encoding="utf-8").splitlines()[:n_texts]
    encoded = encoder.encode([json.loads(line)["text"] for line in lines])
    groups = [[index] for index in range(len(lines))]
    groups += [list(range(start, min(start + BATCH, len(lines)))) for start in range(0, len(lines), BATCH)]
    feeds = {}
    for number, group in enumerate(groups):
        batch = encoder.pad(encoded, group)
        feeds[f"{number:05}.input_ids"] = batch.input_ids
        feeds[f"{number:05}.attention_mask"] = batch.attention_mask
        feeds[f"{number:05}.token_type_ids"] = batch.token_type_ids
    np.savez(folder / "feeds.npz", **feeds)


def run_side(artifact: Path, folder: Path) -> None:
    """Answer everything on the CPU that this process sees, and write the answers down."""
    answers = {f"wrong {name}": np.asarray(share) for name, share in wrong_products().items()}
    session = start((artifact / "onnx" / "model_quantized.onnx").read_bytes())
    feeds = np.load(folder / "feeds.npz")
    wanted = [argument.name for argument in session.get_inputs()]
    for number in sorted({key.split(".")[0] for key in feeds}):
        feed = {name: feeds[f"{number}.{name}"] for name in wanted}
        answers[f"logits {number} {len(feed['input_ids'])}"] = session.run(None, feed)[0]
    np.savez(folder / "answers.npz", **answers)


def wrong_products() -> dict[str, float]:
    """Kind of weights -> share of wrong 32-bit sums, worst-case and random activations, 1 to 16 rows."""
    generator = np.random.default_rng(0)
    shares = {}
    for kind in ("at the bound", "7 bits", "full range"):
        wrong = total = 0
        for n_inputs, n_outputs in ((384, 1152), (1536, 384), (770, 33), (30, 17)):
            weights = weights_of(kind, generator, n_inputs, n_outputs)
            session = start(product_model(weights))
            for rows in (1, 2, 3, 5, 16):
                for activations in (
                    generator.integers(0, 256, (rows, n_inputs)).astype(np.uint8),
                    np.full((rows, n_inputs), 255, np.uint8),
                ):
                    exact = activations.astype(np.int64) @ weights.astype(np.int64)
                    wrong += int((session.run(None, {"activations": activations})[0] != exact).sum())
                    total += exact.size
        shares[kind] = wrong / total
    return shares


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
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()


def start(model: bytes) -> onnxruntime.InferenceSession:
    """A session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def report(native: dict[str, np.ndarray], emulated: dict[str, np.ndarray], *, cpu: str) -> None:
    """Print what differs."""
    print(f"| wrong integer sums | native | {cpu} |\n|---|---|---|")
    for key in (key for key in native if key.startswith("wrong")):
        print(f"| {key.removeprefix('wrong ')} | {native[key]:.2%} | {emulated[key]:.2%} |")
    print("\n| texts | labels that differ | largest logit difference | spread of logits |\n|---|---|---|---|")
    for label, is_single in (("one by one", True), (f"batches of {BATCH}", False)):
        keys = [key for key in native if key.startswith("logits") and key.endswith(" 1") == is_single]
        here, there = (np.concatenate([side[key] for key in keys]) for side in (native, emulated))
        changed = int((here.argmax(axis=1) != there.argmax(axis=1)).sum())
        print(f"| {len(here)} {label} | {changed} | {np.abs(here - there).max():.4f} | {here.std():.2f} |")


if __name__ == "__main__":
    main()
