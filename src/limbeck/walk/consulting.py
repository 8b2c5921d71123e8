"""What is known of held-out texts elsewhere: the texts as the models read them, and the teacher's answers to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limbeck import data, evaluate, runtime
from limbeck.artifact.manifest import Manifest
from limbeck.artifact.sealed import SIGNALS_FOLDER, FolderKind, folder_kind
from limbeck.errors import ArtifactError, LabelError, SignalsError
from limbeck.ground.progress import Progress
from limbeck.recipe.knobs import Recipe
from limbeck.records.verdict import TEACHER
from limbeck.tasks import TASKS
from limbeck.tasks.task import AnyLogits
from limbeck.teacher.answering import Teacher
from limbeck.teacher.opening import TeacherSource, open_teacher
from limbeck.teacher.signals import find_stores
from limbeck.text.examples import Examples
from limbeck.text.units import with_columns
from limbeck.walk.respelling import runs_here

_PART = "held-out texts"


@dataclass(frozen=True)
class TeacherSide:
    """The teacher's answers, and the teacher itself where it is at hand.

    Args:
        logits: (n, classes), or those of the texts' units.
        size_bytes: Bytes on disk of what answers; None where nobody knows.
        n_parameters: Its parameters; None where nobody knows.
        fingerprint: Names all that its answers depend on besides the text.
        master: The teacher, where it was asked.
    """

    logits: AnyLogits
    size_bytes: int | None
    n_parameters: int | None
    fingerprint: str
    master: Teacher | None = None


def recipe_of(manifest: Manifest) -> Recipe:
    """The recipe that an artifact was made with; its columns are left out, as other data have others."""
    made_with = Recipe.from_dict(dict(manifest.recipe), source="the artifact's recipe")
    columns = made_with.data.model_copy(update={"text": None, "text_pair": None, "label": None})
    return made_with.model_copy(update={"data": columns})


def read_held_out(
    data_source: str | Path, *, task: str, label_names: Sequence[str], recipe: Recipe, progress: Progress
) -> Examples:
    """The texts to judge on; of a folder with several parts the held-out one.

    Args:
        data_source: As for `compress`.
        task: What the models answer.
        label_names: The classes in the order in which labels are counted.
        recipe: Its table data.
        progress: Told what a reader should know of the texts.

    Raises:
        DataError: They cannot be read.
        LabelError: Labels that the models do not know.
    """
    tables = data.read_table(
        data_source, columns=recipe.data, task=task, slice_by=recipe.verify.slice_by, progress=progress
    )
    given = data.to_examples(tables, label_names, progress=progress)
    examples, leaks = data.held_out_of(given, settings=recipe.data)
    for told in data.in_sentences(leaks):
        progress.say(told)
    if not TASKS[task].takes_pairs:
        examples = data.one_by_one(examples)
    if TASKS[task].groups_rows:
        for note in data.notes_on({"held_out": examples}, source=str(data_source)):
            progress.say(note)
    return examples


def signals_below(place: str | Path, *, is_written: bool) -> Path:
    """The folder in which a teacher's answers are looked for: of a folder of one teacher's the one above.

    Args:
        place: What was given.
        is_written: Whether a teacher is asked, whose answers are put there.

    Raises:
        SignalsError: There is nothing to read.
    """
    found = Path(place).expanduser()
    kind = folder_kind(found)
    if kind is FolderKind.SIGNALS:
        return found.parent
    if not is_written and not found.is_dir():
        raise SignalsError(
            f"{found} is no folder of a teacher's answers: there is {kind.value}.",
            hint="Give the folder that --signals named when the teacher was asked, or leave it out.",
        )
    return found


def answers_on_disk(model: runtime.Model, examples: Examples, *, root: Path) -> TeacherSide | None:
    """What an artifact's teacher said about these texts, if about all of them, here before or in what ships with it.

    Args:
        model: The artifact; the logits stand in the order of its labels.
        examples: The texts.
        root: Folder of all signals.

    Raises:
        ArtifactError: Among the signals that ship lies something that the manifest does not name.
        SignalsError: A store is damaged.
    """
    teacher_told = next(
        (told for told in (model.manifest.verdict or {}).get("models", ()) if told["name"].startswith(TEACHER)), None
    )
    logits = None if teacher_told is None else _logits_on_disk(model, examples, root=root)
    if teacher_told is None or logits is None:
        return None
    fingerprint = model.manifest.fingerprints["teacher"]
    return TeacherSide(logits, teacher_told["size_bytes"], teacher_told["n_parameters"], fingerprint)


def recalled(model: runtime.Model, *, root: Path) -> evaluate.Ask:
    """What an artifact's teacher said before, asked for texts: its logits, or None where it was not asked about all.

    Args:
        model: The artifact.
        root: Folder of all signals.
    """

    def ask(texts: Sequence[str], text_pairs: Sequence[str] | None) -> AnyLogits | None:
        pairs = None if text_pairs is None else tuple(text_pairs)
        return _logits_on_disk(model, Examples(tuple(texts), pairs, None, ()), root=root)

    return ask


def _logits_on_disk(model: runtime.Model, examples: Examples, *, root: Path) -> AnyLogits | None:
    fingerprint = model.manifest.fingerprints["teacher"]
    stores = [store for folder in (root, _shipped(model)) for store in find_stores(folder, teacher=fingerprint)]
    for store in sorted(stores, key=lambda store: store.key.precision != "float32"):
        if not store.missing(examples.text_fingerprints):
            threshold = model.encoder.rules.threshold
            return store.read(examples.text_fingerprints, within=examples.within, threshold=threshold).logits
    return None


def _shipped(model: runtime.Model) -> Path:
    """The folder of the signals that ship; it need not be there. A file that was put there later is not believed."""
    added = [name for name in model.unlisted if name.startswith(f"{SIGNALS_FOLDER}/")]
    if added:
        raise ArtifactError(
            f"{model.folder} holds {added[0]}, which its manifest does not name: it was put there later.",
            hint="Remove it; answers from elsewhere are given by --signals.",
        )
    return model.folder / SIGNALS_FOLDER


def ask_teacher(
    source: TeacherSource,
    examples: Examples,
    recipe: Recipe,
    *,
    task: str,
    threshold: float,
    root: Path,
    work: Path,
    progress: Progress,
) -> tuple[Examples, TeacherSide]:
    """The texts that the teacher answers, and its answers in the order of the texts' label names.

    Args:
        source: The teacher, as for `compress`.
        examples: The texts.
        recipe: How to ask.
        task: What is asked.
        threshold: See `UnitLogits`.
        root: Folder of all signals; what somebody else's machine says is kept there.
        work: What the teacher needs is kept there: for as long as it is to be asked.
        progress: Told what goes on.

    Raises:
        LabelError: It answers with other labels.
        LimbeckError: It cannot be opened, or cannot answer.
    """
    label_names = examples.label_names
    recipe = recipe.model_copy(update={"task": task})
    master = open_teacher(source, recipe=recipe, work=work, known_labels=lambda _task: label_names)
    if set(master.label_names) != set(label_names):
        raise LabelError(
            f"The teacher's labels are {', '.join(master.label_names)}; the artifact's are {', '.join(label_names)}.",
            hint="Give the teacher that this artifact was made from.",
        )
    # A model of this machine is asked again at no cost; what others say is kept, so that nobody pays for it twice.
    kept = work if master.size_bytes is not None else root
    evaluate.refuse_unaskable(recipe.verify, runs_here=runs_here(master))
    progress.say(f"Asking the teacher about {len(examples)} texts")
    master.prepare({_PART: examples}, kept, progress=progress)
    labelled = master.label(examples, kept, settings=recipe.teacher, part_name=_PART, judges=True, progress=progress)
    for note in labelled.record.notes:
        progress.say(note)
    answered = examples.without(labelled.store.unanswered(examples.text_fingerprints))
    logits = labelled.store.read(answered.text_fingerprints, within=answered.within, threshold=threshold).logits
    logits = with_columns(logits, [master.label_names.index(name) for name in label_names])
    return answered, TeacherSide(logits, master.size_bytes, master.n_parameters, master.fingerprint, master)
