"""What a general encoder is worth: fine-tuned on labelled texts beside the same layers that no general training saw.

    python benchmarks/general_encoder.py --general ARTIFACT --encoders TEACHER ENCODER --layers 0 2 5 --data DATA \
        --out RUNS --result FILE [--epochs N]

All are fine-tuned by `limbeck teach` with the same settings and seeds, and judged on the held-out part of the data.
"""

import argparse
from pathlib import Path

from limbeck import data
from limbeck.evaluate.scores import Doubt, of_one
from limbeck.ground import files, machine, wording
from limbeck.recipe.knobs import Recipe, TeacherTable
from limbeck.recipe.student import StudentTable
from limbeck.student import initialise, save_model
from limbeck.tasks import TASKS
from limbeck.teacher import float32_logits, load_teacher
from limbeck.teacher.encoder import load_encoder
from limbeck.teaching import teach
from limbeck.text.tokens import TOKENIZER_CONFIG_FILE, TOKENIZER_FILE


def main() -> None:
    """Fine-tune what is not fine-tuned yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--general", required=True, help="a fill-mask artifact")
    parser.add_argument("--encoders", nargs="+", required=True, help="whose layers to compare with, as they stand")
    parser.add_argument("--layers", nargs="+", type=int, required=True, help="the layers that its student was made of")
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", nargs="+", type=int, default=[3])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--result", type=Path, required=True)
    given = parser.parse_args()
    encoders = {"the general student": Path(given.general)}
    for number, source in enumerate(given.encoders, start=1):
        encoders[f"layers of encoder {number}"] = _cut(source, given.layers, given.out / f"cut-{number}")
    lines = ["| starts from | passes | accuracy |", "|---|---:|---|"]
    for epochs in given.epochs:
        for name, folder in encoders.items():
            cells = [_accuracy(folder, given, seed, epochs=epochs, name=name) for seed in given.seeds]
            lines.append(f"| {name} | {epochs} | {'; '.join(cells)} |")
    lines += ["", *(f"- {name}: {value}" for name, value in machine.describe().items())]
    given.result.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cut(source: str, layers: list[int], folder: Path) -> Path:
    """An encoder of some layers of another, as it stands: with a masked language model's head, which nobody reads."""
    if not folder.exists():
        found = load_encoder(source, settings=TeacherTable(), work=folder.parent / "work", task="fill-mask")
        model = initialise(found.with_head((), task="fill-mask"), StudentTable(take_layers=tuple(layers)))
        with files.folder_written_whole(folder) as temporary:
            save_model(model, temporary)
            for name in (TOKENIZER_FILE, TOKENIZER_CONFIG_FILE):
                if (found.tokenizer_folder / name).exists():
                    (temporary / name).write_bytes((found.tokenizer_folder / name).read_bytes())
    return folder


def _accuracy(encoder: Path, given: argparse.Namespace, seed: int, *, epochs: int, name: str) -> str:
    recipe = Recipe.from_dict({"seed": seed, "task": "classification", "teach": {"epochs": epochs, "patience": epochs}})
    out = given.out / f"{name.replace(' ', '-')}-{epochs}-{seed}"
    taught = teach(encoder, given.data, out=out, recipe=recipe)
    model = load_teacher(taught.folder, settings=recipe.teacher, work=out / "work", data=recipe.data)
    tables = data.read_table(given.data, columns=recipe.data, task=recipe.task)
    held_out = data.split(data.to_examples(tables, model.label_names), settings=recipe.data).held_out
    logits = float32_logits(model.model, model.encoder, held_out.texts)
    assert held_out.labels is not None
    found = of_one(TASKS[recipe.task].score_of(logits, held_out.labels), Doubt(0.95, 2000, seed))
    return f"{wording.percent(found.value)} ({wording.percent_range(found.interval.low, found.interval.high)})"


if __name__ == "__main__":
    main()
