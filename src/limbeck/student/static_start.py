"""Where a static student starts: from the teacher's own embeddings, cut to the width of its table, not from noise."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from limbeck.student.pattern import StaticPattern
from limbeck.student.static import NGRAMS, NUMBERS, TOKENS, StaticConfig, StaticModel, untrained

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SPREAD = 0.3
"""Standard deviation of the numbers of a token, over the whole table."""


def static_start(teacher: "PreTrainedModel", config: StaticConfig, pattern: StaticPattern, *, seed: int) -> StaticModel:
    """Build a static student.

    Tokens start with the principal components of the teacher's embedding table, runs with nothing; projection and head
    start from noise.

    Args:
        teacher: A model of a known family. It is not changed.
        config: The student's; see `pattern.planned_config`.
        pattern: Its tables.
        seed: Where noise comes from.
    """
    torch.manual_seed(seed)
    student = untrained(config)
    with torch.no_grad():
        table: Tensor = teacher.get_input_embeddings().get_parameter("weight").detach().float()[: config.vocab_size]
        student.table(TOKENS).weight.copy_(principal(table, n_columns=config.table_size))
        if pattern.ngram_rows:
            student.table(NGRAMS).weight.zero_()
        if pattern.runs is not None:
            student.get_buffer(NUMBERS).copy_(torch.from_numpy(pattern.runs))
    student.train()
    return student


def principal(table: Tensor, *, n_columns: int) -> Tensor:
    """The principal components of rows, the largest first, all scaled alike.

    Args:
        table: (rows, any number of columns).
        n_columns: How many components; where the table has fewer, zeros follow.

    Returns: (rows, n_columns) of standard deviation 0.3.
    """
    centred = (table - table.mean(dim=0)).double()
    _, directions = torch.linalg.eigh(centred.T @ centred)
    found = centred @ directions.flip(1)[:, :n_columns]
    found = torch.nn.functional.pad(found, (0, n_columns - found.shape[1]))
    spread = found.std().clamp(min=torch.finfo(torch.float32).tiny)
    return (found * (_SPREAD / spread)).float()
