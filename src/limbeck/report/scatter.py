"""Marks on a plane: what something costs, across on a scale of factors, against how good it is, with its interval."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from limbeck.report import svg
from limbeck.report.axes import LogScale, Scale, log_ticks, round_ticks, tick_decimals

N_COLOURS = 5
_HEIGHT, _TOP, _BOTTOM, _RIGHT = 300, 14, 54, 12
_LEAST_FACTOR = 2.0  # a narrower range would blow the machine's noise up to the width of the drawing
_ELBOW_ROOM, _LINE_ROOM, _ROUNDS = 21.0, 5.0, 60
# About (0, 0), of about equal area: circle, square, diamond, hexagon, triangle, triangle on its head.
_OUTLINES = (
    "M-9 0a9 9 0 1 0 18 0a9 9 0 1 0 -18 0Z",
    "M-8 -8H8V8H-8Z",
    "M0 -11L11 0L0 11L-11 0Z",
    "M-5 -8.8H5L10.2 0L5 8.8H-5L-10.2 0Z",
    "M0 -12.5L11.5 7.5H-11.5Z",
    "M0 12.5L11.5 -7.5H-11.5Z",
)


@dataclass(frozen=True)
class Mark:
    """One mark.

    Args:
        kind: Its shape and colour, from 0.
        across: Its value across, above 0.
        upright: Its value upwards.
        low: Where its interval begins.
        high: Where its interval ends.
        words: A figure or two that stand within the mark.
        is_full: Full marks catch the eye, hollow ones step back.
    """

    kind: int
    across: float
    upright: float
    low: float
    high: float
    words: str
    is_full: bool


def scatter_chart(
    marks: Sequence[Mark],
    *,
    title: str,
    description: str,
    across_words: Callable[[float], str],
    across_title: str,
    upright_words: Callable[[float, int], str],
    bound: float | None = None,
) -> Markup:
    """Marks with their intervals over two axes; the one across is a scale of factors.

    Marks that would cover each other are moved aside by a few pixels.

    Args:
        marks: At least one.
        title: What is drawn.
        description: What a reader who cannot see it should know.
        across_words: A tick's words across.
        across_title: What is across, and in which unit.
        upright_words: (value, decimals) -> the tick's words upwards.
        bound: A broken level line, or None.
    """
    values = [value for mark in marks for value in (mark.low, mark.high, mark.upright)]
    values += [] if bound is None else [bound]
    ticks = round_ticks(min(values), max(values), at_most=7)
    words = [upright_words(tick, tick_decimals(ticks)) for tick in ticks]
    left = 10 + svg.LETTER * max(len(word) for word in words)
    floor = _HEIGHT - _BOTTOM
    y = Scale(ticks[0], ticks[-1], floor, _TOP)
    x = _across([mark.across for mark in marks], start=left, end=svg.WIDTH - _RIGHT)
    parts = []
    for tick, word in zip(ticks, words, strict=True):
        parts.append(svg.line(left, y(tick), svg.WIDTH - _RIGHT, y(tick), kind="grid"))
        parts.append(svg.text(left - 8, y(tick) + 4.5, word, anchor="end"))
    for tick in log_ticks(x.low, x.high, at_most=6):
        parts.append(svg.line(x(tick), floor, x(tick), floor + 4, kind="tick"))
        parts.append(svg.text(x(tick), floor + 19, across_words(tick), anchor="middle"))
    parts.append(svg.text((left + svg.WIDTH - _RIGHT) / 2, _HEIGHT - 10, across_title, anchor="middle"))
    if bound is not None:
        parts.append(svg.line(left, y(bound), svg.WIDTH - _RIGHT, y(bound), kind="bound"))
    places = _apart([(x(mark.across), y(mark.upright)) for mark in marks], between=(left + 10, svg.WIDTH - _RIGHT - 10))
    for mark, place in zip(marks, places, strict=True):
        colour = _colour(mark.kind)
        parts.append(svg.line(place, y(mark.low), place, y(mark.high), kind=f"spread {colour}"))
        parts += [
            svg.line(place - 3, y(end), place + 3, y(end), kind=f"spread {colour}") for end in (mark.low, mark.high)
        ]
    for mark, place in zip(marks, places, strict=True):
        parts.append(_outline(mark.kind, place, y(mark.upright), is_full=mark.is_full))
        fullness = "on-full" if mark.is_full else "on-hollow"
        parts.append(svg.text(place, y(mark.upright) + 4, mark.words, anchor="middle", kind=f"within {fullness}"))
    return svg.drawing(parts, height=_HEIGHT, title=title, description=description)


def key_mark(kind: int, *, is_full: bool = True) -> Markup:
    """A mark alone, as tall as a line of words."""
    opening = Markup('<svg class="key-mark" viewBox="-13 -13 26 26" aria-hidden="true">')
    return opening + _outline(kind, 0, 0, is_full=is_full) + Markup("</svg>")


def _across(values: Sequence[float], *, start: float, end: float) -> LogScale:
    """The scale across: a little wider than the values, and never narrower than a factor of `_LEAST_FACTOR`."""
    low, high = min(values), max(values)
    pad = max(1.12, math.sqrt(max(1.0, _LEAST_FACTOR / (high / low))))
    return LogScale(low / pad, high * pad, start, end)


def _apart(places: Sequence[tuple[float, float]], *, between: tuple[float, float]) -> list[float]:
    """Where marks go across so that none covers another, and the lines of no two lie upon each other.

    Args:
        places: (across, down) of each mark, in pixels.
        between: The places furthest left and furthest right.
    """
    found = [across for across, _ in places]
    order = sorted(range(len(places)), key=lambda index: places[index][0])
    for _ in range(_ROUNDS):
        for at, left in enumerate(order):
            for right in order[at + 1 :]:
                is_level = abs(places[left][1] - places[right][1]) < _ELBOW_ROOM
                missing = (_ELBOW_ROOM if is_level else _LINE_ROOM) - (found[right] - found[left])
                if missing > 0:
                    found[left] = max(between[0], found[left] - missing / 2)
                    found[right] = min(between[1], found[right] + missing / 2)
    return found


def _outline(kind: int, across: float, down: float, *, is_full: bool) -> Markup:
    fullness = "full" if is_full else "hollow"
    return Markup('<path class="mark {} {}" transform="translate({:.1f} {:.1f})" d="{}"/>').format(
        _colour(kind), fullness, across, down, _OUTLINES[kind % len(_OUTLINES)]
    )


def _colour(kind: int) -> str:
    return f"colour-{kind % N_COLOURS}"
