"""What stands on an encoder: which models answer, by the end of their class names, and one that transformers lacks.

BertForSequenceClassification and its kin are transformers' own. `SentenceEmbedding` is ours: the encoder's tokens, made
one vector a text as sentence-transformers makes it, under the names that the encoder's parameters have in every model.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from limbeck.encoder import cross_encoder
from limbeck.encoder.families import FAMILIES
from limbeck.encoder.pooling import Pooling
from limbeck.tasks import TASKS
from limbeck.text.kept_tokens import COLUMNS, kept_rows
from limbeck.text.tokens import TokenBatch

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

CLASSES = TASKS["classification"].head
VECTOR = TASKS["embeddings"].head
ENDS = TASKS["question-answering"].head
TAGS = TASKS["token-classification"].head
MASKS = TASKS["fill-mask"].head
_END_COLUMNS = ("start_logits", "end_logits")
PROBLEM_TYPES = {
    "classification": "single_label_classification",
    "multi-label": "multi_label_classification",
    "regression": "regression",
    "reranking": "regression",
}
"""As transformers writes tasks into config.json."""
_POOLING_FIELD = "sentence_pooling"
_LEAST_SHARE = 1e-7
"""Of all other tokens: float32 cannot tell it from nothing."""


def head_of(model: "PreTrainedModel") -> str:
    """The end of a model's class name, from "For" on."""
    name = type(model).__name__
    return name[name.rindex("For") :] if "For" in name else ""


def head_for(config: "PreTrainedConfig") -> str:
    """The head of the model that a config is for; one that names none is a classifier's."""
    if hasattr(config, _POOLING_FIELD):
        return VECTOR
    named = [str(kind) for kind in config.architectures or ()]
    return next((task.head for task in TASKS.values() if any(kind.endswith(task.head) for kind in named)), CLASSES)


def task_of(model: "PreTrainedModel") -> str:
    """What a model answers; see `limbeck.tasks`. A config that does not say so has labels that exclude one another."""
    head = head_of(model)
    if head != CLASSES:
        return next(name for name, task in TASKS.items() if task.head == head)
    if n_outputs(model) == 1:
        return "reranking" if hasattr(model.config, cross_encoder.FIELD) else "regression"
    return next((task for task, name in PROBLEM_TYPES.items() if name == model.config.problem_type), "classification")


def reads_first_token(model: "PreTrainedModel") -> bool:
    """Whether nothing but the first token's last state is looked at."""
    return head_of(model) == CLASSES


def answers_by_token(model: "PreTrainedModel") -> bool:
    """Whether the head gives logits for every token."""
    return head_of(model) in {TAGS, ENDS, MASKS}


def fills_masks(model: "PreTrainedModel") -> bool:
    """Whether these logits are of all tokens of the vocabulary."""
    return head_of(model) == MASKS


def answers_with_ends(model: "PreTrainedModel") -> bool:
    """Whether these logits are the ends of answers."""
    return head_of(model) == ENDS


def gives_logits(model: "PreTrainedModel") -> str | None:
    """The linear layer that gives the logits; None where they are a product with the table of embeddings alone."""
    modules = model.named_modules()
    layers: dict[str, torch.nn.Linear] = {name: one for name, one in modules if isinstance(one, torch.nn.Linear)}
    if not fills_masks(model):
        return str(next(reversed(layers)))
    n_tokens = int(model.config.vocab_size)
    return next((name for name, layer in layers.items() if layer.out_features == n_tokens), None)


def shared_table_of(model: "PreTrainedModel") -> str | None:
    """The parameter that tokens come from and go to, where a masked language model has one for both; else None."""
    if not fills_masks(model):
        return None
    table: Any = model.get_input_embeddings()
    last = gives_logits(model)
    names: list[str] = [f"{name}.weight" for name, module in model.named_modules() if module is table]
    is_shared = last is None or model.get_submodule(last).weight is table.weight
    return names[0] if is_shared else None


def n_outputs(model: "PreTrainedModel") -> int:
    """Numbers of an answer: (n, outputs) are the logits, or what is kept of them (`limbeck.text.kept_tokens`)."""
    config = model.config
    if fills_masks(model):
        return len(COLUMNS)
    return int(config.hidden_size or 0) if head_of(model) == VECTOR else len(config.id2label or {})


def pooling_of(config: "PreTrainedConfig") -> Pooling | None:
    """How a model of the class `VECTOR` makes one vector of a text's tokens; None for other models."""
    told = getattr(config, _POOLING_FIELD, None)
    return None if told is None else Pooling(**told)


def with_pooling(config: "PreTrainedConfig", pooling: Pooling) -> "PreTrainedConfig":
    """The config with this pooling written into it."""
    setattr(config, _POOLING_FIELD, vars(pooling))
    return config


def as_reranker(config: "PreTrainedConfig", activation: str = cross_encoder.NO_ACTIVATION) -> "PreTrainedConfig":
    """The config of a model that sentence-transformers opens as a CrossEncoder.

    Args:
        config: Of a classifier.
        activation: What that puts behind the logits, by the name of a class; no order depends on it.
    """
    if not hasattr(config, cross_encoder.FIELD):
        setattr(config, cross_encoder.FIELD, {"activation_fn": activation})
    return config


def carried(config: "PreTrainedConfig") -> dict[str, Any]:
    """What a config of another shape must say too, so that its model answers in the same way."""
    found = {"id2label": config.id2label, "label2id": config.label2id, "problem_type": config.problem_type}
    own = (_POOLING_FIELD, cross_encoder.FIELD)
    return found | {field: getattr(config, field) for field in own if hasattr(config, field)}


