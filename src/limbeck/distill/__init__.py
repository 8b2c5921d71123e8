"""Distillation: the one training loop, its objectives, and checkpoints that a killed run resumes from."""

from limbeck.distill.learn import Learned, baseline_plan, distillation_plan, learn, rounding_plan, teaching_plan
from limbeck.distill.lessons import Lessons, Targets, targets_of
from limbeck.distill.live_teacher import LiveTeacher, live_teacher
from limbeck.distill.loop import TrainingPlan, train
from limbeck.distill.objective import Objective, settled_weights

__all__ = [
    "Learned", "Lessons", "LiveTeacher", "Objective", "Targets", "TrainingPlan", "baseline_plan", "distillation_plan",
    "learn", "live_teacher", "rounding_plan", "settled_weights", "targets_of", "teaching_plan", "train",
]  # fmt: skip
