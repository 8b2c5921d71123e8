"""The student's shape, chosen once for the whole walk, and what was measured for it on training texts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from limbeck import student, teacher
from limbeck.distill import (
    LiveTeacher,
    Objective,
    TrainingPlan,
    baseline_plan,
    distillation_plan,
    kept_and_computed,
    live_teacher,
    objective_of,
)
from limbeck.encoder import heads
from limbeck.encoder.families import layer_count
from limbeck.encoder.heads import answers_with_ends, fills_masks
from limbeck.encoder.origin import Origin
from limbeck.errors import RecipeError
from limbeck.export import refuse_unsupported
from limbeck.ground.files import write_json
from limbeck.ground.progress import SILENT, Progress
from limbeck.recipe.knobs import Recipe
from limbeck.recipe.student import StudentTable
from limbeck.records.cuts import Cut, Removal
from limbeck.student import Importance, Pattern, StaticPattern
from limbeck.tasks.question_answering import ends_by_window
from limbeck.tasks.task import AnyLogits
from limbeck.teacher.folder import token_limit
from limbeck.teacher.load import log_shares_among
from limbeck.text import batching
from limbeck.text.examples import Examples
from limbeck.text.kept_tokens import tokens_of
from limbeck.text.units import values_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MEASURED_TEXTS = 512
REMOVALS_FILE, IMPORTANCE_FILE = "removals.json", "importance.json"
_BATCH_TOKENS, _BATCH_TEXTS = 2048, 32


@dataclass(frozen=True)
class Shaped:
    """A student that can be built.

    Args:
        origin: What the student starts from.
        wanted: The recipe's student table.
        pattern: What it takes over.
        cut: The same for people, with what each cut was measured to cost.
        seed: Where a student from scratch gets its noise from.
    """

    origin: Origin
    wanted: StudentTable
    pattern: Pattern
    cut: Cut
    seed: int

    def build(self) -> "PreTrainedModel":
        """The untrained student; the same every time."""
        return student.initialise(self.origin.model, self.wanted, pattern=self.pattern, seed=self.seed)

    def plan(self, recipe: Recipe, *, n_texts: int) -> TrainingPlan:
        """How it is trained; what is not the teacher's own must learn."""
        return distillation_plan(
            recipe,
            n_texts=n_texts,
            hidden_size=int(student.planned_config(self.origin.model.config, self.pattern).hidden_size or 0),
            taken=self.pattern.layers,
            is_whole=self.pattern.keeps_all,
        )

    def live_teacher(self, objective: Objective, recipe: Recipe) -> LiveTeacher | None:
        """The teacher beside the student, where the objective wants what is too large to keep."""
        if not objective.needs_live_teacher:
            return None
        layer = recipe.distill.relation_layer
        return live_teacher(self.origin.model, taken=self.pattern.layers, objective=objective, relation_layer=layer)


@dataclass(frozen=True)
class Alone:
    """The same student without the teacher.

    Args:
        texts: What it learns from.
        objective: What it is pulled to.
        plan: How it is trained.
    """

    texts: Examples
    objective: Objective
    plan: TrainingPlan


def baseline_of(
    recipe: Recipe, train: Examples, taught_by: Examples, objective: Objective, plan: TrainingPlan
) -> Alone | None:
    """The no-teacher baseline: on labels, or, where vectors are asked for, on texts alone; None where nothing trains.

    Args:
        recipe: Whether it wants one.
        train: The training texts that were given.
        taught_by: All that the student learns from.
        objective: What the student is pulled to.
        plan: How it is trained.
    """
    has_labels = train.labels is not None
    alone = objective.alone(has_labels=has_labels)
    if not recipe.distill.baseline or not recipe.distill.trains or alone is None:
        return None
    return Alone(train if has_labels else taught_by, alone, baseline_plan(plan, has_labels=has_labels))


def sketched(origin: Origin, recipe: Recipe) -> Shaped:
    """A student of the recipe's sizes before anything is measured; see `student.unmeasured`.

    Raises:
        RecipeError: The teacher does not have what is wanted.
    """
    wanted = recipe.student
    pattern = student.unmeasured(origin.model.config, wanted)
    if wanted.is_static or wanted.config is not None:
        chosen = "static" if wanted.is_static else "from scratch"
        return Shaped(origin, wanted, pattern, Cut(chosen, ()), recipe.seed)
    cut = Cut("given" if wanted.take_layers else wanted.choose or "spaced", pattern.layers)
    return Shaped(origin, wanted, pattern, cut, recipe.seed)


