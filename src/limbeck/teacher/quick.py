"""Ways to compute the same faster: matrices in bfloat16, and in the last layer no token that nothing reads."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from limbeck.encoder import heads
from limbeck.encoder.families import FAMILIES, layer_count

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


@contextmanager
def first_token_at_last(model: "PreTrainedModel") -> Iterator[None]:
    """Within, the last layer goes on behind its attention with the first token only, as the head reads no other.

    Logits and gradients stay what they are; the last hidden state becomes (batch, 1, hidden). Where the family does
    not allow it, and where the head reads every token, nothing changes.

    Args:
        model: Of a known family; where its head reads other tokens too, nothing changes.
    """
    family = FAMILIES[model.config.model_type]
    if family.behind_attention is None or not heads.reads_first_token(model):
        yield
        return
    last = layer_count(model.config) - 1
    module = model.get_submodule(f"{family.layers_prefix}{last}.{family.behind_attention}")
    # Contiguous, as products of other layouts are not computed as one product.
    hook = module.register_forward_pre_hook(
        lambda _module, given: tuple(tokens[:, :1].contiguous() for tokens in given)
    )
    try:
        yield
    finally:
        hook.remove()
