"""The artifact's model card: README.md with the metadata that model hubs read. The same run gives the same bytes.

That is why nothing in it depends on the machine: no dates, no timings, no paths, no counts of what
stood on disk already.
"""

import json
import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from limbeck.artifact.manifest import quantized_model_file, transformers_js_options
from limbeck.ground import wording
from limbeck.recipe.scheme import Scheme
from limbeck.records.run import RunRecord
from limbeck.records.score import Score
from limbeck.records.verdict import STUDENT, PairedDifference, Verdict
from limbeck.report.citations import citations
from limbeck.report.measures import tolerances
from limbeck.report.names import last_name
from limbeck.report.panels import points_range
from limbeck.report.part_bytes import part_rows
from limbeck.report.roles import Side, first_of, sides
from limbeck.report.texts import printable
from limbeck.report.uses import USES
from limbeck.tasks import TASKS, Task

# What a model hub takes for a repository: "owner/name" or, for a few old ones, a bare name.
_HUB_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}")
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")
_TAGS, _TRAINED_TAG, _JS_TAG = ("limbeck", "quantization", "onnx"), "distillation", "transformers.js"


def model_card(record: RunRecord, *, name: str) -> str:
    """The model card of a run's artifact, as Markdown with YAML front matter.

    The teacher is named as base model where the record has its "hub_id", a license stands in the metadata where the
    record has the teacher's "license"; nothing is guessed.

    Args:
        record: What the run has to tell. Timings, machine, paths and hashes in it are not looked at.
        name: What the artifact is called: a folder or hub id, also used in the examples of how to load it.
    """
    verdict = record.verdict
    found = sides(verdict)
    artifact, teacher = first_of("artifact", found), first_of("teacher", found)
    checks = [check for check in verdict.checks if check.tolerance != "max_latency_ms"]
    shapes = [record.shapes.get(role, {}) for role in ("teacher", "student")]
    name = " ".join(printable(name).split())
    scheme = Scheme.parse(record.quantization.scheme)
    return (
        _environment()
        .get_template("card.md")
        .render(
            front_matter=_front_matter(record, name, artifact),
            name=name,
            quoted_name=json.dumps(name, ensure_ascii=False),
            teacher_name=last_name(record.teacher.get("name", "the teacher")),
            sides=found,
            task=TASKS[verdict.task],
            uses=USES[verdict.task].with_mask(record.mask_token),
            pipeline_options=_pipeline_options(record),
            artifact_further=() if artifact is None else artifact.scores.further,
            summary=_summary(artifact, teacher, verdict),
            tolerances=tolerances(checks),
            n_held_out=verdict.n_held_out,
            n_changed=verdict.n_changed,
            gain=verdict.gain,
            proof=verdict.non_inferiority,
            stages=verdict.stages,
            byte_models=record.bytes_by_part,
            byte_rows=part_rows(record.bytes_by_part) if record.bytes_by_part else (),
            scheme=scheme,
            bits=scheme.in_words,
            model_file=quantized_model_file(scheme),
            transformers_js_options=transformers_js_options(scheme),
            layers=[shape.get("layers") for shape in shapes],
            chosen="" if record.cut is None else record.cut.chosen,
            is_trained=_is_trained(record),
            is_narrower=record.cut is not None and bool(record.cut.widths),
            data=[(key, value) for key, value in record.data.items() if isinstance(value, int)],
            max_tokens=record.recipe.get("data", {}).get("max_tokens"),
            citations=citations(record),
            limbeck_version=record.limbeck_version,
        )
    )


def _is_trained(record: RunRecord) -> bool:
    """Whether the student learned anything; else it is what it started as, quantized."""
    return any(training.name == STUDENT for training in record.trainings)


