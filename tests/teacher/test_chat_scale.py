"""What number a language model said: the digit, or the mean of the digits under their probabilities. By hand."""

from typing import Any

import pytest
from chat_server import Piece, logprobs_of

from limbeck.teacher.chat_prompt import SHORT_WAYS
from limbeck.teacher.chat_scale import Relevance, Scale


def _scale(low: float, high: float, kind: type[Scale] = Scale, **descriptions: str) -> Scale:
    described = {name.removeprefix("_"): said for name, said in descriptions.items()}
    return kind("some-model", "How alike?", ("number",), described, {}, (low, high))


def _read(question: Scale, content: str, tokens: list[Piece] | None = None) -> Any:
    choice: dict[str, Any] = {"message": {"content": content}}
    if tokens is not None:
        choice["logprobs"] = logprobs_of(tokens)
    found = question.read(content, choice)
    return None if found is None else found.tolist()


@pytest.mark.parametrize(
    ("low", "high", "codes"),
    [
        (0, 5, "012345"),
        (1, 5, "12345"),
        (0, 9, "0123456789"),
        (0, 1, "01"),
        (1, 10, "0123456789"),
        (0, 100, "0123456789"),
        (-1, 1, "0123456789"),
        (0.5, 4, "0123456789"),
    ],
)
def test_digits_of_a_scale(low: float, high: float, codes: str) -> None:
    """A failure would ask for the 10 of 10, which begins as 1 does, or for a digit that the scale has not."""
    question = _scale(float(low), float(high))
    assert "".join(question.codes) == codes
    assert _read(question, codes[0]) == [pytest.approx(low)]
    assert _read(question, codes[-1]) == [pytest.approx(high)]


@pytest.mark.parametrize(
    ("content", "number"),
    [
        ("4", 4.0), (" 4\n", 4.0), ("**4**", 4.0), ('{"number": "4"}', 4.0), ('{"number": 4}', 4.0), ("4.", 4.0),
        ("", None), ("6", None), ("9", None), ("42", None), ("4.5", None), ("-4", None), ("four", None),
        ("number", None),
        ('{"number": "6"}', None), ('{"number": true}', None), ('{"number": "4"', None), ('{"label": "4"}', None),
        ("4 of 5", None), ("4/5", None),
    ],
)  # fmt: skip
def test_an_answer_is_a_digit_or_it_is_none(content: str, number: float | None) -> None:
    """A failure would take talk for a number, and teach it."""
    assert _read(_scale(0.0, 5.0), content) == (None if number is None else [number])


def test_the_mean_under_the_probabilities() -> None:
    """By hand: 0.5 * 4 + 0.3 * 5 + 0.2 * 3 = 4.1; and on a scale from -1 to 1, of ten steps, 4 is -1/9."""
    shares = {"4": 0.5, "5": 0.3, "3": 0.2}
    assert _read(_scale(0.0, 5.0), "4", [("4", shares)]) == [pytest.approx(4.1)]
    opening = ('{"number": ', {'{"number": ': 1.0})
    quoted = {f'"{digit}': share for digit, share in shares.items()}
    in_json = [opening, ('"4', quoted), ('"}', {'"}': 1.0})]
    assert _read(_scale(0.0, 5.0), '{"number": "4"}', in_json) == [pytest.approx(4.1)]
    wide = _read(_scale(-1.0, 1.0), "4", [("4", {"4": 1.0})])
    assert wide == [pytest.approx(-1 / 9)]


def test_a_number_of_json_has_probabilities_too() -> None:
    """Where there is no schema a model may leave out the quotes. By hand: 0.6 * 2 + 0.4 * 1."""
    tokens = [('{"number":', {'{"number":': 1.0}), (" 2", {" 2": 0.6, " 1": 0.4}), ("}", {"}": 1.0})]
    assert _read(_scale(0.0, 5.0), '{"number": 2}', tokens) == [pytest.approx(1.6)]


def test_what_is_asked() -> None:
    """A failure would leave the model to guess which end is the better one, or what stands for 1."""
    question = _scale(1.0, 10.0, _0="nothing in common", _9="the same")
    body = question.body("one", "two", way=SHORT_WAYS[0], rejected=["eleven"])
    assert body["messages"][0]["content"].splitlines() == [
        "How alike?",
        "",
        "Scale:",
        "0: nothing in common",
        "9: the same",
        "",
        "Answer in JSON with one digit, from 0, which stands for 1, the least, to 9, which stands for 10, the "
        'greatest: {"number": "0"}',
    ]
    assert body["messages"][1]["content"] == "First text:\none\n\nSecond text:\ntwo"
    assert body["messages"][3]["content"].startswith("That is no digit of the scale. Answer in JSON")
    digits = body["response_format"]["json_schema"]["schema"]["properties"]["number"]["enum"]
    assert digits == [str(digit) for digit in range(10)]
    plain = _scale(0.0, 3.0, Relevance).body("q", "p", way=SHORT_WAYS[1])
    assert plain["messages"][0]["content"].splitlines()[2:] == [
        "Answer with one digit, from 0, the least, to 3, the greatest, and nothing else."
    ]
    assert plain["messages"][1]["content"] == "Query:\nq\n\nPassage:\np"
