"""How well do artifacts answer as their teacher does? The whole walk over several seeds, and one table of all of them.

    python benchmarks/fidelity.py --teacher TEACHER --data DATA --out runs/sst2 --name SST-2 [--any.recipe.key value]

Each seed is one `limbeck compress` (resumable: finished seeds are read back). The table gives every model's mean over
the seeds, and each seed's value with its 95 % interval on the held-out texts.
"""

import argparse
import json
import shlex
from pathlib import Path

from asked_and_told import flags, origin, run_limbeck, tell

from limbeck.ground import wording
from limbeck.records.run import RunRecord
from limbeck.records.score import Score
from limbeck.records.verdict import ModelScores
from limbeck.tasks import TASKS

MEASURES = ("score", "retention", "agreement")


def main() -> None:
    """Run every seed, print the table as Markdown, and write it where --result says."""
    parser = flags(__doc__, name=None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--extra-texts", help="as for `limbeck compress`")
    options, recipe = parser.parse_known_args()
    records = [_run(options, recipe, seed) for seed in options.seeds]
    command = "python benchmarks/fidelity.py --teacher TEACHER --data DATA --out OUT "
    command += "--extra-texts TEXTS " if options.extra_texts else ""
    command += shlex.join(["--name", options.name, *recipe])
    tell(_page(records, name=options.name, seeds=options.seeds, command=command), options)


def _run(options: argparse.Namespace, recipe: list[str], seed: int) -> RunRecord:
    folder = options.out / f"seed-{seed}"
    if not (folder / "run.json").exists():
        extra = ["--extra-texts", options.extra_texts] if options.extra_texts else []
        asked = ["--out", folder, "--seed", seed, *extra, *recipe]
        run_limbeck("compress", "--teacher", options.teacher, "--data", options.data, *asked)
    return RunRecord.from_json(json.loads((folder / "run.json").read_text(encoding="utf-8")))


def _page(records: list[RunRecord], *, name: str, seeds: list[int], command: str) -> str:
    first = records[0]
    task = TASKS[first.verdict.task]
    introduction = (
        f"{wording.count(first.verdict.n_held_out)} held-out texts, seeds {', '.join(map(str, seeds))}; teacher of "
        f"{first.shapes['teacher']['layers']} layers, students of {first.shapes['student']['layers'] or 'none'}, "
        f"scheme {first.quantization.scheme}. Each cell: mean of the seeds, then each seed with its 95 % interval on "
        "the held-out texts (Wilson for shares, score intervals for their retention, BCa bootstrap for all else)."
    )
    lines = [
        f"# {name}: how well the artifact answers as its teacher does",
        "",
        introduction,
        "",
        f"| model | {task.score.name} | retention | {task.agreement.name} | size |",
        "|---|---|---|---|---|",
    ]
    for index, model in enumerate(first.verdict.models):
        same = [record.verdict.models[index] for record in records]
        cells = [_cell(same, measure) for measure in MEASURES]
        lines.append(f"| {model.name} | {' | '.join(cells)} | {wording.size(model.size_bytes)} |")
    lines += _further(records)
    gains = [record.verdict.gain.sentence for record in records if record.verdict.gain]
    if gains:
        lines += ["", "What distillation brought, seed by seed:", "", *(f"- {gain}" for gain in gains)]
    lines.append("")
    lines += [f"Seconds by stage, seed by seed (machine shared): {_seconds(records)}", *origin(command)]
    return "\n".join(lines) + "\n"


def _further(records: list[RunRecord]) -> list[str]:
    """What the task measures of the artifact besides: its mean over the seeds, and each seed's value."""
    of_seeds = [record.verdict.models[-1].further for record in records]
    return [
        f"\n{one.name.capitalize()} of the artifact: {100 * sum(values) / len(values):.2f} % "
        f"({'; '.join(f'{100 * value:.2f}' for value in values)}). {one.meaning}"
        for index, one in enumerate(of_seeds[0])
        for values in [[further[index].score.value for further in of_seeds]]
    ]


def _cell(models: list[ModelScores], measure: str) -> str:
    scores: list[Score] = [getattr(model, measure) for model in models if getattr(model, measure) is not None]
    if not scores:
        return "–"
    mean = sum(score.value for score in scores) / len(scores)
    if len({score.value for score in scores}) == 1:
        scores = scores[:1]
    each = "; ".join(
        f"{100 * score.value:.2f} ({100 * score.interval.low:.1f}–{100 * score.interval.high:.1f})" for score in scores
    )
    return f"**{100 * mean:.2f} %**<br>{each}"


def _seconds(records: list[RunRecord]) -> str:
    return "; ".join(
        ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in record.seconds.items()) for record in records
    )


if __name__ == "__main__":
    main()
