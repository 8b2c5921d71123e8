"""What a recipe's objectives ask of teacher and student: refused early if it cannot be, kept or computed, and why."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from limbeck.distill.inner import refuse_without_relations
from limbeck.distill.objective import Objective, settled_weights
from limbeck.encoder.families import layer_count
from limbeck.errors import RecipeError
from limbeck.ground import wording
from limbeck.recipe.knobs import Recipe
from limbeck.tasks import TASKS
from limbeck.text.kept_tokens import KEPT
from limbeck.text.tokens import EncodedTexts
from limbeck.text.windows import Reads

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_BYTES, _FLOAT_BYTES = 2, 4
"""Of a number, were it kept: hidden states on disk are float16; and of a logit."""


def objective_of(
    recipe: Recipe,
    *,
    student: "PreTrainedConfig",
    teacher: "PreTrainedConfig",
    has_labels: bool,
    has_states: bool = True,
) -> Objective:
    """The objective that the recipe asks for.

    Args:
        recipe: Its table distill.
        student: The student's config.
        teacher: The config of what the student starts from.
        has_labels: Whether anybody labelled training texts; without, `true_labels` counts for nothing.
        has_states: Whether that is the teacher itself, which shows its hidden states.

    Raises:
        RecipeError: Hidden states are asked of a teacher that shows none, or relations of layers or in heads that
            these models do not have.
    """
    has_layers = layer_count(student) > 0
    if not has_layers and TASKS[recipe.task].reads is not Reads.TEXT:
        raise RecipeError(
            f"The recipe's student is static, which answers once a text; the task {recipe.task!r} asks for more.",
            hint='Set student.kind = "transformer".',
        )
    weights = settled_weights(recipe.distill.weights, has_states=has_states, task=recipe.task, has_layers=has_layers)
    if not has_labels:
        weights["true_labels"] = 0.0
    if not has_layers:
        _refuse_inner(weights)
    if weights["similarities"] > 0 and TASKS[recipe.task].reads is not Reads.TEXT:
        raise RecipeError(
            f"distill.weights.similarities = {weights['similarities']}, but the task {recipe.task!r} has no one state "
            "for a whole text that could be like another text's.",
            hint="Set distill.weights.similarities = 0; distill.weights.relations compares the tokens of a text.",
        )
    heads = _relation_heads(recipe, student, teacher) if weights["relations"] > 0 else 1
    temperature = recipe.distill.temperature_for(recipe.task)
    return Objective(weights, temperature=temperature, relation_heads=heads, task=recipe.task)


def _refuse_inner(weights: Mapping[str, float]) -> None:
    """Refuse objectives about layers for a student that has none."""
    inner = [name for name in ("layer_hidden", "attention_maps", "relations") if weights[name] > 0]
    if inner:
        raise RecipeError(
            f"distill.weights.{inner[0]} = {weights[inner[0]]} pulls layers to layers, and a static student has none.",
            hint=f"Set distill.weights.{inner[0]} = 0.",
        )


def _relation_heads(recipe: Recipe, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> int:
    """As asked, else the teacher's number of heads, or the next smaller one that divides both hidden sizes."""
    for config in (student, teacher):
        refuse_without_relations(config.model_type)
    n_layers, layer = layer_count(teacher), recipe.distill.relation_layer
    if layer is not None and layer >= n_layers:
        raise RecipeError(
            f"distill.relation_layer = {layer}, but the teacher's {n_layers} layers are 0 to {n_layers - 1}.",
            hint=f"Name a layer from 0 to {n_layers - 1}; the default is the last.",
        )
    shared = math.gcd(int(student.hidden_size or 0), int(teacher.hidden_size or 0))
    asked = recipe.distill.relation_heads
    if asked is not None and shared % asked:
        near = sorted((n for n in range(1, shared + 1) if shared % n == 0), key=lambda n: (abs(n - asked), n))[:3]
        raise RecipeError(
            f"distill.relation_heads = {asked} does not divide the hidden sizes {student.hidden_size} of the student "
            f"and {teacher.hidden_size} of the teacher.",
            hint=f"Nearest that do: {', '.join(map(str, sorted(near)))}.",
        )
    return asked or next(n for n in range(int(teacher.num_attention_heads), 0, -1) if shared % n == 0)


def kept_and_computed(
    objective: Objective,
    *,
    n_texts: int,
    sample: EncodedTexts,
    teacher: "PreTrainedConfig",
    n_outputs: int,
    n_layers: int,
    has_states: bool = True,
) -> tuple[str, ...]:
    """Which signals are kept on disk, which are computed as training goes, and what keeping these would take.

    Args:
        objective: What is asked for.
        n_texts: Texts that the student learns from.
        sample: Some of them, which tell how long they are.
        teacher: The config of what the student starts from.
        n_outputs: Numbers of an answer.
        n_layers: The student's layers.
        has_states: Whether that is the teacher itself.

    Returns: A sentence for each.
    """
    hidden = int(teacher.hidden_size or 0)
    told = [_kept(objective, n_texts, sample, n_outputs=n_outputs, hidden=hidden if has_states else 0)]
    lengths = np.asarray(sample.lengths, np.float64)
    n_rows = n_texts * len(lengths) / sample.n_texts
    tokens, squares = n_rows * lengths.mean(), n_rows * np.square(lengths).mean()
    n_answers = n_texts * sample.n_answers / sample.n_texts
    asked = {
        "hidden states of every token": _BYTES
        * tokens
        * hidden
        * (objective.needs_states * (n_layers - 1) + objective.needs_last),
        "attention maps": objective.needs_maps * _BYTES * squares * int(teacher.num_attention_heads) * n_layers,
        "queries, keys and values of a layer": objective.needs_relations * _BYTES * tokens * 3 * hidden,
        f"logits of {wording.count(int(teacher.vocab_size))} tokens for each hidden one, others in each pass": (
            objective.hides_tokens * objective.needs_logits * _BYTES * n_answers * int(teacher.vocab_size)
        ),
    }
    told += [
        f"Computed as training goes: {what}, which would take {wording.size(round(n_bytes))} on disk"
        f"{' for each pass' if objective.hides_tokens else ''}."
        for what, n_bytes in asked.items()
        if n_bytes > 0
    ]
    return tuple(told)


def _kept(objective: Objective, n_texts: int, sample: EncodedTexts, *, n_outputs: int, hidden: int) -> str:
    """What is kept of the training texts, or, where these are answered as training goes, of those that judge."""
    n_answers = sample.n_answers / sample.n_texts
    if objective.hides_tokens:
        size = wording.size(round(1000 * n_answers * _FLOAT_BYTES * n_outputs))
        return (
            f"Kept: of each hidden token of the texts that judge, the {KEPT} likeliest tokens and the probability of "
            f"the one that stood there, {size} for 1,000 texts; training texts have other tokens hidden in each pass."
        )
    if objective.answered_live:
        size = wording.size(round(1000 * n_answers * _FLOAT_BYTES * n_outputs))
        return (
            f"Kept: logits of the texts that judge, {size} for 1,000 texts; the teacher computes its last states of "
            "training texts as training goes, and its logits with them."
        )
    keeps_hidden = hidden > 0 and not objective.reads_units
    what = "logits and the first token's last state" if keeps_hidden else "logits"
    size = wording.size(round(n_texts * n_answers * (_FLOAT_BYTES * n_outputs + _BYTES * hidden * keeps_hidden)))
    return f"Kept: {what} of {wording.counted(n_texts, 'text')}, {size}; every later run reads them."
