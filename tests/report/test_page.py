"""The report page: whole, safe, small, the same every time, and complete without JavaScript."""

import itertools
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from page_reading import read_page
from sample_lines import HOSTILE_LINES
from sample_record import (
    bare_record,
    changed_answers,
    confusions_of,
    layer_bits,
    many_labels_record,
    passed_record,
    refused_record,
    unlabelled_record,
)

from limbeck.ground import wording
from limbeck.recipe.knobs import Recipe
from limbeck.records.run import RunRecord, TrainingRecord
from limbeck.records.verdict import ChangedAnswer, Verdict
from limbeck.report import render
from limbeck.report.html import recipe_toml

RECORDS = (passed_record, refused_record, unlabelled_record, bare_record, many_labels_record)
MOST_BYTES = 2_000_000
PARTS = ("embedding", "attention", "forward", "head", "beside", "graph")


def record_of(answers: tuple[ChangedAnswer, ...]) -> RunRecord:
    """A run with just these changed answers."""
    record = passed_record()
    verdict = replace(
        record.verdict,
        changed_answers=answers,
        confusions=confusions_of(answers),
        n_changed=len(answers),
        n_held_out=max(len(answers), record.verdict.n_held_out),
    )
    return replace(record, verdict=verdict)


@pytest.mark.parametrize("make", RECORDS)
def test_every_tag_is_closed_where_it_was_opened(make: Callable[[], RunRecord]) -> None:
    """A browser mends a broken page in its own way: sections would slide into each other."""
    assert read_page(render(make())).faults == []


@pytest.mark.parametrize("make", RECORDS)
def test_nothing_is_fetched(make: Callable[[], RunRecord]) -> None:
    """A page that loads something breaks offline, and tells a stranger that it was read."""
    html = render(make())
    page = read_page(html)
    assert "http:" not in html
    assert "https:" not in html
    assert not {"src", "srcset", "action", "data", "xlink:href"} & {
        key for _, attributes in page.elements for key in attributes
    }
    assert not {"link", "iframe", "img", "object", "embed", "base"} & {tag for tag, _ in page.elements}
    assert "@import" not in html
    assert "url(" not in html
    assert {link.removeprefix("#") for link in page.attributes("href")} <= set(page.attributes("id"))


@pytest.mark.parametrize("make", RECORDS)
def test_the_same_record_gives_the_same_page(make: Callable[[], RunRecord]) -> None:
    """Two reports of one run that differ would leave the reader wondering which is true."""
    assert render(make()) == render(make())


def test_the_verdict_comes_first() -> None:
    """Who reads only the first line must know whether the artifact may ship."""
    for make, word, other in ((passed_record, "Passed", "Refused"), (refused_record, "Refused", "Passed")):
        record = make()
        html = render(record)
        words = read_page(html[html.index("<main>") :]).words
        assert words.split()[0] == word
        assert 0 < words.index(record.verdict.sentence) < words.index("Side by side")
        assert other not in words
        assert f'class="verdict {word.lower()}"' in html


def test_a_missed_tolerance_is_told_in_words() -> None:
    """Colour alone would not reach a reader who cannot tell red from green."""
    words = " ".join(read_page(render(refused_record())).words.split())
    assert "Agreement at least 95 % 93.7 % Missed" in words
    assert "Retention at least 98 % 99.4 % Held" in words
    assert "missed: at least 95 % accepted" in words


@pytest.mark.parametrize("make", RECORDS)
def test_every_figure_of_the_record_stands_in_the_page(make: Callable[[], RunRecord]) -> None:
    """A figure that is measured but not shown is one that nobody can question."""
    record = make()
    words = re.sub(r"\s+", " ", read_page(render(record)).words)
    missing = [told for told in figures_of(record) if told not in words]
    assert missing == []


