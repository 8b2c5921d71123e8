"""Outliers moved from activations into weights: the same function, a smaller range."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from limbeck.errors import LimbeckError, SchemeError, ShapeError
from limbeck.quantization.observing import ActivationObserver, layers_to_watch, watching
from limbeck.quantization.smoothing import PreScaled, fold_factors, outlier_factors, smoothed, smoothing_factors
from tiny import FAMILIES, write_teacher

FACTORS = np.exp(np.random.default_rng(0).normal(size=32)).astype(np.float32)
IDS = torch.randint(5, 90, (6, 11), generator=torch.Generator().manual_seed(0))
MASK = (torch.arange(11) < torch.tensor([11, 3, 7, 5, 9, 1])[:, None]).long()


def model_of(folder: Path, family: str) -> PreTrainedModel:
    """A tiny model of the family, answering."""
    return AutoModelForSequenceClassification.from_pretrained(write_teacher(folder, family=family)).eval()


def logits_of(model: nn.Module) -> torch.Tensor:
    """(6, 2) answers to fixed texts."""
    with torch.inference_mode():
        return model(input_ids=IDS, attention_mask=MASK).logits


def assert_same_function(one: nn.Module, logits: torch.Tensor) -> None:
    """Equal to 1e-5 of the largest logit: float32 rounding over four layers, and nothing else."""
    assert (logits_of(one) - logits).abs().max() <= 1e-5 * max(1.0, float(logits.abs().max()))


def maxima_of(model: nn.Module) -> dict[str, ActivationObserver]:
    """What every linear layer reads."""
    observers = {name: ActivationObserver(name) for name in layers_to_watch(model)}
    with watching(model, observers):
        logits_of(model)
    return observers


def test_factors_by_hand() -> None:
    """Equation 4 with the exponents the wrong way round would move the difficulty back."""
    weight = torch.tensor([[1.0, -4.0, 0.5], [-0.25, 2.0, 0.1]])
    # Largest weights 1, 4 and 0.5. At 1/2: sqrt(16 / 1), sqrt(1 / 4), sqrt(2 / 0.5).
    maxima = np.float32([16, 1, 2])
    np.testing.assert_allclose(smoothing_factors(maxima, weight, alpha=0.5), [4, 0.5, 2], rtol=1e-6)
    np.testing.assert_allclose(smoothing_factors(maxima, weight, alpha=1.0), maxima, rtol=1e-6)
    np.testing.assert_allclose(smoothing_factors(maxima, weight, alpha=0.0), [1, 0.25, 2], rtol=1e-6)
    # At 3/4: 16^0.75 / 1, 1 / 4^0.25, 2^0.75 / 0.5^0.25 = 2.
    np.testing.assert_allclose(smoothing_factors(maxima, weight, alpha=0.75), [8, 0.5**0.5, 2], rtol=1e-6)


def test_at_one_half_both_sides_meet() -> None:
    """What alpha = 1/2 is for: activations and weights of a channel reach equally far."""
    generator = torch.Generator().manual_seed(0)
    inputs, weight = torch.randn(50, 8, generator=generator) * 9, torch.randn(4, 8, generator=generator)
    factors = torch.from_numpy(smoothing_factors(inputs.abs().amax(dim=0).numpy(), weight, alpha=0.5))
    torch.testing.assert_close((inputs / factors).abs().amax(dim=0), (weight * factors).abs().amax(dim=0))


def test_sleeping_channels_keep_their_size() -> None:
    """A factor of zero would divide by it at the first text that wakes the channel."""
    weight = torch.tensor([[1.0, 0.0, 2.0]])
    np.testing.assert_array_equal(smoothing_factors(np.float32([0, 3, 2]), weight, alpha=0.5), [1, 1, 1])
    np.testing.assert_array_equal(outlier_factors(np.zeros(4, np.float32)), np.ones(4))


def test_outliers_by_hand() -> None:
    """Channels that do not stick out are to stay as they are."""
    maxima = np.float32([1, 2, 3, 4, 26])
    np.testing.assert_allclose(outlier_factors(maxima, share=0.75), [1, 1, 1, 1, 6.5])
    np.testing.assert_allclose(outlier_factors(maxima, share=0.5), [1, 1, 1, 4 / 3, 26 / 3], rtol=1e-6)
    np.testing.assert_array_equal(outlier_factors(maxima, share=1), np.ones(5))


def test_pre_scaled_is_the_same_layer() -> None:
    """The one identity that all of this rests on."""
    torch.manual_seed(0)
    layer = nn.Linear(32, 5)
    inputs, before = torch.randn(3, 7, 32), layer.weight.clone()
    after = PreScaled(layer, FACTORS)
    torch.testing.assert_close(after(inputs), layer(inputs), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(layer.weight, before, rtol=0, atol=0)
    torch.testing.assert_close(after.linear.weight, before * torch.from_numpy(FACTORS))
    assert set(after.state_dict()) == {"inverse_factors", "linear.weight", "linear.bias"}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_answers_as_before(tmp_path: Path, family: str) -> None:
    """Smoothing that changes the float model would spend accuracy before a single bit is saved."""
    model = model_of(tmp_path, family)
    logits, before = logits_of(model), copy.deepcopy(model.state_dict())
    modules = dict(model.named_modules())
    factors = {
        name: smoothing_factors(observer.channel_maxima, modules[name].weight, alpha=0.6)
        for name, observer in maxima_of(model).items()
    }
    assert_same_function(smoothed(model, factors), logits)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert smoothed(model, factors, in_place=True) is model
    assert sum(isinstance(module, PreScaled) for module in model.modules()) == len(factors)
    assert_same_function(model, logits)


def test_the_range_shrinks(tmp_path: Path) -> None:
    """That is what it is for: one channel must no longer set the scale of all."""
    model = model_of(tmp_path, "bert")
    norm = model.get_submodule("bert.encoder.layer.1.attention.output.LayerNorm")
    with torch.no_grad():
        norm.weight[9] *= 40
    logits, before = logits_of(model), maxima_of(model)
    name = "bert.encoder.layer.1.intermediate.dense"
    weight = model.get_submodule(name).weight
    for factors in (
        smoothing_factors(before[name].channel_maxima, weight, alpha=0.8),
        outlier_factors(before[name].channel_maxima, share=0.9),
    ):
        after = smoothed(model, {name: factors})
        assert_same_function(after, logits)
        wide, narrow = before[name].channel_maxima, maxima_of(after)[f"{name}.linear"].channel_maxima
        assert narrow.max() / np.median(narrow) < 0.2 * wide.max() / np.median(wide)


def test_a_layer_in_two_places_is_smoothed_once() -> None:
    """Its weights multiplied twice, or its other place left behind, would change the function."""
    torch.manual_seed(0)
    shared = nn.Linear(32, 32)
    model = nn.Sequential(shared, nn.Tanh(), shared)
    inputs = torch.randn(4, 32)
    after = smoothed(model, {"0": FACTORS})
    assert after[0] is after[2]
    torch.testing.assert_close(after(inputs), model(inputs), rtol=1e-5, atol=1e-5)
    both_named = smoothed(model, {"0": FACTORS, "2": FACTORS})
    torch.testing.assert_close(both_named(inputs), model(inputs), rtol=1e-5, atol=1e-5)


def test_a_tied_weight_is_parted() -> None:
    """Rows of an embedding table that grew with a layer's factors would be other words."""
    torch.manual_seed(0)
    model = nn.ModuleDict({"table": nn.Embedding(9, 32), "head": nn.Linear(32, 9)})
    model["head"].weight = model["table"].weight
    inputs = torch.randn(4, 32)
    after = smoothed(model, {"head": FACTORS})
    torch.testing.assert_close(after["table"].weight, model["table"].weight, rtol=0, atol=0)
    torch.testing.assert_close(after["head"](inputs), model["head"](inputs), rtol=1e-5, atol=1e-5)


