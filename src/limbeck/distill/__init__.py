"""Distillation: the one training loop, its objectives, and checkpoints that a killed run resumes from."""

from limbeck.distill.asking import kept_and_computed, objective_of
from limbeck.distill.learn import Learned, baseline_plan, distillation_plan, learn, rounding_plan, teaching_plan
from limbeck.distill.lessons import Lessons, Targets, lessons_of, targets_of
from limbeck.distill.live_teacher import LiveTeacher, live_teacher
from limbeck.distill.loop import TrainingPlan, train
from limbeck.distill.objective import Objective

__all__ = [
    "Learned", "Lessons", "LiveTeacher", "Objective", "Targets", "TrainingPlan", "baseline_plan",
    "distillation_plan", "kept_and_computed", "learn", "lessons_of", "live_teacher", "objective_of", "rounding_plan",
    "targets_of", "teaching_plan", "train",
]  # fmt: skip
