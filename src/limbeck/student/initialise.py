"""A student from its teacher: fewer layers, narrower ones, taken over and not started from noise; or from a config."""

import re
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from limbeck.encoder import heads
from limbeck.encoder.families import FAMILIES
from limbeck.recipe.student import StudentTable
from limbeck.student import width
from limbeck.student.factorise import OTHERWISE_ALBERT, as_albert, factorised
from limbeck.student.pattern import Pattern, planned_config, unmeasured

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def initialise(
    teacher: "PreTrainedModel", wanted: StudentTable, *, pattern: Pattern | None = None, seed: int = 0
) -> "PreTrainedModel":
    """Build a smaller model of the teacher's family from the teacher's own weights, or one from scratch.

    Layer i of the student is layer `pattern.layers[i]` of the teacher, or the rows and columns of it that
    `pattern.widths` names; embeddings and head are copied. It is an ordinary Hugging Face model, in float32 and
    training mode, with attention as training wants it.

    Args:
        teacher: A model of a known family. It is not changed.
        wanted: The recipe's student table.
        pattern: What is taken over; None takes `unmeasured`.
        seed: Where a student from scratch gets its noise from.

    Raises:
        RecipeError: The wanted layers do not exist.

    Source: layers taken over as in Sanh et al. 2019, "DistilBERT", arXiv:1910.01108, section 3.
    """
    from limbeck.student.static import StaticConfig
    from limbeck.student.static_start import static_start

    pattern = pattern or unmeasured(teacher.config, wanted)
    config = planned_config(teacher.config, pattern)
    if pattern.static is not None:
        assert isinstance(config, StaticConfig)
        return static_start(teacher, config, pattern.static, seed=seed)
    if pattern.config is not None:
        torch.manual_seed(seed)
    student = heads.untrained(config, heads.head_of(teacher))
    if pattern.config is None:
        student.load_state_dict(_taken_over(teacher, pattern), strict=True)
    return student.float().train()  # type: ignore[no-any-return]


def _taken_over(teacher: "PreTrainedModel", pattern: Pattern) -> dict[str, Tensor]:
    model_type = teacher.config.model_type
    weights = _of_layers(teacher, pattern.layers)
    if pattern.widths is not None:
        head_size = width.sizes_of(teacher.config).head_size
        weights = width.cut(weights, pattern.widths, model_type=model_type, head_size=head_size)
    if pattern.embedding_size is not None:
        if model_type == OTHERWISE_ALBERT:
            weights, model_type = as_albert(weights), "albert"
        weights = factorised(weights, model_type=model_type, embedding_size=pattern.embedding_size)
    return weights


def _of_layers(teacher: "PreTrainedModel", taken: tuple[int, ...]) -> dict[str, Tensor]:
    prefix = FAMILIES[teacher.config.model_type].layers_prefix
    if prefix is None:
        return dict(teacher.state_dict())
    new_number = {old: new for new, old in enumerate(taken)}
    in_layer = re.compile(rf"^{re.escape(prefix)}(\d+)\.")
    weights: dict[str, Tensor] = {}
    for name, tensor in teacher.state_dict().items():
        found = in_layer.match(name)
        if found is None:
            weights[name] = tensor
        elif int(found[1]) in new_number:
            weights[f"{prefix}{new_number[int(found[1])]}.{name[found.end() :]}"] = tensor
    return weights