def test_values_take_the_factors_of_the_output_projection(tmp_path: Path) -> None:
    """Attention mixes tokens, not channels: there the division costs nothing."""
    model = model_of(tmp_path, "bert")
    logits = logits_of(model)
    for layer in range(4):
        attention = model.get_submodule(f"bert.encoder.layer.{layer}.attention")
        fold_factors(attention.self.value, [attention.output.dense], FACTORS)
    assert_same_function(model, logits)


def test_modernbert_folds_everything(tmp_path: Path) -> None:
    """Its norms stand before the blocks, and its feed-forward is gated: no multiplication is left over."""
    model = model_of(tmp_path, "modernbert")
    logits = logits_of(model)
    for number, layer in enumerate(model.model.layers):
        if number:  # the first layer has no norm
            fold_factors(layer.attn_norm, [layer.attn.Wqkv], FACTORS)
        fold_factors(layer.attn.Wqkv, [layer.attn.Wo], FACTORS, first_output=64)
        fold_factors(layer.mlp_norm, [layer.mlp.Wi], FACTORS)
        width = layer.mlp.Wo.in_features
        fold_factors(layer.mlp.Wi, [layer.mlp.Wo], np.resize(FACTORS, width), first_output=width)
    assert_same_function(model, logits)


def test_a_post_norm_cannot_take_them(tmp_path: Path) -> None:
    """Why `PreScaled` is there: BERT's norm is the residual too, and would change with it."""
    model = model_of(tmp_path, "bert")
    logits = logits_of(model)
    layer = model.get_submodule("bert.encoder.layer.1")
    fold_factors(layer.attention.output.LayerNorm, [layer.intermediate.dense], FACTORS)
    assert (logits_of(model) - logits).abs().max() > 0.01


