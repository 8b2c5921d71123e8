"""Fused and plain attention: the same gradients, each where it is the faster, and the model left as it was."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from limbeck.distill.attention import AttentionChoice
from limbeck.teacher.load import load_model
from tiny import write_teacher

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CPU = torch.device("cpu")


def _model(root: Path, family: str = "bert") -> "PreTrainedModel":
    return load_model(write_teacher(root / family, family=family), attention="eager").train()


def _taken(
    model: "PreTrainedModel",
    n_tokens: int,
    *,
    device: torch.device = CPU,
    half: bool = True,
    dropout: bool = False,
    needs_maps: bool = False,
) -> str:
    choice = AttentionChoice(model, device=device, half=half, dropout=dropout, needs_maps=needs_maps)
    choice.take(n_tokens)
    found = model.config._attn_implementation
    choice.put_back()
    assert model.config._attn_implementation == "eager"
    return str(found)


def test_each_batch_takes_the_faster_attention(tmp_path: Path) -> None:
    """A failure would make every step of long texts, or of short ones, some half slower, or lose attention maps."""
    model, gpu = _model(tmp_path), torch.device("cuda")
    assert [_taken(model, n) for n in (24, 319, 320, 512)] == ["eager", "eager", "sdpa", "sdpa"]
    assert [_taken(model, n, half=False) for n in (24, 512)] == ["sdpa", "sdpa"]
    assert [_taken(model, n, device=gpu, dropout=True) for n in (24, 512)] == ["sdpa", "sdpa"]
    assert [_taken(model, n, half=half, dropout=True) for n in (24, 512) for half in (True, False)] == ["eager"] * 4
    assert [_taken(model, 512, device=device, needs_maps=True) for device in (CPU, gpu)] == ["eager", "eager"]


def test_a_family_without_fused_attention_keeps_its_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A failure would stop the training of such a student, or warn at each of its batches."""
    model = _model(tmp_path, "deberta-v2")
    capfd.readouterr()
    assert _taken(model, 512) == "eager"
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "modernbert"])
def test_gradients_are_the_same(tmp_path: Path, family: str) -> None:
    """A failure would train a student towards something else wherever its texts are long."""
    model = _model(tmp_path, family).eval()  # without dropout
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, model.config.vocab_size, (3, 12), generator=generator)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    found = []
    choice = AttentionChoice(model, device=CPU, half=True, dropout=False, needs_maps=False)
    for n_tokens in (12, 512):
        choice.take(n_tokens)
        model.zero_grad()
        model(input_ids=ids, attention_mask=mask).logits.square().sum().backward()
        found.append({name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None})
    plain, fused = found
    assert plain.keys() == fused.keys()
    assert any(not torch.equal(plain[name], fused[name]) for name in plain)  # they are two ways to compute it
    largest = max(float(one.abs().max()) for one in plain.values())
    for name, one in plain.items():
        torch.testing.assert_close(fused[name], one, atol=1e-5 * largest, rtol=1e-4)
