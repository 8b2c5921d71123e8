"""Two small drawings: probability against share right (a reliability diagram), and an interval within a table's row."""

from collections.abc import Sequence

from markupsafe import Markup

from limbeck.ground import wording
from limbeck.records.fidelity import Calibration
from limbeck.records.score import Score
from limbeck.report import svg
from limbeck.report.axes import Scale, round_ticks, tick_decimals
from limbeck.report.roles import Role
from limbeck.report.svg import LETTER, NARROW_WIDTH

_HEIGHT, _TOP, _FOOT, _EDGE = 246, 10, 46, 14
_BAR_WIDTH, _BAR_HEIGHT = 120, 14


def reliability_diagram(found: Calibration, role: Role, *, low: float) -> Markup:
    """A dot for each bin, with the interval of its share right; on the broken line, one is as often right as one says.

    Args:
        found: One model's.
        role: Whose colour it takes.
        low: Where both axes begin; they end at 1.

    Source: DeGroot, Fienberg 1983, Journal of the Royal Statistical Society D 32, 12-22.
    """
    ticks = round_ticks(low, 1.0, at_most=5)
    words = [wording.percent(tick, decimals=max(0, tick_decimals(ticks) - 2)) for tick in ticks]
    left = 10 + LETTER * max(map(len, words))
    floor = _HEIGHT - _FOOT
    x = Scale(ticks[0], ticks[-1], left, NARROW_WIDTH - _EDGE)
    y = Scale(ticks[0], ticks[-1], floor, _TOP)
    parts = []
    for number, (tick, word) in enumerate(zip(ticks, words, strict=True)):
        parts.append(svg.line(left, y(tick), NARROW_WIDTH - _EDGE, y(tick), kind="grid"))
        parts.append(svg.text(left - 8, y(tick) + 4.5, word, anchor="end"))
        parts.append(svg.line(x(tick), floor, x(tick), floor + 4, kind="tick"))
        if number in {0, len(ticks) - 1} or len(ticks) < 4:
            parts.append(svg.text(x(tick), floor + 19, word, anchor="end" if tick == ticks[-1] else "middle"))
    parts.append(svg.text((left + NARROW_WIDTH - _EDGE) / 2, floor + 38, "probability it gave", anchor="middle"))
    parts.append(svg.line(x(ticks[0]), y(ticks[0]), x(ticks[-1]), y(ticks[-1]), kind="bound"))
    for one in found.bins:
        across = x(one.probability)
        low_end, high_end = y(one.right.interval.low), y(one.right.interval.high)
        parts.append(svg.line(across, low_end, across, high_end, kind=f"whisker {role}"))
        parts.append(
            Markup('<circle class="bar {}" cx="{:.1f}" cy="{:.1f}" r="3.5"/>').format(role, across, y(one.right.value))
        )
    spoken = "; ".join(
        f"given {wording.percent(one.probability)}, right {wording.percent(one.right.value)}" for one in found.bins
    )
    title = f"Share right by probability: {found.name}"
    return svg.drawing(parts, height=_HEIGHT, title=title, description=f"{spoken}.", width=NARROW_WIDTH)


def lowest_of(models: Sequence[Calibration]) -> float:
    """Where the axes of all diagrams begin, so that they can be set side by side."""
    return min(min(one.probability, one.right.interval.low) for found in models for one in found.bins)


def interval_bar(score: Score, *, low: float, elsewhere: float | None, is_worse: bool) -> Markup:
    """A dot on its interval, from `low` to 1, with a thin upright line at the figure of all other texts."""
    scale, middle = Scale(low, 1.0, 4, _BAR_WIDTH - 4), _BAR_HEIGHT / 2
    kind = "worse" if is_worse else "artifact"
    parts = [svg.line(4, middle, _BAR_WIDTH - 4, middle, kind="grid")]
    if elsewhere is not None:
        parts.append(svg.line(scale(elsewhere), 0, scale(elsewhere), _BAR_HEIGHT, kind="tick"))
    parts.append(
        svg.line(scale(score.interval.low), middle, scale(score.interval.high), middle, kind=f"whisker {kind}")
    )
    parts.append(
        Markup('<circle class="bar {}" cx="{:.1f}" cy="{:g}" r="3.5"/>').format(kind, scale(score.value), middle)
    )
    # The figures stand in the row itself, so that the drawing has no words of its own.
    opening = Markup('<svg class="interval" viewBox="0 0 {} {}" aria-hidden="true">').format(_BAR_WIDTH, _BAR_HEIGHT)
    return opening + Markup("").join(parts) + Markup("</svg>")