def shape(origin: Origin, train: Examples, recipe: Recipe, *, work: Path, progress: Progress = SILENT) -> Shaped:
    """Choose what the student takes over from where it starts.

    Args:
        origin: What the student starts from.
        train: Texts to learn from, of which at most 512, evenly spread, are measured on; a static student knows the
            runs of tokens that all of them hold.
        recipe: Its table student, and the seed.
        work: Keeps what was measured, so that a killed run goes on.
        progress: Told of each measurement.

    Raises:
        RecipeError: The teacher does not have what is wanted.
        OutputError: The disk is full.
    """
    config, wanted = origin.model.config, recipe.student
    sketch = sketched(origin, recipe)
    if sketch.pattern.static is not None:
        return replace(sketch, pattern=_with_runs(sketch.pattern, sketch.pattern.static, origin, train))
    if wanted.config is not None:
        return sketch
    some, cut, pattern = train.spread(MEASURED_TEXTS), sketch.cut, sketch.pattern
    if wanted.choose == "by_loss":
        removals = _removals(origin, some, wanted, work=work, progress=progress)
        layers = student.choose_layers(config, wanted, removed=[removal.removed for removal in removals])
        progress.say(f"Layers by loss: {', '.join(map(str, layers))} of 0 to {layer_count(config) - 1}.")
        cut = replace(cut, layers=layers, removals=removals, n_texts=len(some))
        pattern = replace(pattern, layers=layers)
    if pattern.widths is not None:
        importance = _importance(origin, some, work=work, progress=progress)
        sizes = student.wanted_sizes(config, wanted)
        widths = student.most_important(importance, sizes, layers=pattern.layers)
        shares = student.shares_kept(importance, widths, layers=pattern.layers)
        cut = replace(cut, widths=shares, n_texts=len(some))
        pattern = replace(pattern, widths=widths)
    return Shaped(origin, wanted, pattern, cut, recipe.seed)


def _with_runs(pattern: Pattern, static: StaticPattern, origin: Origin, train: Examples) -> Pattern:
    """The pattern with the runs of tokens that training texts hold."""
    if not static.ngram_rows:
        return pattern
    ids = origin.encoder.encode(train.texts, train.text_pairs).ids
    runs = student.known_runs(ids, longest=static.longest_ngram, n_rows=static.ngram_rows)
    return replace(pattern, static=replace(static, runs=runs))


def refuse_contradiction(layers: Sequence[int] | None, recipe: Recipe) -> None:
    """Refuse a list of numbers of layers that says nothing, or beside a recipe that names one student.

    Raises:
        RecipeError: As it says.
    """
    if layers is None:
        return
    if not layers:
        raise RecipeError(
            "The list of layers is empty.", hint="Give numbers of layers, as in 2,3, or none for the recipe's student."
        )
    if recipe.student.is_static:
        raise RecipeError(
            "The recipe's student is static; a list of layers asks for others.", hint="Leave one of them out."
        )
    named = "config" if recipe.student.config is not None else "take_layers"
    if getattr(recipe.student, named) is not None:
        raise RecipeError(
            f"The recipe's student.{named} names one student; a list of layers asks for others.",
            hint="Leave one of them out.",
        )


def students(layers: Sequence[int] | None, recipe: Recipe, origin: Origin) -> dict[int, StudentTable]:
    """Number of layers -> how that student is chosen; the number always stands there, however it was asked for.

    Args:
        layers: Numbers of layers; None takes the recipe's student.
        recipe: Its table student.
        origin: What they start from.

    Raises:
        RecipeError: More layers than there are, or none.
    """
    config, wanted = origin.model.config, recipe.student
    if wanted.is_static or wanted.take_layers is not None or wanted.config is not None:
        return {student.count_layers(config, recipe.student): recipe.student}
    n_teacher = layer_count(config)
    asked = layers if layers is not None else [student.count_layers(config, recipe.student)]
    unfit = [str(n_layers) for n_layers in dict.fromkeys(asked) if not 1 <= n_layers <= n_teacher]
    if unfit:
        raise RecipeError(
            f"Students of {' and '.join(unfit)} layers were asked for, but the teacher has {n_teacher}.",
            hint=f"Give numbers from 1 to {n_teacher}.",
        )
    choose = None if wanted.choose == "all" else wanted.choose
    return {n_layers: wanted.model_copy(update={"layers": n_layers, "choose": choose}) for n_layers in asked}


def _removals(
    origin: Origin, texts: Examples, wanted: StudentTable, *, work: Path, progress: Progress
) -> tuple[Removal, ...]:
    return student.remove_layers(
        origin.model,
        student.count_layers(origin.model.config, wanted),
        ask=_Asking(origin, texts),
        memory=work / REMOVALS_FILE,
        progress=progress,
    )


