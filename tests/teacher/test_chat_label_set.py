"""What a language model said of every label: which fit, and how probable each yes is. By hand."""

import json
from typing import Any

import numpy as np
import pytest
from chat_server import Piece, logprobs_of

from limbeck.tasks.multi_label import probabilities
from limbeck.teacher.chat_label_set import LabelSet
from limbeck.teacher.chat_prompt import LONG_WAYS

THREE = LabelSet("some-model", "Decide.", ("refund", "delivery", "other"), {"refund": "money back"}, {})
MANY = LabelSet("some-model", "Decide.", tuple(f"intent {number}" for number in range(1, 78)), {}, {})


def _read(content: str, tokens: list[Piece] | None = None) -> Any:
    """The probabilities of the three labels; None where the answer is none."""
    choice: dict[str, Any] = {"message": {"content": content}}
    if tokens is not None:
        choice["logprobs"] = logprobs_of(tokens)
    row = THREE.read(content, choice)
    return None if row is None else probabilities(row[None, :])[0].tolist()


@pytest.mark.parametrize(
    ("content", "fits"),
    [
        ('{"A": true, "B": false, "C": true}', [1, 0, 1]),
        ('{"A":false,"B":false,"C":false}', [0, 0, 0]),
        ('\n{\n  "C": false,\n  "A": true,\n  "B": true\n}\n', [1, 1, 0]),
        ('```json\n{"A": true, "B": false, "C": true}\n```', [1, 0, 1]),
        ('{"a": true, "b": false, "c": false}', [1, 0, 0]),
        ('{"Refund": true, "delivery": false, "other": true}', [1, 0, 1]),
    ],
)
def test_labels_that_fit(content: str, fits: list[int]) -> None:
    """A failure would give a label to its neighbour. Without probabilities: 0.9 for a yes, 0.1 for a no."""
    assert np.allclose(_read(content), [0.9 if fit else 0.1 for fit in fits], atol=1e-6)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "A",
        "{}",
        "[true, false, true]",
        '{"A": true, "B": false}',  # one is missing
        '{"A": true, "B": false, "C": true',  # cut off
        '{"A": true, "B": false, "C": true, "D": true}',  # one that is not asked for
        '{"A": true, "B": false, "Z": true}',
        '{"A": true, "B": false, "C": "true"}',
        '{"A": 1, "B": 0, "C": 1}',
        '{"A": true, "B": false, "C": null}',
        '{"A": true, "B": false, "C": true, "A": false}',  # twice, and not alike
        '{"A": true, "B": false, "A": true}',
        '{"A": true, "refund": true, "B": false, "C": false}',  # one label by code and by name
        '{"labels": {"A": true, "B": false, "C": true}}',
        'I think {"A": true, "B": false, "C": true}',
        '{"A": true, "B": false, "C": true} as I said',
        '{"A": true, "B": false, "C": true} {"A": true, "B": false, "C": true}',
        '{"A": ' * 100_000 + "}",
    ],
)
def test_what_is_no_answer(content: str) -> None:
    """A failure would take talk, or half an answer, for what the model holds to be true."""
    assert _read(content) is None


def _three(values: list[Piece]) -> list[Piece]:
    first, second, third = values
    return [('{"', {}), ("A", {}), ('":', {}), first, (', "', {}), ("B", {}), ('":', {}), second, (', "', {}),
            ("C", {}), ('":', {}), third, ("}", {})]  # fmt: skip


def test_probabilities_of_yes_and_no() -> None:
    """By hand: 0.7; 0.2 of 0.2 + 0.6; and as no yes is among the alternatives, the 0.1 that is left."""
    tokens = _three(
        [
            (" true", {" true": 0.7, " false": 0.3}),
            (" false", {" false": 0.6, " true": 0.2}),
            (" false", {" false": 0.9}),
        ]
    )
    content = "".join(token for token, _ in tokens)
    assert content == '{"A": true, "B": false, "C": false}'
    assert np.allclose(_read(content, tokens), [0.7, 0.25, 0.1], atol=1e-6)


