"""What one types into the page, by task: fields with names and examples, and a first question to warm up on."""

from dataclasses import dataclass
from typing import Any

from limbeck.tasks import TASKS
from limbeck.text.windows import Reads


@dataclass(frozen=True)
class Field:
    """A field for texts.

    Args:
        label: Its name.
        example: What may stand in it.
        rows: Lines that it shows.
        optional: Whether an answer can be had without it.
    """

    label: str
    example: str = ""
    rows: int = 3
    optional: bool = False


_TEXT = Field("Text", "wake me at seven")
_SECOND = Field("Second text, for models of pairs", rows=2, optional=True)
_WORDS = Field("Text", "Ada Lovelace lived in London.")


def fields_of(task: str, mask_token: str | None) -> dict[str, Any]:
    """Role -> field: `text`, and those of `pair`, `others`, `mask` that the task has; None for the rest.

    Args:
        task: Its name.
        mask_token: The mask as it is written, where the tokenizer has one.
    """
    found: dict[str, Any] = {"text": _TEXT, "pair": None, "others": None, "mask": None}
    if task == "reranking":
        passages = Field("Passages, one a line", "set an alarm for seven\nplay some music", rows=5)
        return found | {"text": Field("Query", "wake me", rows=2), "others": passages}
    if task == "embeddings":
        others = Field("Texts to compare it with, one a line", "set an alarm for seven\nplay some music", rows=5)
        return found | {"text": Field("Text", "wake me at seven", rows=2), "others": others}
    reads = TASKS[task].reads
    if reads is Reads.CONTEXT:
        context = Field("Context", "Ada Lovelace lived in London.", rows=7)
        return found | {"text": Field("Question", "Where did she live?", rows=2), "pair": context}
    if reads is Reads.MASKS:
        return found | {"text": Field("Text", f"wake me at {mask_token}"), "mask": mask_token}
    if reads is Reads.WORDS:
        return found | {"text": _WORDS}
    return found | {"pair": _SECOND}


def warm_up_of(task: str, mask_token: str | None) -> dict[str, Any]:
    """A question as the page asks it."""
    fields = fields_of(task, mask_token)
    question: dict[str, Any] = {"text": fields["text"].example}
    if fields["others"]:
        question["others"] = fields["others"].example.splitlines()
    if fields["pair"] and not fields["pair"].optional:
        question["pair"] = fields["pair"].example
    return question
