"""The encoder families that limbeck knows: where their layers live and how a config counts them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


@dataclass(frozen=True)
class Family:
    """What sets one family's models apart, as far as taking layers over goes.

    Args:
        model_type: The name in config.json.
        layers_prefix: Start of a layer's parameter names, before its number; None where all layers share one set.
        count_field: The config field that counts the layers.
        keeps_first: The first layer differs from the rest (ModernBERT has no norm there), so a student starts with it.
        behind_attention: The module of a layer that takes what attention found, token by token; None where the layers
            share one set of weights or the residual goes around it.
        queries_keys_values: The linear layers of a layer that make them, in this order; one name where they are one
            layer, none where layers share one set of weights.
        last_norm: Name of the norm behind the last layer, where layers themselves do not end with one.
        last_query: In the exported graph, the last layer's module that reads first tokens only.
        last_keys: In the exported graph, the last layer's modules that are multiplied as floats (see
            `export.attention.attend_from_first`).
        mask_heads: The first module of a masked language model's head, which reads the last states; of DeBERTa also
            the one that stands there where its config says `legacy = false`.
    """

    model_type: str
    layers_prefix: str | None
    count_field: str = "num_hidden_layers"
    keeps_first: bool = False
    behind_attention: str | None = None
    queries_keys_values: tuple[str, ...] = ()
    last_norm: str | None = None
    last_query: str | None = None
    last_keys: tuple[str, ...] = ()
    mask_heads: tuple[str, ...] = ("cls",)

    def mask_head(self, config: "PreTrainedConfig") -> str:
        """The one of `mask_heads` that a model with this config has."""
        return self.mask_heads[0] if getattr(config, "legacy", True) else self.mask_heads[-1]


STATIC = "static"
"""Students without layers (`student.static`)."""


def _like_bert(model_type: str, layers_prefix: str, mask_head: str) -> Family:
    query, key, value = names = ("attention.self.query", "attention.self.key", "attention.self.value")
    return Family(
        model_type,
        layers_prefix,
        behind_attention="attention.output",
        queries_keys_values=names,
        last_query=query,
        last_keys=(key, value),
        mask_heads=(mask_head,),
    )


FAMILIES: Mapping[str, Family] = {
    family.model_type: family
    for family in (
        _like_bert("bert", "bert.encoder.layer.", "cls"),
        _like_bert("roberta", "roberta.encoder.layer.", "lm_head"),
        _like_bert("xlm-roberta", "roberta.encoder.layer.", "lm_head"),
        _like_bert("camembert", "roberta.encoder.layer.", "lm_head"),
        _like_bert("electra", "electra.encoder.layer.", "generator_predictions"),
        Family(
            "distilbert",
            "distilbert.transformer.layer.",
            count_field="n_layers",
            behind_attention="sa_layer_norm",
            queries_keys_values=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
            mask_heads=("vocab_transform",),
            last_query="attention.q_lin",
            last_keys=("attention.k_lin", "attention.v_lin"),
        ),
        Family(
            "mpnet",
            "mpnet.encoder.layer.",
            behind_attention="attention.LayerNorm",
            queries_keys_values=("attention.attn.q", "attention.attn.k", "attention.attn.v"),
            mask_heads=("lm_head",),
            last_query="attention.attn.q",
            last_keys=("attention.attn.k", "attention.attn.v"),
        ),
        Family("albert", None, mask_heads=("predictions",)),
        Family(STATIC, None),
        Family(
            "deberta-v2",
            "deberta.encoder.layer.",
            behind_attention="attention.output",
            queries_keys_values=tuple(f"attention.self.{name}_proj" for name in ("query", "key", "value")),
            mask_heads=("cls", "lm_predictions"),
            last_query="attention.self.query_proj",
        ),
        Family(
            "modernbert",
            "model.layers.",
            keeps_first=True,
            queries_keys_values=("attn.Wqkv",),
            mask_heads=("head",),
            last_norm="model.final_norm",
        ),
    )
}

ENCODERS = tuple(name for name in FAMILIES if name != STATIC)
"""Families that a student can be made from."""
POSITIONS_BEHIND_PADDING = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet"})
"""Families that count positions from the padding's id, so that tables start behind it and the id may not move."""


REFUSED: Mapping[str, str] = {
    "deberta": "DeBERTa v1 keeps queries, keys and values in one matrix of another layout; v2 and v3 are supported",
    "funnel": "it shortens the sequence between its blocks, so its layers cannot be taken over one by one",
    "longformer": "its attention windows have no counterpart in the exported graph",
    "big_bird": "its random attention blocks have no counterpart in the exported graph",
    "xlnet": "it is autoregressive with two streams of attention",
    "gpt2": "it is a decoder, and limbeck distils encoders",
    "llama": "it is a decoder, and limbeck distils encoders",
    "mistral": "it is a decoder, and limbeck distils encoders",
    "qwen2": "it is a decoder, and limbeck distils encoders",
    "t5": "it is an encoder with a decoder, and limbeck distils encoders",
    STATIC: "it is a student without layers, and there is nothing in it to take over",
    "bart": "it is an encoder with a decoder, and limbeck distils encoders",
}


def layer_count(config: "PreTrainedConfig") -> int:
    """Layers of a model of a known family."""
    return int(getattr(config, FAMILIES[config.model_type].count_field))


def refusal(config: Mapping[str, Any]) -> str | None:
    """Why a model with this config.json cannot be a teacher, as half a sentence; None when its family is known."""
    model_type = config.get("model_type")
    if model_type in ENCODERS:
        return None
    known = ", ".join(ENCODERS)
    if model_type is None:
        return f"its config.json names no model_type (known are {known})"
    return f"{REFUSED.get(str(model_type), 'its family is unknown to limbeck')} (known are {known})"