class _Asking:
    """Asks models about some texts; of hidden tokens, how likely they hold what the first one asked holds likeliest."""

    def __init__(self, origin: Origin, texts: Examples) -> None:
        self._origin, self._texts = origin, texts
        self._tokens: NDArray[np.int64] | None = None

    def __call__(self, model: "PreTrainedModel") -> NDArray[np.float32]:
        encoder, texts = self._origin.encoder, self._texts
        if not fills_masks(model):
            return _distributed(teacher.float32_logits(model, encoder, texts.texts, texts.text_pairs), model)
        if self._tokens is None:
            self._tokens = tokens_of(teacher.float32_logits(model, encoder, texts.texts).values)
        return log_shares_among(model, encoder, texts.texts, self._tokens)


def _distributed(logits: AnyLogits, model: "PreTrainedModel") -> NDArray[np.float32]:
    """Logits as rows that stand for distributions: of texts, of words, or of both ends of an answer in each window."""
    found = ends_by_window(logits) if answers_with_ends(model) else values_of(logits)
    return found.astype(np.float32, copy=False)


def _importance(origin: Origin, texts: Examples, *, work: Path, progress: Progress) -> Importance:
    """What each part is worth, measured where no earlier attempt did."""
    path = work / IMPORTANCE_FILE
    if not path.exists():
        encoded = origin.encoder.encode(texts.texts, texts.text_pairs)
        batches = batching.by_length(encoded.lengths, max_tokens=_BATCH_TOKENS, max_texts=_BATCH_TEXTS)
        padded = [origin.encoder.pad(encoded, batch) for batch in batches]
        inputs = ((teacher.model_inputs(origin.model, one), one) for one in padded)
        measured = student.measure_importance(origin.model, inputs, n_texts=len(texts), progress=progress)
        write_json(path, measured.to_json())
    return Importance.from_json(json.loads(path.read_text(encoding="utf-8")))


def planned_objective(origin: Origin, train: Examples, recipe: Recipe) -> Objective:
    """What the student is pulled to; what its shape does not allow is refused before the teacher is asked anything.

    Args:
        origin: What the student starts from.
        train: Training texts.
        recipe: Its tables student and distill.

    Raises:
        RecipeError: The teacher does not have what is wanted.
        TeacherError: The student could not be written as a graph.
    """
    config = origin.model.config
    planned = student.planned_config(config, student.unmeasured(config, recipe.student))
    refuse_unsupported(planned)
    places = token_limit(planned.to_dict())
    if places < origin.encoder.max_tokens:
        raise RecipeError(
            f"The student has places for {places} tokens, but texts may have {origin.encoder.max_tokens}.",
            hint=f"Raise max_position_embeddings in {recipe.student.config}, or lower data.max_tokens.",
        )
    if fills_masks(origin.model) and recipe.student.embedding_size is not None:
        raise RecipeError(
            f"student.embedding_size = {recipe.student.embedding_size}, but the head of a masked language model "
            "multiplies with the table of embeddings, and would have to be another one.",
            hint="Leave student.embedding_size out for this task.",
        )
    if heads.pooling_of(config) is not None and planned.hidden_size != config.hidden_size:
        raise RecipeError(
            f"The student's vectors would have {planned.hidden_size} numbers, the teacher's have {config.hidden_size}.",
            hint="Leave student.hidden_size and student.heads out; other parts of a layer may be cut.",
        )
    return objective_of(
        recipe, student=planned, teacher=config, has_labels=train.labels is not None, has_states=origin.is_teacher
    )


def kept(
    origin: Origin, train: Examples, objective: Objective, recipe: Recipe, *, n_texts: int, progress: Progress = SILENT
) -> tuple[str, ...]:
    """Tell, before the work, which of the teacher's signals are kept and which are computed as training goes.

    Args:
        origin: What the student starts from.
        train: Training texts, of which some tell how long texts are.
        objective: What the student is pulled to.
        recipe: Its table student.
        n_texts: Texts that the student learns from, made-up ones included.
        progress: Told each sentence.
    """
    config, some = origin.model.config, train.spread(MEASURED_TEXTS)
    told: tuple[str, ...] = ("Nothing is trained: the student stays as it starts.",)
    if recipe.distill.trains:
        told = kept_and_computed(
            objective,
            n_texts=n_texts,
            sample=origin.encoder.encode(some.texts, some.text_pairs),
            teacher=config,
            n_outputs=heads.n_outputs(origin.model),
            n_layers=student.count_layers(config, recipe.student),
            has_states=origin.is_teacher,
        )
    for sentence in told:
        progress.say(sentence)
    return told
