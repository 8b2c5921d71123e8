"""Bits of its own for each layer, so that the artifact fits a size: measured, assigned, checked, and remembered."""

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from limbeck.artifact.packing import Floats, PackedWeights
from limbeck.encoder.families import layer_count
from limbeck.errors import RecipeError
from limbeck.export import running_size
from limbeck.ground import files, fingerprint, wording
from limbeck.ground.progress import SILENT, Progress
from limbeck.quantization import (
    Preparation,
    Probe,
    blank_weights,
    fitted_bits,
    measure_sensitivity,
    possible_bits,
    quantize_student,
    weights_of,
)
from limbeck.recipe.knobs import QuantizeTable
from limbeck.recipe.scheme import FLOAT_BITS, INT8_BITS, Scheme
from limbeck.records.bits import BitAssignment, LayerSensitivity, QuantizationRecord
from limbeck.records.run import from_json, to_json
from limbeck.text.examples import Examples
from limbeck.text.tokens import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FEW_BITS = (2, 3, 4)
"""What layers may get besides 8, whatever the scheme says."""
_MEGABYTE = 1e6
_NOT_MEASURED = {"train_share", "learning_rate", "max_lost"}
"""Settings that change nothing of what is found here."""


@dataclass(frozen=True)
class Mix:
    """What was found about each layer, and what came of it.

    Args:
        sensitivities: What each weight can bear.
        bits: Parameter name -> bits; empty where every weight has the scheme's.
        assignment: How they were found; None without a target.
    """

    sensitivities: tuple[LayerSensitivity, ...] = ()
    bits: Mapping[str, int] = field(default_factory=dict)
    assignment: BitAssignment | None = None

    def told(self, record: QuantizationRecord) -> QuantizationRecord:
        """A record with these findings; its scheme says what the bits have become."""
        return replace(
            record,
            scheme=str(_scheme_of(Scheme.parse(record.scheme), record)),
            sensitivities=self.sensitivities,
            assignment=self.assignment,
        )


def is_wanted(table: QuantizeTable) -> bool:
    """Whether a recipe asks what each layer can bear."""
    return table.spare > 0 or tries_all_bits(table)


def tries_all_bits(table: QuantizeTable) -> bool:
    """Whether it asks so of every number of bits; to spare some layers, the scheme's own is enough."""
    return table.sensitivity or table.target_size_mb is not None


def mix(
    model: "PreTrainedModel",
    texts: Examples,
    table: QuantizeTable,
    *,
    ready: Preparation,
    encoder: TextEncoder,
    held_out: Collection[str],
    tokenizer_folder: Path,
    work: Path,
    progress: Progress = SILENT,
) -> Mix:
    """Measure what each layer can bear, and give each its bits where there is a target.

    Args:
        model: A student; it is afterwards as it was.
        texts: Training texts, of which the first some are the sample.
        table: Scheme and target. The scheme's bits are the most that a layer gets.
        ready: What calibration taught, Hessians included where the recipe wants errors compensated.
        encoder: Texts -> tokens.
        held_out: Content fingerprints of the texts that will judge the model.
        tokenizer_folder: Holds the tokenizer files, which count too.
        work: Where findings are kept, so that a killed run decides as it did before.
        progress: Told what goes on.

    Raises:
        RecipeError: The target is below what the fewest bits everywhere give.
        CalibrationError: Texts that nothing can be measured on.
    """
    scheme = Scheme.parse(table.scheme)
    sample = texts.spread(table.sensitivity_texts)
    only = None if tries_all_bits(table) else {"linear": (scheme.weight_bits,)}

    def measure() -> Mix:
        return Mix(
            measure_sensitivity(
                model,
                sample,
                scheme=scheme,
                encoder=encoder,
                held_out=held_out,
                ready=ready,
                only=only,
                progress=progress,
            )
        )

    what = table.model_dump(mode="json", exclude={*_NOT_MEASURED, "spare", "target_size_mb", "sensitivity"})
    found = _remembered(work, what | {"all": only is None}, measure).sensitivities
    if table.target_size_mb is None:
        return Mix(found, spared_bits(found, scheme=scheme, share=table.spare))
    target = int(table.target_size_mb * _MEGABYTE)

    def fit() -> Mix:
        fitted = fitted_bits(
            found,
            most=_most(scheme),
            target_bytes=target,
            size_of=lambda bits: running_size(
                model, blank_weights(model, scheme=scheme, bits=bits, ready=ready), tokenizer_folder=tokenizer_folder
            ),
        )
        if fitted.size_bytes > target:
            raise _unreachable(model, scheme, target=target, smallest=fitted.smallest_bytes)
        whole = quantize_student(model, scheme=table.scheme, bits=fitted.bits, ready=ready).weights
        change = Probe(model, sample, encoder=encoder, held_out=held_out).change(_as_floats(whole))
        return Mix(
            found,
            fitted.bits,
            BitAssignment(
                target_bytes=target,
                size_bytes=fitted.size_bytes,
                smallest_bytes=fitted.smallest_bytes,
                predicted_error=fitted.predicted_error,
                measured_error=change.logit_error,
                n_texts=len(sample),
            ),
        )

    mixed = _remembered(work, table.model_dump(mode="json", exclude=_NOT_MEASURED), fit)
    progress.say(_in_words(mixed))
    return mixed


