"""Several models on the same held-out texts: what each is worth, and which two these texts can tell apart."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from limbeck import evaluate, report
from limbeck.artifact.sealed import FolderKind, folder_kind, read_manifest
from limbeck.errors import DataError, OutputError, ShapeError
from limbeck.ground import machine, places, wording
from limbeck.ground.files import disk_faults_told, refuse_foreign_page, write_json, written_whole
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import Recipe, with_overrides
from limbeck.recipe.verify import Tolerances
from limbeck.records.comparison import ComparedPair, ComparisonRecord
from limbeck.records.verdict import TEACHER, ModelScores, PairedDifference
from limbeck.tasks import TASKS
from limbeck.tasks.measures import Measure
from limbeck.tasks.task import AnyLogits
from limbeck.teacher.opening import TeacherSource
from limbeck.text.examples import Examples
from limbeck.text.units import UnitLogits, with_columns
from limbeck.text.windows import Reads
from limbeck.walk.compared import told
from limbeck.walk.consulting import TeacherSide, answers_on_disk, ask_teacher, read_held_out, recipe_of, signals_below
from limbeck.walk.contenders import Contender, open_contenders

RECORD_FILE, REPORT_FILE = "compare.json", "compare.html"


@dataclass(frozen=True)
class Comparison:
    """What a comparison leaves behind.

    Args:
        record: Every model and every pair with its figures.
        report: The page for people, with compare.json beside it; None where no folder was given.
    """

    record: ComparisonRecord
    report: Path | None


def compare(
    models: Sequence[str | Path],
    data_source: str | Path,
    *,
    teacher_source: TeacherSource | None = None,
    out: str | Path | None = None,
    recipe: Recipe | None = None,
    changes: Mapping[str, Any] | None = None,
    signals: str | Path | None = None,
    progress: Progress = SILENT,
) -> Comparison:
    """Judge several models on the same texts, and test every two of them against each other, text by text.

    The teacher's answers come from the teacher when it is given, else from signals on this disk that cover all the
    texts, where all artifacts have one teacher. Without them, models are compared by labels alone.

    Args:
        models: Artifacts, ONNX files with their tokenizer.json beside them, folders with one, or Hugging Face models
            (which need `limbeck[train]`); two or more.
        data_source: As for `compress`; of a folder with several parts the held-out one is used.
        teacher_source: The teacher, as for `compress`, or None.
        out: Folder for compare.html and compare.json; None writes nothing.
        recipe: How texts are read, timed and doubted; None takes that of the first artifact.
        changes: Dotted recipe keys that win over these: ``{"verify.timing_rounds": 5}``.
        signals: Folder of the teacher's answers; None takes the user's cache.
        progress: Told what goes on.

    Raises:
        RecipeError: Fewer than two models, or models of different tasks.
        LabelError: Models of different labels.
        LimbeckError: Whatever else is wrong with what was given.
    """
    folder = None if out is None else _writable(Path(out).expanduser())
    table = _recipe(models, recipe, changes)
    threads = table.verify.threads or machine.physical_cores()
    with tempfile.TemporaryDirectory() as work, ExitStack() as opened:
        progress.say(f"Opening {wording.counted(len(models), 'model')}")
        contenders = open_contenders(models, table, threads=threads, work=Path(work), opened=opened)
        first = contenders[0]
        columns = [one.columns_as(first.label_names, of=first.name) for one in contenders]
        examples = read_held_out(
            data_source, task=first.task, label_names=first.label_names, recipe=table, progress=progress
        )
        is_written = teacher_source is not None
        root = places.signals_root() if signals is None else signals_below(signals, is_written=is_written)
        notes: list[str] = []
        if teacher_source is None:
            known = _on_disk(contenders, columns, examples, root=root, notes=notes)
            _refuse_unjudged(examples, known)
        else:
            threshold = first.artifact.encoder.rules.threshold if first.artifact else table.data.no_answer_threshold
            examples, known = ask_teacher(
                teacher_source,
                examples,
                table,
                task=first.task,
                threshold=float("inf") if threshold is None else threshold,
                root=root,
                work=Path(work) / TEACHER,
                progress=progress,
            )
        progress.say(f"Comparing on {wording.counted(len(examples), 'text')}")
        answers = [
            one.answer(examples.texts, examples.text_pairs, columns=order)
            for one, order in zip(contenders, columns, strict=True)
        ]
        _refuse_other_tokens(contenders, answers)
        cut = [one.count_cut and one.count_cut(examples.texts, examples.text_pairs) for one in contenders]
        sides = [evaluate.Side(one.name, one.logits, threads) for one in contenders]
        master = None if known is None else known.master
        timings, _ = evaluate.time_beside_teacher(sides, master, examples, settings=table.verify, progress=progress)
    scores = _scored(contenders, answers, known, examples, table)
    pairs = _pairs(contenders, answers, known, examples, table)
    record = told(contenders, scores, timings, cut, pairs, teacher=_told_of(known), examples=examples, notes=notes)
    return Comparison(record, None if folder is None else _written(record, folder))


def _recipe(models: Sequence[str | Path], recipe: Recipe | None, changes: Mapping[str, Any] | None) -> Recipe:
    """The given one, else that of the first artifact, else the defaults; with what is to be changed of it."""
    if recipe is None:
        paths = [Path(model).expanduser() for model in models]
        artifact = next((path for path in paths if folder_kind(path) is FolderKind.ARTIFACT), None)
        recipe = Recipe() if artifact is None else recipe_of(read_manifest(artifact))
        # Its teacher's labels stand in the order of that teacher's logits, which may be no other model's.
        recipe = recipe.model_copy(update={"teacher": recipe.teacher.model_copy(update={"labels": ()})})
    if not changes:
        return recipe
    return Recipe.from_dict(with_overrides(recipe.model_dump(), dict(changes)), source="the command line")


def _writable(folder: Path) -> Path:
    """The folder of the report; refused before the work where it cannot be one."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder.", hint="Give another --out folder.")
    if folder_kind(folder) is FolderKind.ARTIFACT:
        raise OutputError(f"{folder} is an artifact, in which nothing else may lie.", hint="Give another --out folder.")
    refuse_foreign_page(folder / REPORT_FILE)
    return folder


