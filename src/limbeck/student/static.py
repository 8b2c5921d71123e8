"""The static student: what it knows of each token and of runs of tokens, averaged; no token looks at another.

    average(e, w) = sum over i of exp(w_i) * e_i / sum over i of exp(w_i)
    sentence      = projection(average over tokens + average over known runs of tokens)
    logits        = classifier(gelu(sentence)); or the sentence itself, where vectors are asked for

Tokens and the runs that training texts hold most often have a vector e and a weight w each, both learned. `sentence` is
as wide as the teacher's hidden states and learns to lie where its first token's last state lies. A text costs some ten
thousand multiplications: tokenizing it takes longer.

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

from limbeck.encoder import heads
from limbeck.encoder.families import STATIC
from limbeck.student.ngrams import NOBODY, numbers_of, shifted

TOKENS, NGRAMS, NUMBERS = "tokens", "ngrams", "ngram_numbers"
LEAST_WEIGHT = 1e-6
"""Averages of nothing are divided by it."""
_DROPOUT = 0.1


class StaticConfig(PreTrainedConfig):
    """The numbers of a static student, as config.json holds them.

    Args:
        vocab_size: Rows of the token table.
        table_size: Numbers that a token and a run have.
        ngram_rows: Rows of the table of runs; 0 for none.
        longest_ngram: Tokens of the longest run.
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
        *,
        vocab_size: int = 30522,
        table_size: int = 128,
        ngram_rows: int = 65536,
        longest_ngram: int = 2,
        hidden_size: int = 384,
        pad_token_id: int | None = 0,
        **other: Any,  # noqa: ANN401  (a config's other fields)
    ) -> None:
        self.vocab_size, self.table_size, self.ngram_rows = vocab_size, table_size, ngram_rows
        self.longest_ngram, self.hidden_size = longest_ngram, hidden_size
        self.pad_token_id = pad_token_id
        super().__init__(**other)


class StaticModel(PreTrainedModel):
    """What static students share: texts become sentence vectors.

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
        if config.ngram_rows:
            nobody = torch.full((config.ngram_rows,), NOBODY, dtype=torch.int32)
            self.register_buffer(NUMBERS, nobody)
        self.dropout = nn.Dropout(_DROPOUT)
        self.projection = nn.Linear(config.table_size, int(config.hidden_size or 0))

    def sentences(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(texts, hidden), of ids and mask as `forward` takes them."""
        averaged = weighted_average(self.embeddings[TOKENS], self.log_weights[TOKENS], input_ids, attention_mask)
        if NGRAMS in self.embeddings:
            rows, is_known = self._known_runs(input_ids, attention_mask)
            averaged = averaged + weighted_average(self.embeddings[NGRAMS], self.log_weights[NGRAMS], rows, is_known)
        found: Tensor = self.projection(self.dropout(averaged))
        return found

    def table(self, name: str) -> nn.Embedding:
        """The table of tokens, or of runs."""
        found = self.embeddings[name]
        assert isinstance(found, nn.Embedding)
        return found

    def _known_runs(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """The row of the run that starts at each token, and whether that run has it; runs by length, side by side."""
        lengths = range(2, self.config.longest_ngram + 1)
        numbers = torch.cat([numbers_of(input_ids, length=length) for length in lengths], dim=1)
        ends = torch.cat([shifted(attention_mask, length - 1) for length in lengths], dim=1)
        rows = numbers % self.config.ngram_rows
        return rows, ends * (self.get_buffer(NUMBERS)[rows] == numbers)

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: weights are read from a folder or set by `static_start`."""


class StaticForSequenceClassification(StaticModel):
    """A static student that answers texts: single-label, multi-label or a number, as its config says.

    Args:
        config: Its numbers.
    """

    def __init__(self, config: StaticConfig) -> None:
        super().__init__(config)
        self.classifier = nn.Linear(self.projection.out_features, config.num_labels or 0)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        *,
        output_hidden_states: bool = False,
        **_unread: object,
    ) -> SequenceClassifierOutput:
        """Answer a batch.

        Args:
            input_ids: (texts, tokens) int64.
            attention_mask: (texts, tokens), 1 for tokens, padding behind them.
            output_hidden_states: Also give the sentence vectors, as the one hidden state of one token: (texts, 1,
                hidden), behind the projection.
        """
        sentence = self.sentences(input_ids, attention_mask)
        logits = self.classifier(functional.gelu(sentence))
        states = (sentence[:, None],) if output_hidden_states else None
        return SequenceClassifierOutput(logits=logits, hidden_states=states)


class StaticForSentenceEmbedding(StaticModel):
    """A static student whose answers are its sentence vectors, of length 1 where its teacher's are."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_unread: object) -> SequenceClassifierOutput:
        """Give the vectors of a batch as logits: (texts, hidden)."""
        sentence = self.sentences(input_ids, attention_mask)
        pooling = heads.pooling_of(self.config)
        assert pooling is not None
        return SequenceClassifierOutput(
            logits=functional.normalize(sentence, dim=-1) if pooling.normalize else sentence
        )


def untrained(config: StaticConfig) -> StaticModel:
    """A static student with the head that its config is for, from PyTorch's current random state."""
    is_vector = heads.head_for(config) == heads.VECTOR
    return (StaticForSentenceEmbedding if is_vector else StaticForSequenceClassification)(config)


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
