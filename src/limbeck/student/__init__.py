"""The student: a smaller model of the teacher's family that starts from the teacher's own weights."""

from limbeck.student.initialise import initialise, planned_config
from limbeck.student.pattern import Pattern, unmeasured
from limbeck.student.removal import remove_layers
from limbeck.student.shape import Shape, choose_layers, count_layers, shape_of
from limbeck.student.store import load_weights, save_model

__all__ = [
    "Pattern", "Shape", "choose_layers", "count_layers", "initialise", "load_weights", "planned_config",
    "remove_layers", "save_model", "shape_of", "unmeasured",
]  # fmt: skip
