"""Rankings: of a query's passages, margins are pulled to the teacher's, and scores to the gains that people state."""

import torch
from torch import Tensor
from torch.nn import functional

from limbeck.errors import ShapeError
from limbeck.text.examples import UNLABELLED


def margin_loss(
    student_better: Tensor, student_worse: Tensor, *, teacher_better: Tensor, teacher_worse: Tensor
) -> Tensor:
    """Squared error of the student's margins between two passages of a query: margin-MSE.

    mean over pairs of ((s_better - s_worse) - (t_better - t_worse))^2. Scores of the two models may lie on scales with
    different zeros, as only differences count; "better" and "worse" name the pair, whichever the teacher prefers.

    Args:
        student_better: (batch,) the student's scores of the first passages, any float dtype.
        student_worse: (batch,) its scores of the second passages, for the same queries.
        teacher_better: (batch,) the teacher's scores of the first passages.
        teacher_worse: (batch,) its scores of the second passages.

    Returns: Scalar, in squared units of the teacher's scores, never negative.

    Raises:
        ShapeError: The four are not of one length.

    Source: Hofstätter et al. 2020, arXiv:2010.02666, equation 2.
    """
    scores = (student_better, student_worse, teacher_better, teacher_worse)
    shapes = [tuple(score.shape) for score in scores]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        raise ShapeError(
            f"Scores of student and teacher are {', '.join(map(str, shapes))}.",
            hint="Give four tensors of (batch,), one score for each query and passage.",
        )
    own, wanted = (better.float() - worse.float() for better, worse in (scores[:2], scores[2:]))
    return functional.mse_loss(own, wanted)


def margins_within(student: Tensor, teacher: Tensor, groups: Tensor, *, spread: float) -> Tensor:
    """`margin_loss` over all pairs of passages in a batch that share a query, in units of what scores scatter by.

    Hofstätter et al. draw triples of a query, a relevant passage and another one. Here every two passages of a query
    that stand in the batch make a pair, labelled or not: more margins from the same answers of both models.

    Args:
        student: (batch,) the student's scores, any float dtype.
        teacher: (batch,) the teacher's.
        groups: (batch,) the number of each row's query.
        spread: Standard deviation of the teacher's scores, above 0.

    Returns: Scalar, without unit, never negative; 0 for a batch in which no two rows share a query.

    Raises:
        ShapeError: The three are not of one length.
    """
    if groups.shape != student.shape:
        raise ShapeError(
            f"Queries are {tuple(groups.shape)}, scores {tuple(student.shape)}.", hint="Give one query for each score."
        )
    better, worse = torch.triu(groups[:, None] == groups[None, :], diagonal=1).nonzero(as_tuple=True)
    if not len(better):
        return 0.0 * student.float().sum()
    loss = margin_loss(student[better], student[worse], teacher_better=teacher[better], teacher_worse=teacher[worse])
    return loss / spread**2


def listwise_loss(student_scores: Tensor, grades: Tensor, groups: Tensor) -> Tensor:
    """Cross-entropy between the gains of a query's passages and the softmax of their scores.

    - sum over passages of gain / (sum of gains) * log softmax(score), gain = 2^grade - 1, over the passages of a query
    that stand in the batch; averaged over queries. Grades below 0 count as 0. Only differences of scores count, so that
    the zero of the scale is free.

    Args:
        student_scores: (batch,) any float dtype.
        grades: (batch,) 0 for not relevant, larger for more relevant; `UNLABELLED` where nobody gave one.
        groups: (batch,) the number of each row's query.

    Returns: Scalar, in nats, never negative; 0 for a batch in which no query has a relevant passage.

    Raises:
        ShapeError: The three are not of one length.

    Source: Cao et al. 2007, "Learning to Rank: From Pairwise Approach to Listwise Approach", ICML, equation 3 with
    gains for the true distribution, as in Bruch et al. 2019, ICTIR, equation 2: a bound on nDCG.
    """
    if not student_scores.shape == grades.shape == groups.shape or student_scores.ndim != 1:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (student_scores, grades, groups))
        raise ShapeError(f"Scores, grades and queries are {shapes}.", hint="Give one of each for every passage.")
    query = groups.unique(return_inverse=True)[1]
    n_queries = int(query.max()) + 1 if len(query) else 0
    known = grades != UNLABELLED
    scores = student_scores.float()
    scores = scores.masked_fill(~known, torch.finfo(scores.dtype).min)
    # The logarithm of the sum of exponentials, query by query, each shifted by its largest score.
    largest = scores.new_full((n_queries,), torch.finfo(scores.dtype).min)
    largest = largest.scatter_reduce(0, query, scores.detach(), "amax")
    sums = scores.new_zeros(n_queries).index_add(0, query, (scores - largest[query]).exp())
    log_shares = scores - largest[query] - sums.log()[query]
    gains = (torch.exp2(grades.float().clamp(min=0)) - 1) * known
    totals = gains.new_zeros(n_queries).index_add(0, query, gains)
    shares = gains / totals.clamp(min=torch.finfo(gains.dtype).tiny)[query]
    return -(shares * log_shares.where(gains > 0, 0.0)).sum() / (totals > 0).sum().clamp(min=1)
