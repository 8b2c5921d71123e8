"""A toy problem to distil: a tiny teacher, a student of half its layers, and lessons of a few dozen texts."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from limbeck.distill import Lessons, Objective, Targets, TrainingPlan, targets_of
from limbeck.recipe.student import StudentTable
from limbeck.student import initialise
from limbeck.teacher.load import load_model
from limbeck.teacher.signals import Signals
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder
from small_run import LABELS, labelled_rows
from tiny import write_teacher

if TYPE_CHECKING:
    from transformers import PreTrainedModel

N_TRAIN, N_VALIDATION = 40, 16
PLAN = TrainingPlan(
    name="student",
    steps=10,
    batch_size=8,
    learning_rate=3e-3,
    warmup_share=0.1,
    weight_decay=0.01,
    max_gradient_norm=1.0,
    train_embeddings=False,
    frozen_layers=0,
    dropout=False,
    evaluate_every=4,
    patience=None,
    choose_by="agreement",
    checkpoint_seconds=1e-9,  # after every step
    seed=3,
)
SOFT = Objective({"soft_labels": 1.0, "true_labels": 0.1, "last_hidden": 1.0}, temperature=2.0)
LABELS_ALONE = Objective({"true_labels": 1.0})


class Toy:
    """The problem, made once; students are made anew for each training.

    Args:
        root: Folder to write the teacher to.
        family: The teacher's family.
        changes: Changes to its config.
    """

    def __init__(self, root: Path, *, family: str = "bert", **changes: Any) -> None:
        folder = write_teacher(root / "teacher", family=family, **changes)
        self.teacher: PreTrainedModel = load_model(folder, attention="eager").eval()
        self.encoder = TextEncoder(folder, max_tokens=32)
        rows = labelled_rows(N_TRAIN + N_VALIDATION)
        labels = np.array([LABELS.index(row["label"]) for row in rows], np.int64)
        self.examples = Examples(tuple(row["text"] for row in rows), None, labels, LABELS)
        self.signals = self._ask()
        self.lessons = self.lessons_with(self.signals)

    def student(self) -> "PreTrainedModel":
        """Half of the teacher's layers, untrained."""
        torch.manual_seed(0)
        return initialise(self.teacher, StudentTable(layers=2))

    def lessons_with(self, signals: Signals | None, *, validation_signals: Signals | None = None) -> Lessons:
        """The lessons, with other signals of the teacher or none."""
        judged_by = validation_signals or signals
        train, validation = range(N_TRAIN), range(N_TRAIN, N_TRAIN + N_VALIDATION)
        return Lessons(
            encoder=self.encoder,
            train=self.encoder.encode(self.examples.texts[:N_TRAIN]),
            train_targets=_targets(self.examples, signals, train),
            validation=self.encoder.encode(self.examples.texts[N_TRAIN:]),
            validation_targets=_targets(self.examples, judged_by, validation),
        )

    def contrary(self) -> Lessons:
        """Lessons whose validation texts want the opposite of what training teaches, so that training only harms."""
        wanted = self.lessons.validation_targets
        assert wanted.teacher_logits is not None
        assert wanted.labels is not None
        opposite = replace(wanted, teacher_logits=-wanted.teacher_logits, labels=1 - wanted.labels)
        return replace(self.lessons, validation_targets=opposite)

    def _ask(self) -> Signals:
        """The teacher's answers; its logits moved so that it says "positive" to half of the texts."""
        encoded = self.encoder.encode(self.examples.texts)
        logits, hidden = [], []
        for ids in encoded.ids:
            with torch.inference_mode():
                found = self.teacher(torch.tensor([ids]), output_hidden_states=True)
            logits.append(found.logits[0].numpy())
            hidden.append(found.hidden_states[-1][0, 0].numpy())
        answers = np.stack(logits)
        answers[:, 1] -= np.median(answers[:, 1] - answers[:, 0])
        return Signals(answers.astype(np.float32), np.stack(hidden).astype(np.float16))


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of all weights."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether all weights are equal to the bit."""
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def _targets(examples: Examples, signals: Signals | None, rows: range) -> Targets:
    chosen = list(rows)
    some = None if signals is None else Signals(signals.logits[chosen], signals.first_hidden[chosen])
    return targets_of(examples.take(chosen), some)
