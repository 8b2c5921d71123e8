"""Losses of rerankers: by hand, by law, and only within queries."""

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from limbeck.distill.lessons import Targets
from limbeck.distill.losses import listwise_loss, margins_within
from limbeck.distill.objective import Objective, settled_weights
from limbeck.errors import RecipeError, ShapeError
from limbeck.recipe.student import LossWeights
from limbeck.text.examples import UNLABELLED


def test_margins_within_queries_by_hand() -> None:
    """A failure would compare passages of different queries, whose scores say nothing about each other.

    Query 0: rows 0, 2, 3 with student 3, 1, 0 and teacher 4, 1, 2. Margins of the pairs (0, 2), (0, 3), (2, 3):
    student 2, 3, 1; teacher 3, 2, -1; squared errors 1, 1, 4; their mean 2. Row 1 is alone. In units of 2: 2 / 4.
    """
    student, teacher = torch.tensor([3.0, 9.0, 1.0, 0.0]), torch.tensor([4.0, -9.0, 1.0, 2.0])
    groups = torch.tensor([0, 1, 0, 0])
    assert float(margins_within(student, teacher, groups, spread=1.0)) == pytest.approx(2.0)
    assert float(margins_within(student, teacher, groups, spread=2.0)) == pytest.approx(0.5)


def test_margins_of_a_query_do_not_see_its_zero() -> None:
    """A failure would pull scores of each query to a level that has no meaning."""
    student, groups = torch.tensor([3.0, 1.0, 5.0, 2.0]), torch.tensor([0, 0, 1, 1])
    teacher = student + torch.tensor([7.0, 7.0, -3.0, -3.0])
    assert float(margins_within(student, teacher, groups, spread=1.0)) == 0.0


def test_a_batch_without_pairs_has_no_margins() -> None:
    """A failure would divide by no pair: NaN, which no training survives."""
    student = torch.ones(3, requires_grad=True)
    loss = margins_within(student, torch.zeros(3), torch.arange(3), spread=1.0)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert student.grad is not None
    assert not student.grad.any()


def test_listwise_by_hand() -> None:
    """Query 0: scores log 3, 0 of grades 1, 0: -log(3/4). Query 1: nothing relevant. Query 2: alone: -log(1) = 0."""
    scores = torch.tensor([math.log(3.0), 5.0, 0.0, 7.0, 1.0])
    grades = torch.tensor([1.0, 0.0, 0.0, 0.0, 2.0], dtype=torch.float64)
    groups = torch.tensor([0, 1, 0, 1, 2])
    assert float(listwise_loss(scores, grades, groups)) == pytest.approx(-math.log(0.75) / 2)


def test_listwise_by_twin() -> None:
    """A failure would weigh grades other than by their gains. By twin: scipy, query by query."""
    draw = np.random.default_rng(0)
    scores, grades = draw.normal(size=30), draw.integers(0, 4, 30).astype(float)
    groups = draw.integers(0, 6, 30)
    wanted = []
    for query in range(6):
        gains = 2 ** grades[groups == query] - 1
        if gains.any():
            wanted.append(-(gains / gains.sum() * log_softmax(scores[groups == query])).sum())
    found = float(listwise_loss(torch.tensor(scores), torch.tensor(grades), torch.tensor(groups)))
    assert found == pytest.approx(np.mean(wanted), rel=1e-5)


def test_passages_that_nobody_graded_do_not_count() -> None:
    """A failure would take a made-up passage for one that is not relevant."""
    scores, grades = torch.tensor([1.0, 0.0, 50.0]), torch.tensor([1.0, 0.0, float(UNLABELLED)])
    groups = torch.zeros(3, dtype=torch.int64)
    assert float(listwise_loss(scores, grades, groups)) == pytest.approx(
        float(listwise_loss(scores[:2], grades[:2], groups[:2]))
    )
    assert float(listwise_loss(scores, torch.full((3,), float(UNLABELLED)), groups)) == 0.0


def test_shapes_that_do_not_fit_are_refused() -> None:
    """Torch would broadcast one query over all scores."""
    with pytest.raises(ShapeError, match=r"Scores, grades and queries are \(3,\), \(2,\), \(3,\)"):
        listwise_loss(torch.zeros(3), torch.zeros(2), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"Queries are \(1,\), scores \(3,\)"):
        margins_within(torch.zeros(3), torch.zeros(3), torch.zeros(1, dtype=torch.int64), spread=1.0)


def test_margins_are_for_rerankers() -> None:
    """A failure would leave the default out of a reranker's objective, or let another task ask for what it has not."""
    assert settled_weights(LossWeights(), has_states=False, task="reranking")["margins"] == 1.0
    assert settled_weights(LossWeights(), has_states=False, task="regression")["margins"] == 0.0
    with pytest.raises(RecipeError, match="is about passages of a query, and the task is 'classification'"):
        settled_weights(LossWeights(margins=1.0), has_states=False)


def test_an_objective_pulls_scores_and_margins() -> None:
    """A failure would train rerankers of one output, or of two, on something else than their scores."""
    from transformers.modeling_outputs import SequenceClassifierOutput

    groups = torch.tensor([0, 0, 1])
    objective = Objective({"soft_labels": 1.0, "margins": 2.0, "true_labels": 1.0}, task="reranking", spread=2.0)
    student, teacher = torch.tensor([[1.0], [0.0], [3.0]]), torch.tensor([[3.0], [0.0], [3.0]])
    targets = Targets(teacher, None, torch.tensor([1.0, 0.0, 0.0]), groups)
    losses = objective.losses(SequenceClassifierOutput(logits=student), targets)
    assert float(losses["soft_labels"]) == pytest.approx(4 / 3 / 4)
    assert float(losses["margins"]) == pytest.approx(4 / 4)
    assert float(losses["true_labels"]) == pytest.approx(math.log(1 + math.exp(-1)))
    two = torch.cat([torch.zeros(3, 1), student], dim=1)
    wanted = Targets(torch.cat([torch.zeros(3, 1), teacher], dim=1), None, targets.labels, groups)
    losses_of_two = objective.losses(SequenceClassifierOutput(logits=two), wanted)
    assert float(losses_of_two["margins"]) == float(losses["margins"])
    assert float(losses_of_two["true_labels"]) == pytest.approx(float(losses["true_labels"]))
