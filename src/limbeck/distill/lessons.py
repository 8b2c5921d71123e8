"""What a training reads: tokens of texts, and what is wanted for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck.distill.inner import Inner
from limbeck.distill.live_teacher import LiveTeacher
from limbeck.errors import SignalsError
from limbeck.tasks import TASKS, Task
from limbeck.teacher.signals import Signals
from limbeck.text.examples import Examples, Labels
from limbeck.text.tokens import EncodedTexts, Ids, TextEncoder, TokenBatch
from limbeck.text.units import UnitLogits, Units, values_of
from limbeck.text.windows import Reads

_HIDING = 0x4D41
"""Parts this chance from that of a training's order, which comes from the same seed."""


@dataclass(frozen=True)
class Targets:
    """What is wanted for each answer, of texts or of their units; None where it is not known or not used.

    Args:
        teacher_logits: (n, classes) float32.
        teacher_hidden: (n, hidden) float16, the first token's state after the teacher's last layer.
        labels: (n,) int64 of classes, (n, labels) int8 of 0 and 1, (n,) float64 numbers, or (n, 2) float32 shares of an
            answer's ends; `UNLABELLED` where nobody labelled a text.
        groups: (n,) int64, the query that each pair belongs to, where rows are grouped by one.
        inner: What the teacher computed on the way, made batch by batch. Where tokens are hidden anew in each pass,
            its logits and what stood there are made so too.
        mask: (n, tokens) of the batch, where `inner` is.
        rows: (n,) the window of the batch that each unit is in; None where each text has one answer.
    """

    teacher_logits: Tensor | None
    teacher_hidden: Tensor | None
    labels: Tensor | None
    groups: Tensor | None = None
    inner: Inner | None = None
    mask: Tensor | None = None
    rows: Tensor | None = None

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
    """Training and validation texts with their targets; and the teacher, where its hidden states are wanted.

    Args:
        encoder: Texts -> tokens.
        train: What is learned from.
        train_targets: A row for each answer that a model gives to it.
        validation: What chooses the best weights.
        validation_targets: As `train_targets`.
        live_teacher: What computes as training goes.
        validation_labels: As `Examples` has them, to score by; None where nobody labelled any.
    """

    encoder: TextEncoder
    train: EncodedTexts
    train_targets: Targets
    validation: EncodedTexts
    validation_targets: Targets
    live_teacher: LiveTeacher | None = None
    validation_labels: Labels | None = None

    def batch(self, rows: Sequence[int] | Ids, *, chance: Sequence[int]) -> TokenBatch:
        """Training texts as one batch; where tokens are to be guessed, some are hidden.

        Args:
            rows: Which.
            chance: Whole numbers that which tokens are hidden depends on.
        """
        padded = self.encoder.pad(self.train, rows)
        if self.encoder.rules.reads is not Reads.MASKS:
            return padded
        return padded.with_hidden(self.encoder.masking, np.random.default_rng([*chance, _HIDING]))


Answered = tuple[Examples, Signals | None]
"""Texts, and what the teacher said about them, where it was asked."""


def lessons_of(
    encoder: TextEncoder,
    train: Answered,
    validation: Answered,
    *,
    task: str,
    live_teacher: LiveTeacher | None = None,
) -> Lessons:
    """What a model learns from and is chosen by.

    Args:
        encoder: Texts -> tokens.
        train: Texts to learn from.
        validation: Texts to choose by.
        task: What is asked.
        live_teacher: Where the teacher's hidden states are wanted.

    Raises:
        SignalsError: The teacher answered for other units of the texts than the student does.
    """
    read = encoder.to_learn_from(train[0].texts, train[0].text_pairs)
    chosen_by = encoder.encode(validation[0].texts, validation[0].text_pairs)
    return Lessons(
        encoder,
        read,
        targets_of(*train, encoded=read, task=task),
        chosen_by,
        targets_of(*validation, encoded=chosen_by, task=task),
        live_teacher,
        validation_labels=validation[0].labels,
    )


def targets_of(
    examples: Examples, signals: Signals | None, *, encoded: EncodedTexts | None = None, task: str = "classification"
) -> Targets:
    """Targets from labels and, where a teacher was asked, from its signals.

    Args:
        examples: The texts.
        signals: The teacher's answers to them, or None.
        encoded: The same texts as the student reads them; None where it answers once a text.
        task: What is asked.

    Raises:
        SignalsError: As `lessons_of`.
    """
    reading = None if encoded is None else encoded.reading
    units = None if reading is None else reading.units
    if TASKS[task].taught_live:
        labels = None if reading is None or reading.hidden is None else reading.hidden.values
    else:
        labels = None if examples.labels is None else TASKS[task].targets(examples.labels, units)
    logits = hidden = None
    if signals is not None:
        logits, hidden = _answers_at(signals, units), signals.first_hidden
    tensors = [None if given is None else torch.from_numpy(given) for given in (logits, hidden, labels)]
    groups = None
    if examples.text_pairs is not None and TASKS[task].groups_rows:
        groups = torch.from_numpy(examples.groups)
    return Targets(tensors[0], tensors[1], tensors[2], groups)


def _answers_at(signals: Signals, units: Units | None) -> NDArray[np.floating]:
    """The teacher's answers for what the student reads, in its order."""
    if units is None:
        return values_of(signals.logits)
    found = signals.logits.at(units) if isinstance(signals.logits, UnitLogits) else None
    if found is None:
        raise SignalsError(
            "The teacher answered for other words or tokens than the student reads: their tokenizers part these texts "
            "differently, or the teacher read less of them.",
            hint="Keep the teacher's tokenizer and vocabulary, and a length limit that it can read.",
        )
    return found.values
