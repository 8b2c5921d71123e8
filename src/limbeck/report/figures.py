"""Inline drawings for the report: curves, bars, intervals, stacked bars. Plain SVG, coloured by the page's style sheet.

Every drawing is `WIDTH` (or `NARROW_WIDTH`) units wide with 13 unit letters, so that it can be read on a phone and in
print alike, and says in its label what a reader who does not see it should know.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from limbeck.report import svg
from limbeck.report.axes import Scale, round_ticks, tick_decimals
from limbeck.report.roles import Role
from limbeck.report.svg import LETTER, NARROW_WIDTH, WIDTH

_SHADES = 7


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Args:
        role: Whose colour it takes.
        points: (step, value), in rising order of steps.
        marked_step: The step to ring, or None.
    """

    role: Role
    points: tuple[tuple[float, float], ...]
    marked_step: int | None = None


@dataclass(frozen=True)
class Bar:
    """One bar: a name, a value, the value in words; `reach` is where a thin line goes on to (p99 beyond p50)."""

    role: Role
    name: str
    value: float
    words: str
    reach: float | None = None


@dataclass(frozen=True)
class Whisker:
    """One value with its interval, and both in words."""

    role: Role
    name: str
    value: float
    low: float
    high: float
    words: str


@dataclass(frozen=True)
class Stack:
    """One stacked bar: a name, the whole in words, and (kind, value) from left to right."""

    name: str
    words: str
    parts: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class HeatCell:
    """One figure of a heat table: in words, how strong its shade from 0 to 1, and whether it is outlined."""

    words: str
    share: float
    is_marked: bool = False


@dataclass(frozen=True)
class HeatRow:
    """One row of a heat table; None where a column has no meaning for it."""

    name: str
    cells: tuple[HeatCell | None, ...]


