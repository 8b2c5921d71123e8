"""A plan beside the run that it was made for: sizes must be equal, times and disk are told as they came.

Recipe keys are options too, as for `limbeck compress`. The page is written anew.

    python benchmarks/planned_and_true.py --teacher TEACHER --data DATA --name Banking77 --out FOLDER --result FILE
"""

import argparse
from pathlib import Path

from limbeck import pipeline, planning
from limbeck.artifact.sealed import open_artifact
from limbeck.cli.console import ConsoleProgress
from limbeck.cli.flags import recipe_from
from limbeck.ground import files, machine, wording
from limbeck.records.plan import Plan
from limbeck.records.run import RunRecord


def main() -> None:
    """Plan, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("teacher", "data", "name"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("out", "result"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    given, flags = parser.parse_known_args()
    recipe, progress = recipe_from(None, flags), ConsoleProgress()
    signals = given.out / "signals"
    plan = planning.plan(given.teacher, given.data, recipe=recipe, signals=signals, progress=progress)
    files.write_json(given.out / "plan.json", plan.to_json())
    run = pipeline.compress(
        given.teacher, given.data, out=given.out / "run", recipe=recipe, signals=signals, progress=progress
    )
    flags = [given.name, "--out FOLDER --result FILE", *flags]
    lines = [
        f"# A plan and its run: {given.name}",
        "",
        *_sizes(plan, run),
        "",
        *_times(plan, run.record),
        "",
        *_disk(plan, given.out),
        "",
        f"Command: `python benchmarks/planned_and_true.py --teacher TEACHER --data DATA --name {' '.join(flags)}`",
        "",
        "Machine and versions:",
        "",
        *(f"- {name}: {value}" for name, value in machine.describe().items()),
    ]
    given.result.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _sizes(plan: Plan, run: pipeline.Run) -> list[str]:
    artifact, own = open_artifact(run.artifact), plan.student
    assert own.scheme_bytes is not None
    true = {
        "parameters": (f"{own.parameters:,}", f"{artifact.manifest.n_parameters:,}"),
        "bytes, float32": (f"{own.float_bytes:,}", f"{artifact.bytes_with(artifact.manifest.float_model_file):,}"),
        f"bytes, {plan.scheme}": (
            f"{own.scheme_bytes.least:,} to {own.scheme_bytes.most:,}",
            f"{artifact.running_bytes:,}",
        ),
        "steps": tuple(
            " + ".join(f"{one.steps:,}" for one in trainings)
            for trainings in (plan.trainings.values(), run.record.trainings)
        ),
        "texts to learn from": tuple(
            f"{n:,}" for n in (plan.parts["training texts"].n_texts, run.record.trainings[0].n_texts)
        ),
    }
    return [
        "| size | planned | true |",
        "|---|---:|---:|",
        *(f"| {name} | {a} | {b} |" for name, (a, b) in true.items()),
    ]


def _times(plan: Plan, record: RunRecord) -> list[str]:
    lines = ["| time | planned | between rounds | true | true / planned |", "|---|---:|---:|---:|---:|"]
    true = dict(record.seconds)
    planned = {**plan.times, "together": plan.total}
    true["together"] = sum(true[stage] for stage in plan.times)
    for stage, estimate in planned.items():
        lines.append(
            f"| {stage} | {wording.duration(estimate.seconds)} "
            f"| {wording.duration(estimate.low)} to {wording.duration(estimate.high)} "
            f"| {wording.duration(true[stage])} | {true[stage] / estimate.seconds:.2f} |"
        )
    left = {stage: seconds for stage, seconds in true.items() if stage not in planned}
    told = ", ".join(f"{stage} {wording.duration(seconds)}" for stage, seconds in left.items())
    return [*lines, "", f"Not timed by the plan: {told}."]


def _disk(plan: Plan, out: Path) -> list[str]:
    true = {
        "signals": out / "signals",
        "trained models": out / "run" / "work",
        "artifact": out / "run" / "artifact",
    }
    lines = ["| disk | planned | true |", "|---|---:|---:|"]
    for what, folder in true.items():
        n_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        lines.append(f"| {what} | {wording.size(plan.disk[what])} | {wording.size(n_bytes)} |")
    return [*lines, f"| checkpoints, gone when it is done | {wording.size(plan.disk['checkpoints'])} | |"]


if __name__ == "__main__":
    main()
