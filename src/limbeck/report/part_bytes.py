"""Where the bytes are: by part of the model, for teacher, student and artifact; and layer by layer, with bits."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from limbeck.encoder.parts import ATTENTION, FEED_FORWARD, MODEL_PARTS, ModelBytes, part_of
from limbeck.ground import wording
from limbeck.records.bits import LayerBits
from limbeck.report.figures import Stack, stacked_bars
from limbeck.report.panels import Panel

_TITLE = "Bytes of what it takes to answer"
_NUMBER = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True)
class PartRow:
    """One part of the models; empty words where a model does not have it.

    Args:
        part: Its name.
        sizes: Of each model.
        bits: Of the artifact's weights.
        share: Of the artifact's bytes.
    """

    part: str
    sizes: tuple[str, ...]
    bits: str
    share: float


@dataclass(frozen=True)
class LayerRow:
    """One layer of the artifact: its matrices together.

    Args:
        name: "Layer 1", or the part that stands outside of layers.
        bits: Of its matrices, from few to many; attention and the rest apart where they differ.
        float_size: As float32.
        stored_size: As stored.
        error: The largest relative error among its matrices.
    """

    name: str
    bits: str
    float_size: str
    stored_size: str
    error: float


def parts_panel(models: Sequence[ModelBytes]) -> Panel:
    """A bar for each model, parted."""
    stacks = [
        Stack(
            model.name,
            wording.size(model.size_bytes),
            tuple((slug(part.part), part.size_bytes) for part in model.parts),
        )
        for model in models
    ]
    spoken = "; ".join(
        f"{model.name} {wording.size(model.size_bytes)}: "
        + ", ".join(f"{part.part} {wording.size(part.size_bytes)}" for part in model.parts)
        for model in models
    )
    return Panel(_TITLE, stacked_bars(stacks, title=_TITLE, description=f"{spoken}."))


def part_rows(models: Sequence[ModelBytes]) -> list[PartRow]:
    """The parts in order; share and bits are those of the last model, which is what ships."""
    found = [{part.part: part for part in model.parts} for model in models]
    artifact, whole = found[-1], models[-1].size_bytes
    return [
        PartRow(
            part=part,
            sizes=tuple(wording.size(parts[part].size_bytes) if part in parts else "" for parts in found),
            bits=", ".join(map(str, artifact[part].bits)) if part in artifact else "",
            share=artifact[part].size_bytes / whole if part in artifact else 0.0,
        )
        for part in MODEL_PARTS
        if any(part in parts for parts in found)
    ]


def whole_sizes(models: Sequence[ModelBytes]) -> list[str]:
    """All parts of each model together."""
    return [wording.size(model.size_bytes) for model in models]


def layer_rows(layers: Sequence[LayerBits]) -> list[LayerRow]:
    """The matrices by layer, in the order in which a text passes them; what stands outside of layers, by its part."""
    groups: dict[str, list[LayerBits]] = {}
    for layer in layers:
        groups.setdefault(_place(layer.name), []).append(layer)
    return [
        LayerRow(
            name=name,
            bits=_bits_words(own),
            float_size=wording.size(sum(one.float_bytes for one in own)),
            stored_size=wording.size(sum(one.stored_bytes for one in own)),
            error=max(one.relative_error for one in own),
        )
        for name, own in groups.items()
    ]


def slug(part: str) -> str:
    """A part as the style sheet calls it."""
    return part.replace(" ", "-")


def _place(name: str) -> str:
    part, number = part_of(name), _NUMBER.search(name)
    if part in {ATTENTION, FEED_FORWARD} and number:
        return f"layer {int(number[1]) + 1}"
    return part


def _bits_words(layers: Sequence[LayerBits]) -> str:
    by_part: dict[str, set[int]] = {}
    for layer in layers:
        by_part.setdefault(part_of(layer.name), set()).add(layer.weight_bits)
    words = {part: ", ".join(map(str, sorted(bits))) for part, bits in by_part.items()}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return "; ".join(f"{part} {bits}" for part, bits in words.items())
