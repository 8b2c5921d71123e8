"""What each layer can bear: one weight at a time is rounded, to each number of bits, and the change is measured.

Two figures for each: how far the weight's own output moves, and how far the end logits do. The first is what weights
and inputs tell, the second is what counts: a layer whose output moves much may hardly be heard at the end.

Besides the model, memory holds one copy of one weight, however many texts there are. Time is that of (weights x numbers
of bits) passes over the sample.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from limbeck.artifact.packing import Floats
from limbeck.ground.progress import SILENT, Progress
from limbeck.quantization.apply import Kind, stored_weight, weights_of
from limbeck.quantization.preparation import NOTHING_KNOWN, Preparation
from limbeck.quantization.probing import Probe
from limbeck.recipe.scheme import FLOAT_BITS, TABLE_BITS, WEIGHT_BITS, Scheme
from limbeck.records.bits import LayerSensitivity
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def possible_bits(kind: str, scheme: Scheme) -> tuple[int, ...]:
    """The bits that a weight of a kind can have in an artifact with this scheme's granularity, fewest first.

    Args:
        kind: "linear" or "embedding".
        scheme: Where it leaves weights of that kind float, there are none.
    """
    if kind == "embedding":
        return tuple(bits for bits in TABLE_BITS if bits != FLOAT_BITS) if scheme.quantizes_tables else ()
    if not scheme.quantizes_weights:
        return ()
    found = (replace(scheme, weight_bits=bits) for bits in WEIGHT_BITS if bits != FLOAT_BITS)
    return tuple(one.weight_bits for one in found if one.nearest_shipped() is None)


def measure_sensitivity(
    model: "PreTrainedModel",
    texts: Examples,
    *,
    scheme: Scheme,
    encoder: TextEncoder,
    held_out: Collection[str],
    ready: Preparation = NOTHING_KNOWN,
    only: Mapping[str, Collection[int]] | None = None,
    progress: Progress = SILENT,
) -> tuple[LayerSensitivity, ...]:
    """Measure what rounding each weight alone does, at each number of bits that it can have.

    Weights are rounded as `quantize_student` rounds them; activations stay float, as they do not depend on the choice.

    Args:
        model: A student; it is afterwards as it was.
        texts: A sample of training texts; a hundred or two.
        scheme: Granularity; its numbers of bits do not count, unless a kind stays float.
        encoder: Texts -> tokens.
        held_out: Content fingerprints of the texts that will judge the model.
        ready: What calibration taught.
        only: Kind -> the numbers of bits that somebody wants to know of; None for all.
        progress: Told of each weight at each number of bits.

    Returns: In the order of the model, each with the fewest bits first.

    Raises:
        CalibrationError: There are no texts, or some are blank or held out.
    """
    probe = Probe(model, texts, encoder=encoder, held_out=held_out)
    wanted: dict[str, list[int]] = {"kept": []}
    for kind in ("linear", "embedding"):
        wanted[kind] = [bits for bits in possible_bits(kind, scheme) if only is None or bits in only.get(kind, ())]
    total = sum(len(wanted[kind]) for _, kind, _ in weights_of(model))
    found: list[LayerSensitivity] = []
    with progress.bar("sensitivity", total=total, unit="roundings") as bar:
        for name, kind, weight in weights_of(model):
            for bits in wanted[kind]:
                found.append(_measured(probe, name, kind, weight, scheme=scheme, bits=bits, ready=ready))
                bar.advance(note=f"{name.removesuffix('.weight')}, {bits} bits")
    return tuple(found)


def _measured(
    probe: Probe, name: str, kind: Kind, weight: Floats, *, scheme: Scheme, bits: int, ready: Preparation
) -> LayerSensitivity:
    layer = name.removesuffix(".weight")
    factors = ready.factors.get(layer)
    rows = probe.rows_read(layer, weight) if kind == "embedding" else None
    given = weight if rows is None else weight[rows.numbers]
    scaled = given if factors is None else given * factors
    packed = stored_weight(kind, scaled, scheme=scheme, bits=bits, hessian=ready.hessians.get(layer))
    assert packed is not None, name
    rounded = packed.dequantize() if factors is None else packed.dequantize() / factors
    if rows is None:
        output = _OutputError(weight, rounded, probe.bias(layer))
        change = probe.change({name: rounded}, watched={layer: output})
        output_error = output.relative
    else:
        whole = weight.copy()
        whole[rows.numbers] = rounded
        change = probe.change({name: whole})
        output_error = rows.relative_error(given, rounded)
    return LayerSensitivity(
        name=name,
        kind=kind,
        group=probe.group(layer),
        bits=bits,
        stored_bytes=packed.nbytes * len(weight) // len(given),
        output_error=output_error,
        logit_error=change.logit_error,
        divergence=change.divergence,
    )


class _OutputError:
    """Sums of squares of a linear layer's output, and of its change when the weight is rounded."""

    def __init__(self, weight: Floats, rounded: Floats, bias: Tensor | None) -> None:
        self.weight = torch.from_numpy(weight)
        self.difference = torch.from_numpy(rounded - weight)
        self.bias = bias
        self.moved = self.there = 0.0

    def add(self, rows: Tensor) -> None:
        """Take one batch of inputs, (tokens, inputs)."""
        inputs = rows.float()
        self.moved += float((inputs @ self.difference.to(inputs).T).square().sum(dtype=torch.float64))
        outputs = nn.functional.linear(inputs, self.weight.to(inputs), self.bias)
        self.there += float(outputs.square().sum(dtype=torch.float64))

    @property
    def relative(self) -> float:
        return (self.moved / self.there) ** 0.5 if self.there > 0 else 0.0
