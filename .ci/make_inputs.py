"""Writes a tiny teacher and texts labelled by it into a folder: what the wheel step makes its artifact of."""

import json
import random
import sys
from pathlib import Path

from limbeck.recipe.knobs import TeacherTable
from limbeck.teacher.load import load_teacher
from tiny import WORDS, write_teacher

N_TEXTS = 400
N_HELD_OUT = 100


def main(folder: Path) -> None:
    """Write teacher/, texts.jsonl, held_out.jsonl and texts.txt."""
    draw = random.Random(0)
    drawn = (" ".join(draw.choices(WORDS, k=draw.randint(2, 12))) for _ in range(2 * N_TEXTS))
    texts = list(dict.fromkeys(drawn))[:N_TEXTS]
    write_teacher(folder / "teacher", labels=("no", "yes"))
    teacher = load_teacher(folder / "teacher", settings=TeacherTable(), max_tokens=64, work=folder)
    logits = teacher.logits(texts)
    middle = float(sorted(logits[:, 1] - logits[:, 0])[N_TEXTS // 2])  # both labels, equally often
    rows = [
        json.dumps({"text": text, "label": "yes" if one[1] - one[0] > middle else "no"})
        for text, one in zip(texts, logits, strict=True)
    ]
    (folder / "texts.jsonl").write_text("\n".join(rows[N_HELD_OUT:]) + "\n", encoding="utf-8")
    (folder / "held_out.jsonl").write_text("\n".join(rows[:N_HELD_OUT]) + "\n", encoding="utf-8")
    (folder / "texts.txt").write_text("\n".join(texts[:N_HELD_OUT]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
