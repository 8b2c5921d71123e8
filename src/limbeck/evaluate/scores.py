"""Scores on held-out texts, each with its interval: accuracy, agreement, retention, differences between models."""

import numpy as np
from numpy.typing import NDArray

from limbeck.evaluate import intervals
from limbeck.evaluate.intervals import Hits
from limbeck.records import Score

LabelIds = NDArray[np.int64]


def predicted_labels(logits: NDArray[np.floating]) -> LabelIds:
    """The index of each row's largest logit; of equal ones the first, as the runtime answers.

    Args:
        logits: (n, classes).

    Returns: (n,) int64.
    """
    labels: LabelIds = logits.argmax(axis=1).astype(np.int64)
    return labels


def share(hits: Hits, *, confidence: float) -> Score:
    """Share of hits with Wilson's interval: accuracy where a hit is the true label, agreement where the teacher's.

    Args:
        hits: (n,) n at least 1.
        confidence: Such as 0.95.
    """
    n, n_hits = len(hits), int(hits.sum())
    return Score(n_hits / n, intervals.wilson(n_hits, n, confidence=confidence), n)


def retention(student_right: Hits, teacher_right: Hits, *, confidence: float, samples: int, seed: int) -> Score | None:
    """Student's accuracy / teacher's accuracy, paired text by text. Above 1 the student is the better one.

    Args:
        student_right: (n,) whether the student's answer is the true label.
        teacher_right: (n,) the same of the teacher.
        confidence: Such as 0.95.
        samples: Bootstrap resamples.
        seed: Of the resampling.

    Returns: The score; None where the teacher is right on no text, because nothing could be retained.
    """
    n_teacher = int(teacher_right.sum())
    if n_teacher == 0:
        return None
    interval = intervals.paired_ratio(student_right, teacher_right, confidence=confidence, samples=samples, seed=seed)
    # One division of whole numbers, so that 49 of 50 is exactly the 0.98 that a recipe says.
    return Score(int(student_right.sum()) / n_teacher, interval, len(student_right))


def difference(student_hits: Hits, other_hits: Hits, *, confidence: float, samples: int, seed: int) -> Score:
    """Share of the student's hits minus share of the other's, paired text by text; arguments as in `retention`."""
    interval = intervals.paired_difference(student_hits, other_hits, confidence=confidence, samples=samples, seed=seed)
    n = len(student_hits)
    return Score((int(student_hits.sum()) - int(other_hits.sum())) / n, interval, n)
