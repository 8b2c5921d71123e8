"""The teacher's hidden states of every token, computed as training goes: for SST-2 alone they would fill gigabytes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from limbeck import machine
from limbeck.families import FAMILIES
from limbeck.student import initialise
from limbeck.student_table import StudentTable
from limbeck.teacher.quick import bfloat16_copy

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class LiveTeacher:
    """A teacher that is asked for hidden states only; its logits stand on disk.

    Args:
        model: Frozen, in evaluation mode, its matrices in bfloat16 where this machine has it in hardware; it ends with
            the deepest layer that is asked for.
        taken: Which teacher layer each student layer was taken from, counted from 0.
    """

    model: "PreTrainedModel"
    taken: tuple[int, ...]

    def states(self, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """What each student layer but the last should compute: the states behind the teacher layer that it stands for.

        The last layer is left out: the head reads its first token only, which stands on disk, and a student of few
        layers has no strength to spare for the others.

        Args:
            inputs: A batch as the model's forward takes it.

        Returns: One (batch, tokens, hidden) float32 tensor for each student layer but the last.
        """
        half = machine.has_fast_bfloat16()
        with torch.inference_mode(), torch.autocast(inputs["input_ids"].device.type, torch.bfloat16, enabled=half):
            found = self.model(**inputs, output_hidden_states=True).hidden_states
        return tuple(found[layer + 1].float().clone() for layer in self.taken[:-1])


def live_teacher(teacher: "PreTrainedModel", *, taken: tuple[int, ...]) -> LiveTeacher:
    """The teacher's lower layers, as far up as they are asked for, quick to ask for hidden states.

    Args:
        teacher: The whole teacher. It is not changed.
        taken: Which of its layers each student layer was taken from, counted from 0.
    """
    deepest = max(taken[:-1], default=0)
    lower = initialise(teacher, StudentTable(take_layers=tuple(range(deepest + 1)))).eval()
    last_norm = FAMILIES[teacher.config.model_type].last_norm
    if last_norm is not None:  # it would change what the deepest layer left behind
        lower.set_submodule(last_norm, torch.nn.Identity())
    return LiveTeacher(bfloat16_copy(lower) if machine.has_fast_bfloat16() else lower, taken)
