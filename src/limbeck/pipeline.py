"""The whole walk on one page: a teacher and texts go in, a verified artifact and a report come out."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from limbeck import extras

extras.need("train", what="Compressing a teacher")

from limbeck import data, ladder, machine, mixing, places, report, shaping, student, teacher  # noqa: E402
from limbeck.asking import TAUGHT_BY, ask, made_up, refuse_made_up  # noqa: E402
from limbeck.distill import (  # noqa: E402
    Lessons,
    Objective,
    baseline_plan,
    learn,
    live_teacher,
    targets_of,
)
from limbeck.evaluate import Evidence, refuse_unmeasurable  # noqa: E402
from limbeck.examples import Examples, Parts  # noqa: E402
from limbeck.files import folder_written_whole, write_json, written_whole  # noqa: E402
from limbeck.manifest import MANIFEST_FILE  # noqa: E402
from limbeck.origin import Origin  # noqa: E402
from limbeck.packaging import Package, package  # noqa: E402
from limbeck.progress import SILENT, Progress  # noqa: E402
from limbeck.quantization import refuse_unfit  # noqa: E402
from limbeck.quantizing import Ground  # noqa: E402
from limbeck.recipe import Recipe  # noqa: E402
from limbeck.records import NOT_JUDGED, RunRecord, TrainingRecord, Verdict  # noqa: E402
from limbeck.run_folder import RunFolder, claimed  # noqa: E402
from limbeck.scheme import Scheme  # noqa: E402
from limbeck.signals import Signals  # noqa: E402
from limbeck.tasks.regression import spread_of  # noqa: E402
from limbeck.teacher import Teacher, TeacherSource  # noqa: E402

_NO_WEIGHT_CHANGES_BY = {"verify": True, "student": {"encoder", "config"}, "teacher": {"chat"}}
"""Knobs that change no weight, or that are told by what stands where they point."""
RECORD_FILE, REPORT_FILE = "run.json", "report.html"


@dataclass(frozen=True)
class Inputs:
    """What a run starts from.

    Args:
        master: The teacher, who answers.
        origin: What the student starts from; the teacher itself where that can be.
        parts: The texts, parted.
    """

    master: Teacher
    origin: Origin
    parts: Parts


@dataclass(frozen=True)
class Run:
    """What a run leaves behind.

    Args:
        folder: The run's folder.
        artifact: The folder that ships.
        report: The page for people; run.json beside it is for programs.
        record: Everything that was found, the verdict included.
    """

    folder: Path
    artifact: Path
    report: Path
    record: RunRecord

    @property
    def verdict(self) -> Verdict:
        """Whether the artifact passed, with the evidence."""
        return self.record.verdict


def compress(
    teacher_source: TeacherSource,
    data_source: str | Path,
    *,
    out: str | Path,
    recipe: Recipe | None = None,
    signals: str | Path | None = None,
    progress: Progress = SILENT,
    teaching: TrainingRecord | None = None,
) -> Run:
    """Take a teacher and texts, and make the small model that answers as the teacher does, with the proof.

    Killed at any point, the same call goes on from there; what is finished is kept.

    Args:
        teacher_source: A local folder or hub id of a Hugging Face encoder with a classification head, or any other
            teacher; see `teacher.open_teacher`.
        data_source: A file, a folder with train/validation/test files, or a data set of the hub.
        out: Folder of the run: new, empty, or of this same run.
        recipe: Every knob; None takes the defaults.
        signals: Folder of the teacher's answers, shared by runs; None takes the user's cache.
        progress: Told what goes on.
        teaching: How the teacher was taught, where that was part of the same job.

    Raises:
        LimbeckError: Whatever is wrong with what was given; nothing that the user had is lost.
    """
    recipe = recipe or Recipe()
    with claimed(Path(out)) as folder:
        inputs = read_inputs(teacher_source, data_source, recipe=recipe, work=folder.work, progress=progress)
        recipe = recipe.settled(inputs.master.task)
        return walk(inputs, folder, recipe=recipe, signals=signals, progress=progress, teaching=teaching)


def read_inputs(
    teacher_source: TeacherSource, data_source: str | Path, *, recipe: Recipe, work: Path, progress: Progress = SILENT
) -> Inputs:
    """Load the teacher, read the texts and part them; what cannot be judged in the end is refused here.

    Args:
        teacher_source: As for `compress`.
        data_source: As for `compress`.
        recipe: Its tables data, teacher, student, distill and verify.
        work: Where a converted tokenizer may lie.
        progress: Told what goes on.

    Raises:
        LimbeckError: Whatever is wrong with what was given.
    """
    progress.say("Reading texts and teacher")
    tables = cache(lambda task: data.read_table(data_source, columns=recipe.data, task=task, progress=progress))
    master = teacher.open_teacher(
        teacher_source,
        recipe=recipe,
        work=work,
        known_labels=lambda task: data.label_names_in(tables(task)),
        starts_student=recipe.student.encoder is None,
    )
    origin = teacher.origin_of(master, recipe, work=work)
    parts = data.split(
        data.to_examples(tables(master.task), master.label_names, progress=progress), settings=recipe.data
    )
    for sentence in data.in_sentences(parts.leaks):
        progress.say(sentence)
    refuse_unmeasurable(
        recipe.verify.tolerances,
        Evidence(has_labels=parts.held_out.labels is not None, has_teacher=True, has_timings=True),
    )
    refuse_made_up(master, recipe)
    return Inputs(master, origin, parts)


def walk(
    inputs: Inputs,
    folder: RunFolder,
    *,
    recipe: Recipe,
    signals: str | Path | None = None,
    students: Path | None = None,
    progress: Progress = SILENT,
    teaching: TrainingRecord | None = None,
) -> Run:
    """From teacher and texts to the verified artifact and its report, in a folder that was claimed.

    Args:
        inputs: Teacher and texts.
        folder: The run's.
        recipe: Every knob, its task settled.
        signals: As for `compress`.
        students: Where the trained student and the baseline lie; None keeps them with the run. Runs may share them
            that differ in the recipe's tables quantize and verify alone.
        progress: Told what goes on.
        teaching: As for `compress`.

    Raises:
        LimbeckError: Whatever is wrong with what was given; nothing that the user had is lost.
    """
    master, origin, parts = inputs.master, inputs.origin, inputs.parts
    students = students or folder.work
    if folder.is_settled:  # another run's folder is refused before anything is put into it
        folder.settle(identity_of(inputs, recipe))
    objective = shaping.planned_objective(origin, parts.train, recipe)
    taught_by = parts.train.joined(made_up(master, parts, recipe, progress=progress))
    origin = student.trimmed(origin, recipe.student, corpus=taught_by, work=students, progress=progress)
    _refuse_impossible(origin, recipe)
    folder.settle(identity_of(inputs, recipe))
    with written_whole(folder.path / "recipe.toml") as temporary:
        temporary.write_text(recipe.to_toml(), encoding="utf-8")

    root = Path(signals) if signals is not None else places.signals_root()
    kept = shaping.kept(origin, parts.train, objective, recipe, n_texts=len(taught_by), progress=progress)
    wanted = {TAUGHT_BY: taught_by, "validation": parts.validation, "held_out": parts.held_out}
    with folder.stage("labelling"):
        asked, answers, labelling = ask(master, wanted, settings=recipe.teacher, root=root, progress=progress)
    taught_by, parts = asked[TAUGHT_BY], replace(parts, validation=asked["validation"], held_out=asked["held_out"])
    with folder.stage("distillation"):
        shaped = shaping.shape(origin, parts.train, recipe, work=students, progress=progress)
        plan = shaped.plan(recipe, n_texts=len(taught_by))
        lessons = _lessons(origin, taught_by, answers[TAUGHT_BY], parts.validation, answers["validation"])
        objective = replace(objective, spread=spread_of(answers[TAUGHT_BY].logits))
        if objective.needs_live_teacher:
            layer = recipe.distill.relation_layer
            live = live_teacher(origin.model, taken=shaped.pattern.layers, objective=objective, relation_layer=layer)
            lessons = replace(lessons, live_teacher=live)
        learned = learn(
            shaped.build,
            lessons,
            objective=objective,
            plan=plan,
            work=students,
            progress=progress,
        )
    baseline = None
    if recipe.distill.baseline and parts.train.labels is not None:
        with folder.stage("no-teacher baseline"):
            baseline = learn(
                shaped.build,
                _lessons(origin, parts.train, None, parts.validation, answers["validation"]),
                objective=Objective({"true_labels": 1.0}, task=recipe.task, spread=objective.spread),
                plan=baseline_plan(plan),
                work=students,
                progress=progress,
            )

    progress.say("Quantizing and packaging")
    with folder.stage("quantization"):
        ground = Ground(
            lessons,
            objective,
            plan,
            calibration=parts.train,
            held_out=parts.held_out.content_fingerprints,
            tokenizer_folder=origin.tokenizer_folder,
            work=folder.work,
        )
        shrunk = ladder.climb(learned.model, ground, recipe=recipe, progress=progress)
    record = RunRecord(
        limbeck_version=_version(),
        teacher=_told_of(master, origin),
        shapes={
            ("teacher" if origin.is_teacher else "encoder"): student.shape_of(inputs.origin.model).to_json(),
            "student": student.shape_of(learned.model).to_json(),
        },
        cut=shaped.cut,
        data=_data_told(parts),
        leaks=tuple(data.in_sentences(parts.leaks)),
        recipe=_recipe_told(recipe, origin),
        labelling=replace(labelling, kept=kept),
        trainings=tuple(
            told
            for told in (
                teaching,
                learned.record,
                None if baseline is None else baseline.record,
                shrunk.training,
            )
            if told is not None
        ),
        quantization=shrunk.quantized.record,
        verdict=NOT_JUDGED,
        files={},
        machine=machine.describe(),
        vocabulary=student.vocabulary_of(origin, parts.held_out),
    )
    with folder_written_whole(folder.artifact) as temporary:
        record = package(
            record,
            temporary,
            Package(
                master,
                origin,
                learned.model,
                None if baseline is None else baseline.model,
                shrunk.quantized,
                shrunk.model,
                parts.held_out,
                answers["held_out"],
            ),
            recipe=recipe,
            folder=folder,
            progress=progress,
        )
    return _tell(record, folder)


def finished(inputs: Inputs, folder: RunFolder, *, recipe: Recipe) -> Run | None:
    """The run that an earlier call with this very recipe, tolerances included, finished in this folder; else None.

    Raises:
        OutputError: The folder holds another run.
    """
    folder.settle(identity_of(inputs, recipe))
    path = folder.path / RECORD_FILE
    if not (path.exists() and (folder.artifact / MANIFEST_FILE).exists()):
        return None
    told = json.loads(path.read_text(encoding="utf-8"))
    if told["limbeck_version"] != _version() or told["recipe"] != _recipe_told(recipe, inputs.origin):
        return None
    return Run(folder.path, folder.artifact, folder.path / REPORT_FILE, RunRecord.from_json(told))


def identity_of(inputs: Inputs, recipe: Recipe) -> dict[str, Any]:
    """What makes a run this run; tolerances and timing settings may change, as they change no weight."""
    origin = {} if inputs.origin.is_teacher else {"encoder": inputs.origin.fingerprint}
    return {
        "teacher": inputs.master.fingerprint,
        **origin,
        "data": {name: examples.fingerprint for name, examples in _named(inputs.parts).items()},
        "recipe": recipe.model_dump(
            mode="json", exclude={"verify": True, "student": {"encoder", "config"}, "teacher": {"chat"}}
        ),
        "student's config": student.read_config(recipe.student.config) if recipe.student.config else None,
    }


def _refuse_impossible(origin: Origin, recipe: Recipe) -> None:
    """Refuse bits that no student of this shape can have, before anything is spent on one."""
    shape = student.initialise(origin.model, recipe.student)
    refuse_unfit(shape, scheme=Scheme.parse(recipe.quantize.scheme))
    mixing.refuse_unreachable(shape, recipe.quantize, tokenizer_folder=origin.tokenizer_folder)


def _recipe_told(recipe: Recipe, origin: Origin) -> dict[str, Any]:
    """The recipe as records have it that ship: no path of this machine stands in it."""
    told = recipe.told()
    if recipe.student.encoder is not None:
        told["student"]["encoder"] = origin.told["name"]
    return told


def _named(parts: Parts) -> dict[str, Examples]:
    return {"train": parts.train, "validation": parts.validation, "held_out": parts.held_out}


def _data_told(parts: Parts) -> dict[str, int | str]:
    named = _named(parts)
    return {name: len(examples) for name, examples in named.items()} | {
        f"{name} fingerprint": examples.fingerprint for name, examples in named.items()
    }


def _told_of(master: Teacher, origin: Origin) -> dict[str, str]:
    """The teacher as records that ship have it; and the encoder that the student starts from, where that is another."""
    own = {} if origin.is_teacher else {f"encoder {name}": value for name, value in origin.told.items()}
    return {**master.told, **own}


def _lessons(
    origin: Origin, train: Examples, signals: Signals | None, validation: Examples, validation_signals: Signals
) -> Lessons:
    return Lessons(
        encoder=origin.encoder,
        train=origin.encoder.encode(train.texts, train.text_pairs),
        train_targets=targets_of(train, signals),
        validation=origin.encoder.encode(validation.texts, validation.text_pairs),
        validation_targets=targets_of(validation, validation_signals),
    )


def _tell(record: RunRecord, folder: RunFolder) -> Run:
    """Write the report and, as the last thing, run.json beside the artifact."""
    page = folder.path / REPORT_FILE
    with written_whole(page) as temporary:
        temporary.write_text(report.render(record), encoding="utf-8")
    write_json(folder.path / RECORD_FILE, record.to_json())
    return Run(folder.path, folder.artifact, page, record)


def _version() -> str:
    return machine.installed_version("limbeck") or "unknown"
