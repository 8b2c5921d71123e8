"""Where a student comes from: the model whose weights and config it starts with, and its tokenizer."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.tokens import TextEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Origin:
    """What a student starts from.

    Args:
        model: In float32, frozen. On texts that a vocabulary was trimmed for, it computes what the teacher computes.
        encoder: Texts -> tokens.
        tokenizer_folder: Holds the tokenizer files that ship.
        whole: The same with all tokens, where the vocabulary was trimmed.
    """

    model: "PreTrainedModel"
    encoder: TextEncoder
    tokenizer_folder: Path
    whole: "Origin | None" = None
