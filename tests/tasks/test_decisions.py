"""What each task decides, word by word or token by token, and how probable it holds it: worked out by hand."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from limbeck.evaluate.divergence import bits
from limbeck.tasks import TASKS
from limbeck.tasks.classification import probabilities
from limbeck.tasks.decisions import log_softmax
from limbeck.tasks.embeddings import LOWEST, RANKS
from limbeck.tasks.multi_label import NO_LABEL
from limbeck.tasks.token_classification import NO_SPAN
from limbeck.text.kept_tokens import IMPOSSIBLE, KEPT, kept_rows, side_by_side
from limbeck.text.units import NOWHERE, Ragged, UnitLogits, Units

TAGS = ("O", "B-place", "I-place")
TEXTS = ("in New York", "Rome today")
TAG_LABELS = Ragged.of([[0, 1, 2], [1, 0]], dtype=np.int64)


def tagged(tags: list[list[int]], *, texts: tuple[str, ...] = TEXTS) -> UnitLogits:
    """Logits of 4 at these tags; a text may have fewer words read than it has."""
    spans = []
    for text, row in zip(texts, tags, strict=True):
        ends = np.cumsum([len(word) + 1 for word in text.split(" ")]) - 1
        starts = [0, *(ends[:-1] + 1)]
        spans.append(list(zip(starts, ends, strict=True))[: len(row)])
    values = 4.0 * np.eye(len(TAGS))[[tag for row in tags for tag in row]]
    return UnitLogits(values, Units(Ragged.of(spans, dtype=np.int64, width=(2,)), texts))


def test_one_class_a_text() -> None:
    """The probability beside a decision must be that of the class that was decided for."""
    logits = np.array([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]])
    found = TASKS["classification"].decisions_of(logits, np.array([1, 2]))
    assert found is not None
    assert found.right.tolist() == [True, False]
    assert found.probabilities == pytest.approx(probabilities(logits).max(axis=1))
    assert np.exp(log_softmax(logits)) == pytest.approx(probabilities(logits))


def test_sets_of_labels_and_labels_by_themselves() -> None:
    """A set is right only as a whole; of its labels each has a probability, of yes or of no."""
    task, labels = TASKS["multi-label"], np.array([[1, 0], [1, 1]], np.int8)
    logits = np.array([[2.0, -1.0], [2.0, -1.0]])
    whole, parts = task.decisions_of(logits, labels), task.part_decisions_of(logits, labels)
    assert whole is not None
    assert parts is not None
    assert whole.right.tolist() == [True, False]
    assert np.isnan(whole.probabilities).all()
    assert whole.answers[0] == whole.answers[1]
    assert parts.right.tolist() == [True, True, True, False]
    assert parts.owners.tolist() == [0, 0, 1, 1]
    assert parts.probabilities == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(-1))] * 2)
    kinds = task.kinds_of(labels, None, ("joy", "love"))
    assert {name: hits.tolist() for name, hits in kinds.items()} == {
        "joy": [True, True], "love": [False, True], NO_LABEL: [False, False],
    }  # fmt: skip


def test_words_that_are_not_read_count_as_outside() -> None:
    """A model that cuts a text must be charged for the names behind the cut, and not for what is no name."""
    found = TASKS["token-classification"].decisions_of(tagged([[0, 1], [1, 0]]), TAG_LABELS, TAGS)
    assert found is not None
    assert found.owners.tolist() == [0, 0, 0, 1, 1]
    assert found.right.tolist() == [True, True, False, True, True]
    assert np.isnan(found.probabilities).tolist() == [False, False, True, False, False]
    assert len(found.sure().owners) == 4
    outside = TASKS["token-classification"].decisions_of(tagged([[0, 1, 2], [1]]), TAG_LABELS, TAGS)
    assert outside is not None
    assert outside.right.all()


def test_words_of_two_readings_are_set_side_by_side() -> None:
    """Another tokenizer reads fewer words: those that both read are compared, each with itself."""
    artifact, teacher = tagged([[0, 1], [1, 0]]), tagged([[0, 1, 2], [0]])
    found = TASKS["token-classification"].distributions_of(artifact, teacher)
    assert found is not None
    assert found.owners.tolist() == [0, 0, 1]
    assert found.artifact.argmax(axis=1).tolist() == [0, 1, 1]
    assert found.teacher.argmax(axis=1).tolist() == [0, 1, 0]
    same = TASKS["token-classification"].distributions_of(artifact, artifact)
    assert same is not None
    assert same.owners.tolist() == [0, 0, 1, 1]


def test_types_of_spans_slice() -> None:
    """Texts with a place, and texts without any span, by people's tags or else the teacher's."""
    task = TASKS["token-classification"]
    by_people = task.kinds_of(TAG_LABELS, None, TAGS)
    assert {name: hits.tolist() for name, hits in by_people.items()} == {"place": [True, True], NO_SPAN: [False, False]}
    by_teacher = task.kinds_of(None, tagged([[0, 0, 0], [1, 0]]), TAGS)
    assert {name: hits.tolist() for name, hits in by_teacher.items()} == {
        "place": [False, True],
        NO_SPAN: [True, False],
    }


def test_questions() -> None:
    """Ends of answers are distributions over a window's tokens; an answer has the probability of its span."""
    spans = [(NOWHERE, NOWHERE), (0, 2), (3, 8)]
    values = np.array([[0.0, 0.0], [3.0, 1.0], [0.0, 4.0]], np.float32)
    logits = UnitLogits(values, Units(Ragged.of([spans], dtype=np.int64, width=(2,)), ("at seven",)), np.inf)
    task = TASKS["question-answering"]
    found = task.decisions_of(logits, Ragged.of([[(0, 8)]], dtype=np.int64, width=(2,)))
    assert found is not None
    assert found.answers.tolist() == ["at seven"]
    assert found.right.tolist() == [True]
    assert found.probabilities[0] == pytest.approx(np.exp(7) / (np.exp(4) + np.exp(7) + np.exp(4)))
    ends = task.distributions_of(logits, logits)
    assert ends is not None
    assert ends.owners.tolist() == [0, 0]
    assert np.exp(ends.teacher) == pytest.approx(probabilities(values.T))


