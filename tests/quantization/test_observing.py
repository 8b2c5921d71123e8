"""What observers see of a model: all tokens, no padding, and nothing that grows."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from limbeck.errors import CalibrationError
from limbeck.quantization.hessian import HessianObserver
from limbeck.quantization.histogram import MOST_BINS
from limbeck.quantization.observing import ActivationObserver, layers_to_watch, unpadded, watching
from tiny import FAMILIES, write_teacher

ROWS = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))


def model_of(folder: Path, family: str) -> PreTrainedModel:
    """A tiny model of the family, answering."""
    return AutoModelForSequenceClassification.from_pretrained(write_teacher(folder, family=family)).eval()


def batch_of(lengths: list[int], *, width: int) -> dict[str, torch.Tensor]:
    """Random texts of these lengths, padded to `width`."""
    generator = torch.Generator().manual_seed(7)
    mask = (torch.arange(width) < torch.tensor(lengths)[:, None]).long()
    ids = torch.randint(5, 90, (len(lengths), max(lengths)), generator=generator)
    return {"input_ids": torch.nn.functional.pad(ids, (0, width - max(lengths))) * mask, "attention_mask": mask}


def seen_by(model: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, ActivationObserver]:
    """Observers of all linear layers after one batch."""
    observers = {name: ActivationObserver(name) for name in layers_to_watch(model)}
    with watching(model, observers), torch.inference_mode():
        model(**batch)
    return observers


def test_maxima_by_hand() -> None:
    """The outlying channel is what smoothing looks for."""
    observer = ActivationObserver("up")
    observer.add(torch.tensor([[1.0, -2.0], [0.5, 0.0]]))
    observer.add(torch.tensor([[-3.0, 1.0]]))
    observer.add(torch.zeros(0, 2))
    assert observer.channel_maxima.tolist() == [3.0, 2.0]
    assert (observer.histogram.n_values, observer.histogram.minimum, observer.histogram.maximum) == (6, -3.0, 1.0)


def test_merged_is_as_if_one_had_seen_all() -> None:
    """Half the texts on each of two machines must give one model."""
    whole, left, right = (ActivationObserver("up") for _ in range(3))
    whole.add(ROWS)
    left.add(ROWS[:10])
    right.add(ROWS[10:])
    left.merge(right)
    left.merge(ActivationObserver("up"))
    assert left.to_plain() == whole.to_plain()
    nothing = ActivationObserver("up")
    nothing.merge(whole)
    assert nothing.to_plain() == whole.to_plain()


@pytest.mark.parametrize("n_seen", [0, 40])
def test_it_survives_json(n_seen: int) -> None:
    """A calibration that cannot be kept must be done again for every scheme."""
    observer = ActivationObserver("up")
    observer.add(ROWS[:n_seen])
    back = ActivationObserver.from_plain(json.loads(json.dumps(observer.to_plain(), allow_nan=False)))
    assert back.to_plain() == observer.to_plain()
    back.add(ROWS)  # and it goes on
    assert back.histogram.n_values == 6 * (n_seen + 40)


@pytest.mark.parametrize(
    "changes", [{"channel_maxima": [-1.0]}, {"channel_maxima": []}, {"histogram": None}, {"layer": None}]
)
def test_a_changed_file_is_refused(changes: dict[str, object]) -> None:
    """Half an observer would give factors of nothing."""
    observer = ActivationObserver("up")
    observer.add(ROWS)
    plain = {key: value for key, value in (observer.to_plain() | changes).items() if value is not None}
    with pytest.raises(CalibrationError) as caught:
        ActivationObserver.from_plain(plain)
    assert str(caught.value) == (
        "Expected an observer with layer, histogram and channel_maxima, came something else.\n"
        "Hint: Calibrate again; an observer cannot be edited by hand."
    )


def test_hessian_by_hand() -> None:
    """A factor or an average that is off cancels out in the codes, and is wrong in every figure."""
    observer = HessianObserver("up")
    observer.add(torch.tensor([[1.0, 2.0]]))
    observer.add(torch.tensor([[3.0, -1.0], [0.0, 1.0]]))
    # X X^T = [[1 + 9, 2 - 3], [2 - 3, 4 + 1 + 1]], times 2 / 3 tokens.
    torch.testing.assert_close(observer.hessian * 3 / 2, torch.tensor([[10.0, -1.0], [-1.0, 6.0]], dtype=torch.float64))
    other = HessianObserver("up")
    other.merge(observer)
    other.merge(HessianObserver("up"))
    assert (other.n_tokens, other.nbytes) == (3, 32)
    torch.testing.assert_close(other.hessian, observer.hessian)


def test_what_it_holds_does_not_grow() -> None:
    """Memory that grows with the texts is what streaming is there to prevent."""
    activations, hessian = ActivationObserver("up"), HessianObserver("up")
    generator = torch.Generator().manual_seed(0)
    sizes = []
    for number in range(300):
        rows = torch.randn(50, 6, generator=generator) * 1.1**number
        activations.add(rows)
        hessian.add(rows)
        sizes.append((activations.nbytes, hessian.nbytes))
    assert max(sizes) <= (8 * MOST_BINS + 4 * 6, 8 * 6 * 6)
    assert activations.histogram.n_values == 300 * 50 * 6
    # Nothing is held beside the counts, the maxima and the products.
    arrays = [value for value in vars(activations).values() if isinstance(value, np.ndarray | torch.Tensor | list)]
    assert sum(array.nbytes for array in arrays) == 4 * 6
    assert {type(value) for value in vars(hessian).values()} == {str, int, torch.Tensor}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_padding_does_not_count(tmp_path: Path, family: str) -> None:
    """Padding drives layers to values that no text does, and would set the range of all of them."""
    model = model_of(tmp_path, family)
    tight, loose = (seen_by(model, batch_of([9, 4, 6], width=width)) for width in (9, 14))
    for name, observer in tight.items():
        if "query_proj" in name or "key_proj" in name or "pos_" in name:
            continue  # DeBERTa's tables of positions go through them too
        assert observer.histogram.n_values == loose[name].histogram.n_values
        np.testing.assert_allclose(observer.channel_maxima, loose[name].channel_maxima, rtol=1e-3, atol=1e-4)
    n_tokens = {observer.histogram.n_values // len(observer.channel_maxima) for observer in tight.values()}
    assert 9 + 4 + 6 in n_tokens


def test_what_a_layer_reads_is_what_is_counted(tmp_path: Path) -> None:
    """An observer of the wrong side, or of the wrong layer, would calibrate another place."""
    model = model_of(tmp_path, "bert")
    batch = batch_of([5, 5], width=5)
    observers = seen_by(model, batch)
    with torch.inference_mode():
        states = model(**batch, output_hidden_states=True).hidden_states
    for layer in range(4):
        rows = states[layer].reshape(-1, 32)
        seen = observers[f"bert.encoder.layer.{layer}.attention.self.query"]
        np.testing.assert_allclose(seen.channel_maxima, rows.abs().amax(dim=0).numpy(), rtol=1e-6)
    assert observers["bert.pooler.dense"].histogram.n_values == 2 * 32


def test_a_shared_layer_sees_every_turn(tmp_path: Path) -> None:
    """ALBERT's one layer works at four depths; a range of the first alone would clip the others."""
    observers = seen_by(model_of(tmp_path, "albert"), batch_of([5, 5], width=5))
    name = next(name for name in observers if name.endswith("attention.query"))
    assert observers[name].histogram.n_values == 4 * 10 * 32


