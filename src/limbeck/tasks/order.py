"""How well scores put the passages of each query in order: nDCG, pairs in the same order, the same first passage.

Equal scores leave an order open. nDCG is then the mean over all orders that they allow, so that a model which gives
every passage the same score gains nothing by the order in which the passages happen to stand.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Rows = NDArray[np.int64]

DEPTH = 10
"""Passages of a query, best first, that nDCG looks at."""


def queries(groups: Rows) -> Iterator[Rows]:
    """The rows of each query, in the order of its number.

    Args:
        groups: (n,) the number of the query that each row belongs to.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order])) + 1
    yield from np.split(order, starts)


def gains_of(grades: Values) -> Values:
    """2^grade - 1; nothing below grade 0, as trec_eval takes negative grades for not relevant.

    Args:
        grades: (n,) finite.

    Source: Burges et al. 2005, "Learning to Rank using Gradient Descent", ICML, section 5.
    """
    found: Values = np.exp2(np.maximum(grades, 0.0)) - 1.0
    return found


def ndcg(scores: Values, gains: Values, *, depth: int = DEPTH) -> float:
    """Normalised discounted cumulated gain of one query: sum of gain / log2(rank + 1), over that of the best order.

    Args:
        scores: (passages,) by which they are put in order, largest first.
        gains: (passages,) 0 or more, one of them above.
        depth: Ranks that count.

    Source: Järvelin and Kekäläinen 2002, ACM TOIS 20(4), 422-446; equal scores as in McSherry and Najork 2008, ECIR,
    section 2: each passage of a tie counts with the mean gain of the tie.
    """
    discounts = 1.0 / np.log2(np.arange(2, len(scores) + 2))
    discounts[depth:] = 0.0
    values, tie = np.unique(-scores, return_inverse=True)
    means = np.bincount(tie, weights=gains, minlength=len(values)) / np.bincount(tie, minlength=len(values))
    found = (means[np.sort(tie)] * discounts).sum()
    return float(found / (np.sort(gains)[::-1] * discounts).sum())


def alike(scores: Values, others: Values) -> float | None:
    """Share of the pairs of passages that `others` puts in an order and `scores` puts in the same one.

    Pairs that `others` holds to be equal have no order to agree on and are left out; pairs that only `scores` holds to
    be equal count half. That is (D + 1) / 2 of Somers' D, and of Kendall's tau where nothing is equal.

    Args:
        scores: (passages,) of the model.
        others: (passages,) of the one that it is held to.

    Returns: From 0 to 1, a half for chance; None where `others` puts no two passages in an order.

    Source: Somers 1962, American Sociological Review 27(6), 799-811; Kendall 1938, Biometrika 30, 81-93.
    """
    first, second = np.triu_indices(len(scores), k=1)
    wanted = np.sign(others[first] - others[second])
    found = np.sign(scores[first] - scores[second])
    n_ordered = int((wanted != 0).sum())
    return float((wanted * found).sum() / n_ordered + 1.0) / 2.0 if n_ordered else None


def ranks(scores: Values) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(passages,) -> the best and the worst rank, from 1, of each: equal scores leave their order open."""
    ordered = np.sort(-scores)
    best = np.searchsorted(ordered, -scores, side="left") + 1
    worst = np.searchsorted(ordered, -scores, side="right")
    return best.astype(np.int64), worst.astype(np.int64)
