"""How figures read."""

import pytest

from limbeck.ground import wording


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (wording.percent(0.961), "96.1 %"),
        (wording.percent(0.9999), "99.99 %"),
        (wording.percent(0.0001), "0.01 %"),
        (wording.percent(1.0), "100.0 %"),
        (wording.percent(1.0125), "101.2 %"),
        (wording.percent(None), "–"),
        (wording.percent(float("nan")), "–"),
        (wording.percent_range(0.946, 0.972), "94.6–97.2 %"),
        (wording.points(0.019), "+1.9 points"),
        (wording.points(-0.019), "−1.9 points"),
        (wording.points(-0.0001), "0.0 points"),
        (wording.size(15_440_000), "15.4 MB"),
        (wording.size(999_600), "1.00 MB"),
        (wording.size(999_400), "999 kB"),
        (wording.size(1), "1 byte"),
        (wording.size(0), "0 bytes"),
        (wording.milliseconds(1.234), "1.23 ms"),
        (wording.milliseconds(123.4), "123 ms"),
        (wording.milliseconds(0.0412), "0.041 ms"),
        (wording.milliseconds(0.0001), "0.000100 ms"),
        (wording.three_figures(9.999), "10.0"),
        (wording.three_figures(float("nan")), "–"),
        (wording.count(1_234_567), "1,234,567"),
        (wording.millions(17_400_000), "17.4 million"),
        (wording.millions(8_204), "8,204"),
        (wording.times(5.31), "5.3×"),
        (wording.times(13.2), "13×"),
        (wording.multiple(5.31), "5.3"),
        (wording.multiple(1234.4), "1,234"),
        (wording.percent_range(0.9995, 1.0), "99.95–100.0 %"),
        (wording.told_apart(89.96, 90), "89.96"),
        (wording.told_apart(88.04, 90), "88.0"),
        (wording.told_apart(90.0, 90), "90"),
        (wording.told_apart(89.9999999999, 90), "90.000000"),
        (wording.plain(100 * 0.07), "7"),
        (wording.plain(98.5), "98.5"),
        (wording.plain(0.0), "0"),
        (wording.duration(0.44), "0.4 s"),
        (wording.duration(59.7), "1 min 0 s"),
        (wording.duration(125), "2 min 5 s"),
        (wording.duration(4322), "1 h 12 min"),
        (wording.counted(1, "text"), "1 text"),
        (wording.counted(872, "text"), "872 texts"),
        (wording.counted(2, "class", "classes"), "2 classes"),
    ],
)
def test_figures_read_as_english(text: str, expected: str) -> None:
    """A figure off by a unit or a rounding step would stand in every report, card and terminal line."""
    assert text == expected
