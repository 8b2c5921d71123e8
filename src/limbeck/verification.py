"""Judge an artifact on other texts or another machine: through the runtime, without torch unless a teacher needs it."""

import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck import data, evaluate, machine, places, runtime
from limbeck.errors import LabelError
from limbeck.examples import Examples
from limbeck.progress import SILENT, Progress
from limbeck.recipe import Recipe, Tolerances, with_overrides
from limbeck.records import TEACHER, Timing, Verdict, artifact_name
from limbeck.signals import find_stores
from limbeck.tasks.task import AnyLogits
from limbeck.teacher.answering import Teacher
from limbeck.teacher.opening import TeacherSource, open_teacher
from limbeck.units import UnitLogits

_PART = "held-out texts"


@dataclass(frozen=True)
class _TeacherSide:
    """The teacher's answers, and the teacher itself where it is at hand."""

    logits: AnyLogits
    size_bytes: int | None
    n_parameters: int | None
    master: Teacher | None = None


def verify(
    artifact: str | Path,
    data_source: str | Path,
    *,
    teacher_source: TeacherSource | None = None,
    recipe: Recipe | None = None,
    changes: Mapping[str, Any] | None = None,
    signals: str | Path | None = None,
    progress: Progress = SILENT,
) -> Verdict:
    """Judge an artifact on texts: its score where they have labels, its agreement where the teacher is known.

    The teacher's answers come from the teacher when it is given (a Hugging Face model needs `limbeck[train]`), else
    from signals on this disk that cover all the texts. Texts that the given teacher does not answer are left out. Of a
    folder with several parts the held-out one is used.

    Args:
        artifact: The folder that ships.
        data_source: As for `compress`.
        teacher_source: The teacher, as for `compress`, or None.
        recipe: Tolerances and timing; None takes those that the artifact was made with.
        changes: Dotted recipe keys that win over these: ``{"verify.tolerances.min_score": 0.9}``.
        signals: Folder of the teacher's answers; None takes the user's cache.
        progress: Told what goes on.

    Raises:
        LimbeckError: Whatever is wrong with what was given; a tolerance that these texts cannot check among it.
    """
    model = runtime.load(artifact)
    table = recipe or _recipe_of(model)
    if changes:
        table = _changed(table, changes)
    given = data.to_examples(
        data.read_table(data_source, columns=table.data, task=model.manifest.task, progress=progress),
        model.label_names,
        progress=progress,
    )
    examples = data.held_out_of(given, settings=table.data)
    if not model.task.takes_pairs:
        examples = data.one_by_one(examples)
    if model.task.groups_rows:
        for note in data.notes_on({"held_out": examples}, source=str(data_source)):
            progress.say(note)
    root = Path(signals) if signals is not None else places.signals_root()
    known = _answers_on_disk(model, examples, root=root) if teacher_source is None else None
    evaluate.refuse_unmeasurable(
        table.verify.tolerances,
        evaluate.Evidence(
            has_labels=examples.labels is not None,
            has_teacher=teacher_source is not None or known is not None,
            has_timings=True,
        ),
    )
    if teacher_source is not None:
        examples, known = _ask(teacher_source, model, examples, table, root=root, progress=progress)
    progress.say(f"Verifying on {len(examples)} texts")
    answered = model.logits(examples.texts, examples.text_pairs)
    name = artifact_name(model.manifest.scheme)
    timings = _timings(artifact, examples, table, master=None if known is None else known.master, progress=progress)
    return evaluate.judge(
        evaluate.ModelAnswers(name, answered.values, model.size_bytes, model.manifest.n_parameters),
        None if known is None else evaluate.ModelAnswers(TEACHER, known.logits, known.size_bytes, known.n_parameters),
        examples=examples,
        task=model.manifest.task,
        tolerances=table.tolerances,
        n_truncated=answered.n_truncated,
        confidence=table.verify.confidence,
        bootstrap_samples=table.verify.bootstrap_samples,
        seed=table.seed,
        timings=timings,
        saturation=model.saturation(),
    )


def _recipe_of(model: runtime.Model) -> Recipe:
    """The recipe that the artifact was made with; its tolerances count as defaults, not as set by this user."""
    made_with = Recipe.from_dict(dict(model.manifest.recipe), source="the artifact's recipe")
    recorded = evaluate.as_recorded(made_with.verify.tolerances)
    columns = made_with.data.model_copy(update={"text": None, "text_pair": None, "label": None})
    return made_with.model_copy(
        update={"data": columns, "verify": made_with.verify.model_copy(update={"tolerances": recorded})}
    )


