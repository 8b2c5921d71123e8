"""A run on one page before it begins: what each student would weigh, and what the run will take in time and disk.

It goes the walk's own way up to the first answer of the teacher, so that all that the walk refuses by then is refused
here in the same words. What it writes lies in a temporary folder.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from limbeck.ground import extras

extras.need("train", what="Planning a run")

from limbeck import student  # noqa: E402
from limbeck.distill import count_trained  # noqa: E402
from limbeck.export import size_beside  # noqa: E402
from limbeck.ground import machine, places  # noqa: E402
from limbeck.ground.progress import SILENT, Bar, Progress  # noqa: E402
from limbeck.recipe.knobs import Recipe  # noqa: E402
from limbeck.records.plan import Estimate, Lengths, Plan, PlannedPart, PlannedShape, PlannedTraining  # noqa: E402
from limbeck.teacher import TeacherSource  # noqa: E402
from limbeck.teacher.signals import SignalStore, mirrored  # noqa: E402
from limbeck.text.tokens import EncodedTexts  # noqa: E402
from limbeck.walk import shaping  # noqa: E402
from limbeck.walk.asking import TAUGHT_BY, ask  # noqa: E402
from limbeck.walk.estimating import Trial, time_labelling, time_training  # noqa: E402
from limbeck.walk.reckoning import time_verification  # noqa: E402
from limbeck.walk.shaping import Shaped  # noqa: E402
from limbeck.walk.starting import Inputs, Start, read_inputs, recipe_told, start  # noqa: E402
from limbeck.walk.stopwatch import NO_TIME, Rounds  # noqa: E402
from limbeck.walk.weighing import median_of, weigh  # noqa: E402

LABELLING, DISTILLATION, BASELINE, VERIFICATION = (
    "labelling",
    "distillation",
    "no-teacher baseline",
    "verification",
)
"""Those that are timed, as a run calls them."""
_JUDGING = ("validation", "held_out")
_FLOAT_BYTES, _HALF_BYTES, _NAME_BYTES, _SPAN_BYTES = 4, 2, 36, 8
_COPIES = 4
"""Of each trained weight in a checkpoint: itself, the best so far, and two moments of the optimizer."""


def plan(
    teacher_source: TeacherSource,
    data_source: str | Path,
    *,
    recipe: Recipe | None = None,
    signals: str | Path | None = None,
    layers: Sequence[int] | None = None,
    progress: Progress = SILENT,
) -> Plan:
    """Say what `compress` would make of a teacher and texts, and what it would take; nothing is written.

    Parameters and multiply-adds are counted, bytes are those of the graphs; times are measured on a few batches.

    Args:
        teacher_source: As for `compress`.
        data_source: As for `compress`.
        recipe: Every knob; None takes the defaults.
        signals: Folder of the teacher's answers, to tell which of them are there; None takes the user's cache.
        layers: Numbers of layers of students to weigh beside the recipe's own; None takes all, or some of many.
        progress: Told what goes on.

    Raises:
        LimbeckError: Whatever `compress` would refuse before it trains anything.
    """
    recipe = recipe or Recipe()
    shaping.refuse_contradiction(layers, recipe)
    with tempfile.TemporaryDirectory(prefix="limbeck-plan-") as folder:
        work, hearing = Path(folder), _Hearing(progress)
        inputs = read_inputs(teacher_source, data_source, recipe=recipe, work=work, progress=progress)
        recipe = recipe.settled(inputs.master.task)
        ready = start(replace(inputs, masker=None), recipe, work=work, progress=progress)  # other texts do as well
        origin, n_taught = ready.origin, len(ready.taught_by)
        shaping.kept(origin, inputs.parts.train, ready.objective, recipe, n_texts=n_taught, progress=hearing)
        root = mirrored(places.signals_root() if signals is None else Path(signals), work / "signals")
        inputs.master.prepare(ready.wanted, root, progress=hearing)
        if inputs.master.made_up == "impossible":  # its answers are there, so a lack of them shows now
            answered, _, _ = ask(
                inputs.master, ready.wanted, recipe, teaches=ready.answers_teach, root=work / "answers"
            )
            ready = replace(ready, wanted=answered)
        planning = _Planning(inputs, ready, recipe, work, progress)
        stores = {name: planning.store(name, root) for name in ready.wanted}
        parts = {name: planning.part(name, store) for name, store in stores.items()}
        given = planning.given_lengths
        shapes = weigh(inputs.master, origin, recipe, layers=layers, lengths=given, progress=progress)
        trainings = planning.trainings()
        own = next(shape for shape in shapes if shape.is_recipes)
        disk = {
            "signals": sum(planning.signal_bytes(name, stores[name], parts[name]) for name in planning.asked_before)
        }
        return Plan(
            limbeck_version=machine.installed_version("limbeck") or "unknown",
            teacher=inputs.master.told,
            task=recipe.task,
            scheme=recipe.quantize.scheme,
            recipe=recipe_told(recipe, origin),
            shapes=shapes,
            lengths=Lengths(median_of(given), sum(given) / len(given), max(given)),
            parts=parts,
            trainings={name: _told(trial) for name, trial in trainings.items()},
            times=planning.times(parts, trainings),
            disk=disk | planning.disk(own, trainings),
            notes=(*hearing.heard, *planning.notes(parts)),
            machine=machine.describe(),
        )


@dataclass(frozen=True)
class _Planning:
    """A run that could begin: inputs, what is settled of it, and a folder that nobody keeps."""

    inputs: Inputs
    ready: Start
    recipe: Recipe
    work: Path
    progress: Progress

    @cached_property
    def encoded(self) -> Mapping[str, EncodedTexts]:
        """Part -> its texts as tokens."""
        encoder = self.ready.origin.encoder
        return {name: encoder.encode(one.texts, one.text_pairs) for name, one in self.ready.wanted.items()}

    @cached_property
    def lengths(self) -> Mapping[str, list[int]]:
        """Part -> tokens of each of its texts."""
        return {name: encoded.text_lengths for name, encoded in self.encoded.items()}

    @property
    def asked_before(self) -> tuple[str, ...]:
        """The parts that are answered before a student learns; the others are as it does."""
        return (TAUGHT_BY, *_JUDGING) if self.ready.answers_teach else _JUDGING

    @cached_property
    def n_taught_rows(self) -> int:
        """What a student learns from: texts, or windows where one is too little for a text."""
        taught_by = self.ready.taught_by
        return len(self.ready.origin.encoder.encode(taught_by.texts, taught_by.text_pairs).ids)

    @property
    def given_lengths(self) -> list[int]:
        """Tokens of each text that was given, of all parts."""
        made_up = {TAUGHT_BY: self.ready.n_made_up}
        return [length for name, some in self.lengths.items() for length in some[: len(some) - made_up.get(name, 0)]]

    @cached_property
    def shaped(self) -> Shaped:
        """The recipe's student, before anything is measured for it."""
        return shaping.sketched(self.ready.origin, self.recipe)

    def store(self, name: str, root: Path) -> SignalStore:
        """Where the answers to a part lie; a teacher that is asked about no text tells just that."""
        none = self.ready.wanted[name].take(())
        return self.inputs.master.label(
            none, root, settings=self.recipe.teacher, part_name=name, judges=name != TAUGHT_BY
        ).store

    def part(self, name: str, store: SignalStore) -> PlannedPart:
        """What a part holds, and what of it is answered."""
        texts = self.ready.wanted[name]
        return PlannedPart(
            n_texts=len(texts),
            n_made_up=self.ready.n_made_up if name == TAUGHT_BY else 0,
            n_tokens=sum(self.lengths[name]),
            n_answered=len(texts) - len(store.unanswered(texts.text_fingerprints)),
        )

    def trainings(self) -> dict[str, Trial]:
        """Stage -> what it trains: the student, and the baseline where there is one; none where nothing is trained."""
        ready, recipe, parts = self.ready, self.recipe, self.inputs.parts
        if not recipe.distill.trains:
            return {}
        plan = self.shaped.plan(recipe, n_texts=self.n_taught_rows)
        found = {DISTILLATION: Trial(self.shaped, ready.taught_by, ready.objective, plan)}
        alone = shaping.baseline_of(recipe, parts.train, ready.taught_by, ready.objective, plan)
        if alone is not None:
            found[BASELINE] = Trial(self.shaped, alone.texts, alone.objective, alone.plan, has_answers=False)
        return found

    def times(self, parts: Mapping[str, PlannedPart], trainings: Mapping[str, Trial]) -> dict[str, Estimate]:
        """Stage -> what it will take; without labelling, where that cannot be timed."""
        found: dict[str, Rounds] = {}
        labelling = self._labelling(parts)
        if labelling is not None:
            found[LABELLING] = labelling
        for stage, trial in trainings.items():
            found[stage] = time_training(
                trial,
                self.recipe,
                validation=self.ready.wanted["validation"],
                work=self._folder(stage),
                progress=self.progress,
            )
        found[VERIFICATION] = time_verification(
            self.inputs.master,
            self.shaped,
            self.recipe,
            texts=self.ready.wanted["validation"],
            n_held_out=parts["held_out"].n_texts,
            has_baseline=len(trainings) > 1,
            work=self._folder(VERIFICATION),
            progress=self.progress,
        )
        return {stage: rounds.estimate() for stage, rounds in found.items()}

    def _labelling(self, parts: Mapping[str, PlannedPart]) -> Rounds | None:
        """Texts to learn from may be answered in another precision than those to judge by, so each kind is timed."""
        total = NO_TIME
        for kind, names in ((TAUGHT_BY, (TAUGHT_BY,)), ("validation", _JUDGING)):
            asked = [parts[name] for name in names if name in self.asked_before]
            n_asked = sum(part.n_texts - part.n_answered for part in asked)
            if n_asked and self.inputs.master.made_up == "paid":
                return None
            if n_asked:
                total += time_labelling(
                    self.inputs.master,
                    self.ready.wanted[kind],
                    lengths=self.lengths[kind],
                    n_asked=n_asked,
                    judges=kind != TAUGHT_BY,
                    settings=self.recipe.teacher,
                    work=self._folder(f"asked {kind}"),
                    progress=self.progress,
                )
        return total

    def _folder(self, name: str) -> Path:
        folder = self.work / "timing" / name
        folder.mkdir(parents=True)
        return folder

    def disk(self, own: PlannedShape, trainings: Mapping[str, Trial]) -> dict[str, int]:
        """What the run's folder will hold, and a checkpoint while it is written beside the one before."""
        assert own.parameters is not None
        assert own.float_bytes is not None
        assert own.scheme_bytes is not None
        model, origin = self.shaped.build(), self.ready.origin
        weights = _FLOAT_BYTES * own.parameters
        n_trained = max((count_trained(model, trial.plan) for trial in trainings.values()), default=0)
        beside = size_beside(model, tokenizer_folder=origin.tokenizer_folder)
        return {
            "checkpoints": 2 * _COPIES * _FLOAT_BYTES * n_trained,
            "trained models": max(1, len(trainings)) * weights,
            "artifact": weights + own.float_bytes + own.scheme_bytes.most - beside,
        }

    def signal_bytes(self, name: str, store: SignalStore, part: PlannedPart) -> int:
        """What answers to a part that are still to be given will weigh: logits, states, places, the texts' names."""
        key, encoded = store.key, self.encoded[name]
        answer = _FLOAT_BYTES * key.n_classes + (0 if encoded.reading is None else _SPAN_BYTES)
        each = answer * encoded.n_answers / encoded.n_texts + _HALF_BYTES * key.hidden_size + _NAME_BYTES
        return round((part.n_texts - part.n_answered) * each)

    def notes(self, parts: Mapping[str, PlannedPart]) -> tuple[str, ...]:
        """What the estimates leave out."""
        master, table = self.inputs.master, self.recipe.student
        found = []
        if master.made_up == "paid" and any(part.n_answered < part.n_texts for part in parts.values()):
            found.append(f"How long {master.name} takes to answer was not timed: each answer would be paid for.")
        if table.choose == "by_loss" or student.is_narrower(table):
            found.append("Measuring what the teacher's parts are worth was not timed.")
        if self.inputs.masker is not None:
            found.append(
                "The masked language model was not asked for texts, which takes time too; as many others stand for "
                "them here."
            )
        if self.recipe.quantize.max_lost < 1:
            found.append(
                "Quantizing was not timed. Where the scheme costs more answers than quantize.max_lost accepts, "
                "remedies take time and may add bytes."
            )
        return tuple(found)


def _told(trial: Trial) -> PlannedTraining:
    plan = trial.plan
    steps_per_epoch = -(-len(trial.texts) // plan.batch_size)
    return PlannedTraining(plan.steps, -(-plan.steps // steps_per_epoch), plan.batch_size)


class _Hearing:
    """A `Progress` that remembers the sentences it hands on."""

    def __init__(self, behind: Progress) -> None:
        self._behind = behind
        self.heard: list[str] = []

    def say(self, sentence: str) -> None:
        self.heard.append(sentence)
        self._behind.say(sentence)

    def bar(self, what: str, *, total: int | None, unit: str, done: int = 0) -> Bar:
        return self._behind.bar(what, total=total, unit=unit, done=done)
