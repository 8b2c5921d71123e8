"""What a trimmed vocabulary costs: finished students, trained whole, answer held-out texts with fewer and fewer rows.

Whole and trimmed students start from the same weights and read the same tokens in training, so the same student is
asked with both tokenizers. Runs that were themselves trained with a trimmed vocabulary are set beside them.

    python benchmarks/trimmed_vocabulary.py --teacher TEACHER --data DATA --whole RUN... --trimmed RUN... --result FILE
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from limbeck.encoder.origin import Origin
from limbeck.ground import machine, wording
from limbeck.recipe.knobs import Recipe
from limbeck.recipe.student import StudentTable
from limbeck.records.run import RunRecord
from limbeck.records.verdict import ARTIFACT, FLOAT_STUDENT
from limbeck.student import trimmed, vocabulary_of
from limbeck.student.trimmed import with_rows
from limbeck.teacher import float32_logits
from limbeck.teacher.load import load_model
from limbeck.text.examples import Examples
from limbeck.text.units import values_of
from limbeck.walk.asking import made_up
from limbeck.walk.starting import read_inputs

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Answers = NDArray[np.int64]


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--whole", nargs="+", type=Path, required=True, help="finished runs with the whole vocabulary")
    parser.add_argument("--trimmed", nargs="*", type=Path, default=[], help="finished runs with a trimmed one")
    parser.add_argument("--shares", nargs="+", type=float, default=[0.0, 0.1, 0.2, 0.33, 0.5])
    parser.add_argument("--result", type=Path, required=True)
    given = parser.parse_args()
    lines = [*_asked_with_fewer_rows(given), "", *_trained_with_fewer_rows(given.whole, given.trimmed), ""]
    lines += [f"- {name}: {value}" for name, value in machine.describe().items()]
    given.result.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _asked_with_fewer_rows(given: argparse.Namespace) -> list[str]:
    lines = [
        "| share | rows | gone | texts that come apart otherwise | tokens a text | unknown | accuracy | agreement |",
        "|---|---:|---:|---:|---:|---:|---|---|",
    ]
    with tempfile.TemporaryDirectory() as work:
        recipe = Recipe()
        inputs = read_inputs(given.teacher, given.data, recipe=recipe, work=Path(work))
        whole, parts = inputs.origin, inputs.parts
        recipe = recipe.settled(inputs.master.task)
        corpus = inputs.given.joined(made_up(inputs.master, parts, recipe))
        held_out = parts.held_out
        of_teacher = _classes(whole.model, whole, held_out)
        students = [load_model(run / "work" / "student").eval() for run in given.whole]
        before = [_shares(student, whole, held_out, of_teacher) for student in students]
        for share in given.shares:
            wanted = StudentTable(vocabulary="trimmed", vocabulary_share=share)
            origin = trimmed(whole, wanted, corpus=corpus, work=Path(work))
            told = vocabulary_of(origin, held_out)
            assert told is not None
            kept = json.loads((origin.tokenizer_folder / "vocabulary.json").read_text())["kept"]
            after = [_shares(with_rows(student, kept), origin, held_out, of_teacher) for student in students]
            changes = np.array(after) - np.array(before)
            lines.append(
                f"| {share:g} | {told.rows:,} | {wording.percent(1 - told.rows / told.rows_before)} "
                f"| {told.n_changed} of {told.n_held_out:,} | {told.after.tokens_per_text:.2f} "
                f"| {wording.percent(told.after.unknown_share, decimals=2)} "
                f"| {_points(changes[:, 0])} | {_points(changes[:, 1])} |"
            )
    return lines


def _shares(model: "PreTrainedModel", origin: Origin, held_out: Examples, of_teacher: Answers) -> tuple[float, float]:
    """Accuracy and agreement."""
    answers = _classes(model, origin, held_out)
    return float((answers == held_out.labels).mean()), float((answers == of_teacher).mean())


def _classes(model: "PreTrainedModel", origin: Origin, texts: Examples) -> Answers:
    """The class that a model answers each text with, which it reads by the origin's tokenizer."""
    logits = values_of(float32_logits(model, origin.encoder, texts.texts, texts.text_pairs))
    found: Answers = logits.argmax(axis=1)
    return found


def _points(changes: NDArray[np.float64]) -> str:
    each = "; ".join(wording.signed(100 * change, decimals=2) for change in changes)
    return f"**{wording.signed(100 * changes.mean(), decimals=2)}** ({each})"


def _trained_with_fewer_rows(whole: Sequence[Path], fewer: Sequence[Path]) -> list[str]:
    lines = [
        "| run | rows | student (float32): accuracy | agreement | artifact (int8): accuracy | agreement | size |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for run in (*whole, *fewer):
        told = RunRecord.from_json(json.loads((run / "run.json").read_text(encoding="utf-8")))
        student = next(model for model in told.verdict.models if model.name == FLOAT_STUDENT)
        artifact = next(model for model in told.verdict.models if model.name.startswith(ARTIFACT))
        cells = [
            "–" if score is None else wording.percent(score.value, decimals=2)
            for model in (student, artifact)
            for score in (model.score, model.agreement)
        ]
        lines.append(
            f"| {'whole' if told.vocabulary is None else 'trimmed'}, seed {told.recipe['seed']} | "
            f"{told.shapes['student']['vocabulary']:,} | {' | '.join(cells)} | {wording.size(artifact.size_bytes)} |"
        )
    same = [
        _same_but_for_rows(one, other)
        for one, other in zip(whole, fewer, strict=False)
        if (one / "work/student").exists() and (other / "work/student").exists()
    ]
    return [*lines, "", f"Largest difference of a weight beside the rows, run by run: {same}"]


def _same_but_for_rows(whole: Path, trimmed: Path) -> float:
    """The largest difference between two students' weights, of the tables only the rows that both have left out."""
    from safetensors.numpy import load_file

    one, other = (load_file(run / "work/student/model.safetensors") for run in (whole, trimmed))
    return max(float(np.abs(one[name] - other[name]).max()) for name in one if one[name].shape == other[name].shape)


if __name__ == "__main__":
    main()
