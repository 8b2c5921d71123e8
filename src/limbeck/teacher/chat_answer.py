"""What a large language model answered -> which choice it names, and how probable its tokens make each."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck.teacher.chat_prompt import Question

_AROUND = " \t\r\n\"'`*.:"
_CLOSING = _AROUND + "},"


@dataclass(frozen=True)
class Chosen:
    """A choice that an answer names.

    Args:
        index: Its index.
        spellings: (choices,) how the answer would have named each: by code, by name, by true and false.
        start: Where the name begins in the answer.
    """

    index: int
    spellings: tuple[str, ...]
    start: int


class Token(NamedTuple):
    """A token of an answer.

    Args:
        text: Itself.
        probability: Of it.
        alternatives: What could stand in its place, itself among it -> probability.
    """

    text: str
    probability: float
    alternatives: Mapping[str, float]


def chosen(content: str, question: Question, *, key: str) -> Chosen | None:
    """What an answer names, and nothing but it.

    Args:
        content: The whole answer: the JSON that was asked for, or a bare code or name.
        question: What was asked.
        key: Of the JSON.

    Returns: The choice, or None where the answer is none.
    """
    start, named = _named(content, key)
    index = index_of(named, question)
    if index is None:
        return None
    by_code = named.upper() in question.codes
    return Chosen(index, question.codes if by_code else question.choices, start)


def index_of(named: str, question: Question) -> int | None:
    """The choice of this code, or of this name where no code is such a name; None where there is none."""
    if named.upper() in question.codes:
        return question.codes.index(named.upper())
    names = [name.casefold() for name in question.choices]
    if {code.casefold() for code in question.codes} & set(names) or names.count(named.casefold()) != 1:
        return None
    return names.index(named.casefold())


def tokens_of(content: str, choice: Mapping[str, Any]) -> list[Token]:
    """The tokens of what was said, see `Question.read`; none where they are not told, or are others."""
    try:
        tokens = [
            Token(
                str(one["token"]),
                math.exp(one["logprob"]),
                {str(other["token"]): math.exp(other["logprob"]) for other in one["top_logprobs"]},
            )
            for one in choice["logprobs"]["content"]
        ]
    except (KeyError, TypeError, ValueError, OverflowError):
        return []
    return tokens if "".join(token.text for token in tokens) == content else []


def shares(tokens: Sequence[Token], found: Chosen) -> NDArray[np.float64] | None:
    """The probability of each choice, read off token by token; None where nothing is told, or it does not fit.

    At each token of the name, every alternative stands for the choices that begin so, in equal parts; what was said
    goes on to the next token until one choice is left. What probability is left over goes to the choices that no
    alternative stands for, in equal parts.

    Args:
        tokens: As `tokens_of` gives them.
        found: What the answer names.

    Returns: (choices,) float64, of sum 1.
    """
    spellings = [spelling.casefold() for spelling in found.spellings]
    found_shares = np.zeros(len(spellings))
    reached, said, at = 1.0, "", 0
    for text, probability, alternatives in tokens:
        begins, at = at, at + len(text)
        if at <= found.start:
            continue
        lead = text[: max(0, found.start - begins)]
        for other, share in alternatives.items():
            if other != text:
                _add(found_shares, spellings, said + _without(other, lead, is_first=not said), reached * share)
        said += text[len(lead) :].casefold()
        reached *= probability
        alike = [index for index, spelling in enumerate(spellings) if _fits(spelling, said)]
        if alike == [found.index]:
            found_shares[found.index] += reached
            break
    left = 1.0 - found_shares.sum()
    unseen = found_shares == 0
    if left > 0 and unseen.any():
        found_shares[unseen] = left / unseen.sum()
    total = float(found_shares.sum())
    return found_shares / total if tokens and found_shares[found.index] > 0 and math.isfinite(total) else None


def _named(content: str, key: str) -> tuple[int, str]:
    """Where the name begins in an answer, and the name."""
    opening = re.search(rf'\{{\s*"{key}"\s*:\s*"?', content)
    if opening is not None:
        try:
            parsed = json.loads(content)
        except ValueError:
            parsed = None
        value = parsed.get(key) if isinstance(parsed, dict) else None
        if isinstance(value, str | int) and not isinstance(value, bool):
            return opening.end(), str(value)
    named = content.strip(_AROUND)
    return content.find(named), named


def _add(found: NDArray[np.float64], spellings: Sequence[str], said: str, share: float) -> None:
    alike = [index for index, spelling in enumerate(spellings) if _fits(spelling, said)]
    if said and alike:
        found[alike] += share / len(alike)


def _fits(spelling: str, said: str) -> bool:
    """Whether what was said is the beginning of a choice's name, or the whole of it with what closes it."""
    if spelling.startswith(said):
        return True
    return said.startswith(spelling) and not said[len(spelling) :].strip(_CLOSING)


def _without(token: str, lead: str, *, is_first: bool) -> str:
    """A token without what stands before the name."""
    if lead and token.startswith(lead):
        return token[len(lead) :].casefold()
    return (token.lstrip(_AROUND) if is_first else token).casefold()
