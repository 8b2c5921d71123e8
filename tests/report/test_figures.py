"""The drawings: places worked out by hand, ticks by law."""

import itertools
import math
import random
import re

import pytest

from limbeck.report.axes import Scale, round_ticks, tick_decimals
from limbeck.report.figures import (
    Bar,
    Curve,
    Stack,
    Whisker,
    bar_chart,
    interval_chart,
    line_chart,
    stacked_bars,
)
from limbeck.report.svg import WIDTH


def attribute(drawing: str, element: str, name: str) -> list[float]:
    """Every value of an attribute of an element whose opening tag begins as given."""
    return [float(found) for found in re.findall(rf"<{element}[^>]* {name}=\"([-\d.]+)\"", drawing)]


def words_of(value: float, decimals: int) -> str:
    """A value as a tick says it."""
    return f"{value:.{decimals}f}"


def test_bars_are_as_long_as_their_values() -> None:
    """A bar that is not in proportion lies, however true the figure beside it."""
    bars = [Bar("teacher", "teacher", 80.0, "80 MB"), Bar("artifact", "artifact", 20.0, "20 MB")]
    assert attribute(bar_chart(bars, title="Size", description="."), "rect", "width") == [WIDTH, WIDTH / 4]


def test_the_thin_line_ends_at_p99() -> None:
    """p50 10 of a scale to 20 is half of the width; p99 20 is its end."""
    drawing = bar_chart([Bar("teacher", "teacher", 10.0, "10 ms", reach=20.0)], title="Latency", description=".")
    assert attribute(drawing, "rect", "width") == [WIDTH / 2]
    assert max(attribute(drawing, 'line class="reach', "x2")) == pytest.approx(WIDTH, abs=1)


def test_one_stray_p99_does_not_press_the_bars_flat() -> None:
    """p99 of 200 beside a p50 of 10: the scale ends at 30, the bar keeps a third of it, an arrow tells the rest."""
    drawing = bar_chart([Bar("teacher", "teacher", 10.0, "10 ms", reach=200.0)], title="Latency", description=".")
    assert attribute(drawing, "rect", "width") == [WIDTH / 3]
    assert attribute(drawing, 'line class="reach', "x2") == [pytest.approx(WIDTH, abs=1), WIDTH, WIDTH]


def test_stacks_share_one_scale() -> None:
    """60 + 40 of 100 fill the width but for the gaps; the stack of 30 fills 30 % of it."""
    stacks = [Stack("float32", "100", (("embedding", 60), ("linear", 40))), Stack("int8", "30", (("embedding", 30),))]
    widths = attribute(stacked_bars(stacks, title="Bytes", description="."), "rect", "width")
    assert widths == [0.6 * WIDTH - 1, 0.4 * WIDTH - 1, 0.3 * WIDTH - 1]


def test_an_interval_lies_where_its_axis_says() -> None:
    """Ticks 0.90 to 0.98 stand 20 to 260 units across: 0.94 is in the middle, the bound 0.90 at the left end."""
    whisker = Whisker("artifact", "artifact", 0.94, 0.92, 0.96, "94 %")
    drawing = interval_chart(
        [whisker], title="Agreement", description=".", value_words=words_of, bound=0.9, bound_words="at least 90 %"
    )
    ticks = re.findall(r'<text class="label" x="([\d.]+)"[^>]*>([\d.]+)<', drawing)
    scale = Scale(float(ticks[0][1]), float(ticks[-1][1]), float(ticks[0][0]), float(ticks[-1][0]))
    assert attribute(drawing, "circle", "cx") == [pytest.approx(scale(0.94), abs=0.06)]
    ends = attribute(drawing, 'line class="whisker', "x1")[0], attribute(drawing, 'line class="whisker', "x2")[0]
    assert ends == (pytest.approx(scale(0.92), abs=0.06), pytest.approx(scale(0.96), abs=0.06))
    assert attribute(drawing, 'line class="bound"', "x1") == [pytest.approx(scale(0.90), abs=0.06)]


