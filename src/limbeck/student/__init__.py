"""The student: a smaller model that starts from the teacher's own weights, or from the user's config."""

from limbeck.student.importance import Importance, measure_importance, most_important, shares_kept
from limbeck.student.initialise import initialise
from limbeck.student.ngrams import known_runs
from limbeck.student.part_bytes import bytes_by_part
from limbeck.student.pattern import Pattern, StaticPattern, planned_config, unmeasured
from limbeck.student.removal import remove_layers
from limbeck.student.scratch import read_config
from limbeck.student.shape import Shape, choose_layers, count_layers, shape_of
from limbeck.student.store import load_static, load_weights, save_model, write_config
from limbeck.student.trimmed import trimmed, vocabulary_of
from limbeck.student.width import is_narrower, wanted_sizes

__all__ = [
    "Importance", "Pattern", "Shape", "StaticPattern", "bytes_by_part", "choose_layers", "count_layers", "initialise",
    "is_narrower", "known_runs", "load_static", "load_weights", "measure_importance", "most_important",
    "planned_config", "read_config", "remove_layers", "save_model", "shape_of", "shares_kept", "trimmed", "unmeasured",
    "vocabulary_of", "wanted_sizes", "write_config",
]  # fmt: skip
