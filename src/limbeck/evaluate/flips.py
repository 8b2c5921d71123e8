"""Flips: what became of the teacher's right decisions, and of its wrong ones.

Two models of the same score may still part on many texts. Whoever built on the teacher feels the right answers that
were lost, not the wrong ones that were won in exchange.

Source: Dutta, Krishnan, Kwatra, Ramjee 2024, "Accuracy is Not All You Need", arXiv:2407.09141.
"""

import numpy as np

from limbeck.errors import ShapeError
from limbeck.evaluate import scores
from limbeck.evaluate.scores import Doubt
from limbeck.records.fidelity import Flip, Flips
from limbeck.records.score import Score
from limbeck.tasks.decisions import Decisions, Rows
from limbeck.tasks.measures import Hits, Ratio, Share


def flips_of(artifact: Decisions, teacher: Decisions, *, n_texts: int, doubt: Doubt) -> Flips:
    """How many decisions changed from right to wrong, from wrong to right, and from wrong to another wrong.

    Shares of texts have Wilson's interval. Where a text has several decisions, the texts are drawn anew (bootstrap), as
    the decisions of one text are no news of each other.

    Args:
        artifact: Its decisions.
        teacher: The teacher's, for the same things in the same order.
        n_texts: How many texts they belong to.
        doubt: How intervals are made.

    Raises:
        ShapeError: They are not for the same things.
    """
    if not np.array_equal(artifact.owners, teacher.owners):
        raise ShapeError(
            f"Expected a decision of the teacher for each of the artifact's {len(artifact.owners)}, "
            f"got {len(teacher.owners)}.",
            hint="Compare decisions on the same texts, in the same order.",
        )
    changed = np.asarray(artifact.answers != teacher.answers, np.bool_)

    def flip(kind: Hits, among: Hits) -> Flip:
        return Flip(int(kind.sum()), _share(kind, among, artifact.owners, n_texts, doubt))

    return Flips(
        units=artifact.units,
        n_right=int(teacher.right.sum()),
        n_wrong=int((~teacher.right).sum()),
        lost=flip(teacher.right & ~artifact.right, teacher.right),
        won=flip(~teacher.right & artifact.right, ~teacher.right),
        moved=flip(~teacher.right & ~artifact.right & changed, ~teacher.right),
    )


def _share(kind: Hits, among: Hits, owners: Rows, n_texts: int, doubt: Doubt) -> Score | None:
    if not among.any():
        return None
    if np.array_equal(owners, np.arange(n_texts)):
        return scores.of_one(Share(kind[among]), doubt)
    counts, totals = (np.bincount(owners[hits], minlength=n_texts) for hits in (kind, among))
    return scores.of_one(Ratio(counts, totals), doubt)
