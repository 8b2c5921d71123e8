"""Activation outliers moved into weights: an input channel is divided by a factor, its weights are multiplied by it.

    y = x W^T = (x / s) (s W)^T

The function stays; the range that activation codes must span shrinks. Where the division can hide:

- In the layer that makes the channel, exactly and at no cost (`fold_factors`), where nobody else reads it: values of an
  attention before its output projection (attention mixes tokens, never channels), the linear half of a gated
  feed-forward before its down-projection, and norms that stand before a block (ModernBERT).
- Nowhere in post-norm encoders (BERT, RoBERTa, ELECTRA, MPNet, DistilBERT, ALBERT, DeBERTa) before queries, keys,
  values and up-projections: the norm's output is also the residual, which must stay as it is. Nor behind a GELU, which
  does not commute with a factor. There one multiplication for each input remains (`PreScaled`), a Mul in the graph.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from limbeck.artifact.packing import Floats
from limbeck.errors import SchemeError, ShapeError

OUTLIER_SHARE = 0.98

Model = TypeVar("Model", bound=nn.Module)


def smoothing_factors(activation_maxima: Floats, weight: torch.Tensor, *, alpha: float) -> Floats:
    """By how much each input channel of a linear layer is divided.

    s_j = max|X_j|^alpha / max|W_j|^(1 - alpha)

    A channel that is never active, or has no weights, keeps the factor 1.

    Args:
        activation_maxima: (inputs,) the largest magnitude of each input; `ActivationObserver.channel_maxima`.
        weight: (outputs, inputs); of several layers that read the same inputs, stacked along the outputs.
        alpha: 0..1, how much of the difficulty moves from activations to weights.

    Returns: (inputs,) float32, above zero.

    Raises:
        ShapeError: There is not one maximum for each input.
        SchemeError: Alpha is outside 0..1.

    Source: Xiao et al. 2022, "SmoothQuant", arXiv:2211.10438, equation 4.
    """
    if weight.ndim != 2 or activation_maxima.shape != (weight.shape[1],):
        raise ShapeError(
            f"Expected one maximum for each input of a weight (outputs, inputs) = {tuple(weight.shape)}, came "
            f"{activation_maxima.shape}.",
            hint="Observe the very layer that is smoothed.",
        )
    if not 0 <= alpha <= 1:
        raise SchemeError(f"Expected an alpha within 0..1, came {alpha}.", hint="Usual is 0.5.")
    weight_maxima = weight.detach().abs().amax(dim=0).double().cpu().numpy()
    maxima = activation_maxima.astype(np.float64)
    is_used = (maxima > 0) & (weight_maxima > 0)
    factors = np.ones(len(maxima))
    factors[is_used] = maxima[is_used] ** alpha / weight_maxima[is_used] ** (1 - alpha)
    return factors.astype(np.float32)


def outlier_factors(activation_maxima: Floats, *, share: float = OUTLIER_SHARE) -> Floats:
    """By how much each outlying input channel of a linear layer is divided; all others stay as they are.

    s_j = max(1, max|X_j| / the quantile of all max|X| at `share`)

    It differs from `smoothing_factors` in leaving small channels alone: dividing by less than one enlarges them, and
    with them whatever a calibration text did not show.

    Args:
        activation_maxima: (inputs,) the largest magnitude of each input; `ActivationObserver.channel_maxima`.
        share: 0..1, of the channels that stay as they are.

    Returns: (inputs,) float32, at least 1.

    Raises:
        ShapeError: It is no vector of maxima.
        SchemeError: The share is outside 0..1.
    """
    if activation_maxima.ndim != 1 or not len(activation_maxima):
        raise ShapeError(
            f"Expected one maximum for each input, came an array of shape {activation_maxima.shape}.",
            hint="Observe the very layer that is smoothed.",
        )
    if not 0 <= share <= 1:
        raise SchemeError(f"Expected a share within 0..1, came {share}.", hint=f"Usual is {OUTLIER_SHARE}.")
    usual = float(np.quantile(activation_maxima, share))
    if usual == 0:
        return np.ones(len(activation_maxima), np.float32)
    factors: Floats = np.maximum(activation_maxima / usual, 1).astype(np.float32)
    return factors


class PreScaled(nn.Module):
    """A linear layer whose inputs are divided by factors that its weights were multiplied by: the same function.

    Args:
        layer: The layer before; it is read, not changed.
        factors: (inputs,) above zero, finite.

    Raises:
        ShapeError: There is not one factor for each input.
        SchemeError: A factor is not above zero, or not finite.
    """

    inverse_factors: torch.Tensor

    def __init__(self, layer: nn.Linear, factors: Floats) -> None:
        super().__init__()
        _check_factors(factors, n_channels=layer.in_features)
        values = torch.from_numpy(factors).to(layer.weight)
        self.register_buffer("inverse_factors", 1 / values)
        self.linear = copy.deepcopy(layer)
        with torch.no_grad():
            self.linear.weight.mul_(values)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(..., inputs) -> (..., outputs)."""
        outputs: torch.Tensor = self.linear(inputs * self.inverse_factors)
        return outputs


