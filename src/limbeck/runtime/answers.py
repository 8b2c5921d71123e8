"""What a loaded model gives back: answers, what they are made of, and passages in their order."""

from dataclasses import dataclass

from limbeck.tasks import Answer
from limbeck.tasks.task import AnyLogits


class _OfTexts:
    truncated: tuple[int, ...]

    @property
    def n_truncated(self) -> int:
        """How many texts were cut."""
        return len(self.truncated)


@dataclass(frozen=True)
class Logits(_OfTexts):
    """What the model computed for texts, in their order.

    Args:
        values: (n, classes) float32, or those of the texts' units.
        truncated: Indices of the texts that were cut to the artifact's `max_tokens`.
    """

    values: AnyLogits
    truncated: tuple[int, ...]


@dataclass(frozen=True)
class Answers(_OfTexts):
    """What the model answers to texts, in their order.

    Args:
        answers: (n,) one for each text.
        truncated: Indices of the texts that were cut to the artifact's `max_tokens`.
    """

    answers: list[Answer]
    truncated: tuple[int, ...]


@dataclass(frozen=True)
class Ranked:
    """A passage in the order of its score.

    Args:
        index: Where it stood among the passages that were given, from 0.
        text: The passage.
        score: The larger, the better it fits the query.
    """

    index: int
    text: str
    score: float
