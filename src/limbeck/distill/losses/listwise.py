"""True grades: of a query's passages, the relevant ones shall get the largest scores."""

import torch
from torch import Tensor

from limbeck.errors import ShapeError
from limbeck.examples import UNLABELLED


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
