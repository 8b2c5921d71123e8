"""What each layer can bear: a picture of weights by bits, and how well the sum of errors foretold the whole."""

import math
import re

from limbeck.ground import wording
from limbeck.records.bits import BitAssignment, LayerSensitivity, QuantizationRecord
from limbeck.report.figures import HeatCell, HeatRow, heat_table
from limbeck.report.panels import Panel

_TITLE = "Squared change of the logits when one weight alone is rounded"
_LONGEST_NAME = 27
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def bearing_panel(quantization: QuantizationRecord) -> Panel | None:
    """A row for each weight, a column for each number of bits; None where nothing was measured."""
    found = quantization.sensitivities
    if not found:
        return None
    got = {layer.name: layer.weight_bits for layer in quantization.layers}
    columns = sorted({one.bits for one in found})
    errors = [math.log10(one.logit_error) for one in found if one.logit_error > 0]
    low, high = min(errors, default=0.0), max(errors, default=0.0)
    rows = []
    for name in dict.fromkeys(one.name for one in found):
        of_weight = {one.bits: one for one in found if one.name == name}
        cells = tuple(
            None
            if (one := of_weight.get(bits)) is None
            else HeatCell(
                power_of_ten(one.logit_error),
                _share(one.logit_error, low, high),
                is_marked=quantization.assignment is not None and got.get(name) == bits,
            )
            for bits in columns
        )
        rows.append(HeatRow(short_name(name), cells))
    drawing = heat_table(
        rows, columns=[f"{bits} bits" for bits in columns], title=_TITLE, description=_spoken(found, quantization)
    )
    outlined = " Outlined: what the layer got." if quantization.assignment is not None else ""
    return Panel(
        _TITLE,
        drawing,
        note=f"The stronger the shade, the more it costs; shades are even steps of its power of ten.{outlined}",
    )


def assignment_rows(told: BitAssignment) -> list[tuple[str, str]]:
    """(what, figure) of a choice of bits."""
    return [
        ("Target", wording.size(told.target_bytes)),
        ("Model and tokenizer", wording.size(told.size_bytes)),
        ("With the fewest bits everywhere", wording.size(told.smallest_bytes)),
        ("Sum of the errors of all weights, each rounded alone", power_of_ten(told.predicted_error, digits=2)),
        ("Error of all weights rounded together", power_of_ten(told.measured_error, digits=2)),
        ("Texts that it was measured on", wording.count(told.n_texts)),
    ]


def power_of_ten(value: float, *, digits: int = 1) -> str:
    """A small figure as "3·10⁻⁴"; "0" for nothing."""
    if not value > 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}·10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def short_name(name: str) -> str:
    """A weight's name for a narrow column: the layer's number and what stands behind it, or its last words."""
    plain = name.removesuffix(".weight")
    numbered = re.fullmatch(r".*\.(\d+)\.(.+)", plain)
    number, words = (f"{numbered[1]} ", numbered[2]) if numbered else ("", plain.rsplit(".", 1)[-1])
    if words == "dense":
        words = " ".join(plain.split(".")[-2:])
    words, room = re.sub(r"[._]", " ", words), _LONGEST_NAME - len(number)
    return number + (words if len(words) <= room else f"…{words[1 - room :]}")


def _share(error: float, low: float, high: float) -> float:
    if not error > 0 or not high > low:
        return 0.0
    return (math.log10(error) - low) / (high - low)


def _spoken(found: tuple[LayerSensitivity, ...], quantization: QuantizationRecord) -> str:
    fewest = min(one.bits for one in found)
    worst = max((one for one in found if one.bits == fewest), key=lambda one: one.logit_error)
    least = min((one for one in found if one.bits == fewest), key=lambda one: one.logit_error)
    n_weights = len({one.name for one in found})
    spoken = (
        f"{n_weights} weights. With {fewest} bits, {short_name(worst.name)} costs most, "
        f"{power_of_ten(worst.logit_error)}, and {short_name(least.name)} least, {power_of_ten(least.logit_error)}."
    )
    if quantization.assignment is None:
        return spoken
    counts: dict[int, int] = {}
    for layer in quantization.layers:
        if layer.kind != "kept":
            counts[layer.weight_bits] = counts.get(layer.weight_bits, 0) + 1
    shared = ", ".join(f"{bits} bits for {wording.counted(counts[bits], 'weight')}" for bits in sorted(counts))
    return f"{spoken} Given: {shared}."
