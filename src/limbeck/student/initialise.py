"""A student from its teacher: fewer layers, everything else copied, so that it starts near and not from noise."""

import copy
import re
from typing import TYPE_CHECKING

from limbeck.families import FAMILIES
from limbeck.student.pattern import Pattern, unmeasured
from limbeck.student_table import StudentTable

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


def initialise(
    teacher: "PreTrainedModel", wanted: StudentTable, *, pattern: Pattern | None = None
) -> "PreTrainedModel":
    """Build a smaller model of the teacher's family from the teacher's own weights.

    Layer i of the student is layer `pattern.layers[i]` of the teacher; embeddings and head are copied whole. It is an
    ordinary Hugging Face model, in float32 and training mode, with attention as training wants it.

    Args:
        teacher: A classifier of a known family. It is not changed.
        wanted: The recipe's student table.
        pattern: What is taken over; None takes `unmeasured`.

    Raises:
        RecipeError: The wanted layers do not exist.

    Source: layers taken over as in Sanh et al. 2019, "DistilBERT", arXiv:1910.01108, section 3.
    """
    from transformers import AutoModelForSequenceClassification

    pattern = pattern or unmeasured(teacher.config, wanted)
    config = planned_config(teacher.config, pattern)
    student = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    student.load_state_dict(_taken_over(teacher, pattern.layers), strict=True)
    return student.float().train()  # type: ignore[no-any-return]


def planned_config(teacher: "PreTrainedConfig", pattern: Pattern) -> "PreTrainedConfig":
    """The config of the student that a pattern makes.

    Args:
        teacher: The teacher's config. It is not changed.
        pattern: What is taken over.
    """
    config = copy.deepcopy(teacher)
    setattr(config, FAMILIES[teacher.model_type].count_field, len(pattern.layers))
    if getattr(config, "layer_types", None):
        config.layer_types = [teacher.layer_types[layer] for layer in pattern.layers]
    return config


def _taken_over(teacher: "PreTrainedModel", taken: tuple[int, ...]) -> dict[str, object]:
    prefix = FAMILIES[teacher.config.model_type].layers_prefix
    if prefix is None:
        return dict(teacher.state_dict())
    new_number = {old: new for new, old in enumerate(taken)}
    in_layer = re.compile(rf"^{re.escape(prefix)}(\d+)\.")
    weights: dict[str, object] = {}
    for name, tensor in teacher.state_dict().items():
        found = in_layer.match(name)
        if found is None:
            weights[name] = tensor
        elif int(found[1]) in new_number:
            weights[f"{prefix}{new_number[int(found[1])]}.{name[found.end() :]}"] = tensor
    return weights