def figures_of(record: RunRecord) -> Iterator[str]:
    """Every figure of a record, as the page should say it."""
    yield from figures_of_verdict(record.verdict)
    for training in record.trainings:
        yield from figures_of_training(training)
    for layer in record.quantization.layers:
        yield from (layer.name, wording.size(layer.float_bytes), wording.size(layer.stored_bytes))
        yield wording.percent(layer.relative_error, decimals=2)
    for shape in record.shapes.values():
        yield from map(wording.count, shape.values())
    yield from (wording.count(told) if isinstance(told, int) else told for told in record.data.values())
    for pairs in (record.files, record.machine, record.teacher):
        yield from (*pairs, *pairs.values())
    yield from map(wording.duration, record.seconds.values())
    yield from record.leaks
    labelling = record.labelling
    yield from map(wording.count, (labelling.n_texts, labelling.n_found, labelling.n_asked, labelling.n_truncated))


def figures_of_verdict(verdict: Verdict) -> Iterator[str]:
    """Scores, timings, tolerances and changed answers."""
    for model in verdict.models:
        yield from (model.name, wording.size(model.size_bytes), wording.millions(model.n_parameters))
        for score in filter(None, (model.score, model.retention, model.agreement)):
            yield wording.percent(score.value)
            yield wording.percent_range(score.interval.low, score.interval.high)
    for timing in verdict.timings:
        latency = timing.batch_1
        yield from (timing.name, wording.milliseconds(latency.p50_ms), wording.milliseconds(latency.p99_ms))
        yield from (wording.count(latency.n), wording.percent(timing.spread))
        yield wording.three_figures(timing.texts_per_second_batch_32)
    yield from (verdict.gain.sentence if verdict.gain else "", *verdict.not_checked, wording.count(verdict.n_held_out))
    for check in verdict.checks:
        yield wording.plain(check.bound * (100 if check.bound <= 1 else 1))
    for answer in verdict.changed_answers:
        yield wording.percent(answer.teacher_probability)
        yield wording.percent(answer.artifact_probability)
    for confusion in verdict.confusions:
        yield wording.counted(confusion.count, "text")


def figures_of_training(training: TrainingRecord) -> Iterator[str]:
    """What was trained, and every point of its curve."""
    yield from (training.name, wording.count(training.n_texts), wording.count(training.steps))
    yield wording.count(training.best_step)
    for point in training.curve:
        yield wording.count(point.step)
        yield from map(wording.three_figures, point.losses.values())
        yield wording.percent(point.validation_agreement, decimals=2)
        yield wording.percent(point.validation_score, decimals=2)


def test_hostile_texts_are_words_and_nothing_else() -> None:
    """A text of the data that ran as script in the report would be a way into the reader's machine."""
    html = render(passed_record())
    page = read_page(html)
    words = page.words.replace("… show all", "")
    for line in HOSTILE_LINES:
        assert line in words
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    assert html.count('<div class="text" dir="auto">') == len(passed_record().verdict.changed_answers)


def test_hostile_names_are_words_and_nothing_else() -> None:
    """Labels, file names and a teacher's name come from strangers as texts do."""
    evil = "</style><script>x</script>\"'>"
    record = passed_record()
    answers = (ChangedAnswer("a", "b", evil, evil, 0.9, "other" + evil, 0.8),)
    record = replace(
        record_of(answers),
        teacher={"name": evil, "fingerprint": evil},
        files={evil: evil},
        machine={evil: evil},
        leaks=(evil,),
        data={evil: evil},
        seconds={evil: 1.0},
        shapes={evil: {evil: 1}},
        recipe={evil: {evil: evil}},
        quantization=replace(
            record.quantization, scheme=evil, layers=(replace(record.quantization.layers[0], name=evil, kind=evil),)
        ),
        trainings=(replace(record.trainings[0], name=evil),),
    )
    page = read_page(render(record))
    assert page.faults == []
    assert [tag for tag, _ in page.elements].count("script") == 1


def test_what_utf8_cannot_hold_is_shown_as_a_sign() -> None:
    """Half a character in one text must not keep the whole report from being written."""
    record = record_of((ChangedAnswer("a\x00b\x1b[31m\ud83d end\x7f", None, "x", "x", 0.9, "y", 0.8),))
    html = render(record)
    assert "a␀b␛[31m� end␡" in html.encode("utf-8").decode("utf-8")