BAD = np.where(np.arange(32) == 3, 0, FACTORS).astype(np.float32)


@pytest.mark.parametrize(
    ("factors", "kind", "message"),
    [
        (
            {"2": FACTORS},
            SchemeError,
            "'2' is no linear layer to smooth: there is none.\nHint: Name layers of type nn.Linear.",
        ),
        (
            {"1": FACTORS},
            SchemeError,
            "'1' is no linear layer to smooth: it is a Tanh.\nHint: Name layers of type nn.Linear.",
        ),
        (
            {"0": FACTORS[:5]},
            ShapeError,
            "Expected one factor for each of 32 channels, came (5,).\nHint: Compute the factors from this very layer.",
        ),
        (
            {"0": BAD},
            SchemeError,
            "Expected factors above zero and finite, came others.\nHint: Take them from `smoothing_factors`.",
        ),
    ],
)
def test_refusals_of_a_model(factors: dict[str, np.ndarray], kind: type[LimbeckError], message: str) -> None:
    """A model half changed when the fault is found would be lost."""
    model = nn.Sequential(nn.Linear(32, 32), nn.Tanh())
    with pytest.raises(kind) as caught:
        smoothed(model, {"0": FACTORS} | factors, in_place=True)
    assert str(caught.value) == message
    assert isinstance(model[0], nn.Linear)


def test_refusals_of_factors() -> None:
    """Maxima of another layer would give factors that look like any others."""
    with pytest.raises(ShapeError) as shape:
        smoothing_factors(np.ones(3, np.float32), torch.ones(2, 4), alpha=0.5)
    assert str(shape.value) == (
        "Expected one maximum for each input of a weight (outputs, inputs) = (2, 4), came (3,).\n"
        "Hint: Observe the very layer that is smoothed."
    )
    with pytest.raises(SchemeError) as alpha:
        smoothing_factors(np.ones(4, np.float32), torch.ones(2, 4), alpha=1.5)
    assert str(alpha.value) == "Expected an alpha within 0..1, came 1.5.\nHint: Usual is 0.5."
    with pytest.raises(ShapeError) as shape:
        outlier_factors(np.ones(0, np.float32))
    assert str(shape.value) == (
        "Expected one maximum for each input, came an array of shape (0,).\n"
        "Hint: Observe the very layer that is smoothed."
    )
    with pytest.raises(SchemeError) as share:
        outlier_factors(np.ones(4, np.float32), share=98)
    assert str(share.value) == "Expected a share within 0..1, came 98.\nHint: Usual is 0.98."
    with pytest.raises(ShapeError) as producer:
        fold_factors(nn.LayerNorm(32, elementwise_affine=False), [nn.Linear(32, 2)], FACTORS)
    assert str(producer.value) == (
        "Expected a layer of at least 32 outputs with weights, came 0.\n"
        "Hint: Give the layer whose outputs the consumers read."
    )
