"""Reranking on real questions: SQuAD, the sentence that holds the answer among four others of its paragraph.

Teaches a reranker from a pretrained encoder, distils a student of three layers, and writes the table. Paragraphs, not
only questions, are parted, so that no held-out sentence is read in training.

    python benchmarks/reranking.py --encoder ENCODER --squad train.json --out runs/reranking --result FILE
"""

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.cli.console import ConsoleProgress
from limbeck.ground import fingerprint, machine, wording
from limbeck.pipeline import Run, compress
from limbeck.recipe.knobs import Recipe
from limbeck.records.score import Score
from limbeck.tasks import TASKS
from limbeck.teaching import teach

N_PASSAGES = 5
SHARES = {"train": 0.65, "validation": 0.1, "test": 0.25}
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'])")
_WORD = re.compile(r"\w+")

Row = dict[str, Any]


def main() -> None:
    """Teach, distil, judge, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--squad", type=Path, required=True, help="train.json, as SQuAD 1.1 has it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=700)
    parser.add_argument("--margins", nargs="+", type=float, default=[1.0], help="weights of the margins, a run each")
    parser.add_argument("--numbers", nargs="+", type=float, default=[1.0], help="weights of the scores themselves")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    parts = _parts(given.squad, n_questions=given.questions)
    folder = given.out / "data"
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    progress = ConsoleProgress()
    settings = {
        "task": "reranking",
        "seed": given.seed,
        "teach": {"epochs": 3},
        "student": {"layers": 3},
        "distill": {"epochs": 3, "augment": 1},
        "verify": {"threads": 1},
    }
    taught = teach(
        given.encoder, folder, out=given.out / "taught", recipe=Recipe.from_dict(settings), progress=progress
    )
    runs = {}
    for numbers in given.numbers:
        for margins in given.margins:
            weights = {"soft_labels": numbers, "margins": margins}
            recipe = Recipe.from_dict(settings | {"distill": {**settings["distill"], "weights": weights}})
            name = f"scores {numbers:g}, margins {margins:g}"
            runs[name] = compress(
                taught.folder, folder, out=given.out / name.replace(" ", "-").replace(",", ""), recipe=recipe,
                signals=given.out / "signals", progress=progress,
            )  # fmt: skip
            given.result.write_text("\n".join(_told(parts, runs)) + "\n", encoding="utf-8")


def _parts(squad: Path, *, n_questions: int) -> dict[str, list[Row]]:
    """Rows of each part; a hash of the paragraph decides on the part, another one of the question on its turn."""
    found: dict[str, list[Row]] = {name: [] for name in SHARES}
    questions = sorted(_questions(squad), key=lambda one: fingerprint.of_content(one["rows"][0]["query"]))
    for question in questions[:n_questions]:
        place = int(fingerprint.of_content(question["paragraph"])[:8], 16) / 16**8
        part = "train" if place < SHARES["train"] else "validation" if place < 1 - SHARES["test"] else "test"
        found[part] += question["rows"]
    return found


def _questions(squad: Path) -> Iterator[Row]:
    """Questions whose paragraph has enough sentences, each with the one of its answer and four others."""
    for article in json.loads(squad.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            starts = [0, *(match.end() for match in _SENTENCE.finditer(context))]
            sentences = [context[start:stop].strip() for start, stop in zip(starts, [*starts[1:], None], strict=True)]
            if len(set(sentences)) < N_PASSAGES:
                continue
            for asked in paragraph["qas"]:
                first = asked["answers"][0]["answer_start"]
                right = max(number for number, start in enumerate(starts) if start <= first)
                others = [one for one in dict.fromkeys(sentences) if one != sentences[right]]
                draw = random.Random(asked["question"])
                chosen = [sentences[right], *draw.sample(others, min(len(others), N_PASSAGES - 1))]
                rows = [
                    {"query": asked["question"], "passage": passage, "relevance": int(number == 0)}
                    for number, passage in enumerate(chosen)
                ]
                draw.shuffle(rows)
                yield {"paragraph": context, "rows": rows}


def _told(parts: dict[str, list[Row]], runs: dict[str, Run]) -> list[str]:
    lines = [
        f"- {name}: {len({row['query'] for row in rows}):,} questions, {len(rows):,} passages"
        for name, rows in parts.items()
    ]
    lines += [
        "",
        "| objective | model | nDCG@10 | retention | agreement | same first passage | size |",
        "|---|---|---|---|---|---|---:|",
        f"| | words in common | {wording.percent(_words_in_common(parts['test']))} | | | | |",
    ]
    for number, (name, run) in enumerate(runs.items()):
        for model in run.verdict.models:
            if model.name.startswith("teacher") and number:
                continue
            first = next((one.score for one in model.further), None)
            cells = [model.score, model.retention, model.agreement, first]
            lines.append(
                f"| {name} | {model.name} | {' | '.join(map(_cell, cells))} | {wording.size(model.size_bytes)} |"
            )
    for name, run in runs.items():
        lines += ["", f"{name}: {run.verdict.sentence} {run.verdict.gain.sentence if run.verdict.gain else ''}"]
    last = next(reversed(runs.values()))
    seconds = ", ".join(f"{stage} {time:.0f}" for stage, time in last.record.seconds.items())
    return [*lines, "", f"Seconds of the last run: {seconds}.", "",
            *(f"- {name}: {value}" for name, value in machine.describe().items())]  # fmt: skip


def _words_in_common(rows: list[Row]) -> float:
    """What counting the words that question and sentence share comes to."""
    scores = [
        len({*map(str.casefold, _WORD.findall(row["query"]))} & {*map(str.casefold, _WORD.findall(row["passage"]))})
        for row in rows
    ]
    numbers: dict[str, int] = {}
    groups = np.array([numbers.setdefault(row["query"], len(numbers)) for row in rows])
    grades = np.array([row["relevance"] for row in rows])
    return TASKS["reranking"].within(groups).score_of(np.array(scores, np.float64)[:, None], grades).value


def _cell(score: Score | None) -> str:
    if score is None:
        return wording.NOTHING
    return f"{wording.percent(score.value)} ({wording.percent_range(score.interval.low, score.interval.high)})"


if __name__ == "__main__":
    main()