def _changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with some values set anew: of its tolerances only these count as set by this user, besides his own."""
    found = Recipe.from_dict(with_overrides(recipe.model_dump(), dict(changes)), source="the command line")
    set_before = recipe.verify.tolerances.model_fields_set
    prefix = "verify.tolerances."
    set_now = {key.removeprefix(prefix) for key in changes if key.startswith(prefix)}
    tolerances = found.verify.tolerances
    values = {name: getattr(tolerances, name) for name in Tolerances.model_fields}
    marked = Tolerances.model_construct(_fields_set=set_before | set_now, **values)
    return found.model_copy(update={"verify": found.verify.model_copy(update={"tolerances": marked})})


def _answers_on_disk(model: runtime.Model, examples: Examples, *, root: Path) -> _TeacherSide | None:
    """What this artifact's teacher said about these texts in an earlier labelling, if about all of them."""
    stores = find_stores(root, teacher=model.manifest.fingerprints["teacher"])
    exact_first = sorted(stores, key=lambda store: store.key.precision != "float32")
    teacher_told = next(
        (told for told in (model.manifest.verdict or {}).get("models", ()) if told["name"].startswith(TEACHER)), None
    )
    if teacher_told is None:
        return None
    for store in exact_first:
        if not store.missing(examples.text_fingerprints):
            logits = store.read(
                examples.text_fingerprints, within=examples.within, threshold=model.encoder.rules.threshold
            ).logits
            return _TeacherSide(logits, teacher_told["size_bytes"], teacher_told["n_parameters"])
    return None


def _ask(
    source: TeacherSource, model: runtime.Model, examples: Examples, recipe: Recipe, *, root: Path, progress: Progress
) -> tuple[Examples, _TeacherSide]:
    """The texts that the teacher answers, and its answers in the order of the artifact's labels."""
    with tempfile.TemporaryDirectory() as work:
        recipe = recipe.model_copy(update={"task": model.manifest.task})
        master = open_teacher(source, recipe=recipe, work=Path(work), known_labels=lambda _task: model.label_names)
        if set(master.label_names) != set(model.label_names):
            raise LabelError(
                f"The teacher's labels are {', '.join(master.label_names)}; the artifact's are "
                f"{', '.join(model.label_names)}.",
                hint="Give the teacher that this artifact was made from.",
            )
        # A model of this machine is asked again at no cost; what others say is kept, so that nobody pays for it twice.
        kept = Path(work) if master.size_bytes is not None else root
        progress.say(f"Asking the teacher about {len(examples)} texts")
        master.prepare({_PART: examples}, kept, progress=progress)
        labelled = master.label(
            examples, kept, settings=recipe.teacher, part_name=_PART, judges=True, progress=progress
        )
        for note in labelled.record.notes:
            progress.say(note)
        answered = examples.without(labelled.store.unanswered(examples.text_fingerprints))
        order = [master.label_names.index(name) for name in model.label_names]
        logits = labelled.store.read(
            answered.text_fingerprints, within=answered.within, threshold=model.encoder.rules.threshold
        ).logits
        logits = logits.columns(order) if isinstance(logits, UnitLogits) else logits[:, order]
    return answered, _TeacherSide(logits, master.size_bytes, master.n_parameters, master)


def _timings(
    artifact: str | Path, examples: Examples, recipe: Recipe, *, master: Teacher | None, progress: Progress
) -> tuple[Timing, ...]:
    threads = recipe.verify.threads or machine.physical_cores()
    model = runtime.load(artifact, threads=threads, check=False)
    some = examples.take(range(min(recipe.verify.timing_texts, len(examples))))
    sides = [evaluate.Side(artifact_name(model.manifest.scheme), model.logits, threads)]
    with nullcontext() if master is None else master.timed(threads) as answers:
        if answers is not None:
            sides.append(evaluate.Side(f"{TEACHER} ({answers.engine})", answers.logits, threads))
        return evaluate.time_sides(
            sides, some.texts, some.text_pairs, rounds=recipe.verify.timing_rounds, progress=progress
        )
