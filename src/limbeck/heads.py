"""The heads that models have: which class of transformers builds each, and how their answers are read."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from limbeck.tasks import TASKS
from limbeck.tokens import TokenBatch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_END_COLUMNS = ("start_logits", "end_logits")


def builder(head: str) -> Any:  # noqa: ANN401  (a class of transformers, which ships no types)
    """The class that builds and loads models with this head, of any family.

    Args:
        head: As `Task.head` calls it: "ForTokenClassification".
    """
    import transformers

    return getattr(transformers, f"AutoModel{head}")


def head_of(model: "PreTrainedModel") -> str:
    """The head of a model, as `Task.head` calls it."""
    name = type(model).__name__
    return next(task.head for task in TASKS.values() if name.endswith(task.head))


def head_in(config: dict[str, Any]) -> str | None:
    """The head that a config.json names; None where it names none that a task has."""
    named = [str(kind) for kind in config.get("architectures") or ()]
    return next((task.head for task in TASKS.values() if any(kind.endswith(task.head) for kind in named)), None)


def answers_in(output: Any, batch: TokenBatch) -> Tensor:  # noqa: ANN401  (what a model's forward gives)
    """The logits that count: (answers, classes); see `TokenBatch.read`.

    Args:
        output: With `logits`, or with the two ends of answers by themselves.
        batch: What was answered.
    """
    if _END_COLUMNS[0] in output:
        logits = torch.stack([output[name] for name in _END_COLUMNS], dim=-1)
    else:
        logits = output.logits
    found: Tensor = batch.read(logits)
    return found


def rows_of(batch: TokenBatch, *, device: torch.device) -> Tensor | None:
    """(answers,) the window that each answer was found in; None where each text has one answer."""
    return None if batch.rows is None else torch.from_numpy(np.ascontiguousarray(batch.rows)).to(device)


def log_softmax_by_row(logits: Tensor, rows: Tensor) -> Tensor:
    """Logarithm of the softmax over the units of each row, column by column.

    Args:
        logits: (units, columns) of floats.
        rows: (units,) int64; its numbers need not be in a row.
    """
    _, numbers = rows.unique(return_inverse=True)
    spread = numbers[:, None].expand_as(logits)
    tops = logits.detach().new_full((int(numbers.max()) + 1, logits.shape[1]), -torch.inf)
    tops = tops.scatter_reduce(0, spread, logits.detach(), "amax")
    shifted = logits - tops[numbers]
    sums = torch.zeros_like(tops).index_add(0, numbers, shifted.exp())
    return shifted - sums.log()[numbers]
