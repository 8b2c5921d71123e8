"""What each number of bits costs: accuracy, answers, bytes and milliseconds against the float32 student it was made of.

    python benchmarks/bits.py --teacher TEACHER --data DATA --out runs/bits --name SST-2 [--any.recipe.key value]

For each seed one student is distilled (`limbeck sweep`); schemes of 8 bits are quantized as they come, those of fewer
bits are trained on with their roundings (`--quantize.train_share 0.3`). A run that is there already is not made again,
a killed one goes on. Accuracy and answers are those of all held-out texts through the runtime; latencies are of one
seed, all schemes in turns, equal threads.
"""

import argparse
import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from asked_and_told import flags, origin, run_limbeck, tell

from limbeck import data, evaluate, runtime
from limbeck.recipe.knobs import Recipe
from limbeck.recipe.scheme import INT8_BITS, Scheme
from limbeck.records.run import RunRecord
from limbeck.text.examples import Examples

AS_ASKED = ("--quantize.max_lost", "1")
TRAINED = (*AS_ASKED, "--quantize.train_share", "0.3")


@dataclass(frozen=True)
class Found:
    """One artifact against its own float32 student: shares of held-out texts, and a ratio of bytes."""

    student: float
    artifact: float
    agreement: float
    changed: float
    file_share: float


def main() -> None:
    """Sweep for each seed, compare, print the table as Markdown."""
    parser = flags(__doc__, name=None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--schemes", default="w8a8e8,w4a8e4,w2a8e4")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options, recipe = parser.parse_known_args()
    schemes = options.schemes.split(",")
    runs = {seed: _swept(options, recipe, seed, schemes) for seed in options.seeds}
    tell(page_of(runs, options, recipe), options)


def _swept(options: argparse.Namespace, recipe: list[str], seed: int, schemes: list[str]) -> dict[str, Path]:
    """Scheme -> its run's folder."""
    out = options.out / f"seed-{seed}"
    whole = [scheme for scheme in schemes if Scheme.parse(scheme).weight_bits >= INT8_BITS]
    few = [scheme for scheme in schemes if scheme not in whole]
    found: dict[str, Path] = {}
    for some, how in ((whole, AS_ASKED), (few, TRAINED)):
        if not some:
            continue
        asked = ["--out", out, "--schemes", ",".join(some), "--seed", seed, *how, *recipe]
        run_limbeck("sweep", "--teacher", options.teacher, "--data", options.data, *asked)
        told = json.loads((out / "sweep.json").read_text(encoding="utf-8"))
        found |= {pair["scheme"]: out / pair["folder"] for pair in told["pairs"]}
    return found


def page_of(runs: dict[int, dict[str, Path]], options: argparse.Namespace, recipe: list[str]) -> str:
    """The table of seed -> scheme -> run folder."""
    first = next(iter(runs.values()))
    found = {scheme: [_found(runs[seed][scheme], options.data) for seed in runs] for scheme in first}
    texts = _held_out(next(iter(first.values())), options.data)
    some = texts.take(range(min(200, len(texts))))
    sides = [
        evaluate.Side(scheme, runtime.load(run / "artifact", threads=options.threads).logits, options.threads)
        for scheme, run in first.items()
    ]
    timings = evaluate.time_sides(tuple(sides), some.texts, some.text_pairs, rounds=options.rounds)
    usual = timings[0].batch_1.p50_ms
    introduction = (
        f"{len(texts)} held-out texts, seeds {', '.join(map(str, runs))}, each scheme against the float32 student that "
        "it was made of: mean, then each seed. File: share of the float32 one. Latencies (p50) of seed "
        f"{next(iter(runs))}, {options.threads} threads, {options.rounds} rounds in turn."
    )
    lines = [
        f"# Bits on {options.name}",
        "",
        introduction,
        "",
        "| scheme | in float32 | accuracy | points lost | answers changed | agreement | file | batch 1 | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (scheme, rows), timing in zip(found.items(), timings, strict=True):
        cells = [
            _percent([row.student for row in rows]),
            _percent([row.artifact for row in rows]),
            _percent([row.student - row.artifact for row in rows], unit=""),
            _percent([row.changed for row in rows]),
            _percent([row.agreement for row in rows]),
            f"{np.mean([row.file_share for row in rows]):.3f}",
            f"{timing.batch_1.p50_ms:.2f} ms",
            f"{timing.batch_1.p50_ms / usual:.2f}",
        ]
        lines.append(f"| {scheme} | {' | '.join(cells)} |")
    command = "python benchmarks/bits.py --teacher TEACHER --data DATA --out OUT "
    command += shlex.join(["--name", options.name, "--schemes", ",".join(first), *recipe])
    lines += origin(command)
    return "\n".join(lines) + "\n"


def _found(run: Path, source: str) -> Found:
    texts = _held_out(run, source)
    record = RunRecord.from_json(json.loads((run / "run.json").read_text(encoding="utf-8")))
    agreement = next(model.agreement for model in record.verdict.models if model.name.startswith("artifact"))
    assert agreement is not None
    small = runtime.load(run / "artifact", threads=1)
    whole = runtime.load(run / "artifact", threads=1, variant="float")
    answered, wanted = (model.logits(texts.texts, texts.text_pairs).values.argmax(axis=1) for model in (small, whole))
    files = [run / "artifact" / name for name in (small.manifest.model_file, small.manifest.float_model_file)]
    return Found(
        student=float((wanted == texts.labels).mean()),
        artifact=float((answered == texts.labels).mean()),
        agreement=agreement.value,
        changed=float((answered != wanted).mean()),
        file_share=files[0].stat().st_size / files[1].stat().st_size,
    )


def _held_out(run: Path, source: str) -> Examples:
    settings = Recipe.from_toml(run / "recipe.toml").data
    names = runtime.load(run / "artifact", check=False).label_names
    given = data.to_examples(data.read_table(source, columns=settings), names)
    return data.held_out_of(given, settings=settings)[0]


def _percent(shares: list[float], *, unit: str = " %") -> str:
    each = "; ".join(f"{100 * share:.2f}" for share in shares)
    return f"**{100 * np.mean(shares):.2f}{unit}**<br>{each}"


if __name__ == "__main__":
    main()
