"""The student: a smaller model of the teacher's family that starts from the teacher's own weights."""

from limbeck.student.initialise import initialise
from limbeck.student.origin import Origin, origin_of
from limbeck.student.shape import Shape, choose_layers, shape_of
from limbeck.student.store import load_weights, save_model

__all__ = ["Origin", "Shape", "choose_layers", "initialise", "load_weights", "origin_of", "save_model", "shape_of"]
