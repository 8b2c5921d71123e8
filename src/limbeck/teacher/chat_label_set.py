"""A large language model is asked, for every label, whether it fits: a JSON object with true or false for each code.

So each label has a token of its own that says yes or no, with its probability where the address tells them; a list of
the labels that fit would have none for those that do not. Where there is no schema to hold an answer to, the same
object is asked for in words, and read strictly: every label once, and nothing else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.teacher import chat_answer, distributions
from limbeck.teacher.chat_answer import Chosen
from limbeck.teacher.chat_prompt import LONG_WAYS, Question, Way

_YES_OR_NO = ("true", "false")
_OBJECT = re.compile(r"\s*(?:```(?:json)?\s*)?(\{.*\})\s*(?:```\s*)?", re.DOTALL)
_DECISION = re.compile(r'"(?:[^"\\]|\\.)*"\s*:\s*(true|false)')
_AROUND_TOKENS, _DECISION_TOKENS = 2, 6
"""Of the object, and of each label in it: quotes, code, colon, yes or no, comma."""


@dataclass(frozen=True)
class LabelSet(Question):
    """Which of the labels fit: none, one or several."""

    task = "multi-label"
    usual_instructions = "Decide for each of the labels whether it fits the text. None, one or several may fit."
    ways = LONG_WAYS
    n_alternatives = 5  # two of them count, and there are many tokens to tell them of
    fault = "does not say of every label whether it fits"

    @property
    def n_answer_tokens(self) -> int:
        """See `Question.n_answer_tokens`."""
        return _AROUND_TOKENS + _DECISION_TOKENS * len(self.label_names)

    def read(self, content: str, choice: Mapping[str, Any]) -> NDArray[np.float32] | None:
        """See `Question.read`: log odds, by the probability of each decision's token where it is told.

        Else a label that fits counts for `LABEL_SHARE`, and one that does not for the rest; see `distributions`.
        """
        found = self._decisions(content)
        if found is None:
            return None
        tokens = chat_answer.tokens_of(content, choice)
        probabilities = np.empty((1, len(self.label_names)))
        for label, decision in found.items():
            shares = chat_answer.shares(tokens, decision)
            if shares is None:
                fits = _YES_OR_NO[decision.index] == "true"
                probabilities[0, label] = distributions.LABEL_SHARE if fits else 1 - distributions.LABEL_SHARE
            else:
                probabilities[0, label] = shares[0]
        return distributions.logits_of_decisions(probabilities).reshape(len(self.label_names))

    def as_json(self) -> dict[str, Any]:
        """See `Question.as_json`."""
        return super().as_json() | {"task": self.task}

    def _decisions(self, content: str) -> dict[int, Chosen] | None:
        """Label -> what is said of it; None where that is not said of every label, or of anything else."""
        opened = _OBJECT.fullmatch(content)
        if opened is None:
            return None
        try:
            pairs = json.loads(opened[1], object_pairs_hook=list)
        except (ValueError, RecursionError):
            return None
        if not all(isinstance(value, bool) for _, value in pairs):
            return None
        labels = [chat_answer.index_of(named, self) for named, _ in pairs]
        if set(labels) != set(range(len(self.label_names))) or len(labels) != len(self.label_names):
            return None
        places = [opened.start(1) + place.start(1) for place in _DECISION.finditer(opened[1])]
        return {
            label: Chosen(_YES_OR_NO.index("true" if value else "false"), _YES_OR_NO, place)
            for label, (_, value), place in zip(labels, pairs, places, strict=True)
            if label is not None
        }

    def _closing(self, way: Way) -> str:
        begins = f'{{"{self.codes[0]}": true, "{self.codes[1]}": false'
        closing = (
            f"Answer in JSON with the {self.code_kind} of every label, true where the label fits and false where it "
            f"does not: {begins}{', ...' if len(self.codes) > 2 else ''}}}"
        )
        return closing if way.form == "schema" else f"{closing} Write the whole of it, and nothing else."

    def _correction(self) -> str:
        return "That does not say of every label, and of nothing else, whether it fits."

    def _form(self) -> tuple[str, dict[str, Any]]:
        return "labels", {code: {"type": "boolean"} for code in self.codes}
