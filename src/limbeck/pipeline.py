"""The whole walk on one page: a teacher and texts go in, a verified artifact and a report come out."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from limbeck.ground import extras

extras.need("train", what="Compressing a teacher")

from limbeck import data, report, student  # noqa: E402
from limbeck.artifact.manifest import MANIFEST_FILE  # noqa: E402
from limbeck.distill import learn, lessons_of  # noqa: E402
from limbeck.encoder import heads  # noqa: E402
from limbeck.encoder.origin import Origin  # noqa: E402
from limbeck.encoder.parts import ModelBytes  # noqa: E402
from limbeck.export import size_beside  # noqa: E402
from limbeck.ground import machine, places  # noqa: E402
from limbeck.ground.files import folder_written_whole, write_json, written_whole  # noqa: E402
from limbeck.ground.progress import SILENT, Progress  # noqa: E402
from limbeck.recipe.knobs import Recipe  # noqa: E402
from limbeck.records.run import RunRecord, TrainingRecord  # noqa: E402
from limbeck.records.run_folder import RunFolder, claimed  # noqa: E402
from limbeck.records.verdict import NOT_JUDGED, TEACHER, Verdict  # noqa: E402
from limbeck.tasks.regression import spread_of  # noqa: E402
from limbeck.teacher import Teacher, TeacherSource  # noqa: E402
from limbeck.text.examples import Examples, Parts  # noqa: E402
from limbeck.text.units import values_of  # noqa: E402
from limbeck.walk import ladder, shaping  # noqa: E402
from limbeck.walk.asking import TAUGHT_BY, ask  # noqa: E402
from limbeck.walk.packaging import Package, package  # noqa: E402
from limbeck.walk.quantizing import Ground  # noqa: E402
from limbeck.walk.starting import Inputs, read_inputs, recipe_told, start  # noqa: E402

_TOLD_BY_CONTENT: Any = {
    "verify": True,
    "data": {"extra_texts"},
    "student": {"encoder", "config"},
    "distill": {"masker"},
    "teacher": {"chat"},
}
"""Keys that change no weight, or that name what a run knows by its content."""
RECORD_FILE, REPORT_FILE = "run.json", "report.html"


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
    ready = start(inputs, recipe, work=students, progress=progress)
    objective, origin, wanted = ready.objective, ready.origin, ready.wanted
    folder.settle(identity_of(inputs, recipe))
    with written_whole(folder.path / "recipe.toml") as temporary:
        temporary.write_text(recipe.to_toml(), encoding="utf-8")

    root = Path(signals) if signals is not None else places.signals_root()
    kept = shaping.kept(origin, parts.train, objective, recipe, n_texts=len(ready.taught_by), progress=progress)
    with folder.stage("labelling"):
        asked, answers, labelling = ask(
            master, wanted, recipe, teaches=ready.answers_teach, root=root, progress=progress
        )
    taught_by, parts = asked[TAUGHT_BY], replace(parts, validation=asked["validation"], held_out=asked["held_out"])
    with folder.stage("distillation"):
        shaped = shaping.shape(origin, inputs.given, recipe, work=students, progress=progress)
        lessons = lessons_of(
            origin.encoder,
            (taught_by, answers.get(TAUGHT_BY)),
            (parts.validation, answers["validation"]),
            task=recipe.task,
            live_teacher=shaped.live_teacher(objective, recipe),
        )
        plan = shaped.plan(recipe, n_texts=len(lessons.train.ids))
        if TAUGHT_BY in answers:
            objective = replace(objective, spread=spread_of(values_of(answers[TAUGHT_BY].logits)))
        learned = learn(
            shaped.build,
            lessons,
            objective=objective,
            plan=plan,
            work=students,
            progress=progress,
        )
    baseline = None
    alone = shaping.baseline_of(recipe, parts.train, taught_by, objective, plan)
    if alone is not None:
        with folder.stage("no-teacher baseline"):
            baseline = learn(
                shaped.build,
                lessons_of(
                    origin.encoder, (alone.texts, None), (parts.validation, answers["validation"]), task=recipe.task
                ),
                objective=alone.objective,
                plan=alone.plan,
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
        data=_data_told(parts, inputs.extra),
        leaks=tuple(data.in_sentences(parts.leaks)),
        recipe=recipe_told(recipe, origin),
        labelling=replace(labelling, kept=kept),
        trainings=tuple(
            told
            for told in (
                teaching,
                learned.record,
                None if baseline is None else baseline.record,
                shrunk.training,
            )
            if told is not None and told.steps
        ),
        quantization=shrunk.quantized.record,
        verdict=NOT_JUDGED,
        files={},
        machine=machine.describe(),
        vocabulary=student.vocabulary_of(origin, parts.held_out),
        pooling=heads.pooling_of(learned.model.config),
        mask_token=origin.encoder.masking.mask_token if heads.fills_masks(learned.model) else None,
        bytes_by_part=(_whole_bytes(inputs.origin),),
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
    if told["limbeck_version"] != _version() or told["recipe"] != recipe_told(recipe, inputs.origin):
        return None
    return Run(folder.path, folder.artifact, folder.path / REPORT_FILE, RunRecord.from_json(told))


def identity_of(inputs: Inputs, recipe: Recipe) -> dict[str, Any]:
    """What makes a run this run; tolerances and timing settings may change, as they change no weight."""
    origin = {} if inputs.origin.is_teacher else {"encoder": inputs.origin.fingerprint}
    return {
        "teacher": inputs.master.fingerprint,
        **origin,
        "data": {name: examples.fingerprint for name, examples in _named(inputs.parts, inputs.extra).items()},
        **({} if inputs.masker is None else {"masker": inputs.masker.fingerprint}),
        "recipe": recipe.model_dump(mode="json", exclude=_TOLD_BY_CONTENT),
        "student's config": student.read_config(recipe.student.config) if recipe.student.config else None,
    }


def _named(parts: Parts, extra: Examples | None) -> dict[str, Examples]:
    named = {"train": parts.train, "validation": parts.validation, "held_out": parts.held_out}
    return named if extra is None else named | {"extra": extra}


def _data_told(parts: Parts, extra: Examples | None) -> dict[str, int | str]:
    named = _named(parts, extra)
    return {name: len(examples) for name, examples in named.items()} | {
        f"{name} fingerprint": examples.fingerprint for name, examples in named.items()
    }


def _whole_bytes(origin: Origin) -> ModelBytes:
    """Where the bytes are of what the student starts from, as float32."""
    return student.bytes_by_part(
        origin.model,
        name=TEACHER if origin.is_teacher else "encoder",
        beside_bytes=size_beside(origin.model, tokenizer_folder=origin.tokenizer_folder),
    )


def _told_of(master: Teacher, origin: Origin) -> dict[str, str]:
    """The teacher as records that ship have it; and the encoder that the student starts from, where that is another."""
    own = {} if origin.is_teacher else {f"encoder {name}": value for name, value in origin.told.items()}
    return {**master.told, **own}


def _tell(record: RunRecord, folder: RunFolder) -> Run:
    """Write the report and, as the last thing, run.json beside the artifact."""
    page = folder.path / REPORT_FILE
    with written_whole(page) as temporary:
        temporary.write_text(report.render(record), encoding="utf-8")
    write_json(folder.path / RECORD_FILE, record.to_json())
    return Run(folder.path, folder.artifact, page, record)


def _version() -> str:
    return machine.installed_version("limbeck") or "unknown"
