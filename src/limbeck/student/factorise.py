"""Factorised embeddings: one wide table becomes a narrow one and a matrix that widens it, for families that have both.

ELECTRA and ALBERT add the word's, the place's and the segment's rows, norm the sum, and widen it. With T all rows, each
less its own mean (which the norm takes away), the truncated singular value decomposition

    T = U S V^T,   narrow rows = U S B^T,   widening = W diag(gamma) V B^T sqrt(old / new)

gives the same sums, as B, an orthonormal basis of vectors whose numbers sum to zero, leaves the norm nothing to take
away, and lengths stay as they were. At full rank the hidden states are equal but for rounding and the norm's epsilon.

A BERT has no place for the widening matrix. It becomes an ALBERT whose layers share nothing (as many groups as layers):
the same blocks and the same head under other names.

Source: factorised tables, Lan et al. 2020, "ALBERT", arXiv:1909.11942, section 3.1; the best ones of a rank, Eckart and
Young 1936, doi:10.1007/BF02288367.
"""

import math
import re
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from limbeck.errors import RecipeError
from limbeck.recipe.student import StudentTable

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

WIDENING = {"electra": "electra.embeddings_project", "albert": "albert.encoder.embedding_hidden_mapping_in"}
OTHERWISE_ALBERT = "bert"
"""The family that becomes an ALBERT."""
_BLOCK = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.dense",
    "attention.output.LayerNorm": "attention.LayerNorm",
    "intermediate.dense": "ffn",
    "output.dense": "ffn_output",
    "output.LayerNorm": "full_layer_layer_norm",
}
_IN_BLOCK = re.compile(r"^bert\.encoder\.layer\.(\d+)\.(.+)\.(weight|bias)$")
_SAME_SETTINGS = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"),
    *("hidden_dropout_prob", "attention_probs_dropout_prob", "max_position_embeddings", "type_vocab_size"),
    *("initializer_range", "layer_norm_eps", "pad_token_id", "bos_token_id", "eos_token_id", "id2label", "label2id"),
    "problem_type",
)
_TABLES = ("word_embeddings", "position_embeddings", "token_type_embeddings")


def refuse_unfactorisable(config: "PreTrainedConfig", wanted: StudentTable) -> None:
    """Refuse families without a place for the widening matrix, and tables that would not be narrower.

    Args:
        config: The teacher's.
        wanted: The recipe's student table, with an embedding size.

    Raises:
        RecipeError: Either.
    """
    if config.model_type not in (*WIDENING, OTHERWISE_ALBERT):
        raise RecipeError(
            f"student.embedding_size cannot be had for the family {config.model_type!r}, whose embeddings are as wide "
            "as its layers.",
            hint=f"It can for {', '.join((*WIDENING, OTHERWISE_ALBERT))}; fewer layers can be had for every family.",
        )
    own = int(wanted.hidden_size or config.hidden_size or 0)
    if config.model_type in WIDENING:
        own = min(own, int(config.embedding_size))
    size = wanted.embedding_size or own
    if not 2 <= size <= own:
        raise RecipeError(
            f"student.embedding_size = {size}, but the teacher's is {own}.", hint=f"Choose 2 to {own}, best a fraction."
        )
    if config.model_type == "electra" and size == config.hidden_size:
        raise RecipeError(
            f"student.embedding_size = {size} is the hidden size, where ELECTRA has no widening matrix.",
            hint="Leave it out, or choose a smaller one.",
        )


def albert_config(config: "PreTrainedConfig", *, embedding_size: int) -> "PreTrainedConfig":
    """The config of an ALBERT that computes as this BERT does, with factorised embeddings.

    Args:
        config: A BERT's. It is not changed.
        embedding_size: Width of the tables.
    """
    from transformers import AutoConfig

    dropout = config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout
    return AutoConfig.for_model(
        "albert",
        **{name: getattr(config, name) for name in _SAME_SETTINGS},
        num_hidden_groups=config.num_hidden_layers,
        inner_group_num=1,
        embedding_size=embedding_size,
        classifier_dropout_prob=dropout,
    )


def as_albert(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A BERT's weights under the names that an ALBERT has for them; its embeddings are still to be factorised.

    Args:
        weights: Of a BertForSequenceClassification, by name.
    """
    renamed = {}
    for name, tensor in weights.items():
        found = _IN_BLOCK.match(name)
        if found is not None:
            new = f"albert.encoder.albert_layer_groups.{found[1]}.albert_layers.0.{_BLOCK[found[2]]}.{found[3]}"
        else:
            new = name.replace("bert.pooler.dense.", "albert.pooler.").replace("bert.embeddings.", "albert.embeddings.")
        renamed[new] = tensor
    return renamed


def factorised(weights: dict[str, Tensor], *, model_type: str, embedding_size: int) -> dict[str, Tensor]:
    """Narrower embedding tables, and the widening matrix that goes with them.

    Args:
        weights: A model's weights by name. They are not changed.
        model_type: "electra" or "albert".
        embedding_size: The new width, smaller than the old one or equal.

    Returns: All weights, those of the embeddings replaced.
    """
    prefix, widening = f"{model_type}.embeddings.", WIDENING[model_type]
    names = [f"{prefix}{table}.weight" for table in _TABLES]
    tables = [weights[name].double() for name in names]
    old = tables[0].shape[1]
    gamma, beta = (weights[f"{prefix}LayerNorm.{part}"].double() for part in ("weight", "bias"))
    matrix = weights[f"{widening}.weight"].double() if f"{widening}.weight" in weights else torch.eye(old).double()
    bias = weights[f"{widening}.bias"].double() if f"{widening}.bias" in weights else torch.zeros(old).double()
    rows = torch.cat([table - table.mean(dim=1, keepdim=True) for table in tables])
    # V from the small Gram matrix: the tables have tens of thousands of rows and hundreds of columns.
    _, vectors = torch.linalg.eigh(rows.T @ rows)
    rank = min(embedding_size - 1, old - 1)
    kept = vectors.flip(1)[:, :rank]
    balanced = _balanced(embedding_size)[:, :rank]
    narrow = (rows @ kept @ balanced.T).split([len(table) for table in tables])
    wide = matrix @ (gamma[:, None] * kept) @ balanced.T * math.sqrt(old / embedding_size)
    changed = dict(zip(names, narrow, strict=True)) | {
        f"{prefix}LayerNorm.weight": torch.ones(embedding_size),
        f"{prefix}LayerNorm.bias": torch.zeros(embedding_size),
        f"{widening}.weight": wide,
        f"{widening}.bias": matrix @ beta + bias,
    }
    return weights | {name: tensor.float() for name, tensor in changed.items()}


def _balanced(size: int) -> Tensor:
    """(size, size - 1): an orthonormal basis of the vectors whose numbers sum to zero (Helmert's)."""
    columns = []
    for k in range(1, size):
        column = torch.zeros(size, dtype=torch.float64)
        column[:k], column[k] = 1.0, -float(k)
        columns.append(column / math.sqrt(k * (k + 1)))
    return torch.stack(columns, dim=1)
