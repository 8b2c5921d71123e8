"""What computes faster computes the same: logits and gradients, in every family."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from limbeck.encoder.families import FAMILIES as KNOWN
from limbeck.teacher.load import load_model
from limbeck.teacher.quick import first_token_at_last
from padded import IDS, INPUTS
from tiny import FAMILIES, write_teacher

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ALLOWED = [family for family in FAMILIES if KNOWN[family].behind_attention is not None]


def _logits_and_gradients(model: "PreTrainedModel") -> tuple[torch.Tensor, dict[str, torch.Tensor], int]:
    model.zero_grad()
    output = model(**INPUTS, output_hidden_states=True)
    (output.logits * torch.tensor([1.0, -2.0])).sum().backward()
    gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
    return output.logits.detach(), gradients, output.hidden_states[-1].shape[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_first_token_alone_gives_the_same_logits_and_gradients(family: str, tmp_path: Path) -> None:
    """A failure would teach, or be taught, something else than the model says. By twin: the model without the cut."""
    model = load_model(write_teacher(tmp_path, family=family), attention="eager").eval()
    logits, gradients, n_tokens = _logits_and_gradients(model)
    with first_token_at_last(model):
        cut_logits, cut_gradients, n_cut = _logits_and_gradients(model)
    assert n_tokens == IDS.shape[1]
    assert n_cut == (1 if family in ALLOWED else n_tokens)
    torch.testing.assert_close(cut_logits, logits)
    assert gradients.keys() == cut_gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(cut_gradients[name], gradient, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("family", ALLOWED)
def test_the_cut_ends_with_its_block_even_after_an_error(family: str, tmp_path: Path) -> None:
    """A failure would leave a model that computes one token where somebody wants all."""
    model = load_model(write_teacher(tmp_path, family=family), attention="eager").eval()
    with pytest.raises(RuntimeError, match="stop"), first_token_at_last(model):
        raise RuntimeError("stop")
    assert model(**INPUTS, output_hidden_states=True).hidden_states[-1].shape[1] == IDS.shape[1]
