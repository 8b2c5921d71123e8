"""How fast are labelling and training? Against a plain PyTorch loop, and against `transformers.Trainer`.

    python benchmarks/training_speed.py --teacher TEACHER --data DATA [--texts 8000] [--rounds 3]

Labelling: limbeck's (signals on disk included) against the best plain loop (bfloat16 autocast, sorted by length, with
batches of the same token budget, answers kept in memory). Training: the same student on the same labelled texts, in
bfloat16, batches of 64: limbeck's loop and distillation objective against Trainer and its default collator. Trainer
trains all parameters; limbeck leaves the embeddings and the lowest layers as they are, and trains all in a side of its
own. In turns.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from asked_and_told import flags, origin, tell
from datasets import Dataset
from transformers import AutoTokenizer, Trainer, TrainingArguments

from limbeck import data, student, teacher
from limbeck.distill import learn, lessons_of
from limbeck.ground import machine
from limbeck.recipe.knobs import Recipe
from limbeck.teacher.load import EncoderTeacher, load_model, model_inputs
from limbeck.teacher.signals import SignalStore
from limbeck.text.batching import by_length
from limbeck.text.examples import Examples
from limbeck.walk import shaping

_BATCH_TEXTS = 64


def main() -> None:
    """Time both pairs in turns and print the medians as Markdown."""
    parser = flags(__doc__, name="the data")
    parser.add_argument("--texts", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    usual = _recipe({})
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        master = teacher.load_teacher(options.teacher, settings=usual.teacher, max_tokens=128, work=work)
        on_disk: dict[str, object] = {"weights": {"layer_hidden": 0}}
        states, disk, every = (
            _recipe(changes).settled(master.task)
            for changes in ({}, on_disk, on_disk | {"train_embeddings": True, "train_lowest": True})
        )
        given = data.to_examples(data.read_table(options.data, columns=usual.data), master.label_names)
        parts = data.split(given, settings=usual.data)
        texts = parts.train.take(range(min(options.texts, len(parts.train))))
        few = parts.validation.take(range(min(64, len(parts.validation))))
        sides: dict[str, Callable[[], object]] = {
            "labelling, limbeck": lambda: _label(master, texts, usual, work),
            "labelling, plain PyTorch loop": lambda: _plain_labels(master, texts),
            "training, limbeck, answers on disk": lambda: _train(master, texts, few, disk, work),
            "training, limbeck, layer states too": lambda: _train(master, texts, few, states, work),
            "training, limbeck, answers on disk, all parameters": lambda: _train(master, texts, few, every, work),
            "training, transformers.Trainer": lambda: _trainer(master, texts, disk, work),
        }
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(options.rounds):
            for name, run in sides.items() if number % 2 == 0 else reversed(sides.items()):
                seconds = run()
                rates[name].append(len(texts) / float(seconds))  # type: ignore[arg-type]
                print(f"{name}: {rates[name][-1]:.0f} texts/s", flush=True)
    tell(_page(rates, options), options)


def _recipe(changes: dict[str, object]) -> Recipe:
    return Recipe.from_dict({"distill": {"epochs": 1, "evaluations": 1, "batch_size": _BATCH_TEXTS, **changes}})


def _label(master: EncoderTeacher, texts: Examples, recipe: Recipe, work: Path) -> float:
    with tempfile.TemporaryDirectory(dir=work) as root:
        store = SignalStore(Path(root), teacher.signals_key(master, precision="bfloat16"))
        start = time.perf_counter()
        teacher.label(master, texts, store, settings=recipe.teacher)
        return time.perf_counter() - start


def _plain_labels(master: EncoderTeacher, texts: Examples) -> float:
    start = time.perf_counter()
    encoded = master.encoder.encode(texts.texts, texts.text_pairs)
    kept = []
    for batch in by_length(encoded.lengths, max_tokens=4096, max_texts=256):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            output = master.model(**model_inputs(master.model, master.encoder.pad(encoded, batch)))
            kept.append(output.logits.float())
    return time.perf_counter() - start


def _train(master: EncoderTeacher, texts: Examples, few: Examples, recipe: Recipe, work: Path) -> float:
    with tempfile.TemporaryDirectory(dir=work) as folder:
        root = Path(folder)
        store = SignalStore(root, teacher.signals_key(master, precision="bfloat16"))
        for examples in (texts, few):
            teacher.label(master, examples, store, settings=recipe.teacher)
        start = time.perf_counter()
        shaped = shaping.sketched(teacher.origin_of(master, recipe, work=root), recipe)
        objective = shaping.planned_objective(shaped.origin, texts, recipe)
        lessons = lessons_of(
            shaped.origin.encoder,
            (texts, store.read(texts.text_fingerprints)),
            (few, store.read(few.text_fingerprints)),
            task=master.task,
            live_teacher=shaped.live_teacher(objective, recipe),
        )
        learn(shaped.build, lessons, objective=objective, plan=shaped.plan(recipe, n_texts=len(texts)), work=root)
        return time.perf_counter() - start


def _trainer(master: EncoderTeacher, texts: Examples, recipe: Recipe, work: Path) -> float:
    with tempfile.TemporaryDirectory(dir=work) as folder:
        root = Path(folder)
        student.save_model(student.initialise(master.model, recipe.student), root)
        model = load_model(root)
        tokenizer = AutoTokenizer.from_pretrained(master.tokenizer_folder)
        settings = TrainingArguments(
            output_dir=str(root / "out"),
            per_device_train_batch_size=_BATCH_TEXTS,
            num_train_epochs=1,
            bf16=machine.has_fast_bfloat16(),
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            logging_strategy="no",
        )
        start = time.perf_counter()
        assert texts.labels is not None
        pairs = None if texts.text_pairs is None else list(texts.text_pairs)
        encoded = tokenizer(list(texts.texts), pairs, truncation=True, max_length=128)
        rows = Dataset.from_dict({**encoded, "labels": texts.labels.tolist()})
        Trainer(model=model, args=settings, train_dataset=rows, processing_class=tokenizer).train()
        return time.perf_counter() - start


def _page(rates: dict[str, list[float]], options: argparse.Namespace) -> str:
    medians = {name: statistics.median(found) for name, found in rates.items()}
    names = list(rates)
    introduction = (
        f"{options.texts} training texts, {options.rounds} rounds in turns, {torch.get_num_threads()} threads, "
        "bfloat16 on both sides. limbeck's include tokenization, signals on disk, one evaluation and the saved model."
    )
    ratios = (
        f"Labelling: {medians[names[0]] / medians[names[1]]:.2f}× the plain loop. "
        f"Training: {medians[names[2]] / medians[names[5]]:.2f}× Trainer with the answers on disk, "
        f"{medians[names[3]] / medians[names[5]]:.2f}× with the teacher's layer states beside it, "
        f"{medians[names[4]] / medians[names[5]]:.2f}× where all parameters are trained, as Trainer does."
    )
    command = "python benchmarks/training_speed.py --teacher TEACHER --data DATA"
    lines = [f"# Speed of labelling and training on {options.name}", "", introduction, ""]
    lines += ["| side | texts/s, median (least–most) |", "|---|---|"]
    lines += [f"| {name} | {medians[name]:.0f} ({min(found):.0f}–{max(found):.0f}) |" for name, found in rates.items()]
    lines += ["", ratios, *origin(f"{command} --texts {options.texts} --rounds {options.rounds}")]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
