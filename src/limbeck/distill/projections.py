"""From the student's width to the teacher's: linear maps that are trained beside a narrower student and never ship.

They start where they fit best: as the ridge regression of the teacher's states on the student's own. A map from noise
would in its first steps pull the student to nowhere, and once more when it is trained on with its roundings.

Source: the learned linear map of Jiao et al. 2020, "TinyBERT", arXiv:1909.10351, equation 8.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from limbeck.distill.lessons import Lessons
from limbeck.teacher.load import model_inputs
from limbeck.text import batching

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PREFIX = "projections."
"""Start of their names among the trained weights."""
_FITTED_TEXTS, _BATCH_TOKENS = 512, 4096
_RIDGE = 1e-3
"""Of the mean square of the student's states: keeps directions that hardly occur from being blown up."""


def projected(states: Tensor, projections: nn.ModuleDict, name: str) -> Tensor:
    """States in the teacher's width: as they are, where no projection of this name is needed.

    Args:
        states: (..., student's hidden).
        projections: From `fitted_projections`.
        name: "last_hidden", or "layer_hidden_" and the student layer's number.
    """
    if name not in projections:
        return states
    mapped: Tensor = projections.get_submodule(name)(states.float())
    return mapped


def fitted_projections(
    student: "PreTrainedModel", lessons: Lessons, *, of_last: bool, of_layers: bool, fit: bool = True
) -> nn.ModuleDict:
    """The maps that an objective needs, none where the widths agree.

    Args:
        student: Whose states are mapped; it is not changed.
        lessons: Training texts, of which at most 512, evenly spread, are fitted to, and the teacher's states.
        of_last: Whether the first token's state behind the last layer is compared.
        of_layers: Whether states behind the other layers are.
        fit: False leaves them at nothing, for a checkpoint to be read into.

    Returns: Name -> bias-free linear layer (student's hidden -> teacher's hidden), float32.
    """
    own_size = int(student.config.hidden_size or 0)
    sizes: dict[str, int] = {}
    if of_last and lessons.train_targets.teacher_hidden is not None:
        sizes["last_hidden"] = lessons.train_targets.teacher_hidden.shape[1]
    if of_last and lessons.live_teacher is not None and lessons.live_teacher.gives_last:
        sizes["last_hidden"] = int(lessons.live_teacher.model.config.hidden_size or 0)
    if of_layers and lessons.live_teacher is not None:
        size = int(lessons.live_teacher.model.config.hidden_size or 0)
        sizes |= {f"layer_hidden_{number}": size for number in range(len(lessons.live_teacher.taken) - 1)}
    sizes = {name: size for name, size in sizes.items() if size != own_size}
    maps = {name: nn.Linear(own_size, size, bias=False) for name, size in sizes.items()}
    if sizes:
        matrices = _fitted(student, lessons, sizes, own_size) if fit else {}
        with torch.no_grad():
            for name, size in sizes.items():
                maps[name].weight.copy_(matrices.get(name, torch.zeros(size, own_size)))
    return nn.ModuleDict(maps).to(student.device)


def _fitted(student: "PreTrainedModel", lessons: Lessons, sizes: dict[str, int], own_size: int) -> dict[str, Tensor]:
    """Name -> (size, own size): argmin over W of |X W^T - Y|^2 + ridge |W|^2, summed in float64."""
    squares = {name: torch.zeros(own_size, own_size, dtype=torch.float64) for name in sizes}
    products = {name: torch.zeros(own_size, size, dtype=torch.float64) for name, size in sizes.items()}
    was_training = student.training
    student.eval()
    for found in _pairs(student, lessons, sizes):
        for name, (own, wanted) in found.items():
            squares[name] += own.T @ own
            products[name] += own.T @ wanted
    student.train(was_training)
    fitted = {}
    for name, square in squares.items():
        ridge = _RIDGE * square.diagonal().mean() * torch.eye(own_size, dtype=torch.float64)
        fitted[name] = torch.linalg.solve(square + ridge, products[name]).T.float()
    return fitted


def _pairs(
    student: "PreTrainedModel", lessons: Lessons, sizes: dict[str, int]
) -> Iterator[dict[str, tuple[Tensor, Tensor]]]:
    """Batch by batch: name -> (student's states, teacher's states), a row for each text or token, in float64."""
    n_texts = len(lessons.train.ids)
    rows = torch.arange(0, n_texts, -(-n_texts // _FITTED_TEXTS))
    lengths = [lessons.train.lengths[row] for row in rows.tolist()]
    for batch in batching.by_length(lengths, max_tokens=_BATCH_TOKENS, max_texts=_FITTED_TEXTS):
        chosen = rows[torch.from_numpy(batch)]
        padded = lessons.batch(chosen.numpy(), chance=[0])
        inputs = model_inputs(student, padded)
        with torch.inference_mode():
            states = student(**inputs, output_hidden_states=True).hidden_states
        found: dict[str, tuple[Tensor, Tensor]] = {}
        if "last_hidden" in sizes and lessons.train_targets.teacher_hidden is not None:
            found["last_hidden"] = states[-1][:, 0], lessons.train_targets.teacher_hidden[chosen]
        if sizes.keys() - found.keys():
            assert lessons.live_teacher is not None
            is_token, inner = inputs["attention_mask"].bool(), lessons.live_teacher.inner(inputs, padded)
            for number, wanted in enumerate(inner.states):
                found[f"layer_hidden_{number}"] = states[number + 1][is_token], wanted[is_token]
            if inner.last is not None:
                found["last_hidden"] = states[-1][is_token], inner.last[is_token]
            found = {name: pair for name, pair in found.items() if name in sizes}
        yield {name: (own.double().cpu(), wanted.double().cpu()) for name, (own, wanted) in found.items()}
