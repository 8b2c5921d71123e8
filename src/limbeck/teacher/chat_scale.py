"""A large language model is asked for a number: a digit on a scale, whose ends stand for the least and the greatest.

One digit is one token, so where the address tells the probabilities of tokens, the answer is the mean of the digits
under them, which lies between the digits too; else it is the digit that was said.

Source: the mean of a grade under the probabilities of its tokens, as in Liu et al. 2023, arXiv:2303.16634, section 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from limbeck.teacher import chat_answer
from limbeck.teacher.chat_prompt import Question, Way

GREATEST_DIGIT = 9


@dataclass(frozen=True)
class Scale(Question):
    """A number from the least to the greatest of a scale.

    Args:
        scale: These two, the least first.
    """

    scale: tuple[float, float]

    task = "regression"
    usual_scale: ClassVar[tuple[float, float] | None] = None
    """Where the recipe gives none; None where nobody can guess it."""
    n_answer_tokens = 8
    """The JSON around a digit, and the digit."""

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """The scale's own numbers where they are digits, else all ten digits, at equal steps."""
        low, high = self.scale
        is_own = low.is_integer() and high.is_integer() and low >= 0 and high <= GREATEST_DIGIT
        return tuple(map(str, range(int(low), int(high) + 1) if is_own else range(GREATEST_DIGIT + 1)))

    @property
    def choices(self) -> tuple[str, ...]:
        """The digits."""
        return self.codes

    @property
    def fault(self) -> str:
        """See `Question.fault`."""
        return f"gives no digit from {self.codes[0]} to {self.codes[-1]}"

    @property
    def choices_told(self) -> str:
        """See `Question.choices_told`."""
        return f"the digits go from {self.codes[0]} to {self.codes[-1]}"

    def read(self, content: str, choice: Mapping[str, Any]) -> NDArray[np.float32] | None:
        """See `Question.read`: (1,) the number."""
        found = chat_answer.chosen(content, self, key="number")
        if found is None:
            return None
        numbers = np.linspace(*self.scale, len(self.codes))
        shares = chat_answer.shares(chat_answer.tokens_of(content, choice), found)
        return np.array([numbers[found.index] if shares is None else shares @ numbers], np.float32)

    def as_json(self) -> dict[str, Any]:
        """See `Question.as_json`."""
        return super().as_json() | {"task": self.task, "scale": list(self.scale)}

    def _listing(self) -> list[str]:
        described = [f"{digit}: {self.descriptions[digit]}" for digit in self.codes if digit in self.descriptions]
        return ["Scale:", *described, ""] if described else []

    def _closing(self, way: Way) -> str:
        ends = [
            digit if float(digit) == number else f"{digit}, which stands for {number:g}"
            for digit, number in zip((self.codes[0], self.codes[-1]), self.scale, strict=True)
        ]
        digit = f"one digit, from {ends[0]}, the least, to {ends[1]}, the greatest"
        if way.form == "schema":
            return f'Answer in JSON with {digit}: {{"number": "{self.codes[0]}"}}'
        return f"Answer with {digit}, and nothing else."

    def _correction(self) -> str:
        return "That is no digit of the scale."

    def _form(self) -> tuple[str, dict[str, Any]]:
        return "number", {"number": {"type": "string", "enum": list(self.codes)}}


@dataclass(frozen=True)
class Relevance(Scale):
    """How well a passage answers a query."""

    task = "reranking"
    usual_instructions = "Say how well the passage answers the query."
    usual_scale = (0.0, float(GREATEST_DIGIT))
    pair_titles = ("Query", "Passage")
