"""The objective: losses combined by the weights of the recipe, each as the task has it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from limbeck.distill.lessons import Targets
from limbeck.distill.losses import (
    last_hidden_loss,
    layer_hidden_loss,
    number_loss,
    soft_decision_loss,
    soft_label_loss,
    true_decision_loss,
    true_label_loss,
)
from limbeck.errors import RecipeError

if TYPE_CHECKING:
    from transformers.modeling_outputs import SequenceClassifierOutput

_NEEDS = {"soft_labels": "teacher_logits", "true_labels": "labels", "last_hidden": "teacher_hidden"}


@dataclass(frozen=True)
class Objective:
    """A weighted sum of losses.

    Args:
        weights: loss -> weight; weights of 0 are left out.
        temperature: T of the softened distributions.
        task: What is asked, which settles how answers are pulled; see `limbeck.tasks`.
        spread: What errors of numbers are measured in: their standard deviation.
    """

    weights: Mapping[str, float]
    temperature: float = 1.0
    task: str = "classification"
    spread: float = 1.0

    @property
    def needs_hidden(self) -> bool:
        """Whether the student's hidden states are looked at."""
        return self.weights.get("last_hidden", 0) > 0 or self.needs_live_teacher

    @property
    def needs_live_teacher(self) -> bool:
        """Whether the teacher's states of every token are wanted, which are computed as training goes."""
        return self.weights.get("layer_hidden", 0) > 0

    def check(self, targets: Targets) -> None:
        """Refuse weights on losses whose targets on disk are not known.

        Raises:
            RecipeError: For example `true_labels` on texts without labels.
        """
        for name, weight in self.weights.items():
            if name in _NEEDS and weight > 0 and getattr(targets, _NEEDS[name]) is None:
                raise RecipeError(
                    f"distill.weights.{name} = {weight}, but the texts have no {_NEEDS[name].replace('_', ' ')}.",
                    hint=f"Set distill.weights.{name} = 0, or give texts that have them.",
                )

    def losses(self, output: "SequenceClassifierOutput", targets: Targets) -> dict[str, Tensor]:
        """Each loss before weighting, and their weighted sum under "total"."""
        parts = {name: LOSSES[name](self, output, targets) for name, weight in self.weights.items() if weight > 0}
        total = sum(self.weights[name] * loss for name, loss in parts.items())
        assert isinstance(total, Tensor)
        return {**parts, "total": total}

    def towards_teacher(self, logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
        """How far answers are from the teacher's; see the losses of the tasks."""
        if self.task == "regression":
            return number_loss(logits, teacher_logits, spread=self.spread)
        loss = soft_decision_loss if self.task == "multi-label" else soft_label_loss
        return loss(logits, teacher_logits, temperature=temperature)

    def towards_labels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """How far answers are from what people say; see the losses of the tasks."""
        if self.task == "regression":
            return number_loss(logits, labels, spread=self.spread)
        return (true_decision_loss if self.task == "multi-label" else true_label_loss)(logits, labels)


def _soft_labels(objective: Objective, output: "SequenceClassifierOutput", targets: Targets) -> Tensor:
    assert output.logits is not None
    assert targets.teacher_logits is not None
    return objective.towards_teacher(output.logits, targets.teacher_logits, temperature=objective.temperature)


def _true_labels(objective: Objective, output: "SequenceClassifierOutput", targets: Targets) -> Tensor:
    assert output.logits is not None
    assert targets.labels is not None
    return objective.towards_labels(output.logits, targets.labels)


def _last_hidden(_objective: Objective, output: "SequenceClassifierOutput", targets: Targets) -> Tensor:
    assert output.hidden_states is not None
    assert targets.teacher_hidden is not None
    return last_hidden_loss(output.hidden_states[-1][:, 0], targets.teacher_hidden)


def _layer_hidden(_objective: Objective, output: "SequenceClassifierOutput", targets: Targets) -> Tensor:
    assert output.hidden_states is not None
    assert targets.layer_states is not None
    assert targets.mask is not None
    return layer_hidden_loss(output.hidden_states[1:-1], targets.layer_states, targets.mask)


LOSSES: Mapping[str, Callable[[Objective, "SequenceClassifierOutput", Targets], Tensor]] = {
    "soft_labels": _soft_labels,
    "true_labels": _true_labels,
    "last_hidden": _last_hidden,
    "layer_hidden": _layer_hidden,
}
