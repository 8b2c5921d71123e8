"""What tokens are made of, worked out by hand."""

from typing import Any

import pytest

from limbeck.errors import TeacherError
from limbeck.student.pieces import longest_matches, pieces_of

BPE: dict[str, Any] = {
    "type": "BPE",
    "vocab": {token: number for number, token in enumerate(["a", "b", "c", "ab", "bc", "abc", "ca", "cab"])},
    "merges": [["a", "b"], ["b", "c"], ["ab", "c"], "c a", "ca b", ["a", "bc"]],
}


def test_byte_pairs_keep_the_joins_that_lead_to_a_token() -> None:
    """A failure would leave a token that nothing leads to.

    Of "abc", the join of the lowest rank is (a, b), then (ab, c); (a, bc) is never met. Of "cab", (a, b) comes first
    too, and no join leads on from c and ab: the token cannot be reached at all.
    """
    pieces = pieces_of(BPE)
    assert set(pieces.parts("abc")) == {"abc", "ab", "a", "b", "c"}
    assert set(pieces.parts("cab")) == {"cab", "ab", "a", "b", "c"}
    assert set(pieces.parts("a")) == {"a"}
    assert not pieces.is_bytes


def test_joins_stay_where_all_of_their_tokens_do() -> None:
    """A failure would write a file that no tokenizer loads, or take a join from a token that needs it."""
    kept = ["a", "b", "c", "ab", "bc", "abc"]
    rewritten = pieces_of(BPE).rewritten(kept)
    assert rewritten["vocab"] == {"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4, "abc": 5}
    assert rewritten["merges"] == [["a", "b"], ["b", "c"], ["ab", "c"], ["a", "bc"]]
    assert BPE["merges"][3] == "c a"


def test_word_pieces_are_matched_longest_first() -> None:
    """A failure would forget what a word was tried with before it was given up."""
    known = dict.fromkeys(("un", "u", "##able", "##a", "##ab", "##le", "x"), 0)
    assert longest_matches("unable", known, mark="##") == ["un", "##able"]
    assert longest_matches("unabx", known, mark="##") == ["un", "##ab"]
    assert longest_matches("yes", known, mark="##") == []


def test_unigrams_keep_what_unknown_characters_are_measured_by() -> None:
    """A failure would make unknown characters cheaper, and texts that hold one would come apart in another way."""
    table = [["<s>", 0.0], ["<pad>", 0.0], ["<unk>", 0.0], ["a", -1.0], ["rare", -17.5], ["b", -2.0]]
    model = {"type": "Unigram", "vocab": table, "unk_id": 2}
    pieces = pieces_of(model)
    assert pieces.always == {"<s>", "<pad>", "<unk>", "rare"}
    rewritten = pieces.rewritten(["<s>", "<pad>", "<unk>", "a", "rare"])
    assert rewritten["vocab"] == table[:5]
    assert rewritten["unk_id"] == 2


def test_letters_are_those_of_the_alphabets_seen() -> None:
    """A failure would spell no new word, or keep letters that no such text ever has.

    Greek lies in U+0370 to U+03FF, the block of the seen alpha from U+0380; of the ideographs only the seen one stays.
    """
    tokens = ["[UNK]", "a", "##b", "\u00e9", "\u03b1\u03b2", "##\u03b3", "\u0434", "\u65e5", "\u65e6", "\u2014"]
    pieces = pieces_of(
        {
            "type": "WordPiece",
            "vocab": {token: number for number, token in enumerate(tokens)},
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
        }
    )
    assert pieces.letters(["\u03b1\u03b2", "\u65e5"]) == {"a", "##b", "\u00e9", "##\u03b3", "\u65e5"}
    assert pieces.letters(["\u2013"]) == {"a", "##b", "\u00e9", "\u2014"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"type": "WordLevel"},
            "A vocabulary can be trimmed where the tokenizer is WordPiece, BPE, Unigram; this teacher's is WordLevel.",
        ),
        (
            {"dropout": 0.1},
            "A vocabulary of byte pairs can be trimmed without dropout; this teacher's tokenizer has 0.1.",
        ),
    ],
)
def test_other_kinds_are_refused(change: dict[str, Any], told: str) -> None:
    """A failure would rewrite a tokenizer by rules that are not its own."""
    with pytest.raises(TeacherError) as caught:
        pieces_of(BPE | change)
    assert caught.value.message == told
    assert caught.value.hint == 'Set student.vocabulary = "whole".'
