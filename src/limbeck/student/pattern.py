"""The pattern that a student is cut by: which parts of the teacher it takes over."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limbeck.student.shape import choose_layers
from limbeck.student_table import StudentTable

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


@dataclass(frozen=True)
class Pattern:
    """What a student takes over.

    Args:
        layers: Teacher layers in rising order, counted from 0.
    """

    layers: tuple[int, ...]


def unmeasured(config: "PreTrainedConfig", wanted: StudentTable) -> Pattern:
    """A pattern of the wanted sizes that needs no measuring: for sizes alone, or where nothing is left to measure.

    Args:
        config: The teacher's.
        wanted: The recipe's student table; where layers are chosen by loss, spaced ones stand in.

    Raises:
        RecipeError: The teacher has no such layers.
    """
    if wanted.choose == "by_loss":
        wanted = wanted.model_copy(update={"choose": "spaced"})
    return Pattern(choose_layers(config, wanted))
