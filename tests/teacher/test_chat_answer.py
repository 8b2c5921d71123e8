"""What a language model answered: which label it names, and what its tokens say about the others. By hand."""

from typing import Any

import numpy as np
import pytest
from chat_server import Piece, logprobs_of

from limbeck.tasks.classification import probabilities
from limbeck.teacher.chat_answer import chosen
from limbeck.teacher.chat_one_label import OneLabel
from limbeck.teacher.chat_prompt import SHORT_WAYS

MANY = tuple(f"intent {number}" for number in range(1, 78))


def _question(*labels: str) -> OneLabel:
    return OneLabel("some-model", "Decide.", labels, {}, {})


THREE = _question("refund", "delivery", "other")


def _choice(content: str, tokens: list[Piece]) -> dict[str, Any]:
    """An answer whose tokens have these alternatives, the token itself among them."""
    return {
        "message": {"content": content},
        "logprobs": logprobs_of(tokens),
    }


def _shares(question: OneLabel, content: str, tokens: list[Piece]) -> Any:
    row = question.read(content, _choice(content, tokens))
    assert row is not None
    return probabilities(row[None, :])[0]


@pytest.mark.parametrize(
    ("content", "label"),
    [
        ("B", 1), (" b\n", 1), ("**C**", 2), ('"A"', 0), ("A.", 0), ("delivery", 1), ("Delivery.", 1),
        ('{"label": "C"}', 2), ('{ "label" : "refund" }', 0), ('{"label":"A","why":"it says so"}', 0),
        ("D", None), ("A or B", None), ("The label is A", None), ("", None), ("{}", None), ('{"label": 1}', None),
        ('{"label": "Z"}', None), ("A, B", None), ('{"label": "A"', None),
    ],
)  # fmt: skip
def test_an_answer_is_a_label_or_it_is_none(content: str, label: int | None) -> None:
    """A failure would take talk for a label, and teach it."""
    found = chosen(content, THREE, key="label")
    assert (None if found is None else found.index) == label


def test_names_that_are_codes_are_not_taken() -> None:
    """Labels B and A have the codes A and B: an answer A is then the code, whatever else it could be."""
    question = _question("B", "A")
    assert chosen("A", question, key="label").index == 0  # type: ignore[union-attr]
    numbered = _question(*map(str, range(40)))
    assert chosen("05", numbered, key="label").index == 4  # type: ignore[union-attr]
    assert chosen("5", numbered, key="label") is None  # a name, and nearly a code: nobody knows which was meant


def test_codes_are_short_and_none_begins_another() -> None:
    """A failure would read the 1 of 12 as the label 1."""
    assert THREE.codes == ("A", "B", "C")
    assert _question(*MANY).codes[:2] == ("01", "02")
    assert len({len(code) for code in _question(*map(str, range(300))).codes}) == 1


def test_probabilities_of_letters() -> None:
    """By hand: 0.7, 0.2 and, as the third letter is not among the alternatives, the 0.1 that is left."""
    found = _shares(THREE, "A", [("A", {"A": 0.7, "B": 0.2})])
    assert np.allclose(found, [0.7, 0.2, 0.1], atol=1e-6)


def test_letters_are_found_inside_json() -> None:
    """The tokens before the letter tell nothing, and the letter may come with the quotes around it."""
    opening = ('{"label": ', {'{"label": ': 1.0})
    found = _shares(THREE, '{"label": "B"}', [opening, ('"B', {'"B': 0.5, '"A': 0.3, '"C': 0.2}), ('"}', {'"}': 1.0})])
    assert np.allclose(found, [0.3, 0.5, 0.2], atol=1e-6)


def test_blanks_and_case_do_not_part_a_label() -> None:
    """By hand: A, " A" and "a" are one label: 0.5 + 0.2 + 0.1."""
    found = _shares(THREE, "A", [("A", {"A": 0.5, " A": 0.2, "a": 0.1, "B": 0.1, "C": 0.1})])
    assert np.allclose(found, [0.8, 0.1, 0.1], atol=1e-6)


def test_digits_one_by_one() -> None:
    """By hand, 77 labels, "12" said in two tokens.

    First token: 1 with 0.8, 0 with 0.18. Second, after 1: 2 with 0.9, 3 with 0.1. So 12 has 0.72 and 13 has 0.08; 01 to
    09 share 0.18; the other 66 share the 0.02 that is left.
    """
    question = _question(*MANY)
    found = _shares(question, "12", [("1", {"1": 0.8, "0": 0.18}), ("2", {"2": 0.9, "3": 0.1})])
    assert np.allclose(found[[11, 12]], [0.72, 0.08], atol=1e-3)
    assert np.allclose(found[:9], 0.02, atol=1e-3)
    assert np.allclose(found[20:], 0.02 / 66, atol=1e-5)


def test_names_are_read_by_their_first_differing_token() -> None:
    """By hand: "re" fits refund alone, "de" delivery alone."""
    found = _shares(THREE, "refund", [("re", {"re": 0.6, "de": 0.3, "oth": 0.1}), ("fund", {"fund": 1.0})])
    assert np.allclose(found, [0.6, 0.3, 0.1], atol=1e-6)


@pytest.mark.parametrize(
    "logprobs",
    [None, {}, {"content": None}, {"content": []}, {"content": [{"token": "B"}]}, "none", {"content": [{"token": 1}]}],
)
def test_without_probabilities_the_answer_is_a_peak(logprobs: Any) -> None:
    """By hand: 0.9, and 0.05 for each of the two others."""
    row = THREE.read("A", {"message": {"content": "A"}, "logprobs": logprobs})
    assert row is not None
    assert np.allclose(probabilities(row[None, :])[0], [0.9, 0.05, 0.05], atol=1e-6)


def test_what_is_asked() -> None:
    """A failure would keep labels or descriptions from the model, or ask for a form that the address does not know."""
    question = OneLabel("m", "Decide.", ("refund", "other"), {"refund": "money back"}, {"temperature": 0})
    body = question.body("where is it?", None, way=SHORT_WAYS[0])
    assert body["messages"][0]["content"].splitlines() == [
        "Decide.",
        "",
        "Labels:",
        "A: refund (money back)",
        "B: other",
        "",
        'Answer in JSON with the letter of one label: {"label": "A"}',
    ]
    assert body["messages"][1] == {"role": "user", "content": "where is it?"}
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["label"]["enum"] == ["A", "B"]
    assert (body["model"], body["temperature"], body["logprobs"], body["top_logprobs"]) == ("m", 0, True, 20)
    plain = question.body("one", "two", way=SHORT_WAYS[3], rejected=["perhaps"])
    assert not {"response_format", "logprobs", "top_logprobs"} & set(plain)
    assert plain["messages"][1]["content"] == "First text:\none\n\nSecond text:\ntwo"
    assert [message["role"] for message in plain["messages"]] == ["system", "user", "assistant", "user"]
    assert plain["messages"][0]["content"].endswith("Answer with the letter of one label and nothing else.")
