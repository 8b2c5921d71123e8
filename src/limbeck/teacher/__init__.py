"""The teacher: a trained classifier, frozen, asked once for every text."""

from limbeck.teacher.label import chosen_precision, label, signals_key
from limbeck.teacher.load import Teacher, computing_with, float32_logits, load_teacher, model_inputs, token_limit

__all__ = [
    "Teacher", "chosen_precision", "computing_with", "float32_logits", "label", "load_teacher", "model_inputs",
    "signals_key", "token_limit",
]  # fmt: skip