def smoothed(model: Model, factors: Mapping[str, Floats], *, in_place: bool = False) -> Model:
    """A model whose named layers are `PreScaled`; it computes the same.

    A layer that stands in several places is replaced in all of them by one; a weight that two layers share is parted.

    Args:
        model: Any module with linear layers.
        factors: Name of a layer -> (inputs,) factors; see `smoothing_factors`.
        in_place: Change this model; otherwise a copy of it.

    Raises:
        SchemeError: A name is no linear layer, or a factor is not above zero.
        ShapeError: There is not one factor for each input.
    """
    layers = dict(model.named_modules(remove_duplicate=False))
    for name, values in factors.items():
        layer = layers.get(name)
        if not isinstance(layer, nn.Linear):
            came = "there is none" if layer is None else f"it is a {type(layer).__name__}"
            raise SchemeError(f"'{name}' is no linear layer to smooth: {came}.", hint="Name layers of type nn.Linear.")
        _check_factors(values, n_channels=layer.in_features)
    changed = model if in_place else copy.deepcopy(model)
    places = dict(changed.named_modules(remove_duplicate=False))
    for name, values in factors.items():
        before = places[name]
        after = PreScaled(before, values) if isinstance(before, nn.Linear) else before
        for place in [place for place, module in places.items() if module is before]:
            changed.set_submodule(place, after)
    return changed


def fold_factors(
    producer: nn.Linear | nn.LayerNorm, consumers: Sequence[nn.Linear], factors: Floats, *, first_output: int = 0
) -> None:
    """Divide what a layer puts out, and multiply the weights of those that read it: in place, at no cost.

    Exact only where the consumers are all that reads those outputs, and where what lies between leaves channels apart
    and commutes with a factor; see the top of this file for where that is so.

    Args:
        producer: A linear layer, or a norm with a weight.
        consumers: All layers that read its outputs.
        factors: (channels,) above zero, finite.
        first_output: Where the channels start in the producer's outputs; the values in a fused projection of queries,
            keys and values start at twice the hidden size.

    Raises:
        ShapeError: Factors, producer and consumers do not fit together.
        SchemeError: A factor is not above zero, or not finite.
    """
    for consumer in consumers:
        _check_factors(factors, n_channels=consumer.in_features)
    n_outputs = len(producer.weight) if getattr(producer, "elementwise_affine", True) else 0
    if not 0 <= first_output <= n_outputs - len(factors):
        raise ShapeError(
            f"Expected a layer of at least {first_output + len(factors)} outputs with weights, came {n_outputs}.",
            hint="Give the layer whose outputs the consumers read.",
        )
    values = torch.from_numpy(factors).to(producer.weight)
    with torch.no_grad():
        for part in (producer.weight, producer.bias):
            if part is not None:
                part[first_output : first_output + len(values)].div_(values.reshape(-1, *[1] * (part.ndim - 1)))
        for consumer in consumers:
            consumer.weight.mul_(values.to(consumer.weight))


def _check_factors(factors: Floats, *, n_channels: int) -> None:
    if factors.shape != (n_channels,):
        raise ShapeError(
            f"Expected one factor for each of {n_channels} channels, came {factors.shape}.",
            hint="Compute the factors from this very layer.",
        )
    if not (np.isfinite(factors) & (factors > 0)).all():
        raise SchemeError(
            "Expected factors above zero and finite, came others.", hint="Take them from `smoothing_factors`."
        )
