"""Evaluate: the artifact against the teacher's signals on held-out texts -> Verdict. Needs no torch."""

from limbeck.evaluate.differences import differences
from limbeck.evaluate.drift import drift, refuse_other_question
from limbeck.evaluate.facts import facts_of
from limbeck.evaluate.front import Standing, on_front
from limbeck.evaluate.gate import Evidence, as_recorded, refuse_unmeasurable
from limbeck.evaluate.kept import keep
from limbeck.evaluate.kept_forms import Answered
from limbeck.evaluate.robustness import Ask, n_respelled, refuse_unaskable, robustness_of
from limbeck.evaluate.scores import Doubt, doubt_of
from limbeck.evaluate.shipping import lasting, unquoted
from limbeck.evaluate.some import logits_of, some_rows
from limbeck.evaluate.speed import CALL_SIZES, LENGTHS, measure_speed, time_beside_teacher
from limbeck.evaluate.stages import Twin
from limbeck.evaluate.timing import BATCH_SIZE, Side, time_sides
from limbeck.evaluate.traits import traits_of
from limbeck.evaluate.verdict import ModelAnswers, judge

__all__ = [
    "BATCH_SIZE", "CALL_SIZES", "LENGTHS", "Answered", "Ask", "Doubt", "Evidence", "ModelAnswers", "Side", "Standing",
    "Twin", "as_recorded", "differences", "doubt_of", "drift", "facts_of", "judge", "keep", "lasting", "logits_of",
    "measure_speed", "n_respelled", "on_front", "refuse_other_question", "refuse_unaskable", "refuse_unmeasurable",
    "robustness_of", "some_rows", "time_beside_teacher", "time_sides", "traits_of", "unquoted",
]  # fmt: skip
