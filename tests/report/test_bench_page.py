"""The page of a benchmark: every figure of its record, and a warning where the machine was busy."""

from dataclasses import replace

import pytest

from limbeck.records.bench import BenchCell, BenchRecord
from limbeck.report import render_bench
from limbeck.report.bench_page import noise_of

CELLS = tuple(
    BenchCell(engine, threads, n_texts, n_tokens, p50, 1.1 * p50, 1.4 * p50, 0.08, 50)
    for n_tokens, n_texts, times in ((16, 1, (0.5, 0.4, 0.9)), (16, 8, (2.0, 1.5, 3.0)), (32, 8, (4.0, 3.0, 5.0)))
    for (engine, threads), p50 in zip(
        (("onnxruntime", 1), ("onnxruntime", 2), ("openvino", 2)), times, strict=True
    )
)  # fmt: skip
RECORD = BenchRecord("0.1.0", "intents", "w8a8e8", {"layers": 2}, {"processor": "A <processor>"}, CELLS)


def test_the_page_tells_every_figure() -> None:
    """A failure would leave out an engine, or tell a rate that does not fit its latency. By hand: 8 texts in 1.5 ms."""
    page = render_bench(RECORD)
    assert page == render_bench(RECORD)
    for words in ("0.400 ms", "5,333", "onnxruntime, 1 thread<", "openvino, 2 threads", "A &lt;processor&gt;", "8 %"):
        assert words in page, words
    assert page.count("<figure>") == 2
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "was busy" not in page


@pytest.mark.parametrize(("n_noisy", "told"), [(2, None), (3, 0.6), (9, 0.6)])
def test_a_busy_machine_is_told(n_noisy: int, told: float | None) -> None:
    """A failure would sell noise as a result, or cry wolf for one cell of nine."""
    cells = tuple(replace(cell, spread=0.6) if at < n_noisy else cell for at, cell in enumerate(CELLS))
    record = replace(RECORD, cells=cells)
    assert noise_of(record) == told
    assert ("was busy" in render_bench(record)) == (told is not None)


def test_the_record_goes_to_json_with_its_rates() -> None:
    """A failure would leave programs to work out rates from rounded tables."""
    found = RECORD.to_json()["cells"][4]
    assert (found["engine"], found["threads"], found["n_texts"]) == ("onnxruntime", 2, 8)
    assert found["texts_per_second"] == pytest.approx(8 / 0.0015)
