"""What each objective and each choice of shape is worth: the same training with one thing changed.

    python benchmarks/ablation.py --teacher TEACHER --data DATA --out runs/ablation --name Banking77 [--any.key value]

Every variation is a run of `limbeck compress` with the same texts, steps and seed; keys that are given go to all of
them. A finished run is not made again, a killed one goes on. Told are the float32 student's answers to all held-out
texts, so that rounding plays no part.
"""

import argparse
import json
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

from limbeck.ground import machine
from limbeck.records.run import RunRecord
from limbeck.records.verdict import STUDENT, ModelScores

ALONE = ("--distill.weights.true_labels", "0", "--distill.weights.last_hidden", "0")
BASE = "soft labels alone"
CPU_FILE = "processor-seconds.json"
OBJECTIVES: dict[str, tuple[str, ...]] = {
    BASE: ALONE,
    "true labels alone": (
        *("--distill.weights.soft_labels", "0", "--distill.weights.true_labels", "1"),
        *("--distill.weights.last_hidden", "0"),
    ),
    "soft + true labels": ("--distill.weights.last_hidden", "0"),
    "soft + last hidden state": ("--distill.weights.true_labels", "0"),
    "soft + similarities": (*ALONE, "--distill.weights.similarities", "1"),
    "soft + hidden states between": (*ALONE, "--distill.weights.layer_hidden", "1"),
    "soft + attention maps": (*ALONE, "--distill.weights.attention_maps", "1"),
    "soft + relations": (*ALONE, "--distill.weights.relations", "1"),
    "soft labels at temperature 1": (*ALONE, "--distill.temperature", "1"),
    "the recipe's own": (),
    "own + similarities": ("--distill.weights.similarities", "1"),
    "own + hidden states between": ("--distill.weights.layer_hidden", "1"),
    "own + attention maps": ("--distill.weights.attention_maps", "1"),
    "own + relations": ("--distill.weights.relations", "1"),
}
SHAPES: dict[str, tuple[str, ...]] = {
    "the recipe's own": (),
    "first layers": ("--student.choose", "first"),
    "last layers": ("--student.choose", "last"),
    "layers by loss": ("--student.choose", "by_loss"),
    "half the neurons": ("--student.intermediate_size", "768"),
    "two thirds of heads and channels": ("--student.heads", "8"),
    "six layers, two thirds of heads and channels": ("--student.layers", "6", "--student.heads", "8"),
}
SETS = {"objectives": (BASE, OBJECTIVES), "shapes": ("the recipe's own", SHAPES)}


def main() -> None:
    """Make every run that is not there, compare, print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", required=True, help="what to call the data in the table")
    parser.add_argument("--what", choices=SETS, default="objectives")
    parser.add_argument("--only", nargs="+", help="these variations, with the one that all are compared with")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--result", type=Path, help="Markdown file to write")
    options, recipe = parser.parse_known_args()
    base, variations = SETS[options.what]
    found = {
        name: [_made(options, recipe, name, flags, seed) for seed in options.seeds]
        for name, flags in variations.items()
        if options.only is None or name in {base, *options.only}
    }
    page = page_of(found, base, options, recipe)
    print(page)
    if options.result:
        options.result.write_text(page, encoding="utf-8")


def _made(options: argparse.Namespace, recipe: list[str], name: str, flags: tuple[str, ...], seed: int) -> RunRecord:
    """The variation's run, made where it is not there."""
    out = _place(options, name, seed)
    if not (out / "run.json").exists():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        before = used.ru_utime + used.ru_stime
        command = [Path(sys.executable).with_name("limbeck"), "compress", "--teacher", options.teacher]
        command += ["--data", options.data, "--out", out, "--seed", seed]
        command += ["--distill.baseline", "false", "--quantize.max_lost", "1", *recipe, *flags]
        code = subprocess.run(list(map(str, command)), check=False).returncode
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        (out / CPU_FILE).write_text(json.dumps(used.ru_utime + used.ru_stime - before), encoding="utf-8")
        if code not in {0, 1}:
            raise SystemExit(code)
    return RunRecord.from_json(json.loads((out / "run.json").read_text(encoding="utf-8")))


def _place(options: argparse.Namespace, name: str, seed: int) -> Path:
    return Path(options.out) / name.replace(" ", "-").replace("'", "") / f"seed-{seed}"


def _cpu_seconds(out: Path) -> float:
    """Processor time of the whole run; of its last part, where it was killed on the way."""
    path = out / CPU_FILE
    return float(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else float("nan")


def page_of(found: dict[str, list[RunRecord]], base: str, options: argparse.Namespace, recipe: list[str]) -> str:
    """The table of variation -> its run for each seed."""
    first = found[base][0]
    student = next(training for training in first.trainings if training.name == "student")
    of_base = [_student(record) for record in found[base]]
    introduction = (
        f"{first.verdict.n_held_out} held-out texts, seeds {', '.join(map(str, options.seeds))}, {student.steps} steps "
        f"on {student.n_texts} texts. Points are those of agreement beyond '{base}' of the same seed. "
        "Processor time is that of the whole run, verification included, on one thread."
    )
    lines = [
        f"# {options.what.capitalize()} on {options.name}",
        "",
        introduction,
        "",
        "| student | agreement | points | accuracy | parameters | processor time |",
        "|---|---|---|---|---|---|",
    ]
    for name, records in found.items():
        scores = [_student(record) for record in records]
        gains = [_share(own.agreement) - _share(theirs.agreement) for own, theirs in zip(scores, of_base, strict=True)]
        seconds = np.mean([_cpu_seconds(_place(options, name, seed)) for seed in options.seeds])
        cells = [
            _percent([_share(score.agreement) for score in scores]),
            f"{100 * np.mean(gains):+.2f}",
            _percent([_share(score.score) for score in scores]),
            f"{(scores[0].n_parameters or 0) / 1e6:.1f} M",
            f"{seconds:.0f} s",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    command = f"python benchmarks/ablation.py --what {options.what} --teacher TEACHER --data DATA --out OUT "
    only = [] if options.only is None else ["--only", *options.only]
    command += shlex.join([*only, "--name", options.name, *recipe])
    lines += ["", f"Command: `{command}`", "", "Machine and versions:", ""]
    lines += [f"- {name}: {value}" for name, value in machine.describe().items()]
    return "\n".join(lines) + "\n"


def _student(record: RunRecord) -> ModelScores:
    """The float32 student's scores."""
    return next(model for model in record.verdict.models if model.name.startswith(STUDENT))


def _share(score: object) -> float:
    return float(getattr(score, "value", float("nan")))


def _percent(shares: list[float]) -> str:
    each = "; ".join(f"{100 * share:.2f}" for share in shares)
    return f"{100 * np.mean(shares):.2f} %" + (f"<br>{each}" if len(shares) > 1 else "")


if __name__ == "__main__":
    main()
