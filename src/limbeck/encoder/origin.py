"""Where a student comes from: the encoder whose weights, config and tokenizer it starts with.

A Hugging Face model is both, teacher and origin. Any other teacher only answers, and the recipe names the encoder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.text.tokens import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Origin:
    """What a student starts from.

    Args:
        model: With a head for the teacher's answers, in float32, frozen. On texts that its vocabulary was trimmed for,
            it computes what the whole one computes.
        encoder: Texts -> tokens, with its length limit: the student's own.
        tokenizer_folder: Holds the tokenizer files that ship.
        fingerprint: Names its weights, config and tokenizer.
        told: What records that ship say of it.
        is_teacher: Whether it is the teacher itself, so that its hidden states are targets.
        whole: The same with all tokens, where the vocabulary was trimmed.
    """

    model: "PreTrainedModel"
    encoder: TextEncoder
    tokenizer_folder: Path
    fingerprint: str
    told: Mapping[str, str]
    is_teacher: bool
    whole: "Origin | None" = None

    @property
    def hidden_size(self) -> int:
        """Width of its hidden states."""
        return int(self.model.config.hidden_size or 0)
