"""How figures read in English: percents, bytes, milliseconds, counts. The terminal, the report and the card all use it.

A figure that is not a number (no labels, nothing measured) reads as an en dash.
"""

import math
from typing import TypeGuard

NOTHING = "–"
_MOST_DECIMALS = 6
_BYTE_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def percent(share: float | None, *, decimals: int = 1) -> str:
    """A share as percent: 0.961 reads "96.1 %"; only a whole share reads "100.0 %" (0.9999 reads "99.99 %")."""
    return f"{_percent_figure(share, decimals)} %" if _known(share) else NOTHING


def percent_range(low: float, high: float, *, decimals: int = 1) -> str:
    """Two shares as a range of percents: "94.6–97.2 %"; "unknown" where so few texts tell nothing."""  # noqa: RUF002
    if not (math.isfinite(low) and math.isfinite(high)):
        return "unknown"
    return f"{_percent_figure(low, decimals)}{NOTHING}{_percent_figure(high, decimals)} %"


def in_a_clause(clause: str, value: float, *, low: float, high: float, confidence: float, texts: str) -> str:
    """A share in a clause with places for it and for its texts: "answers 96.1 % of 9 texts (95 % interval ...)"."""
    told = clause.format(value=percent(value), texts=texts)
    return f"{told} ({plain(100 * confidence)} % interval {percent_range(low, high)})"


def told_apart(value: float, bound: float, *, decimals: int = 1) -> str:
    """A number with as many decimals as show that it is not `bound`: 89.96 beside 90 reads "89.96", not "90.0"."""
    if value == bound:
        return plain(value)
    while decimals < _MOST_DECIMALS and round(value, decimals) == round(bound, decimals):
        decimals += 1
    return f"{value:,.{decimals}f}"


def plain(value: float) -> str:
    """A number as a person would write it, without idle zeros: 90.0 reads "90", 98.5 reads "98.5"."""
    return f"{round(value, _MOST_DECIMALS):,.{_MOST_DECIMALS}f}".rstrip("0").rstrip(".")


def points(difference: float, *, decimals: int = 1) -> str:
    """A difference of two shares in percentage points, with its sign: "+1.9 points"."""
    return f"{signed(100 * difference, decimals=decimals)} points"


def signed(value: float, *, decimals: int = 1) -> str:
    """A number with its sign, a true minus for negatives, and no sign for what rounds to zero."""
    rounded = round(value, decimals) + 0.0
    sign = "+" if rounded > 0 else "−" if rounded < 0 else ""
    return f"{sign}{abs(rounded):.{decimals}f}"


def size(n_bytes: float | None) -> str:
    """Bytes in decimal units with three figures: "15.4 MB", "940 kB", "87 bytes"."""
    if not _known(n_bytes):
        return NOTHING
    for unit, factor in _BYTE_UNITS:
        if n_bytes >= factor * 0.9995:
            return f"{three_figures(n_bytes / factor)} {unit}"
    return f"{n_bytes:.0f} byte{'' if n_bytes == 1 else 's'}"


def milliseconds(value: float | None) -> str:
    """Milliseconds with three figures, the last at most that of a microsecond: "45.6 ms", "1.23 ms", "0.096 ms"."""
    if not _known(value):
        return NOTHING
    return f"{value:.3f} ms" if 0.0005 <= value < 0.1 else f"{three_figures(value)} ms"


def count(value: float | None) -> str:
    """A whole number with thousands separators: "1,234,567"."""
    return f"{value:,.0f}" if _known(value) else NOTHING


def millions(value: float | None) -> str:
    """A large count in millions, smaller ones in full: "17.4 million", "8,204"."""
    if not _known(value) or value < 1e6:
        return count(value)
    return f"{three_figures(value / 1e6)} million"


def times(ratio: float | None) -> str:
    """A ratio: "5.3×", "13×"."""  # noqa: RUF002
    return f"{multiple(ratio)}×" if _known(ratio) else NOTHING


def multiple(ratio: float) -> str:
    """A ratio within a sentence, before the word "times": "5.3", "13"."""
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}"


def duration(seconds: float | None) -> str:
    """A stretch of time: "0.4 s", "37 s", "2 min 5 s", "1 h 12 min"."""
    if not _known(seconds):
        return NOTHING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def margin(share: float) -> str:
    """A loss that is put up with, in points: "0.5 points", "1 point"."""
    figure = plain(100 * share)
    return f"{figure} point{'' if figure == '1' else 's'}"


def p_value(value: float) -> str:
    """The chance of what was seen, were there nothing to see: "0.012"; very small ones by their bound."""
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def p_clause(value: float) -> str:
    """The same as papers print it: "p = 0.043", "p < 0.0001"."""
    told = p_value(value)
    return f"p {told}" if told.startswith("<") else f"p = {told}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun in the right number: "1 text", "872 texts"."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def sentence_case(sentence: str) -> str:
    """With a capital at its beginning."""
    return sentence[:1].upper() + sentence[1:]


def three_figures(value: float) -> str:
    """A number with three significant figures and thousands separators: "1,234", "45.6", "0.123"."""
    if not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")  # first, so that 9.999 becomes 10.0 and not 10.00
    whole_digits = math.floor(math.log10(abs(rounded))) + 1
    return f"{value:,.{max(0, 3 - whole_digits)}f}"


def _percent_figure(share: float, decimals: int) -> str:
    if 0 < share < 1:
        while decimals < _MOST_DECIMALS and round(100 * share, decimals) in (0, 100):
            decimals += 1
    return f"{100 * share:.{decimals}f}"


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and not math.isnan(value)
