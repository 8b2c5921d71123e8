"""The static student: what it knows of each token and of runs of tokens, averaged; no token looks at another.

    average(e, w) = sum over i of exp(w_i) * e_i / sum over i of exp(w_i)
    sentence      = projection(average over tokens + average over runs of 2 and 3 tokens)
    logits        = classifier(gelu(sentence))

Tokens and runs have a vector e and a weight w each, both learned; runs find theirs by hashing. `sentence` is as wide as
the teacher's hidden states and learns to lie where its first token's last state lies. One text costs a few thousand
multiplications: tokenizing it takes longer.

Sources: Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods for Text Classification", ACL, P15-1162
(averages and a hidden layer); Arora et al. 2017, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", ICLR
(weighted averages, there by frequency); Joulin et al. 2017, arXiv:1607.01759 (runs of words).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from limbeck.families import STATIC
from limbeck.student.ngrams import LONGEST, rows_of, shifted

TOKENS, NGRAMS = "tokens", "ngrams"
LEAST_WEIGHT = 1e-6
"""Averages of nothing are divided by it."""
_DROPOUT = 0.1


class StaticConfig(PreTrainedConfig):
    """The numbers of a static student, as config.json holds them.

    Args:
        vocab_size: Rows of the token table.
        table_size: Numbers that a token and a run have.
        ngram_rows: Rows of the table of runs; 0 for none.
        hidden_size: Width of the sentence vector: the teacher's.
        pad_token_id: The teacher's.
        **other: What every config has, such as labels.
    """

    model_type = STATIC
    num_hidden_layers = 0
    num_attention_heads = 0
    intermediate_size = 0
    hidden_act = "gelu"

    def __init__(
        self,
        vocab_size: int = 30522,
        table_size: int = 128,
        ngram_rows: int = 65536,
        hidden_size: int = 384,
        pad_token_id: int | None = 0,
        **other: Any,
    ) -> None:
        self.vocab_size, self.table_size, self.ngram_rows = vocab_size, table_size, ngram_rows
        self.hidden_size = hidden_size
        self.pad_token_id = pad_token_id
        super().__init__(**other)


class StaticForSequenceClassification(PreTrainedModel):
    """A static student with a head: single-label, multi-label or a number, as its config says.

    Args:
        config: Its numbers.
    """

    config_class = StaticConfig
    base_model_prefix = "static"

    def __init__(self, config: StaticConfig) -> None:
        super().__init__(config)
        n_rows = {TOKENS: config.vocab_size} | ({NGRAMS: config.ngram_rows} if config.ngram_rows else {})
        self.embeddings = nn.ModuleDict({name: nn.Embedding(n, config.table_size) for name, n in n_rows.items()})
        self.log_weights = nn.ParameterDict({name: nn.Parameter(torch.zeros(n)) for name, n in n_rows.items()})
        self.dropout = nn.Dropout(_DROPOUT)
        self.projection = nn.Linear(config.table_size, config.hidden_size)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        *,
        output_hidden_states: bool = False,
        **_unread: Any,
    ) -> SequenceClassifierOutput:
        """Answer a batch.

        Args:
            input_ids: (texts, tokens) int64.
            attention_mask: (texts, tokens), 1 for tokens, padding behind them.
            output_hidden_states: Also give the sentence vectors, as the one hidden state of one token: (texts, 1,
                hidden), behind the projection.
        """
        averaged = weighted_average(self.embeddings[TOKENS], self.log_weights[TOKENS], input_ids, attention_mask)
        if NGRAMS in self.embeddings:
            lengths = range(2, LONGEST + 1)
            n_rows = self.config.ngram_rows
            runs = torch.cat([rows_of(input_ids, length=length, n_rows=n_rows) for length in lengths], dim=1)
            ends = torch.cat([shifted(attention_mask, length - 1) for length in lengths], dim=1)
            averaged = averaged + weighted_average(self.embeddings[NGRAMS], self.log_weights[NGRAMS], runs, ends)
        sentence = self.projection(self.dropout(averaged))
        logits = self.classifier(functional.gelu(sentence))
        states = (sentence[:, None],) if output_hidden_states else None
        return SequenceClassifierOutput(logits=logits, hidden_states=states)

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: weights are read from a folder or set by `static_start`."""


def weighted_average(table: nn.Module, log_weights: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
    """The weighted average of the rows of each text; zeros where nothing counts.

    Args:
        table: (rows, columns); an embedding, or one whose rows are rounded as they are looked up.
        log_weights: (rows,).
        ids: (texts, tokens) int64.
        mask: (texts, tokens), 1 where a row counts.

    Returns: (texts, columns).
    """
    weights = functional.embedding(ids, log_weights[:, None])[..., 0].exp() * mask
    if type(table) is nn.Embedding:  # sums without laying all rows of all texts side by side
        is_counted = mask.bool()
        counts = is_counted.sum(dim=1)
        summed = functional.embedding_bag(
            ids[is_counted],
            table.weight,
            counts.cumsum(0) - counts,
            mode="sum",
            per_sample_weights=weights[is_counted],
        )
    else:
        summed = (weights[:, None] @ table(ids))[:, 0]
    averaged: Tensor = summed / weights.sum(dim=1, keepdim=True).clamp(min=LEAST_WEIGHT)
    return averaged
