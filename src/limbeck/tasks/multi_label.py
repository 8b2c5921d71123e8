"""Multi-label classification: one text or a pair, any number of labels, each decided by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.tasks.classification import check_columns
from limbeck.tasks.columns import PAIR_NAMES, SEVERAL_LABEL_NAMES, TEXT_NAMES, KnownNames
from limbeck.tasks.decisions import Decisions, Distributions, log_bernoulli
from limbeck.tasks.measures import FScore, Hits, Share
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

NO_LABEL = "(no label)"
_BY_LABEL = ("decision on a label", "decisions on labels")


@dataclass(frozen=True, slots=True)
class LabelsAnswer(Answer):
    """What a multi-label classifier says about one text.

    Args:
        labels: Names of the labels whose probability is at least one half, in the order of the label names.
        probabilities: (labels,) of each label by itself; they do not sum to 1.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]

    def to_json(self, *, in_full: bool = False, label_names: Sequence[str] = ()) -> dict[str, Any]:
        """The labels with their probabilities; in full with those of all labels."""
        row: dict[str, Any] = {"labels": list(self.labels)}
        if in_full:
            row["probabilities"] = dict(zip(label_names, self.probabilities, strict=True))
        return row


class MultiLabel(Task):
    """Any number of labels a text."""

    name = "multi-label"
    hub_name = "text-classification"
    hub_metric = "f1"
    columns = KnownNames(texts=TEXT_NAMES, pairs=PAIR_NAMES, labels=SEVERAL_LABEL_NAMES)
    label_kind = LabelKind.CLASSES
    score = MeasureWords(
        "F1",
        "F1 of all decisions together (micro-averaged): harmonic mean of precision and recall over texts and labels.",
        "reaches an F1 of {value} on {texts}",
    )
    agreement = MeasureWords(
        "agreement",
        "Share of held-out texts that get exactly the labels that the teacher gives, right or wrong.",
        "gives {value} of {texts} exactly the teacher's labels",
    )

    def answers(self, logits: Logits, label_names: Sequence[str]) -> list[LabelsAnswer]:
        """One answer per row of logits; a logit of 0 is a probability of one half, and counts as a yes.

        Args:
            logits: (n, labels), any float dtype.
            label_names: (labels,) in the order of the logits.

        Raises:
            ShapeError: The logits have not two axes, or not one column for each label name.
        """
        check_columns(logits, label_names)
        rows: list[list[float]] = probabilities(logits).tolist()
        return [
            LabelsAnswer(tuple(label_names[index] for index in np.flatnonzero(chosen).tolist()), tuple(row))
            for chosen, row in zip(decisions(logits), rows, strict=True)
        ]

    def score_of(self, logits: Logits, labels: Labels, label_names: Sequence[str] = ()) -> FScore:  # noqa: ARG002
        """Micro-averaged F1.

        Args:
            logits: (n, labels), any float dtype, n at least 1.
            labels: (n, labels) 1 where people gave the label.
            label_names: Not needed.

        Raises:
            ShapeError: There is not one row of labels for each row of logits.
        """
        check_pairs(logits, labels, what="labels")
        given, found = labels == 1, decisions(logits)
        counts = [(one & other).sum(axis=1) for one, other in ((found, given), (found, ~given), (~found, given))]
        return FScore(*counts)

    def agreement_of(
        self,
        logits: Logits,
        teacher_logits: Logits,
        label_names: Sequence[str] = (),  # noqa: ARG002
    ) -> Share:
        """Whether both give the same set of labels."""
        check_pairs(logits, teacher_logits, what="teacher logits")
        return Share((decisions(logits) == decisions(teacher_logits)).all(axis=1))

    def decisions_of(self, logits: Logits, labels: Labels, label_names: Sequence[str] = ()) -> Decisions:  # noqa: ARG002
        """One a text: its whole set of labels, which is right where it is just people's set."""
        found = decisions(logits)
        sets = np.packbits(found, axis=1)
        answers = np.array([row.tobytes() for row in sets], dtype=object)
        right = (found == (labels == 1)).all(axis=1)
        return Decisions(np.arange(len(logits)), answers, right, np.full(len(logits), np.nan))

    def part_decisions_of(self, logits: Logits, labels: Labels, label_names: Sequence[str] = ()) -> Decisions:  # noqa: ARG002
        """One for each text and label, with the probability of what was decided: at least one half."""
        found, shares = decisions(logits), probabilities(logits)
        return Decisions(
            np.repeat(np.arange(len(logits)), logits.shape[1]),
            found.reshape(-1),
            (found == (labels == 1)).reshape(-1),
            np.maximum(shares, 1 - shares).reshape(-1),
            _BY_LABEL,
        )

    def distributions_of(self, logits: Logits, teacher_logits: Logits) -> Distributions:
        """One for each text and label: yes or no."""
        owners = np.repeat(np.arange(len(logits)), logits.shape[1])
        return Distributions(owners, log_bernoulli(teacher_logits), log_bernoulli(logits), _BY_LABEL)

    def kinds_of(
        self, labels: Labels | None, teacher_logits: Logits | None, label_names: Sequence[str]
    ) -> Mapping[str, Hits]:
        """The labels that people give, or else the teacher; a text may have several, or none."""
        if labels is None:
            assert teacher_logits is not None, "texts without labels are judged by a teacher"
            given = decisions(teacher_logits)
        else:
            given = labels == 1
        found: dict[str, Hits] = {name: given[:, index] for index, name in enumerate(label_names)}
        found[NO_LABEL] = np.logical_not(given.any(axis=1))
        return found

    def changes(self, logits: Logits, teacher_logits: Logits, label_names: Sequence[str]) -> list[Change]:
        """Every text with another set of labels; first where both sides were sure of what they part on.

        The probability that stands beside an answer is that of its least sure decision among those that changed.
        """
        found, wanted = decisions(logits), decisions(teacher_logits)
        parted = found != wanted
        sure, teacher_sure = (
            np.where(parted, np.maximum(given, 1 - given), 1.0).min(axis=1)
            for given in (probabilities(logits), probabilities(teacher_logits))
        )
        return [
            Change(
                row,
                _in_words(wanted[row], label_names),
                _in_words(found[row], label_names),
                float(teacher_sure[row]),
                float(sure[row]),
            )
            for row in surest_first(parted.any(axis=1), sure, teacher_sure)
        ]

    def label_in_words(self, label: Any, label_names: Sequence[str], text: str = "") -> str:  # noqa: ANN401, ARG002
        """The names of the labels."""
        return _in_words(np.asarray(label) == 1, label_names)


def decisions(logits: Logits) -> NDArray[np.bool_]:
    """(n, labels) which labels are given: those of a logit of at least 0."""
    check_logits(logits)
    return logits >= 0


def probabilities(logits: Logits) -> NDArray[np.float64]:
    """(n, labels) the probability of each label by itself: the logistic function, in float64, without overflow."""
    check_logits(logits)
    found: NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * logits.astype(np.float64)))
    return found


def _in_words(chosen: NDArray[np.bool_], label_names: Sequence[str]) -> str:
    return ", ".join(label_names[index] for index in np.flatnonzero(chosen).tolist()) or NO_LABEL
