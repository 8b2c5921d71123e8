"""Marks on a plane: each stands where its figures say, none covers another, and the axis across is one of factors."""

import itertools
import math
import random
import re

import pytest

from limbeck.report.axes import LogScale, log_ticks
from limbeck.report.scatter import Mark, _apart, key_mark, scatter_chart


def chart(*marks: Mark, bound: float | None = None) -> str:
    """A drawing of these marks."""
    return str(
        scatter_chart(
            marks,
            title="Retention against size",
            description="As it is.",
            across_words=str,
            across_title="MB",
            upright_words=lambda value, decimals: f"{value:.{decimals}f}",
            bound=bound,
        )
    )


def mark(across: float, upright: float, *, kind: int = 0, is_full: bool = True) -> Mark:
    """A mark of three layers with an interval of a tenth to either side."""
    return Mark(kind, across, upright, upright - 0.1, upright + 0.1, "3", is_full)


def places(drawing: str) -> list[tuple[float, float]]:
    """Where the marks stand."""
    found = re.findall(r'<path class="mark [^"]*" transform="translate\(([\d.]+) ([\d.]+)\)"', drawing)
    return [(float(across), float(down)) for across, down in found]


def test_equal_factors_are_equally_long() -> None:
    """A failure would make a saving from 20 to 10 look larger than one from 10 to 5."""
    (first, _), (second, _), (third, _) = places(chart(mark(5, 0.5), mark(10, 0.5), mark(20, 0.5)))
    assert second - first == pytest.approx(third - second, abs=0.11)
    assert first < second
    scale = LogScale(1.0, 100.0, 0.0, 200.0)
    assert [scale(value) for value in (1.0, 10.0, 100.0)] == pytest.approx([0.0, 100.0, 200.0])


def test_a_mark_stands_in_the_middle_of_its_interval_by_hand() -> None:
    """A failure would draw an interval about another value than the one it belongs to."""
    drawing = chart(mark(5, 0.5), mark(20, 0.9))
    for across, down in places(drawing):
        low, high = re.findall(
            rf'<line class="spread[^"]*" x1="{across}" y1="([\d.]+)" x2="{across}" y2="([\d.]+)"', drawing
        )[0]
        assert (float(low) + float(high)) / 2 == pytest.approx(down, abs=0.11)
        assert float(high) < float(low)  # the higher value stands further up


def test_the_bound_is_a_broken_line_at_its_value() -> None:
    """A failure would show a refused pair above what was accepted."""
    drawing = chart(mark(5, 0.5), mark(20, 0.9), bound=0.7)
    at = float(re.findall(r'<line class="bound" x1="[\d.]+" y1="([\d.]+)"', drawing)[0])
    (_, low), (_, high) = places(drawing)
    assert at == pytest.approx((low + high) / 2, abs=0.11)
    assert 'class="bound"' not in chart(mark(5, 0.5))


def test_noise_is_not_blown_up() -> None:
    """A failure would show latencies that differ by a hundredth at opposite ends of the picture."""
    (first, _), (second, _) = places(chart(mark(1.00, 0.2), mark(1.01, 0.8)))
    assert second - first < 12


def test_no_mark_covers_another() -> None:
    """A failure would hide a pair behind another one of the same figures; the order across must stay."""
    draw = random.Random(0)
    for _ in range(20):
        given = [(draw.uniform(50, 400), draw.uniform(20, 240)) for _ in range(8)]
        found = _apart(given, between=(40.0, 410.0))
        assert all(40.0 <= across <= 410.0 for across in found)
        for one, other in itertools.combinations(range(8), 2):
            distance = math.hypot(found[one] - found[other], given[one][1] - given[other][1])
            assert distance > 18
    assert _apart([(100.0, 50.0), (200.0, 50.0)], between=(0.0, 400.0)) == [100.0, 200.0]
    left, right = _apart([(100.0, 50.0), (100.0, 50.0)], between=(0.0, 400.0))
    assert (left, right) == pytest.approx((89.5, 110.5))


def test_schemes_differ_in_shape_and_in_colour() -> None:
    """A failure would leave those who see no colours, or who print in grey, without a way to tell schemes apart."""
    keys = [str(key_mark(kind)) for kind in range(30)]
    assert len(set(keys)) == 30
    outlines = [re.findall(r' d="([^"]+)"', key)[0] for key in keys[:6]]
    assert len(set(outlines)) == 6


def test_full_marks_and_hollow_ones() -> None:
    """A failure would let the front look like the rest."""
    drawing = chart(mark(5, 0.5), mark(20, 0.9, kind=1, is_full=False))
    assert re.findall(r'class="mark (\S+ \S+)"', drawing) == ["colour-0 full", "colour-1 hollow"]


@pytest.mark.parametrize(
    ("low", "high"),
    [(7.4, 20.5), (0.7, 1.4), (0.8, 1.7), (12.0, 190.0), (1.6, 230.0), (0.9, 1010.0), (1.0, 9e4), (0.0021, 0.005)],
)
def test_ticks_of_factors_are_few_and_round(low: float, high: float) -> None:
    """A failure would leave an axis without figures, or with too many to read."""
    ticks = log_ticks(low, high, at_most=6)
    assert 3 <= len(ticks) <= 7
    assert all(low <= tick <= high for tick in ticks)
    assert all(len(f"{tick:.12g}".strip("0.").replace(".", "")) <= 4 for tick in ticks)
    assert list(ticks) == sorted(set(ticks))


def test_ticks_of_factors_stand_apart() -> None:
    """A failure would crowd all figures of a wide axis at its right end. Two decades hold seven of 1, 2 and 5."""
    assert log_ticks(1.6, 230.0, at_most=6) == (3.0, 10.0, 30.0, 100.0)
