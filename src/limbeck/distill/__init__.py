"""Distillation: the one training loop, its objectives, and checkpoints that a killed run resumes from."""

from limbeck.distill.learn import Learned, baseline_plan, distillation_plan, learn, teaching_plan
from limbeck.distill.lessons import Lessons, Targets, targets_of
from limbeck.distill.loop import TrainingPlan, train
from limbeck.distill.objective import Objective

__all__ = [
    "Learned", "Lessons", "Objective", "Targets", "TrainingPlan", "baseline_plan", "distillation_plan", "learn",
    "targets_of", "teaching_plan", "train",
]  # fmt: skip
