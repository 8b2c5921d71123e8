"""What a large language model is asked about a text: to choose by short codes, in a form that its address understands.

A code is a letter, or a number of as many digits as all others. It is one token or a few, so that a model that tells
the probabilities of its tokens tells those of what they stand for; and no code begins another. The kinds of questions:
`chat_one_label`, `chat_label_set`, `chat_scale`.
"""

import string
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
"""Changes whenever what is asked changes, as answers do then."""
TOP_TOKENS = 20
"""As many alternatives to a token as the API tells of at most."""


@dataclass(frozen=True)
class Way:
    """How far an address understands constrained answers.

    Args:
        form: What it takes for the form of an answer: a JSON schema; that it be a JSON object; or words alone.
        has_logprobs: It tells the probabilities of tokens.
    """

    form: Literal["schema", "object", "words"]
    has_logprobs: bool


SHORT_WAYS = (Way("schema", True), Way("words", True), Way("schema", False), Way("words", False))
"""The best first; probabilities count for more than a form that a short answer hardly misses."""
LONG_WAYS = tuple(
    Way(form, has_logprobs) for has_logprobs in (True, False) for form in ("schema", "object", "words")
)  # fmt: skip
"""For answers that are JSON in any case."""


@dataclass(frozen=True)
class Question(ABC):
    """What is asked about every text.

    Args:
        model: Name of the model.
        instructions: What it is told first.
        label_names: (classes,) the labels, at least two; or what stands for them, see `limbeck.tasks.output_names`.
        descriptions: What an answer can name -> what it means.
        parameters: Further fields of a request.
    """

    model: str
    instructions: str
    label_names: tuple[str, ...]
    descriptions: Mapping[str, str]
    parameters: Mapping[str, Any]

    task: ClassVar[str]
    usual_instructions: ClassVar[str | None] = None
    """Where the recipe gives none; None where nobody can guess them."""
    ways: ClassVar[tuple[Way, ...]] = SHORT_WAYS
    n_alternatives: ClassVar[int] = TOP_TOKENS
    """To a token, where their probabilities are told."""
    pair_titles: ClassVar[tuple[str, str]] = ("First text", "Second text")

    @property
    def choices(self) -> tuple[str, ...]:
        """What an answer can name, in full."""
        return self.label_names

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """(choices,) letters from A, else numbers from 1 with leading zeros."""
        n = len(self.choices)
        if n <= len(string.ascii_uppercase):
            return tuple(string.ascii_uppercase[:n])
        return tuple(f"{number:0{len(str(n))}d}" for number in range(1, n + 1))

    @property
    def code_kind(self) -> str:
        """What a code is called."""
        return "letter" if self.codes[0] == "A" else f"number of {len(self.codes[0])} digits"

    @property
    @abstractmethod
    def n_answer_tokens(self) -> int:
        """What an estimate counts for an answer."""

    @property
    @abstractmethod
    def fault(self) -> str:
        """What a model does that does not answer, behind its name."""

    @property
    def choices_told(self) -> str:
        """What an answer can name, behind "and"."""
        return f"the labels are {', '.join(self.choices[:20])}"

    @abstractmethod
    def read(self, content: str, choice: Mapping[str, Any]) -> NDArray[np.float32] | None:
        """What was answered as logits.

        Args:
            content: What was said.
            choice: The one of the `choices` of the API's answer that holds it.

        Returns: (classes,) float32, or None where it is no answer to this question.
        """

    def as_json(self) -> dict[str, Any]:
        """All that an answer depends on, for the fingerprint."""
        return {
            "model": self.model,
            "instructions": self.instructions,
            "labels": list(self.label_names),
            "descriptions": dict(self.descriptions),
            "parameters": dict(self.parameters),
        }

    def body(self, text: str, text_pair: str | None, *, way: Way, rejected: Sequence[str] = ()) -> dict[str, Any]:
        """The request about a text.

        Args:
            text: The text.
            text_pair: The second text of a pair, or None.
            way: What the address understands.
            rejected: Earlier answers to the same question that were none.
        """
        first, second = self.pair_titles
        asked = text if text_pair is None else f"{first}:\n{text}\n\n{second}:\n{text_pair}"
        system = [self.instructions, "", *self._listing(), self._closing(way)]
        messages = [{"role": "system", "content": "\n".join(system)}, {"role": "user", "content": asked}]
        for answer in rejected:
            messages += [
                {"role": "assistant", "content": answer},
                {"role": "user", "content": f"{self._correction()} {self._closing(way)}"},
            ]
        body: dict[str, Any] = {"model": self.model, "messages": messages, **self.parameters}
        if way.form == "schema":
            name, properties = self._form()
            schema = {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            }
            told = {"name": name, "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": told}
        elif way.form == "object":
            body["response_format"] = {"type": "json_object"}
        if way.has_logprobs:
            body |= {"logprobs": True, "top_logprobs": self.n_alternatives}
        return body

    def _listing(self) -> list[str]:
        """The lines that say what each code stands for, and a blank one."""
        lines = [
            f"{code}: {name}" + (f" ({self.descriptions[name]})" if name in self.descriptions else "")
            for code, name in zip(self.codes, self.choices, strict=True)
        ]
        return ["Labels:", *lines, ""]

    @abstractmethod
    def _closing(self, way: Way) -> str:
        """The sentence that says how to answer."""

    @abstractmethod
    def _correction(self) -> str:
        """The sentence that says what was wrong with an answer."""

    @abstractmethod
    def _form(self) -> tuple[str, dict[str, Any]]:
        """What a JSON schema calls the answer, and the properties that it must have."""
