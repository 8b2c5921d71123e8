"""Changed answers: which, in which direction, which first."""

import held_out
import numpy as np
import pytest

from limbeck.evaluate.confusion import changed_answers, confusions
from limbeck.records.verdict import ChangedAnswer
from limbeck.tasks import TASKS
from limbeck.text.examples import Examples

TASK = TASKS["classification"]


def test_changed_answers_by_hand() -> None:
    """A changed answer quoted with the wrong label, side or probability would send its reader after a ghost.

    Text 5: logits 2 and 0, so the sure class has 1 / (1 + e^-2) = 0.8808. Text 2: 1 / (1 + e^-0.5) = 0.6225.
    """
    found = changed_answers(
        held_out.logits(held_out.ARTIFACT), held_out.logits(held_out.TEACHER), held_out.examples(), TASK
    )
    sure, wavering = pytest.approx(0.8808, abs=1e-4), pytest.approx(0.6225, abs=1e-4)
    assert found == (
        ChangedAnswer("text 5", None, "no", "no", sure, "yes", sure),
        ChangedAnswer("text 2", None, "yes", "yes", wavering, "no", wavering),
    )


def test_nothing_changed() -> None:
    """A model compared with itself must show no confusion at all."""
    logits = held_out.logits(held_out.TEACHER)
    assert changed_answers(logits, logits, held_out.examples(), TASK) == ()
    assert confusions((), ("no", "yes")) == ()


def test_pairs_and_missing_labels_are_told_as_they_are() -> None:
    """Half of a text pair, or an invented label, would make an example impossible to understand."""
    pairs = Examples(("a", "b"), ("c", "d"), None, ("no", "yes"))
    found = changed_answers(held_out.logits([0, 1]), held_out.logits([0, 0]), pairs, TASK)
    assert [(answer.text, answer.text_pair, answer.label) for answer in found] == [("b", "d", None)]


def test_groups_are_ordered_by_frequency_then_labels() -> None:
    """The most frequent change must stand first, and equal ones must not change places from run to run."""
    names = ("a", "b", "c")
    teacher = np.eye(3)[[0, 0, 0, 0, 0, 1, 2, 2]]
    artifact = np.eye(3)[[1, 1, 1, 1, 2, 0, 1, 1]]
    texts = Examples(tuple("01234567"), None, None, names)
    found = confusions(changed_answers(artifact, teacher, texts, TASK), names)
    assert [(group.teacher_label, group.artifact_label, group.count) for group in found] == [
        ("a", "b", 4),
        ("c", "b", 2),
        ("a", "c", 1),
        ("b", "a", 1),
    ]
    assert [len(group.examples) for group in found] == [3, 2, 1, 1]
    # Equally sure changes stay in the order of the texts.
    assert [example.text for example in found[0].examples] == ["0", "1", "2"]