def builder(head: str) -> Any:  # noqa: ANN401  (a class of transformers, which ships no types)
    """The class of transformers that builds and loads models with this head, of any family.

    Args:
        head: As `head_of` gives it, but `VECTOR`.
    """
    import transformers

    return getattr(transformers, f"AutoModel{head}")


def reader_of(config: "PreTrainedConfig", head: str) -> Any:  # noqa: ANN401  (a class of transformers, or one like it)
    """What has the `from_pretrained` of models with such a head.

    Args:
        config: Of a known family.
        head: As `head_of` gives it.
    """
    return _vector_class(config) if head == VECTOR else builder(head)


def untrained(config: "PreTrainedConfig", head: str, *, attention: str = "eager") -> "PreTrainedModel":
    """A model that starts from PyTorch's current random state.

    Args:
        config: Of a known family.
        head: As `head_of` gives it.
        attention: "eager" for training, which chooses by itself where it can (`limbeck.distill.attention`).
    """
    reader = reader_of(config, head)
    build = reader._from_config if head == VECTOR else reader.from_config  # noqa: SLF001
    return build(config, attn_implementation=attention)  # type: ignore[no-any-return]


def _vector_class(config: "PreTrainedConfig") -> Any:  # noqa: ANN401
    import transformers

    return _sentence_embedding(transformers.AutoModel._model_mapping[type(config)])  # noqa: SLF001  (its one table)


@cache
def _sentence_embedding(encoder: Any) -> Any:  # noqa: ANN401  (classes of transformers)
    """BertModel -> BertForSentenceEmbedding."""
    from transformers.modeling_outputs import SequenceClassifierOutput

    parent = next(kind for kind in encoder.__mro__ if kind.__name__.endswith("PreTrainedModel"))
    options = {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(encoder).parameters else {}

    def build(self: Any, config: "PreTrainedConfig") -> None:  # noqa: ANN401
        parent.__init__(self, config)
        setattr(self, self.base_model_prefix, encoder(config, **options))
        self.post_init()

    def forward(self: Any, attention_mask: Tensor, **inputs: Any) -> SequenceClassifierOutput:  # noqa: ANN401
        found = self.base_model(attention_mask=attention_mask, **inputs)
        pooling = pooling_of(self.config)
        assert pooling is not None
        vectors = pooled(found.last_hidden_state, attention_mask, pooling)
        return SequenceClassifierOutput(
            logits=vectors, hidden_states=found.hidden_states, attentions=getattr(found, "attentions", None)
        )

    name = encoder.__name__.removesuffix("Model") + VECTOR
    members = {"__init__": build, "forward": forward, "__module__": __name__, "__doc__": "Tokens, pooled to a vector."}
    return type(name, (parent,), members)


def pooled(tokens: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """One vector a text.

    Args:
        tokens: (texts, tokens, hidden) last states.
        mask: (texts, tokens) 1 for tokens, 0 for padding.
        pooling: How.

    Returns: (texts, hidden), in the precision of the tokens.

    Source: Reimers and Gurevych 2019, "Sentence-BERT", arXiv:1908.10084, section 3.
    """
    if pooling.mode == "cls":
        found = tokens[:, 0]
    elif pooling.mode == "max":
        found = tokens.masked_fill(mask[..., None] == 0, torch.finfo(tokens.dtype).min).amax(dim=1)
    else:
        counts = mask.sum(dim=1, keepdim=True).to(tokens.dtype)
        found = (tokens * mask[..., None].to(tokens.dtype)).sum(dim=1) / counts
    return torch.nn.functional.normalize(found, dim=-1) if pooling.normalize else found


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


def told_in(output: Any, batch: TokenBatch) -> Tensor:  # noqa: ANN401  (what a model's forward gives)
    """The logits that count, on the processor in float32; or what is kept of them, where tokens are hidden.

    Args:
        output: As for `answers_in`.
        batch: What was answered.
    """
    found = answers_in(output, batch).float().cpu()
    return found if batch.hidden is None else torch.from_numpy(kept_rows(found.numpy(), batch.hidden))


@contextmanager
def asked_about(model: "PreTrainedModel", batch: TokenBatch | None) -> Iterator[None]:
    """Within, the head of a masked language model reads the hidden tokens of a batch and no others.

    Its logits are (hidden, vocabulary) then. Nothing changes where no tokens are hidden.

    Args:
        model: Of a known family.
        batch: What it is about to be asked; None for what hides nothing.
    """
    if batch is None or batch.hidden is None or not fills_masks(model):
        yield
        return
    first = model.get_submodule(FAMILIES[model.config.model_type].mask_head(model.config))
    places = torch.from_numpy(np.ascontiguousarray(batch.answering)).to(model.device)
    hook = first.register_forward_pre_hook(
        lambda _module, given: (given[0].reshape(-1, given[0].shape[-1])[places], *given[1:])
    )
    try:
        yield
    finally:
        hook.remove()


def among(logits: Tensor, tokens: Tensor) -> Tensor:
    """Logarithms of the probabilities of some tokens, and of that of all others together, as the last column.

    Args:
        logits: (hidden, vocabulary).
        tokens: (hidden, some) different ids in each row.

    Returns: (hidden, some + 1) float32; its softmax is what it stands for.
    """
    shares = torch.log_softmax(logits.float(), dim=-1)
    chosen = shares.gather(1, tokens)
    others = (-torch.expm1(torch.logsumexp(chosen, dim=1, keepdim=True))).clamp(min=_LEAST_SHARE).log()
    return torch.cat([chosen, others], dim=1)


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