def test_hooks_are_gone_whatever_happens(tmp_path: Path) -> None:
    """A hook that stays slows every later answer, and counts what is not calibration."""
    model = model_of(tmp_path, "bert")
    observers = {name: ActivationObserver(name) for name in layers_to_watch(model)}
    with pytest.raises(KeyboardInterrupt), watching(model, observers):
        assert any(module._forward_pre_hooks for module in model.modules())
        raise KeyboardInterrupt
    with pytest.raises(CalibrationError), watching(model, {"no such layer": ActivationObserver("x")}):
        pass
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_names_and_exceptions() -> None:
    """A layer that is forgotten stays without a range; one named twice is counted twice."""
    shared = nn.Linear(4, 4)
    model = nn.Module()
    model.first, model.second, model.table = shared, shared, nn.Embedding(4, 4)
    model.gpt, model.head = Conv1D(4, 4), nn.Linear(4, 2)
    assert layers_to_watch(model) == ("first", "gpt", "head")
    assert layers_to_watch(model, names=("g*", "first"), without=("fi*",)) == ("gpt",)


def test_which_rows_are_tokens() -> None:
    """Pooled texts have no padding, and tables of positions know nothing of the texts."""
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    by_text = torch.arange(12.0).reshape(2, 3, 2)
    kept = torch.tensor([[0.0, 1], [2, 3], [6, 7]])
    torch.testing.assert_close(unpadded(by_text, mask), kept)
    torch.testing.assert_close(unpadded(by_text.reshape(6, 2), mask), kept)
    for whole in (torch.ones(2, 8), torch.ones(1, 5, 8), torch.ones(4, 8)):
        assert unpadded(whole, mask).numel() == whole.numel()
    assert len(unpadded(by_text, None)) == len(unpadded(by_text, torch.ones(2, 3))) == 6