def _written(record: ComparisonRecord, folder: Path) -> Path:
    with disk_faults_told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    page = folder / REPORT_FILE
    with written_whole(page) as temporary:
        temporary.write_text(report.render_comparison(record), encoding="utf-8")
    write_json(folder / RECORD_FILE, record.to_json())
    return page


def _on_disk(
    contenders: Sequence[Contender],
    columns: Sequence[Sequence[int]],
    examples: Examples,
    *,
    root: Path,
    notes: list[str],
) -> TeacherSide | None:
    """The answers of the artifacts' one teacher, where all of them lie on this disk; else why there are none."""
    artifacts = [(one.artifact, order) for one, order in zip(contenders, columns, strict=True) if one.artifact]
    teachers = {model.manifest.fingerprints["teacher"] for model, _ in artifacts}
    if len(teachers) > 1:
        notes.append(
            f"The artifacts come from {len(teachers)} teachers, so agreement was not measured; --teacher says with "
            "which one to measure it."
        )
        return None
    for model, order in artifacts:
        known = answers_on_disk(model, examples, root=root)
        if known is not None:
            return replace(known, logits=with_columns(known.logits, order))
    notes.append(
        "Agreement was not measured, as the teacher's answers to these texts are not on this disk; --teacher asks it."
    )
    return None


def _refuse_unjudged(examples: Examples, known: TeacherSide | None) -> None:
    if examples.labels is None and known is None:
        raise DataError(
            f"The {len(examples)} texts have no labels, and no teacher's answers to them are known: nothing says which "
            "model is right.",
            hint="Bring labels, give --teacher, or --signals with a folder of its answers.",
        )


def _refuse_other_tokens(contenders: Sequence[Contender], answers: Sequence[AnyLogits]) -> None:
    """Masked language models can be compared only where they were asked about the same hidden tokens."""
    if TASKS[contenders[0].task].reads is not Reads.MASKS:
        return
    first: UnitLogits = answers[0]
    for one, logits in zip(contenders[1:], answers[1:], strict=True):
        if not first.units.are_those_of(logits.units):
            raise ShapeError(
                f"{one.name} takes texts apart into other tokens than {contenders[0].name}, so that other ones are "
                "hidden from it.",
                hint="Compare masked language models of one tokenizer and one length limit.",
            )


def _scored(
    contenders: Sequence[Contender],
    answers: Sequence[AnyLogits],
    known: TeacherSide | None,
    examples: Examples,
    recipe: Recipe,
) -> tuple[ModelScores, ...]:
    """Each model's scores as a verdict has them, and as the last the teacher's where it is known."""
    # A name of the user's could be one that means something to a verdict.
    numbered = [
        evaluate.ModelAnswers(f"model {number}", logits, one.size_bytes, one.n_parameters)
        for number, (one, logits) in enumerate(zip(contenders, answers, strict=True))
    ]
    first, *others = numbered
    verdict = evaluate.judge(
        first,
        None if known is None else evaluate.ModelAnswers(TEACHER, known.logits, known.size_bytes, known.n_parameters),
        examples=examples,
        task=contenders[0].task,
        others=others,
        tolerances=evaluate.as_recorded(Tolerances()),
        confidence=recipe.verify.confidence,
        bootstrap_samples=recipe.verify.bootstrap_samples,
        seed=recipe.seed,
    )
    found = {model.name: model for model in verdict.models}
    named = [replace(found[answer.name], name=one.name) for one, answer in zip(contenders, numbered, strict=True)]
    return (*named, *([] if known is None else [found[TEACHER]]))


def _pairs(
    contenders: Sequence[Contender],
    answers: Sequence[AnyLogits],
    known: TeacherSide | None,
    examples: Examples,
    recipe: Recipe,
) -> tuple[ComparedPair, ...]:
    """Every two of the models, each measure tested over all pairs together."""
    task = TASKS[contenders[0].task].within(examples.groups)
    doubt = evaluate.doubt_of(recipe)
    places = list(combinations(range(len(contenders)), 2))

    def tested(measured: Sequence[Measure] | None, name: str) -> Sequence[PairedDifference | None]:
        if measured is None:
            return [None] * len(places)
        return evaluate.differences([(measured[one], measured[other]) for one, other in places], doubt, name=name)

    names, labels = examples.label_names, examples.labels
    by_score = None if labels is None else [task.score_of(logits, labels, names) for logits in answers]
    by_agreement = None if known is None else [task.agreement_of(logits, known.logits, names) for logits in answers]
    found = zip(places, tested(by_score, task.score.name), tested(by_agreement, task.agreement.name), strict=True)
    return tuple(
        ComparedPair(contenders[one].name, contenders[other].name, score, agreement)
        for (one, other), score, agreement in found
    )


def _told_of(known: TeacherSide | None) -> dict[str, str]:
    if known is None:
        return {}
    return {"fingerprint": known.fingerprint} if known.master is None else dict(known.master.told)
