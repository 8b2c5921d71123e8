"""What a scheme wants to know of a model before it is quantized: outlying inputs, fixed ranges, costs of errors.

All three come from the model's own answers to calibration texts, in one pass, or two where ranges are wanted of inputs
whose outliers were divided away.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from limbeck.artifact.packing import Floats, Span
from limbeck.encoder import heads
from limbeck.ground.progress import SILENT, Progress
from limbeck.quantization.calibration import observe_texts
from limbeck.quantization.compensation import COMPENSATED_BITS
from limbeck.quantization.hessian import HessianObserver
from limbeck.quantization.observing import ActivationObserver, LayerObserver, layers_to_watch
from limbeck.quantization.ranges import RangeMethod, range_of
from limbeck.quantization.smoothing import outlier_factors
from limbeck.recipe.scheme import Scheme
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LEAST_OUTLIER = 2.0
"""A layer whose largest input is less than twice the usual largest one is left alone: a factor costs a Mul."""


@dataclass(frozen=True)
class Wants:
    """What is asked of calibration texts: all that a preparation depends on besides model and texts.

    Args:
        factors: Whether outlying inputs are divided.
        ranges: How the ranges of static activations are found; None where none are fixed.
        hessians: Whether rounding errors are compensated.
    """

    factors: bool
    ranges: RangeMethod | None
    hessians: bool

    @classmethod
    def of(
        cls,
        scheme: Scheme,
        *,
        range_method: RangeMethod,
        divides_outliers: bool = True,
        compensates: bool = True,
        other_bits: Collection[int] = (),
    ) -> Self:
        """What a scheme has a use for.

        Args:
            scheme: What the model will be quantized by.
            range_method: How the ranges of static activations are found.
            divides_outliers: Whether factors are wanted where activations have 8 bits and one range for all channels.
            compensates: Whether Hessians are wanted where weights have 2, 3 or 4 bits.
            other_bits: What weights may get besides the scheme's bits.
        """
        return cls(
            factors=divides_outliers and scheme.is_integer_product,
            ranges=range_method if scheme.static else None,
            hessians=compensates and any(bits in COMPENSATED_BITS for bits in (scheme.weight_bits, *other_bits)),
        )


@dataclass(frozen=True)
class Preparation:
    """What calibration texts taught, by layer name.

    Args:
        factors: (inputs,) what a layer's inputs are divided by and its weights multiplied (`smoothing`).
        spans: Scale and zero point of its inputs, for static activations.
        hessians: `HessianObserver.hessian` of its inputs, for better rounding to 2, 3 or 4 bits.
    """

    factors: Mapping[str, Floats] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)
    hessians: Mapping[str, torch.Tensor] = field(default_factory=dict)


NOTHING_KNOWN = Preparation()


def prepare(
    model: "PreTrainedModel",
    texts: Examples,
    *,
    wants: Wants,
    encoder: TextEncoder,
    held_out: Collection[str],
    progress: Progress = SILENT,
) -> Preparation:
    """Let a model answer calibration texts, and keep what is wanted of them.

    Args:
        model: A classifier; it is not changed.
        texts: To calibrate on.
        wants: What is kept.
        encoder: Texts -> tokens.
        held_out: Content fingerprints of the texts that will judge the model.
        progress: Told of each batch.

    Raises:
        CalibrationError: There are no texts, some are blank or held out, or what a layer sees is not finite.
    """
    last = heads.gives_logits(model)  # which stays float
    layers = tuple(name for name in layers_to_watch(model) if name != last)

    def observed(observers: Mapping[str, LayerObserver]) -> None:
        observe_texts(model, texts, encoder=encoder, held_out=held_out, observers=observers, progress=progress)

    activations = {name: ActivationObserver(name) for name in layers}
    hessians = {name: HessianObserver(name) for name in layers if wants.hessians}
    if wants.factors or wants.ranges or wants.hessians:
        observed({name: _Both(watching, hessians.get(name)) for name, watching in activations.items()})
    factors = {}
    if wants.factors:
        found = {name: outlier_factors(watching.channel_maxima) for name, watching in activations.items()}
        factors = {name: values for name, values in found.items() if values.max() >= LEAST_OUTLIER}
    if wants.ranges and factors:
        activations = {name: ActivationObserver(name) for name in layers}
        observed({name: _Divided(watching, factors.get(name)) for name, watching in activations.items()})
    return Preparation(
        factors=factors,
        spans={} if wants.ranges is None else {name: _span(activations[name], method=wants.ranges) for name in layers},
        hessians={
            name: _of_divided(watching.hessian, factors[name]) if name in factors else watching.hessian
            for name, watching in hessians.items()
        },
    )


def _span(watching: ActivationObserver, *, method: RangeMethod) -> Span:
    scale, zero_point = range_of(watching.histogram, method).scale_and_zero_point()
    return float(scale), zero_point


def _of_divided(hessian: torch.Tensor, factors: Floats) -> torch.Tensor:
    """The Hessian of inputs that were divided by factors."""
    inverse = torch.from_numpy(1 / factors.astype(np.float64))
    return hessian * torch.outer(inverse, inverse)


class _Both:
    """An observer that shows its layer's inputs to two others."""

    def __init__(self, first: LayerObserver, second: LayerObserver | None) -> None:
        self.first, self.second = first, second

    def add(self, rows: torch.Tensor) -> None:
        self.first.add(rows)
        if self.second is not None:
            self.second.add(rows)


class _Divided:
    """An observer that shows its layer's inputs, divided by factors, to another."""

    def __init__(self, behind: LayerObserver, factors: Floats | None) -> None:
        self.behind = behind
        self.inverse = None if factors is None else torch.from_numpy(1 / factors)

    def add(self, rows: torch.Tensor) -> None:
        self.behind.add(rows if self.inverse is None else rows * self.inverse.to(rows))
