"""A large language model is asked for one label a text, by its code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.teacher import chat_answer, distributions
from limbeck.teacher.chat_prompt import Question, Way


@dataclass(frozen=True)
class OneLabel(Question):
    """Which of the labels fits best."""

    task = "classification"
    usual_instructions = "Decide which of the labels fits the text best."
    fault = "names no label"
    n_answer_tokens = 8
    """The JSON around a code, and the code."""

    def read(self, content: str, choice: Mapping[str, Any]) -> NDArray[np.float32] | None:
        """See `Question.read`: by the probabilities of tokens where they are told, else as a bare label."""
        found = chat_answer.chosen(content, self, key="label")
        if found is None:
            return None
        shares = chat_answer.shares(chat_answer.tokens_of(content, choice), found)
        if shares is None:
            rows = distributions.logits_of_labels(np.array([found.index]), n_classes=len(self.label_names))
        else:
            rows = distributions.logits_of_probabilities(shares[None, :], source="The probabilities of tokens")
        return rows.reshape(len(self.label_names))

    def _closing(self, way: Way) -> str:
        if way.form == "schema":
            return f'Answer in JSON with the {self.code_kind} of one label: {{"label": "{self.codes[0]}"}}'
        return f"Answer with the {self.code_kind} of one label and nothing else."

    def _correction(self) -> str:
        return "That is none of the labels."

    def _form(self) -> tuple[str, dict[str, Any]]:
        return "label", {"label": {"type": "string", "enum": list(self.codes)}}
