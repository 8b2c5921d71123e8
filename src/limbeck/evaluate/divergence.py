"""How far the artifact's probabilities lie from the teacher's: Jensen-Shannon and Kullback-Leibler divergence, in bits.

Two models may give the same answers with other probabilities, and thresholds, rankings and abstentions rest on those.
"""

import numpy as np

from limbeck.evaluate import scores
from limbeck.evaluate.scores import Doubt
from limbeck.records.fidelity import Distance, Divergence, FarText
from limbeck.tasks.decisions import Distributions, Values
from limbeck.tasks.measures import PooledMean
from limbeck.text.examples import Examples

TAIL_SHARE = 0.99
TEXTS_SHOWN = 10
_PIECE_VALUES = 1 << 20
"""Compared together, so that long rows take little room."""


def divergence_of(found: Distributions, examples: Examples, doubt: Doubt) -> Divergence | None:
    """Mean and tail of both divergences over all distributions, and the texts that lie furthest apart.

    Means have bootstrap intervals over texts, however many distributions a text has.

    Args:
        found: Of both models.
        examples: The texts that they belong to.
        doubt: How intervals are made.

    Returns: None where nothing has a distribution.
    """
    if not len(found.owners):
        return None
    n_rows = max(1, _PIECE_VALUES // found.teacher.shape[1])
    pieces = [
        bits(found.teacher[start : start + n_rows], found.artifact[start : start + n_rows])
        for start in range(0, len(found.owners), n_rows)
    ]
    jensen_shannon, kullback_leibler = (np.concatenate(side) for side in zip(*pieces, strict=True))
    counts = np.bincount(found.owners, minlength=len(examples))

    def distance(values: Values) -> Distance:
        sums = np.bincount(found.owners, weights=values, minlength=len(examples)).astype(np.float64)
        return Distance(scores.of_one(PooledMean(sums, counts), doubt), float(np.quantile(values, TAIL_SHARE)))

    return Divergence(
        units=found.units,
        n=len(found.owners),
        tail_share=TAIL_SHARE,
        jensen_shannon=distance(jensen_shannon),
        kullback_leibler=distance(kullback_leibler),
        furthest=_furthest(jensen_shannon, found, examples),
    )


def bits(teacher: Values, artifact: Values) -> tuple[Values, Values]:
    """Row by row the Jensen-Shannon divergence, and the Kullback-Leibler divergence of the artifact from the teacher.

    JS = (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, from 0 to 1; KL(p || q) = sum p log2(p / q), 0 or more.

    Args:
        teacher: (n, outcomes) natural logarithms of p.
        artifact: (n, outcomes) those of q.

    Returns: Twice (n,), in bits.

    Source: Lin 1991, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37(1),
    145-151; Kullback, Leibler 1951, The Annals of Mathematical Statistics 22(1), 79-86.
    """
    p, q = np.exp(teacher), np.exp(artifact)
    middle = np.logaddexp(teacher, artifact) - np.log(2.0)
    jensen_shannon = 0.5 * (p * (teacher - middle) + q * (artifact - middle)).sum(axis=1)
    kullback_leibler = (p * (teacher - artifact)).sum(axis=1)
    # Roundings of the last digit may fall below zero.
    return np.maximum(jensen_shannon, 0.0) / np.log(2.0), np.maximum(kullback_leibler, 0.0) / np.log(2.0)


def _furthest(values: Values, found: Distributions, examples: Examples) -> tuple[FarText, ...]:
    most = np.zeros(len(examples))
    np.maximum.at(most, found.owners, values)
    rows = np.argsort(-most, kind="stable")[:TEXTS_SHOWN]
    return tuple(
        FarText(
            examples.texts[row],
            None if examples.text_pairs is None else examples.text_pairs[row],
            float(most[row]),
        )
        for row in rows.tolist()
        if most[row] > 0
    )
