"""What a large language model is asked about a text: to choose one of the labels, by a short code.

A code is a letter, or a number of as many digits as all others. It is one token or a few, so that a model that tells
the probabilities of its tokens tells those of the labels; and no code begins another.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

FORMAT = 1
"""Changes whenever what is asked changes, as answers do then."""
TOP_TOKENS = 20
"""As many alternatives to a token as the API tells of at most."""


@dataclass(frozen=True)
class Way:
    """How far an address understands constrained answers.

    Args:
        is_structured: It takes a JSON schema for its answer.
        has_logprobs: It tells the probabilities of tokens.
    """

    is_structured: bool
    has_logprobs: bool


WAYS = (Way(True, True), Way(False, True), Way(True, False), Way(False, False))
"""The best first; probabilities count for more than a form that a short answer hardly misses."""


@dataclass(frozen=True)
class Question:
    """What is asked about every text.

    Args:
        model: Name of the model.
        instructions: What it is told first.
        label_names: (classes,) the labels, at least two.
        descriptions: Label -> what it means.
        parameters: Further fields of a request.
    """

    model: str
    instructions: str
    label_names: tuple[str, ...]
    descriptions: Mapping[str, str]
    parameters: Mapping[str, Any]

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """(classes,) letters from A, else numbers from 1 with leading zeros."""
        n = len(self.label_names)
        if n <= len(string.ascii_uppercase):
            return tuple(string.ascii_uppercase[:n])
        return tuple(f"{number:0{len(str(n))}d}" for number in range(1, n + 1))

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
            rejected: Earlier answers to the same question that named no label.
        """
        asked = text if text_pair is None else f"First text:\n{text}\n\nSecond text:\n{text_pair}"
        messages = [{"role": "system", "content": self._system(way)}, {"role": "user", "content": asked}]
        for answer in rejected:
            messages += [
                {"role": "assistant", "content": answer},
                {"role": "user", "content": f"That is none of the labels. {self._closing(way)}"},
            ]
        body: dict[str, Any] = {"model": self.model, "messages": messages, **self.parameters}
        if way.is_structured:
            body["response_format"] = self._format()
        if way.has_logprobs:
            body |= {"logprobs": True, "top_logprobs": TOP_TOKENS}
        return body

    def _system(self, way: Way) -> str:
        lines = [
            f"{code}: {name}" + (f" ({self.descriptions[name]})" if name in self.descriptions else "")
            for code, name in zip(self.codes, self.label_names, strict=True)
        ]
        return "\n".join([self.instructions, "", "Labels:", *lines, "", self._closing(way)])

    def _closing(self, way: Way) -> str:
        kind = "letter" if self.codes[0] == "A" else f"number of {len(self.codes[0])} digits"
        if way.is_structured:
            return f'Answer in JSON with the {kind} of one label: {{"label": "{self.codes[0]}"}}'
        return f"Answer with the {kind} of one label and nothing else."

    def _format(self) -> dict[str, Any]:
        return {
            "type": "json_schema",
            "json_schema": {
                "name": "label",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"label": {"type": "string", "enum": list(self.codes)}},
                    "required": ["label"],
                    "additionalProperties": False,
                },
            },
        }
