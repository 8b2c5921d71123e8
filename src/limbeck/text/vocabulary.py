"""What trimming left of a teacher's vocabulary, and how it fares on texts that had no say in it. Plain data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Coverage:
    """How a vocabulary takes texts apart.

    Args:
        tokens_per_text: Mean, special ones included.
        unknown_share: Share of the tokens that stand for what the vocabulary has no token for.
    """

    tokens_per_text: float
    unknown_share: float


@dataclass(frozen=True)
class VocabularyRecord:
    """What trimming a vocabulary left, and how it fares on held-out texts, which had no say in it.

    Args:
        rows_before: Rows of the teacher's embedding table.
        rows: Rows of the student's.
        n_used: Tokens that the texts use which the student learns from; each of them was kept.
        n_held_out: Held-out texts; of pairs, both count.
        n_changed: How many of them come apart otherwise than by the teacher's tokenizer.
        before: How the teacher's takes them apart.
        after: How the student's does.
    """

    rows_before: int
    rows: int
    n_used: int
    n_held_out: int
    n_changed: int
    before: Coverage
    after: Coverage
