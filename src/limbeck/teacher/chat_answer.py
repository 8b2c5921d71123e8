"""What a large language model answered -> which label, and how probable each is."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.teacher import distributions
from limbeck.teacher.chat_prompt import Question

_IN_JSON = re.compile(r'\{\s*"label"\s*:\s*"')
_AROUND = " \t\r\n\"'`*.:"


@dataclass(frozen=True)
class Chosen:
    """A label that an answer names.

    Args:
        label: Its index.
        spellings: (classes,) how the answer would have named each label: by code, or by name.
        start: Where the name begins in the answer.
    """

    label: int
    spellings: tuple[str, ...]
    start: int


def chosen(content: str, question: Question) -> Chosen | None:
    """The label that an answer names, and nothing but it; by its code, or by its name where no code is such a name.

    Args:
        content: The whole answer: the JSON that was asked for, or a bare label.
        question: What was asked.

    Returns: The label, or None where the answer is none.
    """
    start, named = _named(content)
    by_code = {code: index for index, code in enumerate(question.codes)}
    if named.upper() in by_code:
        return Chosen(by_code[named.upper()], question.codes, start)
    names = [name.casefold() for name in question.label_names]
    if {code.casefold() for code in question.codes} & set(names) or names.count(named.casefold()) != 1:
        return None
    return Chosen(names.index(named.casefold()), question.label_names, start)


def logits(choice: Mapping[str, Any], found: Chosen, *, n_classes: int) -> NDArray[np.float32]:
    """The answer as logits: by the probabilities of its tokens where they are told, else as a bare label.

    Args:
        choice: One of the `choices` of an answer.
        found: What it names.
        n_classes: Classes.

    Returns: (classes,) float32.
    """
    shares = _shares(choice, found)
    if shares is None:
        rows = distributions.logits_of_labels(np.array([found.label]), n_classes=n_classes)
    else:
        rows = distributions.logits_of_probabilities(shares[None, :], source="The probabilities of tokens")
    return rows.reshape(n_classes)


def _named(content: str) -> tuple[int, str]:
    """Where the label's name begins in an answer, and the name."""
    opening = _IN_JSON.search(content)
    if opening is not None:
        try:
            parsed = json.loads(content)
        except ValueError:
            parsed = None
        if isinstance(parsed, dict) and isinstance(parsed.get("label"), str):
            return opening.end(), parsed["label"]
    named = content.strip(_AROUND)
    return content.find(named), named


def _shares(choice: Mapping[str, Any], found: Chosen) -> NDArray[np.float64] | None:
    """The probability of each label, read off token by token; None where nothing is told, or it does not fit.

    At each token of the name, every alternative stands for the labels that begin so, in equal parts; what was said goes
    on to the next token until one label is left. What probability is left over goes to the labels that no alternative
    stands for, in equal parts.
    """
    tokens = _tokens(choice)
    content = choice["message"]["content"]
    if tokens is None or "".join(token for token, _, _ in tokens) != content:
        return None
    spellings = [spelling.casefold() for spelling in found.spellings]
    shares = np.zeros(len(spellings))
    reached, said, at = 1.0, "", 0
    for token, probability, alternatives in tokens:
        begins, at = at, at + len(token)
        if at <= found.start:
            continue
        lead = content[begins : found.start] if begins < found.start else ""
        for other, share in alternatives.items():
            if other != token:
                _add(shares, spellings, said + _without(other, lead, is_first=not said), reached * share)
        said += token[len(lead) :].casefold()
        reached *= probability
        alike = [index for index, spelling in enumerate(spellings) if _fits(spelling, said)]
        if alike == [found.label]:
            shares[found.label] += reached
            break
    left = 1.0 - shares.sum()
    unseen = shares == 0
    if left > 0 and unseen.any():
        shares[unseen] = left / unseen.sum()
    total = float(shares.sum())
    return shares / total if shares[found.label] > 0 and math.isfinite(total) else None


def _add(shares: NDArray[np.float64], spellings: Sequence[str], said: str, share: float) -> None:
    alike = [index for index, spelling in enumerate(spellings) if _fits(spelling, said)]
    if said and alike:
        shares[alike] += share / len(alike)


def _fits(spelling: str, said: str) -> bool:
    """Whether what was said is the beginning of a label's name, or the whole of it with what closes it."""
    if spelling.startswith(said):
        return True
    return said.startswith(spelling) and not said[len(spelling) :].strip(_AROUND + "}")


def _without(token: str, lead: str, *, is_first: bool) -> str:
    """A token without what stands before the label's name."""
    if lead and token.startswith(lead):
        return token[len(lead) :].casefold()
    return (token.lstrip(_AROUND) if is_first else token).casefold()


def _tokens(choice: Mapping[str, Any]) -> list[tuple[str, float, dict[str, float]]] | None:
    """(token, its probability, alternative -> probability) of an answer, or None where they are not told."""
    try:
        return [
            (
                str(one["token"]),
                math.exp(one["logprob"]),
                {str(other["token"]): math.exp(other["logprob"]) for other in one["top_logprobs"]},
            )
            for one in choice["logprobs"]["content"]
        ] or None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
