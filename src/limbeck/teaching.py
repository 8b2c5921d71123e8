"""From a pretrained encoder and texts to a fine-tuned teacher, for those who have only these."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.ground import extras

extras.need("train", what="Teaching a teacher")

import numpy as np  # noqa: E402
import torch  # noqa: E402

from limbeck import data  # noqa: E402
from limbeck.distill import Objective, learn, lessons_of, teaching_plan  # noqa: E402
from limbeck.errors import LabelError  # noqa: E402
from limbeck.ground import files  # noqa: E402
from limbeck.ground.progress import SILENT, Progress  # noqa: E402
from limbeck.recipe.knobs import Recipe  # noqa: E402
from limbeck.records.run import TrainingRecord  # noqa: E402
from limbeck.records.run_folder import claimed  # noqa: E402
from limbeck.student import save_model  # noqa: E402
from limbeck.tasks import TASKS, Task  # noqa: E402
from limbeck.tasks.regression import spread_of  # noqa: E402
from limbeck.teacher.encoder import Encoder, load_encoder  # noqa: E402
from limbeck.text.examples import Examples, Parts  # noqa: E402
from limbeck.text.tokens import TOKENIZER_CONFIG_FILE, TOKENIZER_FILE  # noqa: E402
from limbeck.text.units import Ragged  # noqa: E402

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TEACHER_FOLDER = "teacher"


@dataclass(frozen=True)
class Taught:
    """A fine-tuned teacher.

    Args:
        folder: An ordinary Hugging Face model folder: what `compress` takes as its teacher.
        record: How it was trained; its curve holds the score on validation texts.
        task: What it was taught.
    """

    folder: Path
    record: TrainingRecord
    task: Task

    @property
    def validation_score(self) -> float:
        """The task's score (accuracy, F1, correlation) of the kept weights on validation texts."""
        return max(point.validation_score or 0.0 for point in self.record.curve)


def teach(
    encoder_source: str | Path,
    data_source: str | Path,
    *,
    out: str | Path,
    recipe: Recipe | None = None,
    progress: Progress = SILENT,
) -> Taught:
    """Fine-tune a pretrained encoder on labelled texts, stopping early on the validation part.

    For the task "fill-mask" texts without labels are enough: an encoder goes on learning to fill masks, or gets a head
    for it.

    The parts are those that `compress` makes of the same data, so that held-out texts stay unread here too.

    Args:
        encoder_source: A local folder or hub id of an encoder of a known family; a head that it has is replaced.
        data_source: As for `compress`, with labels where the task has any.
        out: Folder of the run: new, empty, or of this same run. The teacher is its subfolder `teacher`.
        recipe: Its tables data, teacher and teach, and the seed.
        progress: Told what goes on.

    Raises:
        LimbeckError: Whatever is wrong with what was given.
    """
    recipe = (recipe or Recipe()).settled("classification")
    with claimed(Path(out)) as folder:
        progress.say("Reading texts and encoder")
        tables = data.read_table(data_source, columns=recipe.data, task=recipe.task, progress=progress)
        parts = data.split(data.to_examples(tables, None, progress=progress), settings=recipe.data)
        for sentence in data.in_sentences(parts.leaks):
            progress.say(sentence)
        data.refuse_unanswerable(parts, recipe.data)
        if parts.train.labels is None:
            raise LabelError(
                f"{data_source} has no labels, and a teacher learns from labels.",
                hint="Name their column: --data.label NAME.",
            )
        encoder = load_encoder(
            encoder_source, settings=recipe.teacher, work=folder.work, task=recipe.task, data=recipe.data
        )
        folder.settle(_identity(encoder, parts, recipe))
        scale = _Scale.of(parts.train) if recipe.task == "regression" else _Scale()
        lessons = lessons_of(
            encoder.tokens,
            (scale.taken_off(parts.train), None),
            (scale.taken_off(parts.validation), None),
            task=recipe.task,
        )
        with folder.stage("teaching"):
            learned = learn(
                lambda: _with_new_head(encoder, parts, recipe),
                lessons,
                objective=Objective({"true_labels": 1.0}, task=recipe.task),
                plan=teaching_plan(recipe, n_texts=len(lessons.train.ids), hidden_size=encoder.hidden_size),
                work=folder.work,
                progress=progress,
            )
        target = folder.path / TEACHER_FOLDER
        with files.folder_written_whole(target) as temporary:
            save_model(scale.put_on(learned.model), temporary)
            for name in (TOKENIZER_FILE, TOKENIZER_CONFIG_FILE):
                source = encoder.tokenizer_folder / name
                if source.exists():
                    (temporary / name).write_bytes(source.read_bytes())
        return Taught(target, learned.record, TASKS[recipe.task])


@dataclass(frozen=True)
class _Scale:
    """Where numbers lie. A head starts near 0 with steps far below 1, and would not reach ratings about 1,000.

    So numbers are learned with a mean of 0 and a standard deviation of 1, and the head put on their scale afterwards.
    """

    mean: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, examples: Examples) -> "_Scale":
        """That of the numbers of these examples; labels that are no numbers have none."""
        labels = examples.labels
        if labels is None or isinstance(labels, Ragged) or labels.dtype.kind != "f":
            return cls()
        return cls(float(labels.mean()), spread_of(labels))

    def taken_off(self, examples: Examples) -> Examples:
        """The same examples, their numbers standardized."""
        if self == _Scale() or examples.labels is None or isinstance(examples.labels, Ragged):
            return examples
        return replace(examples, labels=(examples.labels.astype(np.float64) - self.mean) / self.spread)

    def put_on(self, model: "PreTrainedModel") -> "PreTrainedModel":
        """The model with its last linear layer changed to give numbers on this scale; changed in place."""
        if self == _Scale():
            return model
        *_, head = (module for module in model.modules() if isinstance(module, torch.nn.Linear))
        with torch.no_grad():
            head.weight.mul_(self.spread)
            head.bias.mul_(self.spread).add_(self.mean)
        return model


def _identity(encoder: Encoder, parts: Parts, recipe: Recipe) -> dict[str, object]:
    return {
        "encoder": encoder.fingerprint,
        "data": {"train": parts.train.fingerprint, "validation": parts.validation.fingerprint},
        "recipe": recipe.model_dump(mode="json", include={"seed", "task", "data", "teacher", "teach"}),
    }


def _with_new_head(encoder: Encoder, parts: Parts, recipe: Recipe) -> "PreTrainedModel":
    """The encoder with a head for these labels; only what the encoder lacks starts from noise, by the seed."""
    torch.manual_seed(recipe.seed)
    return encoder.with_head(parts.train.label_names, task=recipe.task)