def test_the_whole_of_a_long_text_is_there() -> None:
    """The end of a long text is often where the answer changed; a click must show it."""
    text = "word " * 1_990 + "and here is the end of it"
    words = read_page(render(record_of((ChangedAnswer(text, None, None, "x", 0.9, "y", 0.8),)))).words
    assert text in words.replace("… show all", "")


@pytest.mark.parametrize(
    "text",
    ["<&\"'>" * 2_000, "👩‍👩‍👧‍👦" * 1_400, "plain words " * 800, "ا" * 10_000],
    ids=["marks", "emoji", "plain", "arabic"],
)
def test_two_thousand_long_answers_stay_under_two_megabytes(text: str) -> None:
    """A report too heavy to send by mail is not read."""
    answers = tuple(
        ChangedAnswer(f"{index} {text}", text, "third", "first", 0.9, "second", 0.8) for index in range(2_000)
    )
    html = render(record_of(answers))
    assert len(html.encode("utf-8")) < MOST_BYTES
    page = read_page(html)
    assert page.faults == []
    assert "more characters in run.json" in page.words
    assert page.words.count("third") == len(answers)


def test_two_thousand_pairs_of_labels_stay_under_two_megabytes() -> None:
    """With 150 labels nearly every change is a pair of its own; each must still be there, and the page be light."""
    answers = tuple(
        ChangedAnswer("what " * 60, None, "a_label", f"card_payment_{index}", 0.9, f"top_up_{index}", 0.8)
        for index in range(2_000)
    )
    html = render(record_of(answers))
    words = read_page(html).words
    assert len(html.encode("utf-8")) < MOST_BYTES
    assert "All rarer changes1,800 texts" in words
    assert "card_payment_1999 → top_up_1999" in words


def test_a_large_model_and_a_long_training_stay_under_two_megabytes() -> None:
    """24 layers and 3,000 points of a curve are ordinary; the report must be no heavier for them than it may be."""
    record = record_of(changed_answers(2_000))
    curve = tuple(
        replace(record.trainings[0].curve[step % 40], step=step, validation_agreement=None, validation_score=None)
        for step in range(1, 3_001)
    )
    record = replace(
        record,
        quantization=replace(record.quantization, layers=layer_bits(24)),
        trainings=tuple(replace(training, curve=curve) for training in (*record.trainings, *record.trainings[:1])),
    )
    html = render(record)
    assert len(html.encode("utf-8")) < MOST_BYTES
    words = read_page(html).words
    assert "of 3,000 points" in words
    assert "bert.encoder.layer.23.output.dense.weight" in words


def test_answers_in_words_stand_beneath_their_text() -> None:
    """Spans do not fit a column that is made for probabilities; cut to a label's length they would look alike."""
    spans = "; ".join(f"person: number {index}" for index in range(20))
    answer = ChangedAnswer("the text", "the context", f"{spans} L", f"{spans} T", None, f"{spans} A", None)
    record = record_of(())
    verdict = replace(record.verdict, n_changed=1, changed_answers=(answer,), confusions=())
    words = read_page(render(replace(record, verdict=verdict))).words
    assert "Text and answers" in words
    assert f"Teacher {spans} T Artifact {spans} A Label {spans} L" in " ".join(words.split())


def test_more_answers_than_fit_are_counted() -> None:
    """Answers that silently fall off the page would make the artifact look better than it is."""
    answers = tuple(ChangedAnswer(f"text {index}", None, None, "first", 0.9, "second", 0.8) for index in range(2_345))
    html = render(record_of(answers))
    words = read_page(html).words
    assert len(html.encode("utf-8")) < MOST_BYTES
    assert "2,345 texts of 2,345 (100.0 %)" in words
    assert "2,000 of 2,345 are shown here; run.json holds them all." in words


def test_without_labels_nothing_is_said_of_accuracy() -> None:
    """An empty column or a zero would read as a bad model, where there was nothing to measure."""
    words = read_page(render(unlabelled_record())).words
    assert "Accuracy divided" not in words
    assert "Share of held-out texts answered as they are labelled" not in words
    assert "the teacher was right" not in words
    assert "min_retention was not checked: it needs labels." in words


