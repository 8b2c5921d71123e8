"""The page of a comparison: whole, safe, the same every time, with every model and every pair in it."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from page_reading import read_page
from sample_comparison import labels_alone, of_numbers, sample_comparison

from limbeck.ground import wording
from limbeck.records.comparison import ComparisonRecord
from limbeck.report import render_comparison

RECORDS = (sample_comparison, labels_alone, of_numbers)


def _words(record: ComparisonRecord) -> str:
    return " ".join(read_page(render_comparison(record)).words.split())


@pytest.mark.parametrize("make", RECORDS)
def test_the_page_is_whole_and_fetches_nothing(make: Callable[[], ComparisonRecord]) -> None:
    """A failure would break the page offline, or tell a stranger that it was read."""
    html = render_comparison(make())
    page = read_page(html)
    assert page.faults == []
    assert not re.search(r"https?:|@import|url\(|<script", html)
    assert not {"src", "href", "srcset", "action", "xlink:href"} & {key for _, found in page.elements for key in found}
    assert render_comparison(make()) == html


@pytest.mark.parametrize("make", RECORDS)
def test_every_figure_stands_in_the_page(make: Callable[[], ComparisonRecord]) -> None:
    """A figure that is measured but not shown is one that nobody can question."""
    record = make()
    words = _words(record)
    for sentence in (record.sentence, record.not_told_apart, *record.notes):
        assert sentence in words
    for model in record.models:
        assert model.name in words
        assert model.fingerprint in words
        assert wording.size(model.scores.size_bytes) in words
        assert wording.milliseconds(model.timing.batch_1.p50_ms) in words
        if model.scores.n_parameters is not None:
            assert f"{wording.millions(model.scores.n_parameters)} parameters" in words
        for score in (model.scores.score, model.scores.retention, model.scores.agreement):
            if score is not None:
                assert wording.percent(score.value) in words
    for pair in record.pairs:
        for one in pair.told:
            assert wording.points(one.difference.value) in words


@pytest.mark.parametrize("make", RECORDS)
def test_a_record_comes_back_from_json(make: Callable[[], ComparisonRecord]) -> None:
    """A failure would lose a figure between compare.json and the program that reads it."""
    record = make()
    assert ComparisonRecord.from_json(record.to_json()) == record


def test_every_model_has_a_mark_of_its_own_in_both_pictures() -> None:
    """A failure would leave a model out of the front, or show a beaten one as unbeaten."""
    record = sample_comparison()
    drawings = re.findall(r'<svg viewBox="0 0 420.*?</svg>', render_comparison(record), re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        marks = re.findall(r'<path class="mark \S+ (\S+)".*?/><text class="within [^"]*"[^>]*>(\d+)</text>', drawing)
        assert marks == [("full", "1"), ("full", "2"), ("full", "3"), ("hollow", "4")]
        label = re.findall(r'aria-label="([^"]+)"', drawing)[0]
        assert label.count("on the front") == 3


def test_tests_are_told_with_their_correction() -> None:
    """A failure would print a p-value that nobody can place."""
    words = _words(sample_comparison())
    assert "corrected after Holm over the 6 pairs of a measure: below 0.05 the texts tell two models apart" in words
    assert "18 : 15, p = 1" in words
    assert "18 : 15, p = 0.001" in words
    assert "Bonferroni" not in words
    words = _words(of_numbers())
    assert "McNemar" not in words
    assert "(Bonferroni)" in words
    assert "not told apart" in words


def test_without_a_teacher_none_is_named() -> None:
    """A failure would draw pictures of a figure that nobody has."""
    words = _words(labels_alone())
    assert "Accuracy against size" in words
    assert "Retention" not in words
    assert "Teacher" not in words


def test_a_name_cannot_break_out() -> None:
    """A failure would let a folder's name run as a script on the page that goes to a customer."""
    record = sample_comparison()
    models = (replace(record.models[0], name="<script>alert(1)</script>"), *record.models[1:])
    html = render_comparison(replace(record, models=models))
    assert "<script" not in html
    assert read_page(html).faults == []


def test_what_makes_figures_doubtful_is_told() -> None:
    """A failure would let noise pass for speed, or a model that read half of each text for a bad one."""
    record = sample_comparison()
    assert "peers/onnxruntime-int8 cut 3 texts to its length limit." in _words(record)
    busy = replace(record.models[0], timing=replace(record.models[0].timing, spread=0.61))
    assert "differ by up to 61.0 %." in _words(replace(record, models=(busy, *record.models[1:])))
    assert "busy" not in _words(record)