def test_each_probability_stands_where_its_label_does() -> None:
    """The model may write labels in another order; a failure would give one label the certainty of another."""
    tokens = [
        ('{"C":', {}),
        (" false", {" false": 0.8, " true": 0.2}),
        (',"A":', {}),
        ("true", {"true": 0.6, "false": 0.4}),
        (',"B":', {}),
        ("true", {"true": 0.9, "false": 0.1}),
        ("}", {}),
    ]
    content = "".join(token for token, _ in tokens)
    assert np.allclose(_read(content, tokens), [0.6, 0.9, 0.2], atol=1e-6)


def test_tokens_of_every_cut() -> None:
    """Tokenizers cut where they like: a colon before, a comma behind, a word in two. By hand: 0.75, 0.2, 0.6."""
    tokens = [
        ('{"A"', {}),
        (": true,", {": true,": 0.75, ": false,": 0.25}),
        (' "B":', {}),
        (" ", {" ": 0.9, " true": 0.1}),
        ("fa", {"fa": 0.8, "tr": 0.2}),
        ("lse", {"lse": 1.0}),
        (', "C":', {}),
        (" true", {" true": 0.4, "true": 0.1, " TRUE": 0.1, " false": 0.4}),
        ("}", {}),
    ]
    content = "".join(token for token, _ in tokens)
    assert content == '{"A": true, "B": false, "C": true}'
    assert np.allclose(_read(content, tokens), [0.75, 0.2, 0.6], atol=1e-6)


def test_tokens_of_another_text_tell_nothing() -> None:
    """Some servers tell the tokens of the thoughts before the answer; a failure would read these."""
    tokens = [("Let me think", {}), (" true", {" true": 0.5, " false": 0.5})]
    assert np.allclose(_read('{"A": true, "B": false, "C": true}', tokens), [0.9, 0.1, 0.9], atol=1e-6)


def test_what_is_asked() -> None:
    """A failure would keep labels from the model, or ask for a form that the address does not know."""
    schema, json_object, words = (THREE.body("where is it?", None, way=way) for way in LONG_WAYS[:3])
    lines = schema["messages"][0]["content"].splitlines()
    assert lines[:-1] == ["Decide.", "", "Labels:", "A: refund (money back)", "B: delivery", "C: other", ""]
    assert lines[-1].endswith('{"A": true, "B": false, ...}')
    told = schema["response_format"]["json_schema"]
    assert told["strict"] is True
    assert told["schema"] == {
        "type": "object",
        "properties": {code: {"type": "boolean"} for code in "ABC"},
        "required": ["A", "B", "C"],
        "additionalProperties": False,
    }
    assert json_object["response_format"] == {"type": "json_object"}
    assert "response_format" not in words
    for body in (json_object, words):
        assert "JSON" in body["messages"][0]["content"]  # without the word, services refuse this form
        assert body["messages"][0]["content"].endswith("Write the whole of it, and nothing else.")
    assert {body["top_logprobs"] for body in (schema, json_object, words)} == {5}
    again = THREE.body("one", "two", way=LONG_WAYS[2], rejected=["{}"])
    assert [message["role"] for message in again["messages"]] == ["system", "user", "assistant", "user"]
    assert again["messages"][3]["content"].startswith("That does not say of every label, and of nothing else,")


def test_many_labels_have_numbers() -> None:
    """A failure would have no code for the 27th label, or count too little for its answer."""
    codes = list(MANY.body("x", None, way=LONG_WAYS[0])["response_format"]["json_schema"]["schema"]["properties"])
    assert codes[:2] == ["01", "02"]
    assert len(codes) == 77
    content = json.dumps({code: code == "12" for code in codes})
    row = MANY.read(content, {"message": {"content": content}})
    assert row is not None
    assert np.flatnonzero(row > 0).tolist() == [11]
    assert MANY.n_answer_tokens == 2 + 77 * 6