def spared_bits(found: Sequence[LayerSensitivity], *, scheme: Scheme, share: float) -> dict[str, int]:
    """More bits for the linear layers whose rounding moves the end logits most; those that read one input go together.

    Args:
        found: What each weight can bear.
        scheme: Of the model; the spared get 8 bits, or stay float where it has 8.
        share: Of the groups of layers that read one input, rounded up.

    Returns: Parameter name -> bits, of the spared alone.
    """
    errors: dict[str, float] = {}
    for one in found:
        if one.kind == "linear" and one.bits == scheme.weight_bits:
            errors[one.group] = errors.get(one.group, 0.0) + one.logit_error
    worst = sorted(errors, key=lambda group: -errors[group])[: math.ceil(share * len(errors))]
    more = _spared_to(scheme)
    return {one.name: more for one in found if one.kind == "linear" and one.group in worst}


def _spared_to(scheme: Scheme) -> int:
    return INT8_BITS if scheme.weight_bits < INT8_BITS else FLOAT_BITS


def refuse_unreachable(model: "PreTrainedModel", table: QuantizeTable, *, tokenizer_folder: Path) -> None:
    """Refuse a target that no choice of bits can reach, before anything is spent on it.

    Args:
        model: A student of the shape that will be trained; its values do not count.
        table: Scheme and target.
        tokenizer_folder: Holds the tokenizer files, which count too.

    Raises:
        RecipeError: Says the smallest size that can be had, and what to do.
    """
    if table.target_size_mb is None:
        return
    scheme, target = Scheme.parse(table.scheme), int(table.target_size_mb * _MEGABYTE)
    kinds = {name: (kind, weight.shape) for name, kind, weight in weights_of(model)}
    fewest = {name: min(possible) for name, (kind, _) in kinds.items() if (possible := possible_bits(kind, scheme))}

    def smallest(ready: Preparation) -> int:
        weights = blank_weights(model, scheme=scheme, bits=fewest, ready=ready)
        return running_size(model, weights, tokenizer_folder=tokenizer_folder)

    if smallest(Preparation()) > target:  # the size that is told can be had whatever calibration finds
        raise _unreachable(model, scheme, target=target, smallest=smallest(_most_found(model, table)))


def size_bounds(model: "PreTrainedModel", table: QuantizeTable, *, tokenizer_folder: Path) -> tuple[int, int]:
    """The least and the most bytes that model and tokenizer can have as the recipe asks; equal where all is known.

    What calibration will find weighs something, and so do bits that layers get by what they can bear. Remedies, where a
    scheme costs too many answers, are not in it.

    Args:
        model: A student of the shape; its values do not count.
        table: Scheme, and target if any.
        tokenizer_folder: Holds the tokenizer files, which count too.
    """
    scheme, found = Scheme.parse(table.scheme), _most_found(model, table)

    def size(bits: Mapping[str, int], ready: Preparation) -> int:
        weights = blank_weights(model, scheme=scheme, bits=_by_name(model, bits), ready=ready)
        return running_size(model, weights, tokenizer_folder=tokenizer_folder)

    asked = _asked_bits(table)
    least = size(asked, Preparation())
    if table.spare > 0:
        return least, size(asked | {"linear": _spared_to(scheme)}, found)
    most = least if found == Preparation() else size(asked, found)
    return least, most if table.target_size_mb is None else max(most, int(table.target_size_mb * _MEGABYTE))


def blank_student(model: "PreTrainedModel", table: QuantizeTable) -> PackedWeights:
    """The codes of a student as the recipe asks for them, all zero: what its graph looks like before it is trained."""
    return blank_weights(model, scheme=Scheme.parse(table.scheme), bits=_by_name(model, _asked_bits(table)))


