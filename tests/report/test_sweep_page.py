"""The page of a sweep: whole, safe, the same every time, with every pair in its table and in its pictures."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from page_reading import read_page
from sample_sweep import one_pair_sweep, sample_sweep, unlabelled_sweep

from limbeck.ground import wording
from limbeck.records.sweep import SweepRecord
from limbeck.report import render_sweep

RECORDS = (sample_sweep, one_pair_sweep, unlabelled_sweep)


def _words(record: SweepRecord) -> str:
    return " ".join(read_page(render_sweep(record)).words.split())


@pytest.mark.parametrize("make", RECORDS)
def test_the_page_is_whole_and_fetches_nothing(make: Callable[[], SweepRecord]) -> None:
    """A failure would break the page offline, or tell a stranger that it was read."""
    html = render_sweep(make())
    page = read_page(html)
    assert page.faults == []
    assert not re.search(r"https?:|@import|url\(|<script", html)
    assert not {"src", "href", "srcset", "action", "xlink:href"} & {key for _, found in page.elements for key in found}
    assert render_sweep(make()) == html


@pytest.mark.parametrize("make", RECORDS)
def test_every_figure_stands_in_the_page(make: Callable[[], SweepRecord]) -> None:
    """A figure that is measured but not shown is one that nobody can question."""
    record = make()
    words = _words(record)
    assert record.sentence in words
    for scores, timing in (
        (record.teacher_scores, record.teacher_timing),
        *((pair.scores, pair.timing) for pair in record.pairs),
    ):
        assert wording.size(scores.size_bytes) in words
        assert wording.milliseconds(timing.batch_1.p50_ms) in words
        for score in (scores.score, scores.retention, scores.agreement):
            if score is not None:
                assert wording.percent(score.value) in words
                assert wording.percent_range(score.interval.low, score.interval.high) in words
    for pair in record.pairs:
        assert f"{pair.layers} layers, {pair.scheme} {pair.folder}" in words
        assert (f"{pair.folder} made as {pair.scheme}-static" in words) == (pair.shipped_scheme != pair.scheme)
    for told in (record.teacher, record.machine):
        assert all(value in words for value in told.values())


@pytest.mark.parametrize("make", RECORDS)
def test_every_pair_has_its_mark_in_both_pictures(make: Callable[[], SweepRecord]) -> None:
    """A failure would leave a pair out of the pictures, or mark another front than the table's."""
    record = make()
    drawings = re.findall(r'<svg viewBox="0 0 420.*?</svg>', render_sweep(record), re.DOTALL)
    assert len(drawings) == 2
    kinds = {scheme: kind for kind, scheme in enumerate(dict.fromkeys(pair.scheme for pair in record.pairs))}
    wanted = [
        (f"colour-{kinds[pair.scheme]}", "full" if pair.on_front else "hollow", str(pair.layers))
        for pair in record.pairs
    ]
    for drawing in drawings:
        marks = re.findall(r'<path class="mark (\S+) (\S+)".*?/><text class="within [^"]*"[^>]*>(\d+)</text>', drawing)
        assert marks == wanted
        label = re.findall(r'aria-label="([^"]+)"', drawing)[0]
        for pair in record.pairs:
            assert f"{pair.layers} layers, {pair.scheme}: " in label
        assert label.count("on the front") == sum(pair.on_front for pair in record.pairs)


def test_verdict_and_front_are_told_in_words() -> None:
    """Colour and shape alone would not reach a reader who cannot see them."""
    words = _words(sample_sweep())
    assert words.count("Passed") == 4
    assert words.count("Refused") == 4
    assert "1.19 ms 14× faster Refused retention –" in words
    assert "0.820 ms 20× faster Refused retention agreement yes" in words
    assert "Closest that passed 99.4 % 3 layers, w8a8e8" in words
    assert "Smallest that passed 9.20 MB 2 layers, w4a8e4" in words
    assert "Fastest that passed 0.812 ms 2 layers, w8a8e8" in words
    assert "Accepted: retention at least 98 %, agreement at least 90 %, size on disk at most 20 MB." in words


def test_where_none_passed_none_is_praised() -> None:
    """A failure would offer the least bad of the refused ones as a result."""
    html = render_sweep(one_pair_sweep())
    assert "that passed" not in html
    assert 'class="verdict refused"' in html
    assert "0 of 1 passed" in _words(one_pair_sweep())


def test_without_labels_agreement_takes_the_place_of_retention() -> None:
    """A failure would draw pictures of a figure that nobody has."""
    words = _words(unlabelled_sweep())
    assert "Agreement against size" in words
    assert "Retention" not in words
    assert "Accuracy" not in words


def test_without_tolerances_nothing_is_drawn_as_accepted() -> None:
    """A failure would invent a bound."""
    record = sample_sweep()
    record = replace(record, pairs=tuple(replace(pair, checks=(), passed=True) for pair in record.pairs))
    html = render_sweep(record)
    assert "accepted:" not in html
    assert 'class="bound"' not in html
    assert "The recipe sets no tolerance, so there was nothing to miss." in _words(record)


def test_a_name_cannot_break_out() -> None:
    """A failure would let a teacher's name run as a script on the page that goes to a customer."""
    record = replace(sample_sweep(), teacher={"name": "<script>alert(1)</script>", "fingerprint": "f"})
    html = render_sweep(record)
    assert "<script" not in html
    assert read_page(html).faults == []


def test_a_busy_machine_is_told() -> None:
    """A failure would let noise pass for a difference in speed."""
    record = sample_sweep()
    pair = replace(record.pairs[0], timing=replace(record.pairs[0].timing, spread=0.61))
    assert "The machine was busy: the rounds differ by up to 61.0 %." in _words(replace(record, pairs=(pair,)))
    assert "busy" not in _words(record)


@pytest.mark.parametrize("make", RECORDS)
def test_a_record_comes_back_from_json(make: Callable[[], SweepRecord]) -> None:
    """A failure would lose a figure between sweep.json and the program that reads it."""
    record = make()
    assert SweepRecord.from_json(record.to_json()).to_json() == record.to_json()
    assert SweepRecord.from_json(record.to_json()).pairs == record.pairs


def test_a_teacher_behind_an_address_has_neither_size_nor_speed() -> None:
    """A failure would end a sweep in a stack trace when all is paid for, or compare with a size that nobody knows."""
    record = sample_sweep()
    scores = replace(record.teacher_scores, name="teacher", size_bytes=None, n_parameters=None)
    page = read_page(render_sweep(replace(record, teacher_scores=scores, teacher_timing=None)))
    words = " ".join(page.words.split())
    assert page.faults == []
    assert "× smaller" not in words
    assert "× faster" not in words
    assert wording.size(record.pairs[0].scores.size_bytes) in words
