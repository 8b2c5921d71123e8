"""What distillation brought: gains, losses, and differences that the texts cannot show."""

import numpy as np
import pytest
from scipy import stats

from limbeck.evaluate.gain import Outcomes, distillation_gain
from limbeck.evaluate.scores import Doubt
from limbeck.records.verdict import DistillationGain
from limbeck.tasks import TASKS
from limbeck.tasks.measures import Share

N = 872


def outcomes(name: str, *, agrees: int | None, is_right: int | None) -> Outcomes:
    """A model that agrees on the first `agrees` texts and is right on the first `is_right`."""
    return Outcomes(
        name=name,
        agreement=None if agrees is None else Share(np.arange(N) < agrees),
        score=None if is_right is None else Share(np.arange(N) < is_right),
    )


def gain(student: tuple[int | None, int | None], baseline: tuple[int | None, int | None]) -> DistillationGain:
    """The gain of counts (agreeing, right) of 872 over others."""
    return distillation_gain(
        outcomes("student (float32)", agrees=student[0], is_right=student[1]),
        outcomes("no-teacher baseline", agrees=baseline[0], is_right=baseline[1]),
        task=TASKS["classification"],
        doubt=Doubt(confidence=0.95, samples=2000, seed=0),
    )


def test_a_gain_is_told_with_its_interval() -> None:
    """17 of 872 texts more is 1.9 points; told without an interval, chance would read as merit."""
    found = gain((830, 790), (813, 788))
    assert found.agreement is not None
    assert found.score is not None
    assert found.agreement.value == pytest.approx(17 / 872)
    assert found.score.value == pytest.approx(2 / 872)
    assert found.sentence == (
        "Distillation brought +1.9 points of agreement (+1.2 to +3.1) over the same shape trained on labels alone; "
        "it brought no gain in accuracy that 872 texts can show (+0.2 points, −0.2 to +0.8)."
    )


def test_a_loss_is_told_as_a_loss() -> None:
    """A distillation that makes the student worse must not hide behind "no gain"."""
    found = gain((813, None), (830, None))
    assert found.score is None
    assert found.sentence == (
        "Distillation cost 1.9 points of agreement (1.2 to 3.1) against the same shape trained on labels alone."
    )


def test_no_difference_is_told_as_none() -> None:
    """Equal models must read as equal, with the room that 872 texts leave."""
    assert gain((830, None), (830, None)).sentence == (
        "Distillation brought no gain in agreement that 872 texts can show (0.0 points, −0.4 to +0.4) "
        "over the same shape trained on labels alone."
    )


def test_without_a_teacher_only_accuracy_is_compared() -> None:
    """On new texts with labels alone, the gain in accuracy can still be told."""
    found = gain((None, 800), (None, 780))
    assert found.agreement is None
    assert found.sentence.startswith("Distillation brought +2.3 points of accuracy (")


@pytest.mark.parametrize("n_better", [4, 5, 6, 7])
def test_a_handful_of_texts_counts_as_the_exact_test_says(n_better: int) -> None:
    """Five lucky texts of 872 told as a gain would be chance sold as merit.

    The twin is McNemar's exact test on the texts that changed, all for the better: from six on it says that chance does
    not do that.
    """
    told = gain((813 + n_better, None), (813, None)).sentence
    is_gain = stats.binomtest(n_better, n_better, 0.5).pvalue < 0.05
    assert is_gain == (n_better >= 6)
    assert told.startswith("Distillation brought +" if is_gain else "Distillation brought no gain")
    assert ("but p = 0.0625 by McNemar's exact test" in told) == (n_better == 5)
