"""What objectives ask for is refused early where it cannot be, and told before the run."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from transformers import AutoConfig

from limbeck.distill import Objective, kept_and_computed, objective_of
from limbeck.errors import RecipeError
from limbeck.recipe.knobs import Recipe
from limbeck.text.tokens import EncodedTexts
from limbeck.text.units import Ragged, Units
from limbeck.text.windows import Reading

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def _config(family: str = "bert", **changes: Any) -> "PreTrainedConfig":
    usual = {"hidden_size": 384, "num_attention_heads": 12, "num_hidden_layers": 6, "num_labels": 77}
    return AutoConfig.for_model(family, **usual | changes)


def _recipe(**distill: Any) -> Recipe:
    return Recipe.from_dict({"distill": {"weights": {"relations": 1.0}} | distill})


@pytest.mark.parametrize(("size", "heads"), [(384, 12), (256, 8), (192, 12), (160, 8)])
def test_relation_heads_divide_both_sizes(size: int, heads: int) -> None:
    """A failure would break off at the first step. By hand: divisors of 384, 128, 192 and 32, 12 at most."""
    found = objective_of(_recipe(), student=_config(hidden_size=size), teacher=_config(), has_labels=True)
    assert found.relation_heads == heads


@pytest.mark.parametrize(
    ("distill", "family", "told"),
    [
        (
            {"relation_heads": 10},
            "bert",
            "distill.relation_heads = 10 does not divide the hidden sizes 384 of the student and 384 of the teacher.\n"
            "Hint: Nearest that do: 6, 8, 12.",
        ),
        (
            {"relation_layer": 6},
            "bert",
            "distill.relation_layer = 6, but the teacher's 6 layers are 0 to 5.\n"
            "Hint: Name a layer from 0 to 5; the default is the last.",
        ),
        ({}, "albert", "may share one set of weights"),
    ],
)
def test_what_cannot_be_asked_is_refused(distill: dict[str, Any], family: str, told: str) -> None:
    """A failure would surface after all the labelling, or as a stack trace."""
    with pytest.raises(RecipeError) as caught:
        objective_of(_recipe(**distill), student=_config(family), teacher=_config(family), has_labels=True)
    assert told in str(caught.value)


def test_without_labels_true_labels_count_for_nothing() -> None:
    """A failure would refuse everybody whose texts nobody labelled."""
    found = objective_of(Recipe(), student=_config(), teacher=_config(), has_labels=False)
    assert not found.has("true_labels")
    assert found.has("soft_labels", "last_hidden")


def test_what_is_kept_and_why_by_hand() -> None:
    """A failure would promise gigabytes that are not there, or hide those that are.

    1,000 texts of 4 and 6 tokens, 77 classes, 384 numbers: kept 1000 * (308 + 768) bytes = 1.08 MB. States: 5 tokens a
    text, 2 layers but the last: 2 * 5000 * 384 = 3.84 MB. Maps: (16 + 36) / 2 squares, 12 heads, 2 layers: 1.25 MB.
    Relations: 2 * 5000 * 3 * 384 = 11.5 MB.
    """
    sample = EncodedTexts(ids=[[1] * 4, [1] * 6], type_ids=[[0] * 4, [0] * 6], truncated=())
    asked = {"soft_labels": 1.0, "layer_hidden": 1.0, "attention_maps": 1.0, "relations": 1.0}
    told = kept_and_computed(Objective(asked), n_texts=1000, sample=sample, teacher=_config(), n_outputs=77, n_layers=2)
    assert told == (
        "Kept: logits and the first token's last state of 1,000 texts, 1.08 MB; every later run reads them.",
        "Computed as training goes: hidden states of every token, which would take 3.84 MB on disk.",
        "Computed as training goes: attention maps, which would take 1.25 MB on disk.",
        "Computed as training goes: queries, keys and values of a layer, which would take 11.5 MB on disk.",
    )
    # The teacher computes its last states of words as training goes, and says then what it says of them; what judges
    # is kept: 1,000 texts of 4 and 6 words, one left out at each end, 77 classes: 1000 * 3 * 308 bytes.
    tags = Objective({"soft_labels": 1.0, "last_hidden": 10.0}, task="token-classification")
    words = Ragged.of([[(0, 1), (2, 3)], [(0, 1), (2, 3), (4, 5), (6, 7)]], dtype=np.int64, width=(2,))
    answering = Ragged.of([[1, 2], [1, 2, 3, 4]], dtype=np.int64)
    read = replace(sample, reading=Reading(answering, np.array([0, 1]), Units(words, ("a b", "a b c d"))))
    told = kept_and_computed(tags, n_texts=1000, sample=read, teacher=_config(), n_outputs=77, n_layers=2)
    assert told == (
        "Kept: logits of the texts that judge, 924 kB for 1,000 texts; the teacher computes its last states of "
        "training texts as training goes, and its logits with them.",
        "Computed as training goes: hidden states of every token, which would take 3.84 MB on disk.",
    )
    plain = Objective({"soft_labels": 1.0})
    assert len(kept_and_computed(plain, n_texts=1000, sample=sample, teacher=_config(), n_outputs=77, n_layers=2)) == 1