def test_a_bare_run_says_what_is_not_there() -> None:
    """A section that is empty without a word leaves the reader to guess."""
    words = " ".join(read_page(render(bare_record())).words.split())
    assert "Speed was not measured in this run." in words
    assert "The recipe sets no tolerance, so there was nothing to miss." in words
    assert "None. The artifact answers every held-out text as the teacher does." in words
    assert "No text stands in two parts." in words
    assert "What distillation brought" not in words


def test_a_noisy_machine_is_told() -> None:
    """Timings taken beside other work would be quoted as if they were the model's."""
    record = passed_record()
    busy = tuple(replace(timing, spread=0.71) for timing in record.verdict.timings)
    told = "The machine was busy: the rounds differ by up to 71.0 %."
    assert told in read_page(render(replace(record, verdict=replace(record.verdict, timings=busy)))).words
    assert told[:21] not in read_page(render(record)).words


def test_who_was_right_is_counted() -> None:
    """That a changed answer is often a better one is what a reader of the bare agreement misses."""
    rights = ("teacher", "teacher", "artifact", "neither")
    labels = {"teacher": "a", "artifact": "b", "neither": "c"}
    answers = tuple(ChangedAnswer(f"text {who}", None, labels[who], "a", 0.9, "b", 0.8) for who in rights)
    words = " ".join(read_page(render(record_of(answers))).words.split())
    assert "Of these, the teacher was right on 2, the artifact on 1, and neither on 1." in words


def test_every_pair_of_labels_has_its_group() -> None:
    """With 77 labels the pairs are the map of what the student confuses."""
    record = many_labels_record()
    words = read_page(render(record)).words
    for confusion in record.verdict.confusions:
        assert f"{confusion.teacher_label} → became artifact:  {confusion.artifact_label}" in words
    assert "and what was charged for it?" in words


@pytest.mark.parametrize("make", RECORDS)
def test_the_page_is_complete_without_javascript(make: Callable[[], RunRecord]) -> None:
    """Mail programs and strict browsers run no script; the search field alone may be missing there."""
    html = render(make())
    without = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert read_page(without).words.strip() == read_page(html).words.strip()
    assert '<div class="filter"><' not in html


@pytest.mark.parametrize("make", RECORDS)
def test_who_cannot_see_the_page_can_read_it(make: Callable[[], RunRecord]) -> None:
    """A screen reader goes by headings, table headers and the words of a drawing."""
    html = render(make())
    page = read_page(html)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    assert page.elements[0] == ("html", {"lang": "en"})
    for tag, attributes in page.elements:
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or len(attributes["aria-label"] or "") > 20
        if tag == "th":
            assert attributes.get("scope") in ("col", "row")
    assert not re.search(r"<th[^>]*>\s*</th>", html)
    assert {"search"} <= set(page.attributes("for")) or "search" not in page.attributes("id")


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2.2)."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2), from 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_colours_can_be_told_from_the_paper() -> None:
    """Pale words on paper are not read; WCAG asks 4.5 of words and 3 of drawings."""
    html = render(passed_record())
    themes = [
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", html, re.DOTALL)
    ]
    light, dark = themes[:2]
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for theme in (light, dark):
        for words in ("ink", "soft", "passed", "refused"):
            assert contrast(theme[words], theme["paper"]) >= 4.5, words
        assert contrast(theme["ink"], theme["wash"]) >= 4.5
        assert contrast(theme["soft"], theme["wash"]) >= 4.5
        for drawn in ("teacher", "baseline", "student", "artifact", "other", *PARTS):
            assert contrast(theme[drawn], theme["paper"]) >= 3, drawn


def test_the_recipe_can_be_saved_and_run_again() -> None:
    """The page says so; a recipe that reads back differently would give another artifact."""
    recipe = Recipe.from_dict(
        {"seed": 7, "student": {"take_layers": [0, 2, 5]}, "data": {"text": 'a "quoted" \\ name'}}
    )
    tables = tomllib.loads(recipe_toml(recipe.model_dump(mode="json")))
    assert Recipe.from_dict(tables) == recipe
