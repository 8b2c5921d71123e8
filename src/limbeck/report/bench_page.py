"""A benchmark's record as one HTML page: a picture for each length, and every figure in a table."""

from collections.abc import Sequence
from itertools import groupby

from limbeck.ground import wording
from limbeck.records.bench import BenchCell, BenchRecord
from limbeck.report.html import NOISY_SPREAD, environment
from limbeck.report.measures import texts_a_second
from limbeck.report.panels import Panel
from limbeck.report.scatter import Mark, scatter_chart

COLUMNS = ("p50", "p95", "p99", "Texts a second", "Spread")


def render_bench(record: BenchRecord) -> str:
    """The page of a benchmark; the same record gives the same page. It names no outside address.

    Args:
        record: What was measured.
    """
    sides = sides_of(record)
    fastest = min(record.cells, key=lambda cell: (cell.n_texts, cell.n_tokens, cell.p50_ms))
    busiest = max(record.cells, key=lambda cell: cell.texts_per_second)
    return (
        environment()
        .get_template("bench.html")
        .render(
            record=record,
            subject=f"{record.artifact}, {record.scheme}",
            keys=[
                ("Latency, p50", wording.milliseconds(fastest.p50_ms), _kind(fastest)),
                ("Texts a second", texts_a_second(busiest.texts_per_second), _kind(busiest)),
            ],
            sides=sides,
            panels=[
                _panel(n_tokens, list(cells), sides)
                for n_tokens, cells in groupby(record.cells, key=lambda cell: cell.n_tokens)
            ],
            columns=COLUMNS,
            rows=[(cell, sides.index(cell.side), figures(cell)) for cell in record.cells],
            noisy=noise_of(record),
            n_cases=len({(cell.n_tokens, cell.n_texts) for cell in record.cells}),
        )
    )


def sides_of(record: BenchRecord) -> tuple[str, ...]:
    """Engines with their threads, in the order in which they were timed."""
    return tuple(dict.fromkeys(cell.side for cell in record.cells))


def figures(cell: BenchCell) -> tuple[str, ...]:
    """The figures of one cell in words, in the order of `COLUMNS`."""
    times = (wording.milliseconds(value) for value in (cell.p50_ms, cell.p95_ms, cell.p99_ms))
    return (*times, texts_a_second(cell.texts_per_second), wording.percent(cell.spread, decimals=0))


def noise_of(record: BenchRecord) -> float | None:
    """The largest spread, where a quarter of all cells has one that a reader should be warned of."""
    spreads = sorted(cell.spread for cell in record.cells)
    return spreads[-1] if spreads[(3 * len(spreads)) // 4 - (len(spreads) % 4 == 0)] > NOISY_SPREAD else None


def _kind(cell: BenchCell) -> str:
    return f"{cell.side}; {wording.counted(cell.n_texts, 'text')} of {cell.n_tokens} tokens"


def _panel(n_tokens: int, cells: Sequence[BenchCell], sides: Sequence[str]) -> Panel:
    """Latency of a call across, texts a second upwards; one mark a side and call size."""
    title = f"{n_tokens} tokens: texts a second by latency"
    best = max(cell.texts_per_second for cell in cells)
    marks = [
        Mark(
            kind=sides.index(cell.side),
            across=cell.p50_ms,
            upright=cell.texts_per_second,
            low=1000 * cell.n_texts / cell.p95_ms,
            high=cell.texts_per_second,
            words=str(cell.n_texts),
            is_full=cell.texts_per_second == best,
        )
        for cell in cells
    ]
    spoken = [f"{cell.side}, {cell.n_texts} a call: {', '.join(figures(cell)[:4])} texts a second" for cell in cells]
    drawing = scatter_chart(
        marks,
        title=title,
        description="; ".join(spoken) + ".",
        across_words=wording.plain,
        across_title="p50 of a call, ms",
        upright_words=lambda value, _decimals: wording.count(value),
    )
    return Panel(title, drawing)
