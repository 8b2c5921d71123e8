"""Which part of a model a tensor belongs to: of every family and head, so that no byte stands under the wrong name."""

import pytest

from limbeck.encoder.families import ENCODERS
from limbeck.encoder.parts import ATTENTION, EMBEDDING, FEED_FORWARD, HEAD, OTHER, part_of
from tiny import FAMILIES

HEADS = ("SequenceClassification", "MaskedLM", "QuestionAnswering", "TokenClassification")
BETWEEN_PARTS = {"deberta.encoder.LayerNorm.weight", "deberta.encoder.LayerNorm.bias", "model.final_norm.weight"}
"""Norms that stand between two parts and belong to neither."""


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("bert.embeddings.LayerNorm.weight", EMBEDDING),
        ("bert.encoder.layer.0.attention.output.dense.weight", ATTENTION),  # not the "output" of the feed-forward part
        ("bert.encoder.layer.0.output.dense.weight", FEED_FORWARD),
        ("bert.pooler.dense.weight", HEAD),
        ("distilbert.transformer.layer.1.sa_layer_norm.bias", ATTENTION),
        ("distilbert.transformer.layer.1.ffn.lin1.weight", FEED_FORWARD),
        ("electra.embeddings_project.weight", EMBEDDING),  # what widens a factorised table
        ("albert.encoder.embedding_hidden_mapping_in.weight", EMBEDDING),
        ("albert.encoder.albert_layer_groups.0.albert_layers.0.full_layer_layer_norm.weight", FEED_FORWARD),
        ("mpnet.encoder.relative_attention_bias.weight", ATTENTION),
        ("deberta.encoder.rel_embeddings.weight", EMBEDDING),
        ("model.layers.2.attn.Wqkv.weight", ATTENTION),
        ("model.layers.2.mlp_norm.weight", FEED_FORWARD),
        ("embeddings.ngrams.weight", EMBEDDING),
        ("log_weights.tokens", EMBEDDING),
        ("projection.weight", HEAD),
        ("something.of.another.family", OTHER),
    ],
)
def test_names_by_hand(name: str, part: str) -> None:
    """A failure would tell a reader to quantize the wrong part."""
    assert part_of(name) == part


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("head", HEADS)
def test_every_tensor_of_every_family_has_a_part(family: str, head: str) -> None:
    """A family whose names changed would show all its bytes as "other weights"."""
    import torch
    import transformers

    config = transformers.AutoConfig.for_model(family, vocab_size=90, **FAMILIES[family])
    with torch.device("meta"):
        model = getattr(transformers, f"AutoModelFor{head}").from_config(config)
    found = {name: part_of(name) for name in model.state_dict()}
    assert {name for name, part in found.items() if part == OTHER} <= BETWEEN_PARTS
    assert set(found.values()) >= {EMBEDDING, ATTENTION, FEED_FORWARD, HEAD}


def test_all_families_are_looked_at() -> None:
    """Those that are left out have the names of one that is not."""
    assert set(ENCODERS) - set(FAMILIES) == {"xlm-roberta", "camembert"}
