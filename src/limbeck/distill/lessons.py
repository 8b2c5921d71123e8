"""What a training reads: tokens of texts, and what is wanted for each."""

from dataclasses import dataclass

import torch
from torch import Tensor

from limbeck.examples import Examples
from limbeck.signals import Signals
from limbeck.tokens import EncodedTexts, TextEncoder


@dataclass(frozen=True)
class Targets:
    """What is wanted for each text; None where it is not known or not used.

    Args:
        teacher_logits: (n, classes) float32.
        teacher_hidden: (n, hidden) float16, the first token's state after the teacher's last layer.
        labels: (n,) int64.
    """

    teacher_logits: Tensor | None
    teacher_hidden: Tensor | None
    labels: Tensor | None

    def take(self, indices: Tensor, *, device: torch.device) -> "Targets":
        """The targets at `indices`, on a device."""
        picked = (
            None if tensor is None else tensor[indices].to(device, non_blocking=True)
            for tensor in (self.teacher_logits, self.teacher_hidden, self.labels)
        )
        return Targets(*picked)


@dataclass(frozen=True)
class Lessons:
    """Training and validation texts with their targets."""

    encoder: TextEncoder
    train: EncodedTexts
    train_targets: Targets
    validation: EncodedTexts
    validation_targets: Targets


def targets_of(examples: Examples, signals: Signals | None) -> Targets:
    """Targets from labels and, where a teacher was asked, from its signals."""
    return Targets(
        teacher_logits=None if signals is None else torch.from_numpy(signals.logits),
        teacher_hidden=None if signals is None else torch.from_numpy(signals.first_hidden),
        labels=None if examples.labels is None else torch.from_numpy(examples.labels),
    )
