"""The report tells what taking out each layer would have cost, and is silent where nothing was measured."""

from dataclasses import replace

from sample_record import passed_record

from limbeck.records.cuts import Cut, LayerCost, Removal
from limbeck.report import render
from limbeck.report.cutting import removal_rows

CUT = Cut(
    "by_loss",
    (0, 3),
    (
        Removal(1, (LayerCost(0, 2.5), LayerCost(1, 0.0125), LayerCost(2, 0.25), LayerCost(3, 1.0))),
        Removal(2, (LayerCost(0, 3.5), LayerCost(2, 0.5), LayerCost(3, 1.25))),
    ),
    n_texts=512,
)


def test_every_round_is_a_column() -> None:
    """A failure would show a choice without its reasons, or with those of another layer."""
    assert removal_rows(CUT) == [
        (0, ["2.50", "3.50"]),
        (1, ["0.0125, out", ""]),
        (2, ["0.250", "0.500, out"]),
        (3, ["1.00", "1.25"]),
    ]
    assert removal_rows(None) == removal_rows(Cut("spaced", (0, 3))) == []


def test_the_page_has_the_table_where_something_was_measured() -> None:
    """A failure would leave a reader to guess why these layers were taken."""
    page = render(replace(passed_record(), cut=CUT))
    assert 'id="cut"' in page
    assert "Measured on 512 training texts" in page
    assert "0.0125, out" in page
    for silent in (passed_record(), replace(passed_record(), cut=Cut("spaced", (0, 2, 5)))):
        assert 'id="cut"' not in render(silent)
