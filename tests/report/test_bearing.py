"""What each layer can bear, on the page: shades by powers of ten, the bits that were given outlined, names short."""

import re
from dataclasses import replace

import pytest
from page_reading import read_page
from sample_record import passed_record

from limbeck.records.bits import BitAssignment, LayerSensitivity
from limbeck.records.run import RunRecord
from limbeck.report import render
from limbeck.report.bearing import bearing_panel, power_of_ten, short_name
from limbeck.report.figures import HeatCell, HeatRow, heat_table

ASSIGNMENT = BitAssignment(10_000_000, 9_981_177, 5_359_334, 0.014476, 0.014705, 128)


def measured_record(*, assignment: BitAssignment | None = ASSIGNMENT) -> RunRecord:
    """A run of which every packed weight was measured; errors fall by a power of ten from bits to bits."""
    record = passed_record()
    steps = {"linear": {2: 0, 3: 1, 4: 2, 8: 4}, "embedding": {2: 0, 4: 2, 8: 4}}
    found = tuple(
        LayerSensitivity(layer.name, layer.kind, layer.name, bits, 1000 * bits, 0.1, 0.1 * 10.0**-step, 1e-3)
        for layer in record.quantization.layers
        if layer.kind in steps
        for bits, step in steps[layer.kind].items()
    )
    told = replace(record.quantization, scheme="w8a8e8-mixed", sensitivities=found, assignment=assignment)
    return replace(record, quantization=told)


def test_shades_are_even_steps_and_words_are_the_figures() -> None:
    """A failure would draw a hundredfold error like a small one. Seven shades: 0, 0.5 and 1 are the ends and middle."""
    row = HeatRow("query", (HeatCell("a", 0.0), None, HeatCell("b", 0.5, is_marked=True), HeatCell("c", 1.0)))
    drawing = heat_table([row], columns=["2", "3", "4", "8"], title="Errors", description="Words.")
    assert re.findall(r'class="heat (shade-\d)"', drawing) == ["shade-0", "shade-3", "shade-6"]
    assert re.findall(r'class="on-(shade-\d)"[^>]*>(\w)<', drawing) == [
        ("shade-0", "a"),
        ("shade-3", "b"),
        ("shade-6", "c"),
    ]
    (mark,) = re.findall(r'class="chosen" x="([\d.]+)"', drawing)
    boxes = re.findall(r'class="heat shade-\d" x="([\d.]+)"', drawing)
    assert mark == boxes[1]


def test_every_weight_has_its_row_and_what_it_got_is_outlined() -> None:
    """A failure would show the bits of other layers than those that ship."""
    record = measured_record()
    panel = bearing_panel(record.quantization)
    assert panel is not None
    packed = [layer for layer in record.quantization.layers if layer.kind != "kept"]
    assert panel.drawing.count('class="name small"') == len(packed)
    assert panel.drawing.count('class="chosen"') == len(packed)
    tables = sum(layer.kind == "embedding" for layer in packed)
    assert panel.drawing.count('class="heat') == 4 * len(packed) - tables
    assert "1·10⁻¹" in panel.drawing
    plain = bearing_panel(measured_record(assignment=None).quantization)
    assert plain is not None
    assert "chosen" not in plain.drawing
    assert "Outlined" not in plain.note


def test_the_page_tells_target_size_and_both_errors() -> None:
    """A failure would hide that the sum of errors foretold something else."""
    html = render(measured_record())
    page = read_page(html)
    assert page.faults == []
    words = " ".join(page.words.split())
    assert "Target 10.0 MB Model and tokenizer 9.98 MB With the fewest bits everywhere 5.36 MB" in words
    assert "each rounded alone 1.4·10⁻² Error of all weights rounded together 1.5·10⁻²" in words
    assert "'#bearing'" in html.replace('"', "'")


def test_a_run_that_did_not_measure_has_no_such_section() -> None:
    """A failure would show an empty picture."""
    html = render(passed_record())
    assert "bearing" not in html
    assert bearing_panel(passed_record().quantization) is None


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [(0.0, 1, "0"), (0.1, 1, "1·10⁻¹"), (2.345e-12, 2, "2.3·10⁻¹²"), (12.0, 2, "1.2·10¹"), (1.0, 1, "1·10⁰")],
)
def test_powers_of_ten(value: float, digits: int, words: str) -> None:
    """A sign or digit that is lost is a factor of ten or more."""
    assert power_of_ten(value, digits=digits) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bert.encoder.layer.11.attention.self.query.weight", "11 attention self query"),
        ("bert.embeddings.word_embeddings.weight", "word embeddings"),
        ("bert.pooler.dense.weight", "pooler dense"),
        ("albert.encoder.albert_layer_groups.0.albert_layers.0.attention.query.weight", "0 attention query"),
        ("model.layers.3.attn.Wqkv.weight", "3 attn Wqkv"),
        ("deberta.encoder.layer.1.attention.self.query_projection.weight", "1 …on self query projection"),
    ],
)
def test_short_names_tell_weights_apart(name: str, words: str) -> None:
    """A failure would run into the figures, or call two weights alike."""
    assert short_name(name) == words
    assert len(words) <= 27