def line_chart(
    curves: Sequence[Curve], *, title: str, description: str, value_words: Callable[[float, int], str], from_zero: bool
) -> Markup:
    """Curves over training steps.

    Args:
        curves: At least one, each of at least one point; a lone point is drawn as a dot.
        title: What is drawn.
        description: What a reader who cannot see it should know.
        value_words: (value, decimals) -> the tick's words.
        from_zero: Start the upright axis at 0, as a loss wants it.
    """
    height, top, bottom, right = 230, 12, 36, 14
    values = [value for curve in curves for _, value in curve.points]
    steps = [step for curve in curves for step, _ in curve.points]
    ticks = round_ticks(0.0 if from_zero else min(values), max(values), at_most=6)
    words = [value_words(tick, tick_decimals(ticks)) for tick in ticks]
    left = 10 + LETTER * max(len(word) for word in words)
    y = Scale(ticks[0], ticks[-1], height - bottom, top)
    step_ticks = round_ticks(0, max(steps), at_most=6)
    x = Scale(0, max(steps), left, WIDTH - right)
    parts = []
    for tick, word in zip(ticks, words, strict=True):
        parts.append(svg.line(left, y(tick), WIDTH - right, y(tick), kind="grid"))
        parts.append(svg.text(left - 8, y(tick) + 4.5, word, anchor="end"))
    for tick in step_ticks:
        if tick <= max(steps):
            parts.append(svg.line(x(tick), height - bottom, x(tick), height - bottom + 4, kind="tick"))
            parts.append(
                svg.text(
                    x(tick), height - bottom + 20, f"{tick:,.0f}", anchor="end" if x(tick) > WIDTH - 30 else "middle"
                )
            )
    for curve in curves:
        places = [(x(step), y(value)) for step, value in curve.points]
        if len(places) > 1:
            path = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
            parts.append(Markup('<path class="curve {}" d="{}"/>').format(curve.role, path))
        for (across, down), (step, _) in zip(places, curve.points, strict=True):
            if step == curve.marked_step:
                parts.append(
                    Markup('<circle class="ring {}" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(curve.role, across, down)
                )
            elif len(places) <= 24:
                parts.append(
                    Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(curve.role, across, down)
                )
    return svg.drawing(parts, height=height, title=title, description=description)


def bar_chart(bars: Sequence[Bar], *, title: str, description: str) -> Markup:
    """Horizontal bars from zero, each with its name above and its value at the right.

    A thin line that would go beyond three times the longest bar ends in an arrow at the edge: one stray p99 must not
    press all bars flat.
    """
    row, thickness = 52, 14
    longest = max(bar.value for bar in bars) or 1.0
    scale = Scale(0, min(3 * longest, max(max(bar.value, bar.reach or 0) for bar in bars) or 1.0), 0, WIDTH)
    parts = []
    for index, bar in enumerate(bars):
        top = index * row
        middle = top + 24 + thickness / 2
        end = max(2.0, scale(bar.value))
        parts.append(svg.text(0, top + 14, bar.name, anchor="start", kind="name"))
        parts.append(svg.text(WIDTH, top + 14, bar.words, anchor="end", kind="value"))
        parts.append(svg.box(0, middle - thickness / 2, end, thickness, kind=f"bar {bar.role}"))
        if bar.reach is not None and scale(bar.reach) > end:
            reach = scale(bar.reach) - 0.75
            parts.append(svg.line(end, middle, reach, middle, kind=f"reach {bar.role}"))
            if bar.reach > scale.high:
                parts += [
                    svg.line(WIDTH - 6, middle + side, WIDTH, middle, kind=f"reach {bar.role}") for side in (-5, 5)
                ]
            else:
                parts.append(svg.line(reach, middle - 5, reach, middle + 5, kind=f"reach {bar.role}"))
    return svg.drawing(parts, height=len(bars) * row - 8, title=title, description=description)


def interval_chart(
    whiskers: Sequence[Whisker],
    *,
    title: str,
    description: str,
    value_words: Callable[[float, int], str],
    bound: float | None = None,
    bound_words: str = "",
    width: int = NARROW_WIDTH,
) -> Markup:
    """Values as dots on their intervals, over one axis; `bound` is drawn as a broken upright line.

    It is only `NARROW_WIDTH` wide unless told otherwise, so that three of them stand side by side. An interval that
    nobody knows reaches from end to end, and a value that is not defined is not drawn.
    """
    row, foot, edge = 46, 44 if bound is not None else 24, 20
    values = [edge_of for whisker in whiskers for edge_of in (whisker.low, whisker.high, whisker.value)]
    values = [value for value in values if math.isfinite(value)]
    values += [bound] if bound is not None else []
    ticks = round_ticks(min(values, default=0.0), max(values, default=1.0), at_most=5)
    scale = Scale(ticks[0], ticks[-1], edge, width - edge)
    floor = len(whiskers) * row + 2
    parts = []
    for tick in ticks:
        parts.append(svg.line(scale(tick), 0, scale(tick), floor, kind="grid"))
        parts.append(svg.text(scale(tick), floor + 18, value_words(tick, tick_decimals(ticks)), anchor="middle"))
    if bound is not None:
        place = scale(bound)
        anchor, words_at = (
            ("start", place - edge)
            if place < width * 0.3
            else ("end", place + edge)
            if place > width * 0.7
            else ("middle", place)
        )
        parts.append(svg.text(words_at, floor + 38, bound_words, anchor=anchor, kind="bound-words"))
    for index, whisker in enumerate(whiskers):
        middle = index * row + 32
        if bound is not None:  # beneath the words, which stand on no line
            parts.append(svg.line(scale(bound), index * row + 20, scale(bound), (index + 1) * row + 2, kind="bound"))
        parts.append(svg.backed_text(0, index * row + 14, whisker.name, anchor="start", kind="name"))
        parts.append(svg.backed_text(width, index * row + 14, whisker.words, anchor="end", kind="value"))
        if math.isnan(whisker.value):
            continue  # its words stand there
        low, high = scale(whisker.low), scale(whisker.high)
        parts.append(svg.line(low, middle, high, middle, kind=f"whisker {whisker.role}"))
        parts += [svg.line(end, middle - 4, end, middle + 4, kind=f"whisker {whisker.role}") for end in (low, high)]
        parts.append(
            Markup('<circle class="bar {}" cx="{:.1f}" cy="{}" r="5"/>').format(
                whisker.role, scale(whisker.value), middle
            )
        )
    return svg.drawing(parts, height=floor + foot, title=title, description=description, width=width)


def stacked_bars(stacks: Sequence[Stack], *, title: str, description: str) -> Markup:
    """Stacked bars on one scale: the shorter bar is the smaller whole."""
    row, thickness = 66, 26
    scale = Scale(0, max(sum(value for _, value in stack.parts) for stack in stacks) or 1.0, 0, WIDTH)
    parts = []
    for index, stack in enumerate(stacks):
        top, start, so_far = index * row, 0.0, 0.0
        parts.append(svg.text(0, top + 14, stack.name, anchor="start", kind="name"))
        parts.append(svg.text(WIDTH, top + 14, stack.words, anchor="end", kind="value"))
        for kind, value in stack.parts:
            so_far += value
            end = scale(so_far)
            if value > 0:
                parts.append(svg.box(start, top + 24, max(0.5, end - start - 1), thickness, kind=f"part {kind}"))
            start = end
    return svg.drawing(parts, height=len(stacks) * row - 14, title=title, description=description)


def heat_table(rows: Sequence[HeatRow], *, columns: Sequence[str], title: str, description: str) -> Markup:
    """Figures in cells, the larger the stronger the shade, in as many shades as can be told apart."""
    head, height, names = 24, 25, 178
    width = (WIDTH - names) / len(columns)
    parts = [
        svg.text(names + (number + 0.5) * width, 14, words, anchor="middle") for number, words in enumerate(columns)
    ]
    marks = []
    for index, row in enumerate(rows):
        top = head + index * height
        parts.append(svg.text(0, top + 16.5, row.name, anchor="start", kind="name small"))
        for number, cell in enumerate(row.cells):
            if cell is None:
                continue
            left = names + number * width
            shade = min(_SHADES - 1, int(cell.share * _SHADES))
            parts.append(svg.box(left + 1, top + 1, width - 2, height - 2, kind=f"heat shade-{shade}"))
            parts.append(svg.text(left + width / 2, top + 17, cell.words, anchor="middle", kind=f"on-shade-{shade}"))
            if cell.is_marked:
                marks.append(svg.box(left + 1, top + 1, width - 2, height - 2, kind="chosen"))
    return svg.drawing([*parts, *marks], height=head + len(rows) * height, title=title, description=description)
