"""Evaluate: the artifact against the teacher's signals on held-out texts -> Verdict. Needs no torch."""

from limbeck.evaluate.front import Standing, on_front
from limbeck.evaluate.gate import Evidence, as_recorded, refuse_unmeasurable
from limbeck.evaluate.shipping import lasting
from limbeck.evaluate.timing import BATCH_SIZE, Side, time_sides
from limbeck.evaluate.verdict import ModelAnswers, judge

__all__ = [
    "BATCH_SIZE", "Evidence", "ModelAnswers", "Side", "Standing", "as_recorded", "judge", "lasting", "on_front",
    "refuse_unmeasurable", "time_sides",
]  # fmt: skip
