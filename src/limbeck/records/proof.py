"""What a verdict has to tell of proofs: that the artifact is as good as its teacher, or worse by more than a margin."""

from dataclasses import dataclass
from typing import Literal

ProofAnswer = Literal["proven", "refuted", "not decidable"]


@dataclass(frozen=True)
class McNemar:
    """The texts on which only one of the two is right, and McNemar's exact test on them.

    Args:
        only_artifact: Texts on which only the artifact is right.
        only_teacher: Texts on which only the teacher is.
        p_value: How often chance alone splits them at least this unevenly, were both right equally often.
        sentence: The same in plain words.
    """

    only_artifact: int
    only_teacher: int
    p_value: float
    sentence: str


@dataclass(frozen=True)
class NonInferiority:
    """Whether the artifact's score is at most a margin below the teacher's, as far as these texts can tell.

    Args:
        measure: What the task's score is called: "accuracy".
        margin: What the artifact may be worse by, as a difference of scores: 0.005 stands for half a point.
        confidence: Of the proof: one that is wrong comes about in 1 - confidence of all cases at most.
        answer: "proven": it is at most the margin below. "refuted": it is further below. "not decidable": neither.
        difference: The artifact's score minus the teacher's.
        low: One-sided lower bound of the difference, at this confidence.
        high: One-sided upper bound. The two are a two-sided interval of 2 * confidence - 1: 90 % where this is 95 %.
        n: Texts.
        n_needed: Where it is not decidable: about how many texts would decide it in four of five cases, were the
            difference what it seems here, or none where the artifact seems better. None where no number would.
        spread: Standard deviation of one text's share in the difference: what a number of texts is planned by.
        method: "exact unconditional test" or "paired BCa bootstrap".
        sentence: The same in plain words.
        mcnemar: Where the score is a share of texts.
    """

    measure: str
    margin: float
    confidence: float
    answer: ProofAnswer
    difference: float
    low: float
    high: float
    n: int
    n_needed: int | None
    spread: float
    method: str
    sentence: str
    mcnemar: McNemar | None = None

    @property
    def discordance(self) -> float | None:
        """The share of texts on which only one of the two is right; None where the score is no share of texts."""
        return None if self.mcnemar is None else (self.mcnemar.only_artifact + self.mcnemar.only_teacher) / self.n
