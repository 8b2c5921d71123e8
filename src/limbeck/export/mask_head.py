"""The head of a masked language model: a hidden layer, a norm, and a product with the table that tokens come from.

Where that table is the model's table of embeddings, the file holds it once: rows are looked up from it, and an engine
multiplies with the same numbers. The product is one of floats whatever the scheme, as with all last layers here: a
table of few bits is turned to floats once, when an engine loads the file, which takes memory and no room on disk.

Sources: the hidden layer of Devlin et al. 2019, "BERT", arXiv:1810.04805; one table for both ends of a model, Press and
Wolf 2017, arXiv:1608.05859.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limbeck.export.every_token import by_text
from limbeck.export.families.distilbert import EPSILON
from limbeck.export.graph import Graph, Outputs, Value
from limbeck.export.layers import activation, layer_norm
from limbeck.export.linear import Part, linear
from limbeck.export.tables import whole_table
from limbeck.export.weights import Weights


@dataclass(frozen=True)
class MaskHead:
    """Where a family keeps it.

    Args:
        hidden: The hidden layer.
        norm: The norm behind its activation.
        decoder: The layer that gives the logits; None where there is none, and only a bias stands beside the table.
        bias: The logits' bias.
        activation: Field of the config that names it, or its name.
        epsilon: Field of the config, or the number.
    """

    hidden: str
    norm: str
    decoder: str | None
    bias: str
    activation: str = "hidden_act"
    epsilon: str | float = "layer_norm_eps"


def _in_lm_head(activation: str = "gelu") -> MaskHead:
    return MaskHead("lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.decoder.bias", activation)


_IN_CLS = MaskHead(
    "cls.predictions.transform.dense",
    "cls.predictions.transform.LayerNorm",
    "cls.predictions.decoder",
    "cls.predictions.decoder.bias",
)
_HEADS: Mapping[str, MaskHead] = {
    "albert": MaskHead("predictions.dense", "predictions.LayerNorm", "predictions.decoder", "predictions.decoder.bias"),
    "bert": _IN_CLS,
    "camembert": _in_lm_head(),
    "deberta-v2": _IN_CLS,
    "distilbert": MaskHead(
        "vocab_transform",
        "vocab_layer_norm",
        "vocab_projector",
        "vocab_projector.bias",
        activation="activation",
        epsilon=EPSILON,
    ),
    "electra": MaskHead(
        "generator_predictions.dense",
        "generator_predictions.LayerNorm",
        "generator_lm_head",
        "generator_lm_head.bias",
        activation="gelu",
    ),
    "modernbert": MaskHead(
        "head.dense", "head.norm", "decoder", "decoder.bias", activation="classifier_activation", epsilon="norm_eps"
    ),
    "mpnet": _in_lm_head(),
    "roberta": _in_lm_head(),
    "xlm-roberta": _in_lm_head(),
}
_WITHOUT_DECODER = MaskHead(
    "lm_predictions.lm_head.dense", "lm_predictions.lm_head.LayerNorm", None, "lm_predictions.lm_head.bias"
)
"""Of DeBERTa where its config says `legacy = false`."""


def mask_head_of(config: Any) -> MaskHead:  # noqa: ANN401  (a Hugging Face config)
    """Where a model with this config keeps its head."""
    return _HEADS[config.model_type] if getattr(config, "legacy", True) else _WITHOUT_DECODER


def mask_outputs(graph: Graph, hidden: Value, weights: Weights, config: Any) -> Outputs:  # noqa: ANN401
    """The output of a masked language model: `logits` (batch, sequence, vocabulary).

    Args:
        graph: The graph written to.
        hidden: (B * S, hidden) last states.
        weights: Its parameters.
        config: Its config.
    """
    head = mask_head_of(config)
    epsilon = head.epsilon if isinstance(head.epsilon, float) else float(getattr(config, head.epsilon))
    inner = linear(graph, hidden, weights, [Part(head.hidden)])
    inner = activation(graph, inner, getattr(config, head.activation, head.activation))
    inner = layer_norm(graph, inner, weights, head.norm, epsilon=epsilon)
    if weights.shared_table is None:
        assert head.decoder is not None
        logits = linear(graph, inner, weights, [Part(head.decoder)])
    else:
        bias = [graph.constant(head.bias, weights.array(head.bias))] if weights.has(head.bias) else []
        logits = graph.node("Gemm", inner, whole_table(graph, weights, weights.shared_table), *bias, transB=1)
    n_tokens = int(config.vocab_size)
    return {"logits": (by_text(graph, logits, n_tokens), ("batch", "sequence", n_tokens))}