@pytest.mark.parametrize("kind", [ActivationObserver, HessianObserver])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            torch.tensor([[1.0, math.nan], [math.inf, 0.0]]),
            "2 of 4 inputs of 'up' are NaN or infinite; nothing can be calibrated on them.\n"
            "Hint: Check the weights before this layer, and run the model in float32: float16 overflows at 65504.",
        ),
        (
            torch.ones(2, 3),
            "Expected inputs of 'up' of shape (tokens, 2), came (2, 3).\n"
            "Hint: Lay all tokens of a batch in rows, without padding.",
        ),
    ],
)
def test_unfit_inputs_are_refused(
    kind: type[ActivationObserver] | type[HessianObserver], rows: torch.Tensor, message: str
) -> None:
    """One NaN makes every later range NaN, and the layer that it came from is long past."""
    observer = kind("up")
    observer.add(torch.ones(1, 2))
    with pytest.raises(CalibrationError) as caught:
        observer.add(rows)
    assert str(caught.value) == message
    other = kind("down")
    other.add(torch.ones(1, 3))
    with pytest.raises(CalibrationError, match=r"of the 2 channels of 'up', came one of 3 channels of 'down'"):
        observer.merge(other)  # type: ignore[arg-type]


def test_a_hessian_of_nothing_is_refused() -> None:
    """Codes from a Hessian of zeros would be rounding to nearest under another name."""
    with pytest.raises(CalibrationError) as caught:
        _ = HessianObserver("up").hessian
    assert str(caught.value) == ("'up' has seen no inputs.\nHint: Let the model answer some texts while it is watched.")


@pytest.mark.parametrize(
    ("names", "without", "message"),
    [
        (
            ("up*",),
            (),
            "The pattern 'up*' fits no linear layer (2 there are, such as '0').\nHint: Take \"*\" for all of them.",
        ),
        (("*",), ("[01]",), "No layer is left to calibrate.\nHint: Leave out fewer layers."),
    ],
)
def test_patterns_that_fit_nothing_are_refused(names: tuple[str, ...], without: tuple[str, ...], message: str) -> None:
    """A slip in a pattern would leave layers float, and nobody would know."""
    with pytest.raises(CalibrationError) as caught:
        layers_to_watch(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), names=names, without=without)
    assert str(caught.value) == message


def test_a_mask_that_is_none_is_refused(tmp_path: Path) -> None:
    """A mask of pairs of tokens does not say which are padding; all of it would be counted."""
    model = model_of(tmp_path, "bert")
    with pytest.raises(CalibrationError) as caught, watching(model, {}):
        model(input_ids=torch.ones(1, 3, dtype=torch.long), attention_mask=torch.ones(1, 1, 3, 3))
    assert str(caught.value) == (
        "Expected an attention_mask of shape (texts, tokens), came (1, 1, 3, 3).\n"
        "Hint: Give the model the tokenizer's own mask while it is calibrated."
    )
