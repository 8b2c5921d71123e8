"""Scores on held-out texts, each with its interval: a measure of one model, and how two models compare."""

from dataclasses import dataclass

import numpy as np

from limbeck.evaluate import intervals
from limbeck.recipe.knobs import Recipe
from limbeck.records.score import Score
from limbeck.tasks.measures import Measure, Share, Values


@dataclass(frozen=True)
class Doubt:
    """How intervals are made.

    Args:
        confidence: Such as 0.95.
        samples: Bootstrap resamples.
        seed: Of the resampling.
    """

    confidence: float
    samples: int
    seed: int


def doubt_of(recipe: Recipe) -> Doubt:
    """As a recipe says."""
    return Doubt(recipe.verify.confidence, recipe.verify.bootstrap_samples, recipe.seed)


def parted(first: Measure, second: Measure) -> tuple[int, int] | None:
    """On how many texts only the one and only the other won; None where texts are not simply won or lost."""
    if not (isinstance(first, Share) and isinstance(second, Share)):
        return None
    _, only_first, only_second, _ = intervals.outcome_counts(first.hits, second.hits)
    return only_first, only_second


def of_one(measure: Measure, doubt: Doubt) -> Score:
    """A measure with its interval: Wilson's for shares, the bootstrap's for all else."""
    if isinstance(measure, Share):
        interval = intervals.wilson(int(measure.hits.sum()), measure.n, confidence=doubt.confidence)
    else:
        interval = intervals.of_measure(measure, **vars(doubt))
    return Score(measure.value, interval, measure.n)


def retention(student: Measure, teacher: Measure, doubt: Doubt) -> Score | None:
    """Student's score / teacher's score, paired text by text. Above 1 the student is the better one.

    Returns: The score; None where the teacher's is not above 0, because nothing could be retained.
    """
    if not teacher.value > 0:
        return None
    if isinstance(student, Share) and isinstance(teacher, Share):
        # One division of whole numbers, so that 49 of 50 is exactly the 0.98 that a recipe says.
        value = int(student.hits.sum()) / int(teacher.hits.sum())
        return Score(value, intervals.paired_ratio(student.hits, teacher.hits, confidence=doubt.confidence), student.n)
    interval = intervals.of_pair(_ratio, student, teacher, **vars(doubt))
    return Score(student.value / teacher.value, interval, student.n)


def difference(student: Measure, other: Measure, doubt: Doubt) -> Score:
    """The student's score minus the other's, paired text by text."""
    if isinstance(student, Share) and isinstance(other, Share):
        value = (int(student.hits.sum()) - int(other.hits.sum())) / student.n
        return Score(
            value, intervals.paired_difference(student.hits, other.hits, confidence=doubt.confidence), student.n
        )
    interval = intervals.of_pair(lambda one, two: one - two, student, other, **vars(doubt))
    return Score(student.value - other.value, interval, student.n)


def _ratio(student: Values, teacher: Values) -> Values:
    found = np.full_like(student, np.nan)
    np.divide(student, teacher, out=found, where=teacher > 0)
    return found
