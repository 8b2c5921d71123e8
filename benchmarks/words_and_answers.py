"""Tags, answers and masks on real data: a teacher taught here, a student of half its layers, several seeds, one table.

    python benchmarks/words_and_answers.py --task token-classification --encoder ENCODER --data DATA --out RUNS \
        --result FILE [--recipe RECIPE]

Each seed teaches a teacher of its own and distils it; a killed benchmark goes on where it stopped. What no run read is
the held-out part of the data.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from limbeck.ground import machine, wording
from limbeck.pipeline import Run, compress
from limbeck.recipe.knobs import Recipe
from limbeck.records.score import Score
from limbeck.records.verdict import ARTIFACT, BASELINE, STUDENT, TEACHER, ModelScores
from limbeck.tasks import TASKS
from limbeck.teaching import teach


def main() -> None:
    """Run what is not finished, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", required=True, choices=["token-classification", "question-answering", "fill-mask"])
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--recipe", type=Path, help="a recipe file; the defaults where it says nothing")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--result", type=Path, required=True)
    given = parser.parse_args()
    runs = {seed: _run(given, seed) for seed in given.seeds}
    lines = [*_table(runs, given.task), "", *(f"- {name}: {value}" for name, value in machine.describe().items())]
    given.result.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _run(given: argparse.Namespace, seed: int) -> Run:
    overrides = {"seed": seed, "task": given.task, "student.layers": given.layers}
    recipe = (
        Recipe.from_toml(given.recipe, overrides=overrides)
        if given.recipe
        else Recipe.from_dict({"seed": seed, "task": given.task, "student": {"layers": given.layers}})
    )
    out = given.out / f"seed-{seed}"
    taught = teach(given.encoder, given.data, out=out / "taught", recipe=recipe)
    return compress(taught.folder, given.data, out=out / "run", recipe=recipe, signals=out / "signals")


def _table(runs: dict[int, Run], task: str) -> list[str]:
    asked = TASKS[task]
    first = _model(next(iter(runs.values())), TEACHER)
    further = [one.name for one in first.further]
    heads = ["model", asked.score.name, *further, "retention", "agreement"]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    for role in (TEACHER, BASELINE, STUDENT, ARTIFACT):
        models = [_model(run, role) for run in runs.values()]
        columns = [
            [model.score for model in models],
            *([_further(model, name) for model in models] for name in further),
            [model.retention for model in models],
            [model.agreement for model in models],
        ]
        cells = [_cell([None if one is None else one.value for one in column]) for column in columns]
        lines.append(f"| {models[0].name} | {' | '.join(cells)} |")
    return lines


def _model(run: Run, role: str) -> ModelScores:
    return next(model for model in run.verdict.models if model.name.startswith(role))


def _further(model: ModelScores, name: str) -> Score | None:
    return next((one.score for one in model.further if one.name == name), None)


def _cell(values: Sequence[float | None]) -> str:
    """The mean of the seeds, then each."""
    found = [value for value in values if value is not None]
    if not found:
        return wording.NOTHING
    each = "; ".join(wording.percent(value) for value in found)
    return f"**{wording.percent(float(np.mean(found)))}** ({each})"


if __name__ == "__main__":
    main()
