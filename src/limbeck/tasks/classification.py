"""Classification: one text or a pair of texts, exactly one label. Logits -> answers, and how answers are scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError
from limbeck.tasks.columns import LABEL_NAMES, PAIR_NAMES, TEXT_NAMES, KnownNames
from limbeck.tasks.decisions import Decisions, Distributions, log_softmax
from limbeck.tasks.measures import Hits, Share
from limbeck.tasks.task import (
    Answer,
    Change,
    LabelKind,
    Labels,
    Logits,
    MeasureWords,
    Task,
    check_logits,
    check_pairs,
    surest_first,
)


@dataclass(frozen=True, slots=True)
class ClassAnswer(Answer):
    """What a classifier says about one text.

    Args:
        label: Name of the most probable class.
        label_id: Its index in the label names.
        probability: Its probability, from 0 to 1.
        probabilities: (classes,) of all classes in the order of the label names; they sum to 1.
    """

    label: str
    label_id: int
    probability: float
    probabilities: tuple[float, ...]

    def to_json(self, *, in_full: bool = False, label_names: Sequence[str] = ()) -> dict[str, Any]:
        """Label and probability; in full with the probability of each label."""
        row: dict[str, Any] = {"label": self.label, "probability": self.probability}
        if in_full:
            row["probabilities"] = dict(zip(label_names, self.probabilities, strict=True))
        return row


class Classification(Task):
    """One label a text."""

    name = "classification"
    hub_name = "text-classification"
    hub_metric = "accuracy"
    columns = KnownNames(texts=TEXT_NAMES, pairs=PAIR_NAMES, labels=LABEL_NAMES)
    label_kind = LabelKind.CLASS
    score = MeasureWords(
        "accuracy", "Share of held-out texts answered as they are labelled.", "answers {value} of {texts} as labelled"
    )
    agreement = MeasureWords(
        "agreement",
        "Share of held-out texts answered as the teacher answers, right or wrong.",
        "answers {value} of {texts} as the teacher does",
    )

    def answers(self, logits: Logits, label_names: Sequence[str]) -> list[ClassAnswer]:
        """One answer per row of logits. Of equal logits the first class wins, as in `numpy.argmax`.

        Args:
            logits: (n, classes), any float dtype.
            label_names: (classes,) in the order of the logits.

        Raises:
            ShapeError: The logits have not two axes, or not one column for each label name.
        """
        check_columns(logits, label_names)
        label_ids: list[int] = logits.argmax(axis=1).tolist()
        rows: list[list[float]] = probabilities(logits).tolist()
        return [
            ClassAnswer(label=label_names[label_id], label_id=label_id, probability=row[label_id],
                        probabilities=tuple(row))
            for label_id, row in zip(label_ids, rows, strict=True)
        ]  # fmt: skip

    def score_of(self, logits: Logits, labels: Labels, label_names: Sequence[str] = ()) -> Share:  # noqa: ARG002
        """Accuracy: whether each row's largest logit stands at the true label.

        Args:
            logits: (n, classes), any float dtype, n at least 1.
            labels: (n,) indices of the true classes.
            label_names: Not needed.

        Raises:
            ShapeError: The logits have not two axes, there are none, or there is not one label a row.
        """
        check_pairs(logits, labels, what="labels")
        return Share(logits.argmax(axis=1) == labels)

    def agreement_of(
        self,
        logits: Logits,
        teacher_logits: Logits,
        label_names: Sequence[str] = (),  # noqa: ARG002
    ) -> Share:
        """Whether both largest logits stand at the same class."""
        check_pairs(logits, teacher_logits, what="teacher logits")
        return Share(logits.argmax(axis=1) == teacher_logits.argmax(axis=1))

    def decisions_of(self, logits: Logits, labels: Labels, label_names: Sequence[str] = ()) -> Decisions:  # noqa: ARG002
        """One a text: the most probable class, with its probability."""
        return of_classes(logits, labels, np.arange(len(logits)))

    def distributions_of(self, logits: Logits, teacher_logits: Logits) -> Distributions:
        """One a text, over the classes."""
        return Distributions(np.arange(len(logits)), log_softmax(teacher_logits), log_softmax(logits))

    def kinds_of(
        self, labels: Labels | None, teacher_logits: Logits | None, label_names: Sequence[str]
    ) -> Mapping[str, Hits]:
        """The label that people give, or else the teacher."""
        if labels is None:
            assert teacher_logits is not None, "texts without labels are judged by a teacher"
            labels = teacher_logits.argmax(axis=1)
        return {name: labels == index for index, name in enumerate(label_names)}

    def changes(self, logits: Logits, teacher_logits: Logits, label_names: Sequence[str]) -> list[Change]:
        """Every changed answer, in the order of `surest_first`."""
        labels, teacher_labels = logits.argmax(axis=1), teacher_logits.argmax(axis=1)
        tops, teacher_tops = probabilities(logits).max(axis=1), probabilities(teacher_logits).max(axis=1)
        return [
            Change(
                row,
                label_names[teacher_labels[row]],
                label_names[labels[row]],
                float(teacher_tops[row]),
                float(tops[row]),
            )
            for row in surest_first(labels != teacher_labels, tops, teacher_tops)
        ]

    def label_in_words(self, label: Any, label_names: Sequence[str], text: str = "") -> str:  # noqa: ANN401, ARG002
        """The label's name."""
        return label_names[int(label)]


def probabilities(logits: Logits) -> NDArray[np.float64]:
    """Softmax over the classes, in float64 and shifted by each row's largest logit, so that nothing overflows.

    Args:
        logits: (n, classes), any float dtype.

    Returns: (n, classes); each row sums to 1.

    Raises:
        ShapeError: Not two axes, or no class.
    """
    check_logits(logits)
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted


def of_classes(logits: Logits, labels: Labels, owners: NDArray[np.int64]) -> Decisions:
    """The class of the largest logit of each row, with its softmax.

    Args:
        logits: (decisions, classes).
        labels: (decisions,) indices of the true classes.
        owners: (decisions,) the row of each one's text.
    """
    answers = logits.argmax(axis=1)
    return Decisions(owners, answers, answers == labels, probabilities(logits).max(axis=1))


def check_columns(logits: Logits, label_names: Sequence[str]) -> None:
    """Refuse logits that are not one column for each label.

    Raises:
        ShapeError: The logits have not two axes, or another number of columns.
    """
    check_logits(logits)
    if logits.shape[1] != len(label_names):
        raise ShapeError(
            f"Expected logits with one column for each of the {len(label_names)} label names, "
            f"got {logits.shape[1]} columns.",
            hint="Give the label names of the model that made these logits.",
        )
