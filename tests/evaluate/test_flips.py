"""Flips: counts worked out by hand, shares of what they are shares of, and what has no flips."""

import held_out
import numpy as np
import pytest

from limbeck.errors import ShapeError
from limbeck.evaluate import Doubt, judge
from limbeck.evaluate.flips import flips_of
from limbeck.recipe.verify import Tolerances
from limbeck.tasks.decisions import Decisions

DOUBT = Doubt(0.95, 200, 0)


def decisions(answers: list[int], labels: list[int], owners: list[int]) -> Decisions:
    """Decisions with these answers, where these would have been right."""
    found = np.array(answers)
    return Decisions(np.array(owners), found, found == np.array(labels), np.full(len(found), np.nan))


def test_flips_by_hand() -> None:
    """Of the six texts the teacher has 0, 1, 2, 3, 5 right: the artifact loses 2 and 5; text 4 stays wrong alike."""
    verdict = judge(
        held_out.artifact(),
        held_out.teacher(),
        examples=held_out.examples(),
        tolerances=Tolerances(min_retention=None, min_agreement=None),
        bootstrap_samples=200,
    )
    assert verdict.fidelity is not None
    found = verdict.fidelity.flips
    assert found is not None
    assert (found.units, found.n_right, found.n_wrong) == (("text", "texts"), 5, 1)
    assert (found.lost.count, found.won.count, found.moved.count) == (2, 0, 0)
    assert found.lost.share is not None
    assert found.lost.share.value == 2 / 5
    assert found.lost.share.interval.method == "wilson"


def test_wrong_to_another_wrong() -> None:
    """A wrong answer that became another wrong one changes what users see, and no score tells of it."""
    labels, rows = [0, 0, 0, 0], [0, 1, 2, 3]
    found = flips_of(
        decisions([2, 0, 1, 1], labels, rows), decisions([1, 1, 1, 0], labels, rows), n_texts=4, doubt=DOUBT
    )
    assert (found.n_right, found.n_wrong) == (1, 3)
    assert (found.lost.count, found.won.count, found.moved.count) == (1, 1, 1)


def test_many_decisions_of_a_text_are_drawn_together() -> None:
    """Words of one text are no news of each other: a Wilson interval over words would be too narrow."""
    labels, owners = [0] * 40, [0] * 20 + [1] * 20
    artifact, teacher = decisions([1] * 20 + [0] * 20, labels, owners), decisions([0] * 40, labels, owners)
    share = flips_of(artifact, teacher, n_texts=2, doubt=DOUBT).lost.share
    assert share is not None
    assert (share.value, share.n) == (0.5, 2)
    assert share.interval.method == "BCa bootstrap"
    assert share.interval.high - share.interval.low > 0.8  # two texts, one all lost and one all kept


def test_no_share_of_nothing() -> None:
    """A teacher without a fault has no wrong answers to win."""
    labels, rows = [0, 1], [0, 1]
    found = flips_of(decisions([0, 0], labels, rows), decisions([0, 1], labels, rows), n_texts=2, doubt=DOUBT)
    assert found.won.share is None
    assert found.moved.share is None


def test_decisions_on_other_things_are_refused() -> None:
    """Comparing answers to different words would tell nonsense with a straight face."""
    with pytest.raises(ShapeError, match="Expected a decision of the teacher for each of the artifact's 2, got 1"):
        flips_of(decisions([0, 1], [0, 1], [0, 1]), decisions([0], [0], [0]), n_texts=2, doubt=DOUBT)
