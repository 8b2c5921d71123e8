"""limbeck's artifacts beside int8 models of other tools, of the same teacher: judged by `limbeck compare` in one run.

    pip install nncf openvino
    python benchmarks/peers_compared.py ARTIFACT ... --teacher TEACHER --data DATA --out FOLDER --name SST-2 --threads 1

The teacher is exported by PyTorch; onnxruntime quantizes the graph with its dynamic call, NNCF with its call for
transformers, calibrated on 300 training texts, once as ONNX and once as OpenVINO's own form, which OpenVINO answers.
Each becomes a folder with a tokenizer, as any other people's model that is compared. The page tells score, retention,
agreement, size and speed of all, and every pair with its test.
"""

import argparse
from functools import partial
from pathlib import Path

from asked_and_told import flags, origin, tell
from quantized_by_others import CALIBRATION_TEXTS, by_nncf, by_onnxruntime, write_peer

import limbeck
from limbeck import data
from limbeck.ground import machine, wording
from limbeck.recipe.knobs import DataTable
from limbeck.records.comparison import ComparedModel, ComparedPair, ComparisonRecord
from limbeck.records.score import Score
from limbeck.records.verdict import PairedDifference
from limbeck.text.tokens import TextEncoder


def main() -> None:
    """Make the peers, compare all, print the page as Markdown."""
    parser = flags(__doc__, name=None)
    parser.add_argument("artifacts", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True, help="folder for the peers and the comparison")
    parser.add_argument("--threads", type=int, default=machine.physical_cores())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=200, help="timed ones")
    options = parser.parse_args()
    found = limbeck.compare(
        [*options.artifacts, *_peers(options)],
        options.data,
        teacher_source=options.teacher,
        out=options.out / "comparison",
        changes={
            "verify.threads": options.threads,
            "verify.timing_rounds": options.rounds,
            "verify.timing_texts": options.texts,
        },
    )
    tell(_page(found.record, options), options)


def _peers(options: argparse.Namespace) -> list[Path]:
    teacher, ours, settings = Path(options.teacher), limbeck.load(options.artifacts[0]), DataTable()
    names = ours.label_names
    parts = data.split(data.to_examples(data.read_table(options.data, columns=settings), names), settings=settings)
    encoder = TextEncoder(teacher, max_tokens=ours.manifest.max_tokens)
    calibrated = partial(by_nncf, texts=parts.train.texts[:CALIBRATION_TEXTS], encoder=encoder)
    usual, openvinos = "model.onnx", "openvino_model.xml"
    tools = {
        "teacher-float32": (None, usual),
        "onnxruntime-dynamic-int8": (by_onnxruntime, usual),
        "nncf-int8-onnx": (calibrated, usual),
        "nncf-int8-openvino": (calibrated, openvinos),
    }
    return [
        write_peer(teacher, options.out / name, label_names=names, quantize=quantize, graph_name=graph)
        for name, (quantize, graph) in tools.items()
    ]


def _page(record: ComparisonRecord, options: argparse.Namespace) -> str:
    lines = [
        f"# Other tools' int8 beside limbeck's, judged by `limbeck compare`: {options.name}",
        "",
        (
            f"{wording.count(record.n_held_out)} held-out texts; {wording.counted(options.threads, 'thread')} on every "
            f"side; {options.texts} texts timed in {options.rounds} rounds in turn. In brackets 95 % intervals."
        ),
        "",
        "| model | engine | accuracy | retention | agreement | size | batch 1, p50 | batch 32, texts/s |",
        "|---|---|---|---|---|---|---|---|",
        *map(_row, record.models),
        "",
        "A star marks the front: no other model is as good in retention, size and latency, and better in one.",
        "",
        "| pair | accuracy, points | p | agreement, points | p |",
        "|---|---|---|---|---|",
        *map(_pair, record.pairs),
        "",
        "Differences are of the first against the second; p-values are McNemar's exact ones, corrected after Holm.",
        "",
        record.sentence,
    ]
    command = "python benchmarks/peers_compared.py ARTIFACT ... --teacher TEACHER --data DATA --out OUT"
    versions = {name: machine.installed_version(name) for name in ("nncf", "openvino")}
    lines += origin(f"{command} --name {options.name} --threads {options.threads}", **versions)
    return "\n".join(lines) + "\n"


def _row(model: ComparedModel) -> str:
    scores, timing = model.scores, model.timing
    shares = map(_share, (scores.score, scores.retention, scores.agreement))
    star = " *" if model.on_front else ""
    speed = f"{wording.milliseconds(timing.batch_1.p50_ms)} | {timing.texts_per_second_batch_32:,.0f}"
    return f"| {model.name}{star} | {model.kind} | {' | '.join(shares)} | {wording.size(scores.size_bytes)} | {speed} |"


def _share(score: Score | None) -> str:
    if score is None:
        return wording.NOTHING
    low, high = (100 * bound for bound in (score.interval.low, score.interval.high))
    return f"{wording.percent(score.value, decimals=2)} ({low:.1f}–{high:.1f})"


def _pair(pair: ComparedPair) -> str:
    found = " | ".join(map(_difference, (pair.score, pair.agreement)))
    return f"| {pair.first} − {pair.second} | {found} |"


def _difference(found: PairedDifference | None) -> str:
    if found is None:
        return f"{wording.NOTHING} | {wording.NOTHING}"
    told, interval = found.difference, found.difference.interval
    value, low, high = (wording.signed(100 * one, decimals=2) for one in (told.value, interval.low, interval.high))
    p = wording.NOTHING if found.corrected_p_value is None else f"{found.corrected_p_value:.2g}"
    return f"{value} ({low} to {high}) | {p}"


if __name__ == "__main__":
    main()