def test_what_is_not_known_is_no_fault_of_a_drawing() -> None:
    """A run would end in a stack trace behind its training, for one figure that its few texts do not tell."""
    known = Whisker("teacher", "teacher", 0.9, 0.88, 0.92, "90 %")
    unknown = Whisker("artifact", "artifact", 0.91, -math.inf, math.inf, "91 %")
    undefined = Whisker("student", "student", math.nan, math.nan, math.nan, "–")
    for whiskers, n_drawn in (([known, unknown, undefined], 2), ([undefined], 0), ([unknown], 1)):
        drawing = interval_chart(whiskers, title="a", description=".", value_words=words_of)
        assert len(attribute(drawing, "circle", "cx")) == n_drawn
        assert not re.search(r'"-?(nan|inf)"', drawing)
        assert all(f">{whisker.words}<" in drawing for whisker in whiskers)
    ticks = attribute(drawing, 'line class="grid"', "x1")
    assert attribute(drawing, 'line class="whisker', "x1")[0] == min(ticks)
    assert attribute(drawing, 'line class="whisker', "x2")[0] == max(ticks)


def test_a_falling_loss_falls_on_paper() -> None:
    """SVG counts downwards: a forgotten turn would show every loss rising."""
    drawing = line_chart(
        [Curve("student", ((1, 0.9), (2, 0.5), (3, 0.1)))],
        title="Loss",
        description=".",
        value_words=words_of,
        from_zero=True,
    )
    downs = attribute(drawing, 'circle class="dot', "cy")
    assert downs == sorted(downs)
    assert downs[0] < downs[-1]


def test_the_kept_checkpoint_is_ringed_once() -> None:
    """The ring is what says which point of the curve is the model that ships."""
    curve = Curve("student", ((1, 0.9), (2, 0.95), (3, 0.93)), marked_step=2)
    drawing = line_chart([curve], title="Agreement", description=".", value_words=words_of, from_zero=False)
    rings = attribute(drawing, 'circle class="ring', "cx")
    across = sorted([*rings, *attribute(drawing, 'circle class="dot', "cx")])
    assert rings == [across[1]]


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e-9, 1e9])
def test_equal_values_still_have_an_axis(value: float) -> None:
    """A run whose loss never moved must not end in a division by nothing."""
    curve = Curve("student", ((1, value), (2, value)))
    drawing = line_chart([curve], title="Loss", description=".", value_words=words_of, from_zero=False)
    assert "nan" not in drawing
    assert "inf" not in drawing


def test_ticks_hold_the_values_and_are_few_and_even() -> None:
    """Ticks that miss a value would put it off the paper; too many would run into each other."""
    draw = random.Random(1)
    for _ in range(2_000):
        spread = 10 ** draw.uniform(-9, 9)
        low = draw.uniform(-100, 100) * spread
        high = low + spread
        at_most = draw.randint(4, 8)
        ticks = round_ticks(low, high, at_most=at_most)
        slack = 1e-6 * spread
        assert 2 <= len(ticks) <= at_most
        assert ticks[0] <= low + slack
        assert ticks[-1] >= high - slack
        steps = [right - left for left, right in itertools.pairwise(ticks)]
        assert max(steps) - min(steps) <= 1e-6 * spread


@pytest.mark.parametrize(
    ("ticks", "decimals"),
    [((0.0, 1.0, 2.0), 0), ((0.0, 0.25, 0.5), 2), ((0.9, 0.92, 0.94), 2), ((0.0, 0.001), 3), ((0.0, 500.0), 0)],
)
def test_ticks_have_as_many_decimals_as_they_need(ticks: tuple[float, ...], decimals: int) -> None:
    """Two ticks that read alike make an axis that nobody can trust."""
    assert tick_decimals(ticks) == decimals


def test_a_drawing_says_what_it_shows() -> None:
    """Who cannot see the drawing hears its label; words from the data must not break out of it."""
    drawing = bar_chart([Bar("other", '<b>"x"', 1.0, "1")], title='A "title"', description="x 1.")
    assert 'aria-label="A &#34;title&#34;. x 1."' in drawing
    assert "&lt;b&gt;&#34;x&#34;" in drawing
