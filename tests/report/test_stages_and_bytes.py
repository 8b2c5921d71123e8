"""What each stage cost and where the bytes are, on the page: every figure, and nothing of what was not measured."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from page_reading import read_page
from sample_record import layer_bits, passed_record, unlabelled_record

from limbeck.ground import wording
from limbeck.records.run import RunRecord
from limbeck.records.verdict import StageCosts
from limbeck.report import render
from limbeck.report.part_bytes import layer_rows, part_rows


def words_of(record: RunRecord) -> str:
    """The page without its tags."""
    return re.sub(r"\s+", " ", read_page(render(record)).words)


def figures_of_stages(costs: StageCosts | None) -> Iterator[str]:
    """What each stage cost, and what was not measured of them."""
    for cost in () if costs is None else costs.stages:
        yield from (wording.sentence_case(cost.name), cost.note)
        for score in filter(None, (cost.score, cost.agreement)):
            yield wording.percent(score.value)
        for change in filter(None, (cost.score_change, cost.agreement_change)):
            yield wording.points(change.difference.value)
            yield "" if change.p_value is None else wording.p_clause(change.p_value)
        yield "" if cost.n_changed is None else f"{cost.n_changed} of {cost.n}"


@pytest.mark.parametrize("make", [passed_record, unlabelled_record])
def test_every_figure_of_stages_and_bytes_stands_in_the_page(make: Callable[[], RunRecord]) -> None:
    """A figure that is measured but not shown is one that nobody can question."""
    record = make()
    assert record.verdict.stages is not None
    told = [record.verdict.stages.sentence, *figures_of_stages(record.verdict.stages)]
    for model in record.bytes_by_part:
        told += [model.name, wording.size(model.size_bytes)]
        told += [words for part in model.parts for words in (part.part, wording.size(part.size_bytes))]
    words = words_of(record)
    assert [one for one in told if one not in words] == []


def test_a_record_of_before_is_still_shown() -> None:
    """An older run.json has neither; its page must not break, nor promise what it does not have."""
    record = passed_record()
    older = replace(record, bytes_by_part=(), verdict=replace(record.verdict, stages=None))
    words = words_of(older)
    assert "What each stage cost" not in words
    assert "Where the bytes are" not in words
    assert "Layer by layer" in words


def test_files_that_pytorch_was_not_asked_about_are_told_so() -> None:
    """Silence would look like "nothing changed"."""
    assert "Files were not held against PyTorch in this run" in words_of(unlabelled_record())
    assert "File against PyTorch" in words_of(passed_record())


def test_layers_are_added_up() -> None:
    """A layer is what a reader gives bits to; of 30 matrices nobody sees which. By hand: three layers, each 1.77 MB."""
    rows = {row.name: row for row in layer_rows(layer_bits())}
    assert list(rows) == ["embedding", "layer 1", "layer 2", "layer 3", "head"]
    n_weights = 4 * 384 * 384 + 2 * 384 * 1536
    assert rows["layer 2"].float_size == wording.size(4 * (n_weights + 2 * 384))
    assert rows["layer 2"].bits == "8, 32"


def test_layers_whose_parts_have_bits_of_their_own_say_which() -> None:
    """With a target size, attention and feed-forward get bits of their own."""
    layers = [
        replace(layer, weight_bits=4) if ".intermediate." in layer.name or ".layer.0.output." in layer.name else layer
        for layer in layer_bits()
        if layer.kind == "linear"
    ]
    rows = {row.name: row for row in layer_rows(layers)}
    assert rows["layer 1"].bits == "attention 8; feed-forward 4"


def test_shares_are_those_of_what_ships() -> None:
    """A failure would send the reader after the teacher's bytes."""
    rows = part_rows(passed_record().bytes_by_part)
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert rows[0].share == pytest.approx(12_044_616 / passed_record().bytes_by_part[-1].size_bytes)
