"""The objective: losses combined by the weights of the recipe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from limbeck.distill.lessons import Targets
from limbeck.distill.losses import last_hidden_loss, layer_hidden_loss, soft_label_loss, true_label_loss
from limbeck.errors import RecipeError
from limbeck.recipe import LossWeights

if TYPE_CHECKING:
    from transformers.modeling_outputs import SequenceClassifierOutput


def _soft_labels(output: "SequenceClassifierOutput", targets: Targets, temperature: float) -> Tensor:
    assert output.logits is not None
    assert targets.teacher_logits is not None
    return soft_label_loss(output.logits, targets.teacher_logits, temperature=temperature)


def _true_labels(output: "SequenceClassifierOutput", targets: Targets, temperature: float) -> Tensor:  # noqa: ARG001
    assert output.logits is not None
    assert targets.labels is not None
    return true_label_loss(output.logits, targets.labels)


def _last_hidden(output: "SequenceClassifierOutput", targets: Targets, temperature: float) -> Tensor:  # noqa: ARG001
    assert output.hidden_states is not None
    assert targets.teacher_hidden is not None
    return last_hidden_loss(output.hidden_states[-1][:, 0], targets.teacher_hidden)


def _layer_hidden(output: "SequenceClassifierOutput", targets: Targets, temperature: float) -> Tensor:  # noqa: ARG001
    assert output.hidden_states is not None
    assert targets.layer_states is not None
    assert targets.mask is not None
    return layer_hidden_loss(output.hidden_states[1:-1], targets.layer_states, targets.mask)


LOSSES: Mapping[str, Callable[["SequenceClassifierOutput", Targets, float], Tensor]] = {
    "soft_labels": _soft_labels,
    "true_labels": _true_labels,
    "last_hidden": _last_hidden,
    "layer_hidden": _layer_hidden,
}
_NEEDS = {"soft_labels": "teacher_logits", "true_labels": "labels", "last_hidden": "teacher_hidden"}

_NEED_STATES = ("last_hidden", "layer_hidden")
_USUAL_LAST_HIDDEN = 10.0


def settled_weights(given: LossWeights, *, has_states: bool) -> dict[str, float]:
    """The weights with their defaults filled in.

    Args:
        given: The recipe's.
        has_states: Whether the teacher shows hidden states that a student of this origin can be pulled to.

    Returns: loss -> weight.

    Raises:
        RecipeError: A loss that needs such states was asked for, or nothing would be learned without it.
    """
    weights: dict[str, float | None] = given.model_dump()
    asked = {name: weights[name] for name in _NEED_STATES if weights[name]}
    if asked and not has_states:
        told = " and ".join(f"distill.weights.{name} = {weight}" for name, weight in asked.items())
        raise RecipeError(
            f"{told}, but the teacher shows no hidden states that this student could learn: it does not start from "
            "the teacher itself.",
            hint=f"Set {' and '.join(f'distill.weights.{name} = 0' for name in asked)}.",
        )
    usual = _USUAL_LAST_HIDDEN if has_states else 0.0
    settled = {name: usual if weight is None else weight for name, weight in weights.items()}
    if not any(settled.values()):
        raise RecipeError(
            "Every loss weight is 0 but that of hidden states, which this teacher does not show, so nothing would be "
            "learned.",
            hint="Set distill.weights.soft_labels = 1.",
        )
    return settled


@dataclass(frozen=True)
class Objective:
    """A weighted sum of losses.

    Args:
        weights: loss -> weight; weights of 0 are left out.
        temperature: T of the softened distributions.
    """

    weights: Mapping[str, float]
    temperature: float = 1.0

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
        parts = {
            name: LOSSES[name](output, targets, self.temperature) for name, weight in self.weights.items() if weight > 0
        }
        total = sum(self.weights[name] * loss for name, loss in parts.items())
        assert isinstance(total, Tensor)
        return {**parts, "total": total}
