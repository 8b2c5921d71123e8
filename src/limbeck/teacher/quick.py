"""A copy of a frozen model that computes faster: its matrices in bfloat16, for hardware that multiplies in it."""

import copy
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def bfloat16_copy(model: "PreTrainedModel") -> "PreTrainedModel":
    """The model with its encoder's matrices in bfloat16, to be called under autocast; the model itself stays as it is.

    Autocast alone would convert every matrix anew for every batch.
    """
    quick: PreTrainedModel = copy.deepcopy(model).eval().requires_grad_(requires_grad=False)
    for module in quick.base_model.modules():
        if isinstance(module, torch.nn.Linear):
            module.to(torch.bfloat16)
    return quick
