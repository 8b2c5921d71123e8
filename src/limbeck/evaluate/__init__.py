"""Evaluate: the artifact against the teacher's signals on held-out texts -> Verdict. Needs no torch."""

from limbeck.evaluate.gate import as_recorded, refuse_unmeasurable
from limbeck.evaluate.judge import ModelAnswers, judge
from limbeck.evaluate.timing import Side, time_sides

__all__ = ["ModelAnswers", "Side", "as_recorded", "judge", "refuse_unmeasurable", "time_sides"]
