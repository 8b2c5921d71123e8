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
from limbeck.student.origin import with_rows
from numpy.typing import NDArray

from limbeck import machine, pipeline, wording
from limbeck.examples import Examples
from limbeck.recipe import Recipe, StudentTable
from limbeck.student import Origin, origin_of
from limbeck.teacher.load import float32_logits, load_model

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
        inputs = pipeline.read_inputs(given.teacher, given.data, recipe=recipe, work=Path(work))
        master, parts = inputs.master, inputs.parts
        whole = Origin(master.model, master.encoder, master.tokenizer_folder)
        corpus = parts.train.joined(pipeline._made_up(parts, recipe))  # noqa: SLF001  (the walk's own corpus)
        held_out, texts = parts.held_out, parts.held_out.texts
        of_teacher = float32_logits(master.model, master.encoder, texts, held_out.text_pairs).argmax(axis=1)
        students = [load_model(run / "work" / "student").eval() for run in given.whole]
        before = [_shares(student, whole, held_out, of_teacher) for student in students]
        for share in given.shares:
            wanted = StudentTable(vocabulary="trimmed", vocabulary_share=share)
            origin = origin_of(whole, wanted, corpus=corpus, work=Path(work))
            told = origin.told(held_out)
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
    answers = float32_logits(model, origin.encoder, held_out.texts, held_out.text_pairs).argmax(axis=1)
    return float((answers == held_out.labels).mean()), float((answers == of_teacher).mean())


def _points(changes: NDArray[np.float64]) -> str:
    each = "; ".join(wording.signed(100 * change, decimals=2) for change in changes)
    return f"**{wording.signed(100 * changes.mean(), decimals=2)}** ({each})"


def _trained_with_fewer_rows(whole: Sequence[Path], trimmed: Sequence[Path]) -> list[str]:
    lines = [
        "| run | rows | student (float32): accuracy | agreement | artifact (int8): accuracy | agreement | size |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for run in (*whole, *trimmed):
        told = json.loads((run / "run.json").read_text(encoding="utf-8"))
        found = {model["name"]: model for model in told["verdict"]["models"]}
        student, artifact = found["student (float32)"], found["artifact (int8)"]
        cells = [
            wording.percent(model[measure]["value"], decimals=2)
            for model in (student, artifact)
            for measure in ("score", "agreement")
        ]
        vocabulary = told.get("vocabulary")
        kind = "whole" if vocabulary is None else "trimmed"
        lines.append(
            f"| {kind}, seed {told['recipe']['seed']} | {told['shapes']['student']['vocabulary']:,} | "
            f"{' | '.join(cells)} | {wording.size(artifact['size_bytes'])} |"
        )
    same = [
        _same_but_for_rows(one, other)
        for one, other in zip(whole, trimmed, strict=False)
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
