"""Tokenizers for the page: what its library computes otherwise is said in its terms, with equal tokens, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from limbeck.errors import SchemeError
from limbeck.web.page_tokenizer import for_the_page
from trained_tokenizers import KINDS, ODD, texts_of, write_trained_tokenizer

STRANGE = (*ODD, "don.t stop... what?! $5 a_b", "x\u200dy\u0301 ½ \ufeffz\x85z\u3000«q»", "١٢٣ हिन्दी, ⅷ ²")


def settings_of(folder: Path, kind: str, **changes: Any) -> dict[str, Any]:
    """tokenizer.json of a trained tokenizer, with other parts."""
    write_trained_tokenizer(folder, kind)
    return json.loads((folder / "tokenizer.json").read_text("utf-8")) | changes


@pytest.mark.parametrize("kind", KINDS)
def test_usual_tokenizers_stay_as_they_are(tmp_path: Path, kind: str) -> None:
    """A failure would refuse pages that answer alike, or change them without need."""
    settings = settings_of(tmp_path, kind)
    assert for_the_page(settings) == settings


@pytest.mark.parametrize(
    "part",
    [
        {"type": "Whitespace"},
        {"type": "Punctuation", "behavior": "Isolated"},
        {"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "Punctuation", "behavior": "Removed"},
    ],
    ids=lambda part: "-".join(part.values()),
)
def test_what_is_said_in_other_terms_gives_the_same_tokens(tmp_path: Path, part: dict[str, str]) -> None:
    """A failure would answer another text than the one that was typed."""
    settings = settings_of(tmp_path, "WordPiece", normalizer=None, pre_tokenizer=part)
    found = for_the_page(settings)
    assert found["pre_tokenizer"]["type"] == "Split"
    within = for_the_page(settings | {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [part]}})
    assert within["pre_tokenizer"]["pretokenizers"] == [found["pre_tokenizer"]]
    ours, theirs = (Tokenizer.from_str(json.dumps(one)).pre_tokenizer for one in (settings, found))
    for text in (*STRANGE, *texts_of("held_out")):
        assert theirs.pre_tokenize_str(text) == ours.pre_tokenize_str(text), text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"pre_tokenizer": {"type": "UnicodeScripts"}}, "the pre_tokenizer 'UnicodeScripts'"),
        ({"pre_tokenizer": {"type": "Punctuation", "behavior": "MergedWithNext"}}, "the behavior MergedWithNext"),
        (
            {"pre_tokenizer": {"type": "Split", "pattern": {"String": "-"}, "behavior": "MergedWithPrevious"}},
            "'Split' with the behavior MergedWithPrevious",
        ),
        ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Nmt"}]}}, "the normalizer 'Nmt'"),
        ({"model": {"type": "WordLevel"}}, "the model 'WordLevel'"),
        ({"added_tokens": [{"content": "mum", "single_word": True}]}, "the added token 'mum', which stands for whole"),
    ],
)
def test_what_the_page_computes_otherwise_is_refused(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    """A failure would write a page that never starts, or one that answers other texts."""
    with pytest.raises(SchemeError, match="A page would cut texts otherwise than this artifact") as told:
        for_the_page(settings_of(tmp_path, "WordPiece", **changes))
    assert named in told.value.message
