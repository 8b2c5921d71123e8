"""How many multiply-adds the exported graph of a model takes for a text, counted from its layers' shapes.

Counted are the products: linear layers, queries with keys, weights with values. Looking up embeddings multiplies
nothing; norms, activations and softmaxes are small beside the products and left out. With H hidden numbers, N heads and
A = N x head size, a layer whose linear layers hold W weights takes for a text of S tokens

    S W + 2 S^2 A          and 2 S^2 A more for each way that DeBERTa asks about distance

Where only the first token of the last layer is read, that layer takes less; with W = W_query + W_key + W_value + W_rest

    W + 2 S N H                                          keys and values multiplied last (`attention.attend_from_first`)
    W_query + W_rest + S (W_key + W_value) + 2 S A       ModernBERT and DeBERTa, and S A for each way to ask
    W_rest + S (W_query + W_key + W_value) + 2 S^2 A     ALBERT, whose layers share their weights

A static student with rows of T numbers, and runs of up to L tokens, takes S L T and what its projection and head weigh.

Source: products counted as in Kaplan et al. 2020, arXiv:2001.08361, section 2.1, here with attention and exactly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from limbeck.encoder import heads
from limbeck.encoder.families import FAMILIES, STATIC, layer_count
from limbeck.export.families.deberta_v2 import asks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_QUERIES_KEYS_VALUES = ("attention.query", "attention.key", "attention.value")
"""Of ALBERT, whose layers have no numbers of their own."""
_OF_DISTANCES = ("pos_key_proj", "pos_query_proj")
"""Layers that are multiplied when the graph is written."""
_WIDENING = ("embeddings_project", "embedding_hidden_mapping_in")


@dataclass(frozen=True)
class MultiplyAdds:
    """Multiply-adds of one text of S tokens: a text's + S x a token's + S^2 x a pair of tokens'."""

    text: int = 0
    token: int = 0
    pair: int = 0

    def of(self, lengths: Sequence[int]) -> int:
        """Of texts of these lengths in tokens, without padding, all together."""
        sizes = np.asarray(lengths, np.int64)
        return self.text * len(sizes) + self.token * int(sizes.sum()) + self.pair * int((sizes**2).sum())

    def __add__(self, other: "MultiplyAdds") -> "MultiplyAdds":
        return MultiplyAdds(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True)
class _Layer:
    """A layer's weights by what they do, and the sizes of its attention."""

    query: int
    key_value: int
    rest: int
    attention: int
    head_reads: int
    n_asks: int

    def whole(self) -> MultiplyAdds:
        """All tokens ask and are asked."""
        all_weights = self.query + self.key_value + self.rest
        return MultiplyAdds(token=all_weights, pair=(2 + 2 * self.n_asks) * self.attention)

    def from_first(self) -> MultiplyAdds:
        """Only the first token asks; keys and values are multiplied last."""
        return MultiplyAdds(text=self.query + self.key_value + self.rest, token=2 * self.head_reads)

    def asked_by_first(self) -> MultiplyAdds:
        """Only the first token asks; keys and values are made of all."""
        return MultiplyAdds(text=self.query + self.rest, token=self.key_value + (2 + self.n_asks) * self.attention)

    def read_at_first(self) -> MultiplyAdds:
        """All tokens ask, and what comes behind is computed for the first one."""
        return MultiplyAdds(text=self.rest, token=self.query + self.key_value, pair=2 * self.attention)


def multiply_adds(model: "PreTrainedModel") -> MultiplyAdds:
    """What answering one text takes; see the head of this file.

    Args:
        model: Of a family that can be written; of its weights only the shapes count.
    """
    if model.config.model_type == STATIC:
        return _static(model)
    layers = [_layer(layer, model.config) for layer in _layers(model)]
    total = MultiplyAdds()
    for layer in layers[:-1]:
        total += layer.whole()
    total += _last(layers[-1], model)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and name.endswith(_WIDENING):
            total += MultiplyAdds(token=module.weight.numel())
    behind = _head(model)
    return total + (MultiplyAdds(token=behind) if heads.answers_by_token(model) else MultiplyAdds(text=behind))


def _static(model: "PreTrainedModel") -> MultiplyAdds:
    """Rows are multiplied by their weights; one starts at each token for each length of runs, known or not."""
    config: Any = model.config
    n_rows = config.longest_ngram if config.ngram_rows else 1
    behind = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Linear))
    return MultiplyAdds(text=behind, token=n_rows * config.table_size)


def _last(layer: _Layer, model: "PreTrainedModel") -> MultiplyAdds:
    """The last layer, as far as anything reads it."""
    config = model.config
    reads_first = heads.reads_first_token(model) and getattr(config, "classifier_pooling", "cls") == "cls"
    if not reads_first:
        return layer.whole()
    if config.model_type == "albert" and config.num_hidden_groups * config.inner_group_num < _n_blocks(config):
        return layer.read_at_first()
    if config.model_type == "modernbert" or layer.n_asks:
        return layer.asked_by_first()
    return layer.from_first()


def _head(model: "PreTrainedModel") -> int:
    """Weights behind the layers, which a text meets once, or each token where all are answered; a vector has none."""
    if heads.head_of(model) == heads.VECTOR:
        return 0
    inner = {id(module) for layer in _layers(model) for module in layer.modules()}
    return _beside_layers(model) + sum(
        module.weight.numel()
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and id(module) not in inner and not name.endswith(_WIDENING)
    )


def _beside_layers(model: "PreTrainedModel") -> int:
    """The table of embeddings, where a head multiplies with it and has no layer of its own for that."""
    if not heads.fills_masks(model) or heads.gives_logits(model) is not None:
        return 0
    return sum(parameter.numel() for parameter in model.get_input_embeddings().parameters())


def _layers(model: "PreTrainedModel") -> Iterator[nn.Module]:
    """The layers in their order; ALBERT's as often as they are gone through."""
    config: Any = model.config
    prefix = FAMILIES[config.model_type].layers_prefix
    for index in range(layer_count(config)):
        if prefix is not None:
            yield model.get_submodule(f"{prefix}{index}")
            continue
        group = int(index / (config.num_hidden_layers / config.num_hidden_groups))
        yield from model.get_submodule(f"albert.encoder.albert_layer_groups.{group}.albert_layers").children()


def _n_blocks(config: Any) -> int:  # noqa: ANN401  (a Hugging Face config)
    return int(config.num_hidden_layers * config.inner_group_num)


def _layer(layer: nn.Module, config: Any) -> _Layer:  # noqa: ANN401  (a Hugging Face config)
    names = FAMILIES[config.model_type].queries_keys_values or _QUERIES_KEYS_VALUES
    n_parts = 3 // len(names)  # one layer may hold all three
    first = layer.get_submodule(names[0])
    assert isinstance(first, nn.Linear)
    attention = first.out_features // n_parts
    weights = {
        name: module.weight.numel()
        for name, module in layer.named_modules()
        if isinstance(module, nn.Linear) and not name.endswith(_OF_DISTANCES)
    }
    query = weights[names[0]] // n_parts
    key_value = sum(weights[name] for name in names) - query
    return _Layer(
        query=query,
        key_value=key_value,
        rest=sum(weights.values()) - query - key_value,
        attention=attention,
        head_reads=int(config.num_attention_heads) * first.in_features,
        n_asks=len(asks(config)) if config.model_type == "deberta-v2" else 0,
    )
