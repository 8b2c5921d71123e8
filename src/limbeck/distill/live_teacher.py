"""The teacher beside the student: what it computes for every token, made as training goes: it would fill gigabytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from limbeck.distill.inner import Inner, queries_keys_values
from limbeck.encoder.families import FAMILIES, layer_count
from limbeck.encoder.heads import answers_in, asked_about
from limbeck.ground import machine
from limbeck.recipe.student import StudentTable
from limbeck.student import initialise
from limbeck.teacher.quick import bfloat16_copy
from limbeck.text.tokens import TokenBatch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from limbeck.distill.objective import Objective


@dataclass(frozen=True)
class LiveTeacher:
    """A teacher that is asked for what it computes on the way; and for its logits, where it computes up to its end.

    Args:
        model: Frozen, in evaluation mode, its matrices in bfloat16 where this machine has it in hardware; it ends with
            the deepest layer that is asked for.
        taken: Which teacher layer each student layer stands for, counted from 0.
        gives_states: Whether hidden states are asked for.
        gives_maps: Whether attention maps are.
        relation_layer: The layer whose queries, keys and values are asked for; None for none.
        gives_last: Whether the states behind the last layer are asked for, which a head for tokens reads.
        gives_logits: Whether the logits that count are.
    """

    model: "PreTrainedModel"
    taken: tuple[int, ...]
    gives_states: bool = True
    gives_maps: bool = False
    relation_layer: int | None = None
    gives_last: bool = False
    gives_logits: bool = False

    def inner(self, inputs: dict[str, Tensor], batch: TokenBatch) -> Inner:
        """What student layers should compute: hidden states behind, and attention in, the layers that they stand for.

        States of the last layer are left out where the head reads its first token only, which stands on disk: a student
        of few layers has no strength to spare for the others.

        Args:
            inputs: A batch as the model's forward takes it.
            batch: The same, with the tokens that are answered for.
        """
        half = machine.has_fast_bfloat16()
        device = inputs["input_ids"].device.type
        wanted = {"output_attentions": True} if self.gives_maps else {}
        with (
            queries_keys_values(self.model, self.relation_layer) as relations,
            asked_about(self.model, batch),
            torch.inference_mode(),
            torch.autocast(device, torch.bfloat16, enabled=half),
        ):
            found = self.model(**inputs, output_hidden_states=self.gives_states or self.gives_last, **wanted)
        return Inner(
            states=_own(found.hidden_states[layer + 1] for layer in self.taken[:-1]) if self.gives_states else (),
            maps=_own(found.attentions[layer] for layer in self.taken) if self.gives_maps else (),
            relations=_own(relations),
            last=_own(found.hidden_states[-1:])[0] if self.gives_last else None,
            logits=_own([answers_in(found, batch)])[0] if self.gives_logits else None,
        )


def _own(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """In float32, and free to take part in a training."""
    return tuple(tensor.float().clone() for tensor in tensors)


def live_teacher(
    teacher: "PreTrainedModel", *, taken: tuple[int, ...], objective: "Objective", relation_layer: int | None = None
) -> LiveTeacher:
    """The teacher's lower layers, as far up as they are asked for, quick to ask.

    Args:
        teacher: The whole teacher. It is not changed.
        taken: Which of its layers each student layer stands for, counted from 0.
        objective: What is asked for.
        relation_layer: Where relations are taken from; None takes the last layer.

    Raises:
        RecipeError: Relations are asked of a family that has none.
    """
    last = layer_count(teacher.config) - 1
    relations_at = (last if relation_layer is None else relation_layer) if objective.needs_relations else None
    asked = [
        *(taken[:-1] if objective.needs_states else ()),
        *(taken if objective.needs_maps else ()),
        *(() if relations_at is None else (relations_at,)),
        *((last,) if objective.needs_whole_teacher else ()),
    ]
    lower = initialise(teacher, StudentTable(take_layers=tuple(range(max(asked, default=0) + 1)))).eval()
    last_norm = FAMILIES[teacher.config.model_type].last_norm
    # It would change what the deepest layer left behind.
    if last_norm is not None and not objective.needs_whole_teacher:
        lower.set_submodule(last_norm, torch.nn.Identity())
    return LiveTeacher(
        bfloat16_copy(lower) if machine.has_fast_bfloat16() else lower,
        taken,
        gives_states=objective.needs_states,
        gives_maps=objective.needs_maps,
        relation_layer=relations_at,
        gives_last=objective.needs_last,
        gives_logits=objective.needs_logits,
    )
