"""The objective: losses combined by the weights of the recipe, each as the task has it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from limbeck.distill.inner import Inner
from limbeck.distill.lessons import Targets
from limbeck.distill.losses import (
    attention_map_loss,
    contrastive_loss,
    embedding_regression_loss,
    last_hidden_loss,
    layer_hidden_loss,
    listwise_loss,
    margins_within,
    number_loss,
    relation_loss,
    similarity_loss,
    soft_decision_loss,
    soft_label_loss,
    true_decision_loss,
    true_label_loss,
)
from limbeck.distill.losses.spans import soft_span_loss, true_span_loss
from limbeck.distill.projections import projected
from limbeck.errors import RecipeError
from limbeck.recipe.student import LossWeights
from limbeck.tasks import TASKS
from limbeck.text.windows import Reads

if TYPE_CHECKING:
    from transformers.modeling_outputs import SequenceClassifierOutput


@dataclass(frozen=True)
class Seen:
    """What is looked at for one batch: the student's side, and how to compare.

    Args:
        output: What the student's forward gave.
        logits: Those of its answers, (n, classes).
        relations: Queries, keys and values of its last layer, where they are asked for.
        projections: Name -> linear layer into the teacher's width, where widths differ.
        objective: The objective that asks.
        again: What the student gave for the same batch under other dropout, where it is asked for.
    """

    output: "SequenceClassifierOutput"
    logits: Tensor
    relations: Sequence[Tensor]
    projections: nn.ModuleDict
    objective: "Objective"
    again: Tensor | None = None


def _soft_labels(seen: Seen, targets: Targets) -> Tensor:
    assert targets.teacher_logits is not None
    own = seen.objective
    return own.towards_teacher(seen.logits, targets.teacher_logits, temperature=own.temperature, rows=targets.rows)


def _true_labels(seen: Seen, targets: Targets) -> Tensor:
    assert targets.labels is not None
    return seen.objective.towards_labels(seen.logits, targets.labels, rows=targets.rows, groups=targets.groups)


def _last_hidden(seen: Seen, targets: Targets) -> Tensor:
    assert seen.output.hidden_states is not None
    own = projected(seen.output.hidden_states[-1], seen.projections, "last_hidden")
    if seen.objective.reads_units:
        inner, mask = _live(targets)
        assert inner.last is not None
        return layer_hidden_loss([own], [inner.last], mask)
    assert targets.teacher_hidden is not None
    return last_hidden_loss(own[:, 0], targets.teacher_hidden)


def _similarities(seen: Seen, targets: Targets) -> Tensor:
    if seen.objective.task == EMBEDDINGS:
        assert targets.teacher_logits is not None
        return similarity_loss(seen.logits, targets.teacher_logits)
    assert seen.output.hidden_states is not None
    assert targets.teacher_hidden is not None
    return similarity_loss(seen.output.hidden_states[-1][:, 0], targets.teacher_hidden)


def _margins(seen: Seen, targets: Targets) -> Tensor:
    assert seen.output.logits is not None
    assert targets.teacher_logits is not None
    assert targets.groups is not None
    own, wanted = (_scores(logits) for logits in (seen.logits, targets.teacher_logits))
    return margins_within(own, wanted, targets.groups, spread=seen.objective.spread)


def _scores(logits: Tensor) -> Tensor:
    """As `limbeck.tasks.reranking.scores_of` says, with gradients."""
    return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]


def _layer_hidden(seen: Seen, targets: Targets) -> Tensor:
    assert seen.output.hidden_states is not None
    own = [
        projected(state, seen.projections, f"layer_hidden_{number}")
        for number, state in enumerate(seen.output.hidden_states[1:-1])
    ]
    inner, mask = _live(targets)
    return layer_hidden_loss(own, inner.states, mask)


def _attention_maps(seen: Seen, targets: Targets) -> Tensor:
    assert seen.output.attentions is not None
    inner, mask = _live(targets)
    return attention_map_loss(seen.output.attentions, inner.maps, mask)


def _relations(seen: Seen, targets: Targets) -> Tensor:
    inner, mask = _live(targets)
    return relation_loss(seen.relations, inner.relations, mask, n_heads=seen.objective.relation_heads)


def _contrastive(seen: Seen, targets: Targets) -> Tensor:  # noqa: ARG001  (it needs no targets)
    assert seen.again is not None
    return contrastive_loss(seen.logits, seen.again)


def _live(targets: Targets) -> tuple[Inner, Tensor]:
    assert targets.inner is not None
    assert targets.mask is not None
    return targets.inner, targets.mask


LOSSES: Mapping[str, Callable[[Seen, Targets], Tensor]] = {
    "soft_labels": _soft_labels,
    "true_labels": _true_labels,
    "last_hidden": _last_hidden,
    "similarities": _similarities,
    "margins": _margins,
    "layer_hidden": _layer_hidden,
    "attention_maps": _attention_maps,
    "relations": _relations,
    "contrastive": _contrastive,
}
_NEEDS = {
    "soft_labels": "teacher_logits",
    "true_labels": "labels",
    "last_hidden": "teacher_hidden",
    "similarities": "teacher_hidden",
    "margins": "teacher_logits",
}

EMBEDDINGS, RERANKING, QUESTIONS = "embeddings", "reranking", "question-answering"
_NEED_STATES = ("last_hidden", "similarities", "layer_hidden", "attention_maps", "relations")
_USUAL_LAST_HIDDEN, _STATIC_LAST_HIDDEN, _USUAL_SIMILARITIES, _USUAL_MARGINS = 10.0, 1.0, 1.0, 1.0
_USUAL_LAYER_HIDDEN = 1.0
"""Of questions in contexts: to find where a question is answered is learned in half as many steps (docs/lab-log.md)."""


def settled_weights(
    given: LossWeights, *, has_states: bool, task: str = "classification", has_layers: bool = True
) -> dict[str, float]:
    """The weights with their defaults filled in.

    Args:
        given: The recipe's.
        has_states: Whether the teacher shows hidden states that a student of this origin can be pulled to.
        task: What is asked; vectors are answers themselves, so that their similarities need no hidden states.
        has_layers: False for a static student, which has less strength to spare for hidden states.

    Returns: loss -> weight.

    Raises:
        RecipeError: A loss that needs such states was asked for, or nothing would be learned without it; or margins
            between passages were, and texts have none.
    """
    weights: dict[str, float | None] = given.model_dump()
    is_vector = task == EMBEDDINGS
    if weights["margins"] and task != RERANKING:
        raise RecipeError(
            f"distill.weights.margins = {weights['margins']} is about passages of a query, and the task is {task!r}.",
            hint="Set distill.weights.margins = 0.",
        )
    asked = {name: weights[name] for name in _NEED_STATES if weights[name]}
    if is_vector:
        asked.pop("similarities", None)
    if asked and not has_states:
        told = " and ".join(f"distill.weights.{name} = {weight}" for name, weight in asked.items())
        raise RecipeError(
            f"{told}, but the teacher shows no hidden states that this student could learn: it does not start from "
            "the teacher itself.",
            hint=f"Set {' and '.join(f'distill.weights.{name} = 0' for name in asked)}.",
        )
    usual_hidden = _USUAL_LAST_HIDDEN if has_layers else _STATIC_LAST_HIDDEN
    usual = {
        "last_hidden": usual_hidden if has_states and not is_vector else 0.0,
        "similarities": _USUAL_SIMILARITIES if is_vector else 0.0,
        "margins": _USUAL_MARGINS if task == RERANKING else 0.0,
        "layer_hidden": _USUAL_LAYER_HIDDEN if has_states and task == QUESTIONS else 0.0,
    }
    settled = {name: usual[name] if weight is None else weight for name, weight in weights.items()}
    if not any(settled.values()):
        raise RecipeError(
            f"Every loss weight is 0 that counts for the task {task!r} and this teacher, so nothing would be learned.",
            hint="Set distill.weights.soft_labels = 1.",
        )
    return settled


@dataclass(frozen=True)
class Objective:
    """A weighted sum of losses.

    Args:
        weights: loss -> weight; weights of 0 are left out.
        temperature: T of the softened distributions.
        relation_heads: Heads that relations are measured in; a divisor of both hidden sizes.
        task: What is asked, which settles how answers are pulled; see `limbeck.tasks`.
        spread: What errors of numbers are measured in: their standard deviation.
    """

    weights: Mapping[str, float]
    temperature: float = 1.0
    relation_heads: int = 1
    task: str = "classification"
    spread: float = 1.0

    def has(self, *names: str) -> bool:
        """Whether one of these losses counts for something."""
        return any(self.weights.get(name, 0) > 0 for name in names)

    @property
    def reads_units(self) -> bool:
        """Whether the head reads words or tokens, so that the states of all of them count and not the first one's."""
        return TASKS[self.task].reads is not Reads.TEXT

    @property
    def needs_hidden(self) -> bool:
        """Whether the student's hidden states are looked at."""
        return self.has("last_hidden", "layer_hidden", *(() if self.task == EMBEDDINGS else ("similarities",)))

    @property
    def needs_states(self) -> bool:
        """Whether the teacher's hidden states of every token are wanted."""
        return self.has("layer_hidden")

    @property
    def needs_maps(self) -> bool:
        """Whether both sides' attention maps are looked at."""
        return self.has("attention_maps")

    @property
    def needs_relations(self) -> bool:
        """Whether both sides' queries, keys and values are looked at."""
        return self.has("relations")

    @property
    def needs_another_view(self) -> bool:
        """Whether the student answers each batch twice, under different dropout."""
        return self.has("contrastive")

    @property
    def needs_last(self) -> bool:
        """Whether the teacher's states of every token behind its last layer are wanted."""
        return self.reads_units and self.has("last_hidden")

    @property
    def hides_tokens(self) -> bool:
        """Whether each pass hides other tokens, so that no answer about training texts can stand on disk."""
        return TASKS[self.task].taught_live

    @property
    def answered_live(self) -> bool:
        """Whether the teacher answers about training texts as training goes, and none of these answers is kept.

        Each pass hides other tokens; or the teacher computes up to its last states anyway, from where to its logits it
        is a small step, and asking it before would be asking twice.
        """
        return self.hides_tokens or self.needs_last

    @property
    def needs_logits(self) -> bool:
        """Whether the teacher's logits are wanted as training goes."""
        return self.answered_live and self.has("soft_labels")

    @property
    def needs_whole_teacher(self) -> bool:
        """Whether the teacher has to compute up to its end, its last norm included."""
        return self.needs_last or self.needs_logits

    @property
    def needs_live_teacher(self) -> bool:
        """Whether something is wanted of the teacher that is too large to keep, and computed as training goes."""
        return self.needs_states or self.needs_maps or self.needs_relations or self.needs_whole_teacher

    @property
    def asked_outputs(self) -> dict[str, Any]:
        """What the student's forward is asked for besides its logits."""
        return {"output_hidden_states": self.needs_hidden} | ({"output_attentions": True} if self.needs_maps else {})

    def alone(self, *, has_labels: bool) -> "Objective | None":
        """What the no-teacher baseline is pulled to: labels; for vectors what texts alone can teach; else None."""
        if has_labels:
            return Objective({"true_labels": 1.0}, task=self.task, spread=self.spread)
        return Objective({"contrastive": 1.0}, task=self.task) if self.task == EMBEDDINGS else None

    def check(self, targets: Targets) -> None:
        """Refuse weights on losses whose targets on disk are not known.

        Raises:
            RecipeError: For example `true_labels` on texts without labels.
        """
        live = {"soft_labels": self.answered_live, "true_labels": self.hides_tokens, "last_hidden": self.needs_last}
        for name, weight in self.weights.items():
            if live.get(name):
                continue
            need = "teacher_logits" if self.task == EMBEDDINGS and name == "similarities" else _NEEDS.get(name)
            if need is not None and weight > 0 and getattr(targets, need) is None:
                raise RecipeError(
                    f"distill.weights.{name} = {weight}, but the texts have no {need.replace('_', ' ')}.",
                    hint=f"Set distill.weights.{name} = 0, or give texts that have them.",
                )

    def losses(
        self,
        output: "SequenceClassifierOutput",
        targets: Targets,
        *,
        logits: Tensor | None = None,
        relations: Sequence[Tensor] = (),
        again: Tensor | None = None,
        projections: nn.ModuleDict | None = None,
    ) -> dict[str, Tensor]:
        """Each loss before weighting, and their weighted sum under "total".

        Args:
            output: What the student's forward gave, with `asked_outputs`.
            targets: What is wanted.
            logits: Those of the answers; None takes all that the forward gave.
            relations: Queries, keys and values of the student's last layer, where they are asked for.
            again: The logits of a second answer to the same batch, where `needs_another_view`.
            projections: From `fitted_projections`, where the student's width is not the teacher's.
        """
        if logits is None:
            assert output.logits is not None
            logits = output.logits
        maps = projections if projections is not None else nn.ModuleDict()
        seen = Seen(output, logits, relations, maps, self, again)
        parts = {name: LOSSES[name](seen, targets) for name, weight in self.weights.items() if weight > 0}
        total = sum(self.weights[name] * loss for name, loss in parts.items())
        assert isinstance(total, Tensor)
        return {**parts, "total": total}

    def towards_teacher(
        self, logits: Tensor, teacher_logits: Tensor, *, temperature: float, rows: Tensor | None = None
    ) -> Tensor:
        """How far answers are from the teacher's; see the losses of the tasks. `rows` as in `Targets`."""
        if self.task == EMBEDDINGS:
            return embedding_regression_loss(logits, teacher_logits)
        if self.task == "question-answering":
            assert rows is not None
            return soft_span_loss(logits, teacher_logits, rows=rows, temperature=temperature)
        if self.task == "regression" or (self.task == RERANKING and logits.shape[1] == 1):
            return number_loss(logits, teacher_logits, spread=self.spread)
        loss = soft_decision_loss if self.task == "multi-label" else soft_label_loss
        return loss(logits, teacher_logits, temperature=temperature)

    def towards_labels(
        self, logits: Tensor, labels: Tensor, *, rows: Tensor | None = None, groups: Tensor | None = None
    ) -> Tensor:
        """How far answers are from what people say; see the losses of the tasks.

        Args:
            logits: (n, outputs).
            labels: As `Targets.labels`.
            rows: As `Targets.rows`; read for answers to questions.
            groups: As `Targets.groups`; read for reranking.
        """
        if self.task == "question-answering":
            assert rows is not None
            return true_span_loss(logits, labels, rows=rows)
        if self.task == RERANKING:
            assert groups is not None
            return listwise_loss(_scores(logits), labels, groups)
        if self.task == "regression":
            return number_loss(logits, labels, spread=self.spread)
        return (true_decision_loss if self.task == "multi-label" else true_label_loss)(logits, labels)