def test_hidden_tokens() -> None:
    """A token that nobody knows is neither right nor wrong."""
    rows = np.zeros((2, 100), np.float32)
    rows[0, 7], rows[1, 9] = 5.0, 5.0
    units = Units(Ragged.of([[(0, 1)], [(0, 1)]], dtype=np.int64, width=(2,)), ("a", "b"))
    found = TASKS["fill-mask"].decisions_of(UnitLogits(kept_rows(rows, np.array([7, -1])), units), Ragged.nothing(2))
    assert found is not None
    assert found.owners.tolist() == [0]
    assert found.right.tolist() == [True]
    assert found.probabilities == pytest.approx(np.exp(5) / (np.exp(5) + 99), rel=1e-5)


def test_kept_tokens_side_by_side_never_exceed_the_whole() -> None:
    """What is not kept is merged; a divergence that grew by that would blame the artifact for what was thrown away."""
    draw = np.random.default_rng(0)
    teacher = 4 * draw.standard_normal((20, 300)).astype(np.float32)
    whole = [teacher + 0.7 * draw.standard_normal((20, 300)).astype(np.float32), teacher]
    kept = [kept_rows(one, np.full(20, -1)) for one in whole]
    found, wanted = side_by_side(*kept)
    assert np.exp(found).sum(axis=1) == pytest.approx(1.0, abs=1e-4)
    assert np.exp(wanted).sum(axis=1) == pytest.approx(1.0, abs=1e-4)
    assert ((found > IMPOSSIBLE) == (wanted > IMPOSSIBLE)).all()
    p, q = (probabilities(one) for one in whole)
    exact = jensenshannon(p, q, base=2, axis=1) ** 2
    told = bits(wanted, found)[0]
    assert (told <= exact + 1e-4).all()
    assert told.mean() > 0.5 * exact.mean()
    alike, other = side_by_side(kept[0], kept[0])
    assert alike.shape == (20, KEPT + 1)
    assert bits(other, alike)[0] == pytest.approx(0.0, abs=1e-6)


def test_rank_fidelity_and_lowest_cosines() -> None:
    """Scaled and turned vectors keep every order of nearness, noise loses it; one stray text shows in the lowest."""
    draw = np.random.default_rng(0)
    teacher = draw.standard_normal((60, 8))
    turn = np.linalg.qr(draw.standard_normal((8, 8)))[0]
    task = TASKS["embeddings"]

    def further(logits: np.ndarray) -> dict[str, float]:
        found = task.further_of(logits, labels=None, teacher_logits=teacher)
        return {words.name: measure.value for words, measure in found.items()}

    assert further(3 * teacher @ turn)[RANKS.name] == pytest.approx(1.0)
    assert abs(further(draw.standard_normal((60, 8)))[RANKS.name]) < 0.15
    stray = teacher.copy()
    stray[:6] = -stray[:6]
    assert further(stray)[LOWEST.name] == pytest.approx(-1.0)
    assert further(teacher)[LOWEST.name] == pytest.approx(1.0)
