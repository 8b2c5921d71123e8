"""A small whole walk: labelled texts, a tiny teacher taught on them, and a finished run of `compress`."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.recipe.knobs import Recipe
from tiny import WORDS, write_teacher

if TYPE_CHECKING:
    from limbeck.pipeline import Run

LABELS = ("negative", "positive")
TELLING = {"negative": ("awful", "bad", "hate"), "positive": ("good", "great", "love")}
NEUTRAL = [word for word in WORDS if word not in {*TELLING["negative"], *TELLING["positive"]}]
N_TEXTS = 160
SETTINGS: dict[str, Any] = {
    "teach": {"epochs": 12, "patience": 12, "batch_size": 16, "learning_rate": 3e-3},
    "teacher": {"precision": "float32"},
    "distill": {
        "epochs": 10,
        "evaluations": 3,
        "augment": 1.0,
        "batch_size": 32,
        "learning_rate": 3e-3,
        "checkpoint_seconds": 0.001,
    },
    "verify": {
        "timing_texts": 4,
        "timing_rounds": 1,
        "bootstrap_samples": 200,
        "threads": 1,
        "fresh_starts": 0,
        "pytorch_texts": 15,  # fewer than are held out, as with any real data
        "robustness_texts": 15,
    },
}
RECIPE = Recipe.from_dict(SETTINGS)
FLAGS = [
    word
    for table, keys in SETTINGS.items()
    for key, value in keys.items()
    for word in (f"--{table}.{key}", str(value))
]  # fmt: skip


@dataclass(frozen=True)
class SmallRun:
    """What a finished walk leaves: its inputs and its run.

    Args:
        encoder: The untaught encoder.
        teacher: The teacher made of it.
        data: The labelled texts, one file.
        signals: Where the teacher's answers lie.
        run: What `compress` gave.
    """

    encoder: Path
    teacher: Path
    data: Path
    signals: Path
    run: "Run"


def labelled_rows(n: int = N_TEXTS, *, seed: int = 0) -> list[dict[str, str]]:
    """Different texts of a few words, one of which tells the label."""
    draw = random.Random(seed)
    rows: dict[str, str] = {}
    while len(rows) < n:
        label = LABELS[len(rows) % 2]
        words = [*draw.choices(NEUTRAL, k=draw.randint(2, 9)), draw.choice(TELLING[label])]
        draw.shuffle(words)
        rows.setdefault(" ".join(words), label)
    return [{"text": text, "label": label} for text, label in rows.items()]


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def small_run(root: Path, *, labels: Sequence[str] = LABELS) -> SmallRun:
    """Teach a tiny teacher and compress it; seconds of work."""
    from limbeck.pipeline import compress
    from limbeck.teaching import teach

    encoder = write_teacher(root / "encoder", labels=labels)
    data = write_rows(root / "texts.jsonl", labelled_rows())
    taught = teach(encoder, data, out=root / "taught", recipe=RECIPE)
    run = compress(taught.folder, data, out=root / "run", recipe=RECIPE, signals=root / "signals")
    return SmallRun(encoder, taught.folder, data, root / "signals", run)
