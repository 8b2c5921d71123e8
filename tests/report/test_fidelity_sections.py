"""The page's sections besides scores: whole, small, safe; what they say is what the record says."""

import json
import re
from dataclasses import replace

import pytest
from page_reading import read_page
from sample_fidelity import sample_fidelity
from sample_record import passed_record, unlabelled_record

from limbeck.evaluate import lasting, unquoted
from limbeck.records.fidelity import Fidelity
from limbeck.records.run import RunRecord, from_json, to_json
from limbeck.records.verdict import Verdict
from limbeck.report import render
from limbeck.report.fidelity import sentences

ANCHORS = ("flips", "probabilities", "slices", "spellings")


@pytest.fixture(scope="module")
def fidelity() -> Fidelity:
    """On 872 texts."""
    return sample_fidelity()


def record_with(fidelity: Fidelity | None) -> RunRecord:
    """A run that tells this."""
    record = passed_record()
    return replace(record, verdict=replace(record.verdict, fidelity=fidelity))


def test_every_section_is_there_and_whole(fidelity: Fidelity) -> None:
    """A browser mends a broken page in its own way; a section that nobody can reach is as good as none."""
    html = render(record_with(fidelity))
    page = read_page(html)
    assert page.faults == []
    for anchor in ANCHORS:
        assert f'<h2 id="{anchor}">' in html
        assert f'href="#{anchor}"' in html


def test_nothing_is_told_where_nothing_was_measured() -> None:
    """Runs of before these measures have reports too, without empty sections."""
    for fidelity in (None, Fidelity()):
        html = render(record_with(fidelity))
        assert read_page(html).faults == []
        assert not any(f'id="{anchor}"' in html for anchor in ANCHORS)


def test_figures_are_those_of_the_record(fidelity: Fidelity) -> None:
    """The worst thing that a report can do is to tell another figure."""
    html = render(record_with(fidelity))
    assert fidelity.flips is not None
    assert fidelity.slices is not None
    assert fidelity.calibrations is not None
    told = re.sub(r"<[^>]*>", "", html)
    lost = fidelity.flips.lost
    assert (
        f"of {fidelity.flips.n_right} texts that the teacher has right, the artifact has {lost.count} wrong"
        in told.replace("Of", "of")
    )
    assert any(one.is_worse and one.name == "forum <b>&" for one in fidelity.slices.slices)
    assert "forum &lt;b&gt;&amp;" in html
    assert "forum <b>&" not in html
    for one in fidelity.calibrations.models:
        assert f"{100 * one.corrected_error:.1f} %" in told
        assert f"{one.brier:.4f}" in told
        assert html.count(f"Share right by probability: {one.name}") == 1


def test_many_slices_are_folded_and_the_page_stays_small() -> None:
    """77 labels make a table of ninety rows: the telling ones are seen at once, the others are there."""
    html = render(record_with(sample_fidelity(3000, n_labels=77)))
    assert read_page(html).faults == []
    assert len(html.encode()) < 700_000
    slices = html[html.index('id="slices"') : html.index('id="spellings"')]
    assert slices.index('<details class="more"><summary>') > slices.index("label_")
    assert len(set(re.findall(r"label_<wbr>(\d+)<", slices))) == 77


def test_without_labels_and_without_the_teacher_asked() -> None:
    """What cannot be told is left out, and it is said why."""
    fidelity = sample_fidelity(300, labelled=False, asked=False)
    assert fidelity.flips is None
    assert fidelity.calibrations is None
    record = unlabelled_record()
    html = render(replace(record, verdict=replace(record.verdict, fidelity=fidelity)))
    assert read_page(html).faults == []
    assert 'id="flips"' not in html
    assert "as the teacher gives it" in html
    assert "The teacher was not asked about these spellings" in html
    assert any("the teacher was not asked" in sentence for sentence in sentences(fidelity))


def test_sentences_for_the_terminal(fidelity: Fidelity) -> None:
    """One line for each part, with the slice that is weaker by name."""
    found = sentences(fidelity)
    assert len(found) == 5
    assert found[0].startswith("Of ")
    assert "Jensen-Shannon" in found[1]
    assert found[2].startswith("Calibration error, corrected for chance: teacher ")
    assert found[3].startswith("Weakest on source 'forum <b>&': ")
    assert found[4].startswith("Of other spellings, ")


def test_to_json_and_back(fidelity: Fidelity) -> None:
    """run.json must hold all of it, and older ones must still be read."""
    record = record_with(fidelity)
    told = json.loads(json.dumps(to_json(record)))
    assert RunRecord.from_json(told) == record
    del told["verdict"]["fidelity"]
    assert RunRecord.from_json(told).verdict.fidelity is None


def test_what_ships_quotes_nobody(fidelity: Fidelity) -> None:
    """An artifact is passed on: neither held-out texts nor the sources that they came from go with it."""
    verdict = record_with(fidelity).verdict
    told = json.dumps(to_json(unquoted(lasting(verdict))))
    assert "A film, number" in json.dumps(to_json(verdict))
    assert "forum" in json.dumps(to_json(verdict))
    assert "A film, number" not in told
    assert "forum" not in told
    kept = from_json(Verdict, json.loads(told)).fidelity
    assert kept is not None
    assert kept.slices is not None
    assert {one.by for one in kept.slices.slices} == {"label", "length"}
    assert (kept.flips, kept.calibrations, kept.robustness) == (
        fidelity.flips,
        fidelity.calibrations,
        fidelity.robustness,
    )
