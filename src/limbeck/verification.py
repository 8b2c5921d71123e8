"""Judge an artifact on other texts or another machine: through the runtime, without torch unless a teacher needs it."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from limbeck import evaluate, runtime
from limbeck.artifact.sealed import ARTIFACT_FOLDER, SIGNALS_FOLDER, FolderKind, folder_kind, open_artifact
from limbeck.data import read_examples
from limbeck.errors import DataError
from limbeck.ground import places, wording
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import Recipe, with_overrides
from limbeck.recipe.verify import Tolerances
from limbeck.records.run_folder import HELD_OUT_FOLDER, TEXTS_FILE
from limbeck.records.verdict import TEACHER, Verdict, artifact_name
from limbeck.teacher.opening import TeacherSource
from limbeck.text.examples import Examples
from limbeck.text.tokens import TOKENIZER_FILE
from limbeck.text.unknown_token import unknown_id
from limbeck.walk.consulting import answers_on_disk, ask_teacher, read_held_out, recalled, recipe_of, signals_below
from limbeck.walk.earlier import earlier_answers
from limbeck.walk.respelling import respelled


def verify(
    artifact: str | Path,
    data_source: str | Path | None = None,
    *,
    teacher_source: TeacherSource | None = None,
    recipe: Recipe | None = None,
    changes: Mapping[str, Any] | None = None,
    signals: str | Path | None = None,
    against: str | Path | None = None,
    engine: str = "onnxruntime",
    progress: Progress = SILENT,
) -> Verdict:
    """Judge an artifact on texts: its score where they have labels, its agreement where the teacher is known.

    The teacher's answers come from the teacher when it is given (a Hugging Face model needs `limbeck[train]`), else
    from signals on this disk that cover all the texts. Texts that the given teacher does not answer are left out. Of a
    folder with several parts the held-out one is used.

    Args:
        artifact: The folder that ships, or that of a run.
        data_source: As for `compress`; of a run None takes the held-out texts that it was judged on, and the teacher's
            answers to them, which lie in its folder.
        teacher_source: The teacher, as for `compress`, or None.
        recipe: Tolerances and timing; None takes those that the artifact was made with.
        changes: Dotted recipe keys that win over these: ``{"verify.tolerances.min_score": 0.9}``.
        signals: Folder of the teacher's answers; None takes the user's cache.
        against: The verdict of an earlier artifact, as JSON, to say whether this one is better or worse; or a run.json.
        engine: What computes the artifact's answers, and is timed; see `limbeck.load`.
        progress: Told what goes on.

    Raises:
        LimbeckError: Whatever is wrong with what was given; a tolerance that these texts cannot check among it.
    """
    with tempfile.TemporaryDirectory() as work:
        return _verified(
            artifact,
            data_source,
            teacher_source=teacher_source,
            recipe=recipe,
            changes=changes,
            signals=signals,
            against=against,
            engine=engine,
            work=Path(work),
            progress=progress,
        )


def _verified(
    artifact: str | Path,
    data_source: str | Path | None,
    *,
    teacher_source: TeacherSource | None,
    recipe: Recipe | None,
    changes: Mapping[str, Any] | None,
    signals: str | Path | None,
    against: str | Path | None,
    engine: str,
    work: Path,
    progress: Progress,
) -> Verdict:
    """The same, with a folder for what the teacher needs while it is asked and timed."""
    artifact, kept = _with_kept(Path(artifact).expanduser(), data_source)
    open_artifact(artifact)  # every byte of it, also what no answer needs
    model = runtime.load(artifact, check=False, engine=engine, progress=progress)
    table = _recipe_of(model) if recipe is None else recipe.settled(model.manifest.task)
    if changes:
        table = _changed(table, changes)
    before = None if against is None else earlier_answers(against)
    if before is not None:
        evaluate.refuse_other_question(
            before, task=model.manifest.task, label_names=model.label_names, source=str(against)
        )
    if data_source is None:
        examples = _kept_texts(kept, model, slice_by=table.verify.slice_by)
    else:
        examples = read_held_out(
            data_source, task=model.manifest.task, label_names=model.label_names, recipe=table, progress=progress
        )
    nearest = places.signals_root() if data_source is not None else kept / SIGNALS_FOLDER
    root = nearest if signals is None else signals_below(signals, is_written=teacher_source is not None)
    known = answers_on_disk(model, examples, root=root) if teacher_source is None else None
    if known is None and teacher_source is None and data_source is None and root != nearest:
        root, known = nearest, answers_on_disk(model, examples, root=nearest)  # a run's own answers are never lost
    evaluate.refuse_unmeasurable(
        table.verify.tolerances,
        evaluate.Evidence(
            has_labels=examples.labels is not None,
            has_teacher=teacher_source is not None or known is not None,
            has_timings=True,
        ),
        model.task,
    )
    if teacher_source is None:
        if data_source is not None:  # a run keeps what its teacher said about other spellings
            evaluate.refuse_unaskable(table.verify, runs_here=False)
    else:
        examples, known = ask_teacher(
            teacher_source,
            examples,
            table,
            task=model.manifest.task,
            threshold=model.encoder.rules.threshold,
            root=root,
            work=work,
            progress=progress,
        )
    progress.say(f"Verifying on {wording.counted(len(examples), 'text')}")
    answered = model.logits(examples.texts, examples.text_pairs)
    name = artifact_name(model.manifest.scheme)
    master = None if known is None else known.master
    chosen = model.settings.engine
    timings = evaluate.measure_speed(
        {name: artifact}, master, examples, settings=table.verify, engine=chosen, progress=progress
    )
    weights = model.weight_fidelity()
    robustness = respelled(
        model,
        answered.values,
        examples,
        recipe=table,
        master=master,
        teacher_logits=None if known is None else known.logits,
        recalled=None if known is None or master is not None else recalled(model, root=root),
        progress=progress,
    )
    verdict = evaluate.judge(
        evaluate.ModelAnswers(name, answered.values, model.size_bytes, model.manifest.n_parameters),
        None if known is None else evaluate.ModelAnswers(TEACHER, known.logits, known.size_bytes, known.n_parameters),
        examples=examples,
        task=model.manifest.task,
        tolerances=table.tolerances,
        n_truncated=answered.n_truncated,
        confidence=table.verify.confidence,
        margin=table.verify.margin,
        bootstrap_samples=table.verify.bootstrap_samples,
        seed=table.seed,
        timings=timings,
        saturation=model.saturation(),
        weights=weights,
        facts=evaluate.facts_of(model, weights, teacher_fingerprint=None if known is None else known.fingerprint),
        traits=evaluate.traits_of(
            model.encoder, examples, answered.truncated, unknown=unknown_id(model.folder / TOKENIZER_FILE)
        ),
        robustness=robustness,
    )
    said = evaluate.Answered(
        answered.values, None if known is None else known.logits, None if known is None else known.fingerprint
    )
    if before is not None:
        drift = evaluate.drift(before, said, examples=examples, doubt=evaluate.doubt_of(table), source=str(against))
        verdict = replace(verdict, drift=drift)
    return replace(verdict, engine=chosen, answers=evaluate.keep(verdict.task, said, examples=examples))


def _with_kept(path: Path, data_source: str | Path | None) -> tuple[Path, Path]:
    """The artifact, and where a run keeps the texts that it was judged on.

    Raises:
        DataError: There are no texts to judge on.
    """
    kind = folder_kind(path)
    is_run = kind is FolderKind.RUN and (path / ARTIFACT_FOLDER).is_dir()
    if data_source is None and kind is FolderKind.ARTIFACT:
        raise DataError(
            f"There is no text to judge {path} on.",
            hint="Give texts with --data, or the folder of a finished run, which holds those that it was judged on.",
        )
    if not is_run:
        return path, path
    kept = path / HELD_OUT_FOLDER
    if data_source is None and not kept.is_dir():
        raise DataError(
            f"{path} does not hold the texts that it was judged on ({kept} is not there).",
            hint="Give them with --data; runs of an earlier limbeck did not keep them.",
        )
    return path / ARTIFACT_FOLDER, kept


def _kept_texts(kept: Path, model: runtime.Model, *, slice_by: Sequence[str]) -> Examples:
    """The held-out texts of a run, which must be those that its artifact was sealed with, and columns to slice by.

    Raises:
        DataError: They are other texts, or such a column was not kept with them.
    """
    examples = read_examples(kept / TEXTS_FILE)
    if examples.fingerprint != model.manifest.fingerprints["held_out"]:
        raise DataError(
            f"{kept / TEXTS_FILE} holds other texts or labels than those that the artifact was judged on.",
            hint="Copy the folder of the run again, or give the texts with --data.",
        )
    missing = [name for name in slice_by if name not in examples.columns]
    if missing:
        raise DataError(
            f"verify.slice_by names the column {missing[0]!r}, and {kept / TEXTS_FILE} keeps "
            f"{', '.join(map(repr, examples.columns)) or 'no further columns'}.",
            hint="A run keeps the columns that it was sliced by itself; give the data with --data to slice by others.",
        )
    return replace(examples, columns={name: examples.columns[name] for name in slice_by or examples.columns})


def _recipe_of(model: runtime.Model) -> Recipe:
    """The recipe that the artifact was made with; its tolerances count as defaults, not as set by this user."""
    made_with = recipe_of(model.manifest)
    recorded = evaluate.as_recorded(made_with.verify.tolerances)
    return made_with.model_copy(update={"verify": made_with.verify.model_copy(update={"tolerances": recorded})})


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