def _front_matter(record: RunRecord, name: str, artifact: Side | None) -> str:
    task = TASKS[record.verdict.task]
    is_static = record.cut is not None and record.cut.chosen == "static"
    lines = [f"library_name: {'onnx' if is_static else 'transformers'}", f"pipeline_tag: {task.hub_name}"]
    hub_id = record.teacher.get(
        "encoder hub_id", "" if "encoder name" in record.teacher else record.teacher.get("hub_id", "")
    )
    license_id = record.teacher.get("license", "")
    if _HUB_ID.fullmatch(hub_id):
        lines.append(f"base_model: {json.dumps(hub_id)}")
    if _LICENSE.fullmatch(license_id):
        lines.append(f"license: {json.dumps(license_id)}")
    lines += [
        "tags:",
        *(
            f"- {tag}"
            for tag in (
                *_TAGS,
                *((_TRAINED_TAG,) if _is_trained(record) else ()),
                *(() if is_static else (_JS_TAG,)),
                task.hub_name,
                Scheme.parse(record.quantization.scheme).short_name,
            )
        ),
    ]
    metrics = _metrics(artifact, task)
    if metrics:
        if artifact is not None and artifact.scores.score is not None:
            lines += ["metrics:", f"- {task.hub_metric}"]
        lines += [
            "model-index:",
            f"- name: {json.dumps(name, ensure_ascii=False)}",
            "  results:",
            "  - task:",
            f"      type: {task.hub_name}",
            f"      name: {task.hub_name.replace('-', ' ').title()}",
            "    dataset:",
            "      type: held-out",
            f"      name: {json.dumps(wording.counted(record.verdict.n_held_out, 'held-out text'))}",
            "    metrics:",
        ]
        for kind, words, value in metrics:
            lines += [f"    - type: {kind}", f"      name: {words}", f"      value: {value:.6f}"]
    return "\n".join(lines)


def _metrics(artifact: Side | None, task: Task) -> list[tuple[str, str, float]]:
    if artifact is None:
        return []
    scores = artifact.scores
    told: list[tuple[str, str, Score | None]] = [
        (task.hub_metric, task.score.title, scores.score),
        ("agreement", "Agreement with the teacher", scores.agreement),
        ("retention", f"{task.score.title} divided by the teacher's", scores.retention),
    ]
    return [(kind, words, score.value) for kind, words, score in told if score is not None]


def _summary(artifact: Side | None, teacher: Side | None, verdict: Verdict) -> str:
    """What the verdict says, without anything that depends on the machine."""
    if artifact is None:
        return ""
    task = TASKS[verdict.task]
    found = ((task.agreement, artifact.scores.agreement), (task.score, artifact.scores.score))
    clauses = [
        score.in_a_clause(words.clause, texts="them" if words.units[0] == "text" else f"their {words.units[1]}")
        for words, score in found
        if score is not None
    ]
    ours, theirs = artifact.scores.known_bytes, None if teacher is None else teacher.scores.size_bytes
    if theirs is not None and 0 < ours < theirs:
        clauses.append(f"is {wording.multiple(theirs / ours)} times smaller")
    if not clauses:
        return ""
    joined = clauses[0] if len(clauses) == 1 else f"{', '.join(clauses[:-1])} and {clauses[-1]}"
    return f"On {wording.counted(verdict.n_held_out, 'held-out text')} it {joined}."


def _pipeline_options(record: RunRecord) -> str:
    """What transformers.js must be told to make the same vectors."""
    pooling = record.pooling
    if pooling is None:
        return ""
    return f', {{ pooling: "{pooling.mode}", normalize: {str(pooling.normalize).lower()} }}'


def _cell(words: str) -> str:
    """Words that stand in one cell of a Markdown table."""
    return " ".join(printable(words).split()).replace("|", "\\|")


def _change(change: PairedDifference | None) -> str:
    """A paired difference with its interval, and its p-value where there is one."""
    if change is None:
        return wording.NOTHING
    told = f"{wording.points(change.difference.value)} ({points_range(change.difference)}"
    return f"{told})" if change.p_value is None else f"{told}; {wording.p_clause(change.p_value)})"


@cache
def _environment() -> Environment:
    # Markdown is no HTML: names go through `cell`, and no text of the data stands in a card.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("limbeck.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": wording.percent,
        "size": wording.size,
        "count": wording.count,
        "millions": wording.millions,
        "sentence_case": wording.sentence_case,
        "change": _change,
        "cell": _cell,
        "noun": wording.counted,
        "score": lambda score: (
            wording.NOTHING
            if score is None
            else f"{wording.percent(score.value)} ({wording.percent_range(score.interval.low, score.interval.high)})"
        ),
    }
    return environment
