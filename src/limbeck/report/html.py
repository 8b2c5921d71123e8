"""A run's records as one HTML page: everything inside it, nothing fetched, complete without JavaScript."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from limbeck.encoder.parts import part_of
from limbeck.ground import wording
from limbeck.records.bits import LayerBits
from limbeck.records.run import RunRecord
from limbeck.records.verdict import ModelScores, Verdict
from limbeck.report import bearing, fidelity, panels, part_bytes, proofs, stages
from limbeck.report.answers import changed_answers
from limbeck.report.cutting import removal_rows
from limbeck.report.measures import measures, texts_a_second, tolerances
from limbeck.report.names import last_name
from limbeck.report.roles import first_of, role_of, sides, timings_in_order
from limbeck.report.scatter import key_mark
from limbeck.report.texts import printable
from limbeck.report.vocabulary_words import vocabulary_sentence
from limbeck.tasks import TASKS

_FINGERPRINT = " fingerprint"
NOISY_SPREAD = 0.25
_OPENING = 160
"""Characters of a text that shows a reason."""
_SECTIONS = {
    "proof": "As good as the teacher?",
    "models": "Side by side",
    "gain": "What distillation brought",
    "tolerances": "Tolerances",
    "sure": "How sure this is",
    "stages": "What each stage cost",
    "flips": "Better and worse",
    "probabilities": "Probabilities",
    "slices": "Where it is weaker",
    "spellings": "Other spellings",
    "speed": "Size and speed",
    "cut": "What was cut",
    "training": "Training",
    "changed": "Changed answers",
    "bytes": "Bits and bytes",
    "bearing": "What each layer can bear",
    "data": "Data",
    "recipe": "Recipe",
    "provenance": "Provenance",
}
_KEY_MEASURES = ("Agreement", "Retention", "Size on disk", "Latency, p50")
_SHAPE_ORDER = ("layers", "hidden_size", "heads", "intermediate_size", "vocabulary", "parameters")


def render(record: RunRecord) -> str:
    """The report of a run, as one HTML page.

    The same record gives the same page. It names no outside address and stays below 2 MB: of more than 2,000 changed
    answers the first 2,000 are shown, and long texts are cut where all together would be too much; the page says so.

    Args:
        record: What the run has to tell.
    """
    verdict = record.verdict
    task = TASKS[verdict.task]
    found = sides(verdict)
    artifact = first_of("artifact", found)
    assignment = record.quantization.assignment
    return (
        environment()
        .get_template("report.html")
        .render(
            record=record,
            verdict=verdict,
            task=task,
            subject=printable(last_name(record.teacher.get("name", "teacher"))),
            sides=found,
            timings=timings_in_order(verdict),
            noisy=max((timing.spread for timing in verdict.timings if timing.spread > NOISY_SPREAD), default=None),
            artifact=artifact,
            key_measures=_KEY_MEASURES,
            contents=_contents(record),
            measures=measures(verdict),
            tolerances=tolerances(verdict.checks),
            confidence=confidence_of(verdict.models),
            interval_methods=_interval_methods(record),
            fidelity_panels=panels.fidelity_panels(verdict),
            fidelity=verdict.fidelity,
            told=fidelity,
            gain_panel=None if verdict.gain is None else panels.gain_panel(verdict.gain, task),
            **_proof_words(verdict),
            speed_panels=panels.size_and_speed_panels(verdict),
            training_panels=panels.training_panels(record.trainings, task),
            changed=changed_answers(verdict),
            removal_rows=removal_rows(record.cut),
            **_stage_words(verdict),
            **_bytes_words(record),
            bearing_panel=bearing.bearing_panel(record.quantization),
            assignment=None if assignment is None else bearing.assignment_rows(assignment),
            shapes=_shape_rows(record),
            parts=part_rows(record.data),
            recipe_toml=recipe_toml(record.recipe),
        )
    )


def _proof_words(verdict: Verdict) -> dict[str, Any]:
    proof = verdict.non_inferiority
    if proof is None:
        return {}
    return {
        "proof_panel": proofs.proof_panel(proof),
        "proof_margin": wording.margin(proof.margin),
        "proof_sides": proofs.two_sided(proof),
        "proof_confidence": f"{wording.plain(100 * proof.confidence)} %",
    }


def _stage_words(verdict: Verdict) -> dict[str, Any]:
    if verdict.stages is None:
        return {}
    task = TASKS[verdict.task]
    return {
        "stages_panel": stages.stages_panel(verdict.stages, task),
        "way_rows": stages.way_rows(verdict, verdict.stages),
        "twin_rows": stages.twin_rows(verdict.stages),
        "stage_names": stages.measured_names(verdict.stages, task),
    }


def _bytes_words(record: RunRecord) -> dict[str, Any]:
    models = record.bytes_by_part
    return {
        "bytes_panel": part_bytes.parts_panel(models) if models else None,
        "byte_models": models,
        "byte_rows": part_bytes.part_rows(models) if models else (),
        "whole_sizes": part_bytes.whole_sizes(models),
        "layer_rows": part_bytes.layer_rows(record.quantization.layers),
        "slug": part_bytes.slug,
        "part_of": part_of,
    }


def _contents(record: RunRecord) -> list[tuple[str, str]]:
    """(anchor, words) of the sections that this record has."""
    has = {
        "proof": record.verdict.non_inferiority is not None,
        "stages": record.verdict.stages is not None,
        "gain": record.verdict.gain is not None,
        "cut": record.cut is not None and record.cut.n_texts > 0,
        "training": bool(record.trainings),
        "bearing": bool(record.quantization.sensitivities),
        **fidelity.sections(record.verdict.fidelity),
    }
    return [(anchor, words) for anchor, words in _SECTIONS.items() if has.get(anchor, True)]


def recipe_toml(recipe: Mapping[str, Any]) -> str:
    """Nested tables as TOML; keys without a value stand as comments, as TOML has no word for nothing."""
    return "\n".join(_toml_lines(recipe, prefix="")).strip() + "\n"


def _toml_lines(table: Mapping[str, Any], *, prefix: str) -> Iterator[str]:
    for key, value in table.items():
        if not isinstance(value, Mapping):
            yield f"# {key} =" if value is None else f"{_toml_key(key)} = {_toml_value(value)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from ("", f"[{prefix}{key}]")
            yield from _toml_lines(value, prefix=f"{prefix}{key}.")


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)


def _toml_value(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def confidence_of(models: Iterable[ModelScores]) -> str:
    """The confidence of the intervals, as a whole percent where it is one: "95 %"."""
    for model in models:
        for score in (model.agreement, model.score):
            if score is not None:
                return wording.percent(score.interval.confidence, decimals=1).replace(".0 ", " ")
    return ""


_METHOD_WORDS = {
    "wilson": "Intervals of shares are Wilson’s.",
    "score": "Intervals of retention, of texts answered right, are score intervals of paired shares.",
    "BCa bootstrap": (
        "Other intervals come from drawing the texts anew, corrected for bias and skewness (BCa bootstrap)."
    ),
    "paired BCa bootstrap": (
        "Intervals of retention come from drawing the texts anew, teacher and model together (paired BCa bootstrap)."
    ),
    "studentized bootstrap": (
        "Intervals of means come from drawing the texts anew, each draw weighed by its own spread (bootstrap-t)."
    ),
}


def _interval_methods(record: RunRecord) -> str:
    """How the intervals were made, in sentences."""
    scores = [
        score for model in record.verdict.models for score in (model.agreement, model.retention, model.score) if score
    ]
    methods = dict.fromkeys(score.interval.method for score in scores)
    return " ".join(_METHOD_WORDS.get(method, f"Intervals: {method}.") for method in methods)


def _shape_rows(record: RunRecord) -> list[tuple[str, list[str]]]:
    keys = dict.fromkeys(key for shape in record.shapes.values() for key in shape)
    ordered = sorted(keys, key=lambda key: _SHAPE_ORDER.index(key) if key in _SHAPE_ORDER else len(_SHAPE_ORDER))
    return [
        (key.replace("_", " ").capitalize(), [wording.count(shape.get(key)) for shape in record.shapes.values()])
        for key in ordered
    ]


def part_rows(data: Mapping[str, int | str]) -> list[tuple[str, str, str]]:
    """(part, number of texts or what else is told, fingerprint)."""
    return [
        (
            key.replace("_", "-"),
            wording.count(value) if isinstance(value, int) else value,
            str(data.get(key + _FINGERPRINT, "")),
        )
        for key, value in data.items()
        if not key.endswith(_FINGERPRINT) or key.removesuffix(_FINGERPRINT) not in data
    ]


def _shape_words(layer: LayerBits) -> str:
    return " × ".join(wording.count(side) for side in layer.shape)


def _unbroken(words: str) -> Markup:
    """A sentence in which no figure is parted from its unit, and no range in its middle, at the end of a line."""
    figure = r"[+−]?\d[\d.,]*(?:–[\d.,]*\d)? (?:%|[kMG]B|ms|points|times|texts)"
    return Markup(re.sub(figure, r'<span class="unbroken">\g<0></span>', str(escape(words))))  # noqa: S704


def _breakable(label: str) -> Markup:
    """A label that may be broken after an underscore, as long ones must be on a phone."""
    return Markup("_<wbr>").join(label.split("_"))


@cache
def environment() -> Environment:
    """The templates, with every word that they use for a figure."""
    loader = PackageLoader("limbeck.report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "percent": wording.percent,
        "size": wording.size,
        "milliseconds": wording.milliseconds,
        "plain": wording.plain,
        "sentence_case": wording.sentence_case,
        "p_value": wording.p_value,
        "opening": lambda text: text if len(text) <= _OPENING else text[: _OPENING - 1] + "…",
        "count": wording.count,
        "millions": wording.millions,
        "points": wording.points,
        "points_range": panels.points_range,
        "duration": wording.duration,
        "texts_a_second": texts_a_second,
        "three_figures": wording.three_figures,
        "printable": printable,
        "role": role_of,
        "shape_words": _shape_words,
        "thinned": panels.thinned,
        "objective": lambda key: panels.OBJECTIVE_NAMES.get(key, key.replace("_", " ")),
        "unbroken": _unbroken,
        "breakable": _breakable,
        "power_of_ten": bearing.power_of_ten,
        "key_mark": key_mark,
        "noun": lambda number, one, many=None: wording.counted(number, one, many),
    }
    environment.globals["vocabulary_sentence"] = vocabulary_sentence
    # The style sheet and the script are ours, not the record's: they go in as they are.
    environment.globals["asset"] = lambda name: Markup(loader.get_source(environment, name)[0])  # noqa: S704
    return environment
