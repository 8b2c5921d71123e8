"""The objective is the weighted sum that the recipe asks for, and asks for nothing that the texts do not have."""

import pytest
import torch
from transformers.modeling_outputs import SequenceClassifierOutput

from limbeck.distill import Objective, Targets
from limbeck.distill.losses import last_hidden_loss, soft_label_loss, true_label_loss
from limbeck.distill.objective import LOSSES
from limbeck.errors import RecipeError
from limbeck.recipe.student import LossWeights

LOGITS, STATES = torch.randn(2, 3), (torch.randn(2, 4, 5), torch.randn(2, 4, 5))
OUTPUT = SequenceClassifierOutput(logits=LOGITS, hidden_states=STATES)
TARGETS = Targets(torch.randn(2, 3), torch.randn(2, 5).half(), torch.tensor([0, 2]))


def test_the_total_is_the_weighted_sum() -> None:
    """A failure would train for something other than the recipe says, with curves that look right."""
    objective = Objective({"soft_labels": 0.5, "true_labels": 2.0, "last_hidden": 3.0}, temperature=2.0)
    losses = objective.losses(OUTPUT, TARGETS)
    assert TARGETS.teacher_logits is not None
    assert TARGETS.teacher_hidden is not None
    assert TARGETS.labels is not None
    soft = soft_label_loss(LOGITS, TARGETS.teacher_logits, temperature=2.0)
    hard = true_label_loss(LOGITS, TARGETS.labels)
    hidden = last_hidden_loss(STATES[-1][:, 0], TARGETS.teacher_hidden)
    assert losses.keys() == {"soft_labels", "true_labels", "last_hidden", "total"}
    assert (losses["soft_labels"], losses["true_labels"], losses["last_hidden"]) == (soft, hard, hidden)
    assert float(losses["total"]) == pytest.approx(float(0.5 * soft + 2 * hard + 3 * hidden), rel=1e-6)


def test_a_weight_of_nothing_asks_for_nothing() -> None:
    """A failure would keep people without labels from distilling at all."""
    objective = Objective({"soft_labels": 1.0, "true_labels": 0.0, "last_hidden": 0.0})
    bare = Targets(TARGETS.teacher_logits, None, None)
    objective.check(bare)
    assert objective.losses(SequenceClassifierOutput(logits=LOGITS), bare).keys() == {"soft_labels", "total"}
    assert not objective.needs_hidden
    assert Objective({"last_hidden": 0.1}).needs_hidden


@pytest.mark.parametrize(
    ("name", "lacks"),
    [("soft_labels", "teacher logits"), ("true_labels", "labels"), ("last_hidden", "teacher hidden")],
)
def test_a_weight_on_what_is_not_known_is_refused(name: str, lacks: str) -> None:
    """A failure would end in a stack trace at the first step, after all the labelling."""
    with pytest.raises(RecipeError) as caught:
        Objective({name: 0.5}).check(Targets(None, None, None))
    assert str(caught.value) == (
        f"distill.weights.{name} = 0.5, but the texts have no {lacks}.\n"
        f"Hint: Set distill.weights.{name} = 0, or give texts that have them."
    )


def test_who_computes_its_last_states_as_training_goes_is_not_asked_before() -> None:
    """A failure would ask a teacher twice about every text, or refuse a run for answers that nobody needs."""
    weights = {"soft_labels": 1.0, "last_hidden": 10.0}
    tags = Objective(weights, task="token-classification")
    assert tags.answered_live
    assert tags.needs_logits
    tags.check(Targets(None, None, None))
    for kept in (Objective(weights), Objective({"soft_labels": 1.0}, task="token-classification")):
        assert not kept.answered_live
        with pytest.raises(RecipeError, match=r"soft_labels = 1\.0, but the texts have no teacher logits"):
            kept.check(Targets(None, None, None))


def test_every_weight_of_the_recipe_has_its_loss() -> None:
    """A failure would take a weight from the recipe and train without it."""
    assert set(LossWeights.model_fields) == set(LOSSES) - {"contrastive"}  # which is the baseline's


def test_targets_are_taken_row_by_row() -> None:
    """A failure would teach one text's answer to another text."""
    taken = TARGETS.take(torch.tensor([1, 0]), device=torch.device("cpu"))
    assert TARGETS.labels is not None
    assert taken.labels is not None
    assert taken.teacher_logits is not None
    assert taken.labels.tolist() == [2, 0]
    assert torch.equal(taken.teacher_logits, TARGETS.teacher_logits[[1, 0]])  # type: ignore[index]
    assert TARGETS.take(torch.tensor([0]), device=torch.device("cpu")).labels is not None
    assert Targets(None, None, None).take(torch.tensor([0]), device=torch.device("cpu")) == Targets(None, None, None)