def _asked_bits(table: QuantizeTable) -> dict[str, int]:
    """Kind of weight -> its bits; the fewest that it may get where there is a target."""
    scheme = Scheme.parse(table.scheme)
    usual = _most(scheme)
    if table.target_size_mb is None:
        return usual
    return {kind: min(possible_bits(kind, scheme), default=most) for kind, most in usual.items()}


def _by_name(model: "PreTrainedModel", bits: Mapping[str, int]) -> dict[str, int]:
    """Parameter name -> bits, of weights that get few."""
    kinds = {name: kind for name, kind, _ in weights_of(model)}
    return {name: bits[kind] for name, kind in kinds.items() if bits.get(kind, FLOAT_BITS) != FLOAT_BITS}


def _most_found(model: "PreTrainedModel", table: QuantizeTable) -> Preparation:
    """What weighs most of all that calibration could find."""
    scheme = Scheme.parse(table.scheme)
    inputs = {
        name.removesuffix(".weight"): weight.shape[1] for name, kind, weight in weights_of(model) if kind == "linear"
    }
    divided = table.divide_outliers and scheme.is_integer_product
    return Preparation(
        factors={name: np.ones(n_inputs, np.float32) for name, n_inputs in inputs.items() if divided},
        spans={name: (float(number + 1), number % 256) for number, name in enumerate(inputs) if scheme.static},
    )


def fitting(ready: Preparation, bits: Mapping[str, int], *, scheme: Scheme) -> Preparation:
    """What calibration taught, without what weights of 8 bits have no use for.

    Args:
        ready: All of it.
        bits: Parameter name -> bits, where they are other than the scheme's.
        scheme: Of the model.
    """
    few = [name for name in ready.hessians if bits.get(f"{name}.weight", scheme.weight_bits) in FEW_BITS]
    return replace(ready, hessians={name: ready.hessians[name] for name in few})


def _most(scheme: Scheme) -> dict[str, int]:
    return {"linear": scheme.weight_bits, "embedding": scheme.table_bits}


def _as_floats(weights: PackedWeights) -> dict[str, Floats]:
    """What the codes stand for, in the place of the float weights."""
    floats = {}
    for name, packed in weights.tensors.items():
        factors = weights.factors.get(name.removesuffix(".weight"))
        floats[name] = packed.dequantize() if factors is None else packed.dequantize() / factors
    return floats


def _scheme_of(scheme: Scheme, record: QuantizationRecord) -> Scheme:
    """The scheme with the bits that the layers came to have."""
    bits = {kind: {layer.weight_bits for layer in record.layers if layer.kind == kind} for kind in _most(scheme)}
    return replace(
        scheme,
        weight_bits=max(bits["linear"], default=scheme.weight_bits),
        table_bits=max(bits["embedding"], default=scheme.table_bits),
        mixed=any(len(found) > 1 for found in bits.values()),
    )


def _unreachable(model: "PreTrainedModel", scheme: Scheme, *, target: int, smallest: int) -> RecipeError:
    """The smallest size is rounded up, so that it can be given as a target."""
    n_layers = layer_count(model.config)
    what = {"weights": scheme.quantizes_weights, "tables": scheme.quantizes_tables}
    least = math.ceil(smallest / 1e4) / 100
    hint = f"Give a target of at least {least:.2f}MB"
    if not all(what.values()):
        hint += f", or a scheme that does not leave {' and '.join(name for name, few in what.items() if not few)} float"
    if not n_layers:
        hint += ", or smaller tables: student.ngram_rows, student.table_size"
    hint += f", or take fewer layers: student.layers below {n_layers}." if n_layers > 1 else "."
    return RecipeError(
        f"A target of {wording.size(target)} cannot be reached: model and tokenizer are {least:.2f} MB with the fewest "
        f"bits for every layer that '{scheme}' rounds.",
        hint=hint,
    )


def _in_words(found: Mix) -> str:
    told = found.assignment
    assert told is not None
    counts = {bits: list(found.bits.values()).count(bits) for bits in sorted(set(found.bits.values()))}
    shared = ", ".join(f"{bits} bits for {wording.counted(n, 'weight')}" for bits, n in counts.items())
    return f"{wording.size(told.size_bytes)} of {wording.size(told.target_bytes)}: {shared}."


def _remembered(work: Path, hangs_on: Mapping[str, object], make: Callable[[], Mix]) -> Mix:
    """What `make` finds, or found in an earlier process from the same settings."""
    path = work / "mixed" / f"{fingerprint.of_settings(hangs_on)}.json"
    if path.exists():
        return from_json(Mix, json.loads(path.read_text(encoding="utf-8")))
    found = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(path, to_json(found))
    return found
