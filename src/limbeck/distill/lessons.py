"""What a training reads: tokens of texts, and what is wanted for each."""

from dataclasses import dataclass

import torch
from torch import Tensor

from limbeck.distill.inner import Inner
from limbeck.distill.live_teacher import LiveTeacher
from limbeck.examples import Examples
from limbeck.signals import Signals
from limbeck.tasks import TASKS, Task
from limbeck.tokens import EncodedTexts, TextEncoder


@dataclass(frozen=True)
class Targets:
    """What is wanted for each text; None where it is not known or not used.

    Args:
        teacher_logits: (n, classes) float32.
        teacher_hidden: (n, hidden) float16, the first token's state after the teacher's last layer.
        labels: (n,) int64 of classes, (n, labels) int8 of 0 and 1, or (n,) float64 numbers; `UNLABELLED` where nobody
            labelled a text.
        groups: (n,) int64, the query that each pair belongs to; None for single texts.
        inner: What the teacher computed on the way, made batch by batch.
        mask: (n, tokens) of the batch, where `inner` is.
    """

    teacher_logits: Tensor | None
    teacher_hidden: Tensor | None
    labels: Tensor | None
    groups: Tensor | None = None
    inner: Inner | None = None
    mask: Tensor | None = None

    def asked(self, task: str) -> Task:
        """The task by its name, ready to be measured on these texts."""
        return TASKS[task] if self.groups is None else TASKS[task].within(self.groups.numpy())

    def take(self, indices: Tensor, *, device: torch.device) -> "Targets":
        """The targets at `indices`, on a device."""

        def picked(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor[indices].to(device, non_blocking=True)

        return Targets(
            picked(self.teacher_logits), picked(self.teacher_hidden), picked(self.labels), picked(self.groups)
        )


@dataclass(frozen=True)
class Lessons:
    """Training and validation texts with their targets; and the teacher, where its hidden states are wanted."""

    encoder: TextEncoder
    train: EncodedTexts
    train_targets: Targets
    validation: EncodedTexts
    validation_targets: Targets
    live_teacher: LiveTeacher | None = None


def targets_of(examples: Examples, signals: Signals | None) -> Targets:
    """Targets from labels and, where a teacher was asked, from its signals."""
    hidden = None if signals is None else signals.first_hidden
    return Targets(
        teacher_logits=None if signals is None else torch.from_numpy(signals.logits),
        teacher_hidden=None if hidden is None else torch.from_numpy(hidden),
        labels=None if examples.labels is None else torch.from_numpy(examples.labels),
        groups=None if examples.text_pairs is None else torch.from_numpy(examples.groups),
    )


def lessons_of(
    encoder: TextEncoder,
    taught: tuple[Examples, Signals | None],
    validation: tuple[Examples, Signals],
    *,
    live_teacher: LiveTeacher | None = None,
) -> Lessons:
    """Texts and answers as a training reads them.

    Args:
        encoder: Texts -> tokens.
        taught: Texts to learn from, and the teacher's answers; None where labels alone teach.
        validation: Texts that choose the best weights, and the teacher's answers.
        live_teacher: Where its hidden states are wanted.
    """
    (train, signals), (compared, answers) = taught, validation
    return Lessons(
        encoder=encoder,
        train=encoder.encode(train.texts, train.text_pairs),
        train_targets=targets_of(train, signals),
        validation=encoder.encode(compared.texts, compared.text_pairs),
        validation_targets=targets_of(compared, answers),
        live_teacher=live_teacher,
    )
