"""Divergence in bits: scipy's figures, the laws it keeps, and means over texts with several distributions."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from limbeck.evaluate import Doubt
from limbeck.evaluate.divergence import bits, divergence_of
from limbeck.tasks import TASKS
from limbeck.tasks.decisions import Distributions, log_bernoulli, log_softmax
from limbeck.text.examples import Examples

DOUBT = Doubt(0.95, 200, 0)


def examples(n: int) -> Examples:
    """Texts without labels."""
    return Examples(tuple(f"text {index}" for index in range(n)), None, None, ("a", "b", "c"))


def test_same_as_scipy() -> None:
    """A base or a direction mixed up would tell a plausible figure that is another one."""
    draw = np.random.default_rng(0)
    teacher, artifact = (log_softmax(3 * draw.standard_normal((50, 7))) for _ in range(2))
    jensen_shannon, kullback_leibler = bits(teacher, artifact)
    p, q = np.exp(teacher), np.exp(artifact)
    assert jensen_shannon == pytest.approx(jensenshannon(p, q, base=2, axis=1) ** 2, abs=1e-12)
    assert kullback_leibler == pytest.approx(entropy(p, q, base=2, axis=1), abs=1e-12)


def test_laws() -> None:
    """JS is alike from both sides and at most one bit; both are 0 for the same; nothing overflows."""
    one, other = log_softmax(np.array([[800.0, -800.0], [0.3, 0.1]])), log_softmax(np.array([[-800.0, 800.0], [0, 2]]))
    forth, back = bits(one, other), bits(other, one)
    assert forth[0] == pytest.approx(back[0])
    assert forth[0][0] == pytest.approx(1.0)
    assert forth[1][0] == pytest.approx(1600 / np.log(2))  # finite, where dividing probabilities gives infinity
    assert bits(one, one)[0] == pytest.approx(0.0)
    assert bits(one, one)[1] == pytest.approx(0.0)


def test_labels_by_themselves() -> None:
    """Of a multi-label model each label is a distribution of its own: yes or no."""
    logits, teacher_logits = np.array([[0.0, 2.0], [1.0, -3.0]]), np.array([[0.0, 1.0], [1.0, -3.0]])
    found = TASKS["multi-label"].distributions_of(logits, teacher_logits)
    assert found is not None
    assert found.owners.tolist() == [0, 0, 1, 1]
    yes = 1 / (1 + np.exp(-logits.reshape(-1)))
    assert np.exp(log_bernoulli(logits)) == pytest.approx(np.stack([yes, 1 - yes], axis=1))
    told = divergence_of(found, examples(2), DOUBT)
    assert told is not None
    wanted = jensenshannon([0.7310585786, 0.2689414214], [0.8807970780, 0.1192029220], base=2) ** 2
    assert told.jensen_shannon.mean.value == pytest.approx(wanted / 4, rel=1e-6)
    assert (told.n, told.units[1]) == (4, "decisions on labels")


def test_mean_over_distributions_and_furthest_texts() -> None:
    """A text with three words counts three times, and the text of the furthest word is named first."""
    teacher = log_softmax(np.zeros((4, 2)))
    artifact = log_softmax(np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 0.0], [1.0, 0.0]]))
    told = divergence_of(Distributions(np.array([0, 0, 0, 1]), teacher, artifact), examples(3), DOUBT)
    assert told is not None
    far, near = bits(teacher, artifact)[0][[1, 3]]
    assert told.jensen_shannon.mean.value == pytest.approx((far + near) / 4)
    assert [(one.text, one.jensen_shannon) for one in told.furthest] == [("text 0", far), ("text 1", near)]
    assert told.jensen_shannon.tail == pytest.approx(np.quantile([0, far, 0, near], 0.99))


@pytest.mark.parametrize("task", ["regression", "reranking", "embeddings"])
def test_numbers_and_vectors_have_none(task: str) -> None:
    """A divergence of numbers that are no probabilities would mean nothing."""
    assert TASKS[task].distributions_of(np.zeros((2, 1)), np.zeros((2, 1))) is None
