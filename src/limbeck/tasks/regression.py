"""Regression: one text or a pair of texts, one number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.tasks.columns import NUMBER_NAMES, PAIR_NAMES, TEXT_NAMES, KnownNames
from limbeck.tasks.measures import RankCorrelation, Values
from limbeck.tasks.task import Answer, Change, LabelKind, Labels, Logits, MeasureWords, Task, check_logits, check_pairs

NUMBER = "number"
"""What stands for the label name of a model that gives one number."""
_PARTED = 0.5
"""Teacher's standard deviations from which on two numbers count as different answers."""


@dataclass(frozen=True, slots=True)
class NumberAnswer(Answer):
    """What a regression model says about one text: a number, on the scale that its teacher learned."""

    value: float

    def to_json(self, *, in_full: bool = False, label_names: Sequence[str] = ()) -> dict[str, Any]:  # noqa: ARG002
        """The number."""
        return {"value": self.value}


class Regression(Task):
    """One number a text."""

    name = "regression"
    hub_name = "text-classification"
    hub_metric = "spearmanr"
    columns = KnownNames(texts=TEXT_NAMES, pairs=PAIR_NAMES, labels=NUMBER_NAMES)
    label_kind = LabelKind.NUMBER
    score = MeasureWords(
        "rank correlation",
        "Spearman's correlation of the numbers with those that people gave: how alike both put the texts in order.",
        "orders {texts} as people do, with a rank correlation of {value}",
    )
    agreement = MeasureWords(
        "agreement",
        "Spearman's correlation of the numbers with the teacher's: how alike both put the held-out texts in order.",
        "orders {texts} as the teacher does, with a rank correlation of {value}",
    )
    groups_changes = False
    scores_texts = False

    def answers(self, logits: Logits, label_names: Sequence[str]) -> list[NumberAnswer]:  # noqa: ARG002
        """One number per row.

        Raises:
            ShapeError: The logits have not two axes.
        """
        return [NumberAnswer(value) for value in _numbers(logits).tolist()]

    def score_of(self, logits: Logits, labels: Labels, label_names: Sequence[str] = ()) -> RankCorrelation:  # noqa: ARG002
        """Spearman's correlation with the numbers that people gave.

        Args:
            logits: (n, 1), n at least 1.
            labels: (n,) numbers.
            label_names: Not needed.

        Raises:
            ShapeError: There is not one number for each row.
        """
        check_pairs(logits, labels, what="labels")
        return RankCorrelation(_numbers(logits), labels.astype(np.float64))

    def agreement_of(
        self,
        logits: Logits,
        teacher_logits: Logits,
        label_names: Sequence[str] = (),  # noqa: ARG002
    ) -> RankCorrelation:
        """Spearman's correlation with the teacher's numbers."""
        check_pairs(logits, teacher_logits, what="teacher logits")
        return RankCorrelation(_numbers(logits), _numbers(teacher_logits))

    def changes(self, logits: Logits, teacher_logits: Logits, label_names: Sequence[str]) -> list[Change]:  # noqa: ARG002
        """The texts whose numbers lie half a standard deviation of the teacher's apart or more, furthest first."""
        found, wanted = _numbers(logits), _numbers(teacher_logits)
        apart = np.abs(found - wanted)
        changed = np.flatnonzero(apart > _PARTED * wanted.std())
        return [
            Change(int(row), f"{wanted[row]:.3g}", f"{found[row]:.3g}", None, None)
            for row in changed[np.argsort(-apart[changed], kind="stable")]
        ]

    def label_in_words(self, label: Any, label_names: Sequence[str], text: str = "") -> str:  # noqa: ANN401, ARG002
        """The number."""
        return f"{float(label):.3g}"


def spread_of(numbers: NDArray[np.generic]) -> float:
    """What numbers scatter by, which errors are measured in: their standard deviation; 1 where all are the same.

    Args:
        numbers: Any shape, at least one.
    """
    found = float(numbers.astype(np.float64).std())
    return found if found > 0 else 1.0


def _numbers(logits: Logits) -> Values:
    check_logits(logits)
    return logits[:, 0].astype(np.float64)
