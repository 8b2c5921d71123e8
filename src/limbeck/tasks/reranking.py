"""Reranking: a query and a passage, one score; the passages of a query are put in order by it.

What counts is the order within a query, so that everything is measured query by query, and a query is what intervals
are made over. A head of two classes counts too: its score is by how much the second class outweighs the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from limbeck.errors import DataError, ShapeError
from limbeck.tasks import order
from limbeck.tasks.columns import PAIR_NAMES, TEXT_NAMES, KnownNames
from limbeck.tasks.measures import MeanShare, Measure, Share, Values
from limbeck.tasks.order import Rows
from limbeck.tasks.task import (
    Answer,
    Change,
    LabelKind,
    Labels,
    Logits,
    MeasureWords,
    Respelled,
    Task,
    check_logits,
    check_pairs,
)

GRADE_NAMES = (
    "relevance", "grade", "label", "labels", "score", "rating", "relevance_label", "relevance_grade", "rel",
    "is_relevant",
)  # fmt: skip
QUERIES = ("query", "queries")
FIRST = MeasureWords(
    "same first passage",
    "Share of held-out queries whose best passage is the teacher's best one.",
    "puts the teacher's best passage first for {value} of {texts}",
    QUERIES,
)


@dataclass(frozen=True, slots=True)
class ScoreAnswer(Answer):
    """What a reranker says about a query and a passage: a score, to be compared with others of the same query."""

    score: float

    def to_json(self, *, in_full: bool = False, label_names: Sequence[str] = ()) -> dict[str, Any]:  # noqa: ARG002
        """The score."""
        return {"score": self.score}


class Reranking(Task):
    """One score for each pair of query and passage.

    Args:
        groups: (n,) the number of each row's query; None where answers are given and nothing is measured.
    """

    name = "reranking"
    hub_name = "text-ranking"
    hub_metric = "ndcg"
    columns = KnownNames(texts=TEXT_NAMES, pairs=PAIR_NAMES, labels=GRADE_NAMES)
    label_kind = LabelKind.NUMBER
    score = MeasureWords(
        f"nDCG@{order.DEPTH}",
        f"How near the first {order.DEPTH} passages of a query come to the best order, gains being 2^grade - 1: mean "
        "over the held-out queries that have a relevant passage.",
        f"ranks the passages of {{texts}} with an nDCG@{order.DEPTH} of {{value}}",
        QUERIES,
    )
    agreement = MeasureWords(
        "agreement",
        "Share of two passages of a query that are put in the same order as the teacher puts them (Kendall's tau, "
        "moved to 0 to 1): mean over the held-out queries.",
        "puts {value} of the pairs of passages of {texts} in the teacher's order",
        QUERIES,
    )
    further = (FIRST,)
    groups_changes = False
    scores_texts = False
    respelled = Respelled.FIRST_TEXT
    groups_rows = True

    def __init__(self, groups: Rows | None = None) -> None:
        self._groups = groups

    def within(self, groups: Rows) -> Self:
        """The task on rows of these queries."""
        return type(self)(groups)

    def answers(self, logits: Logits, label_names: Sequence[str]) -> list[ScoreAnswer]:  # noqa: ARG002
        """One score per row.

        Raises:
            ShapeError: The logits have not one or two columns.
        """
        return [ScoreAnswer(score) for score in scores_of(logits).tolist()]

    def score_of(self, logits: Logits, labels: Labels, label_names: Sequence[str] = ()) -> MeanShare:  # noqa: ARG002
        """The nDCG of each query that has a passage of a grade above 0; see `order.ndcg`.

        Args:
            logits: (n, 1) or (n, 2), n at least 1.
            labels: (n,) grades.
            label_names: Not needed.

        Raises:
            ShapeError: There is not one grade for each row, or nobody said which rows share a query.
            DataError: No query has a relevant passage.
        """
        check_pairs(logits, labels, what="labels")
        scores, gains = scores_of(logits), order.gains_of(labels.astype(np.float64))
        found = [order.ndcg(scores[rows], gains[rows]) for rows in self._queries(len(scores)) if gains[rows].any()]
        if not found:
            raise DataError(
                f"None of the {len(scores)} passages is relevant to its query: no grade is above 0.",
                hint="Give queries with passages of a grade above 0, or leave out the labels and judge by agreement.",
            )
        return MeanShare(np.array(found))

    def agreement_of(self, logits: Logits, teacher_logits: Logits, label_names: Sequence[str] = ()) -> MeanShare:  # noqa: ARG002
        """Share of pairs of passages in the teacher's order, of each query; see `order.alike`."""
        found = [order.alike(own, wanted) for own, wanted in self._compared(logits, teacher_logits)]
        told = [share for share in found if share is not None]
        if not told:
            raise DataError(
                "The teacher puts no two passages of a query in an order.",
                hint="Give several passages for each query, and a teacher whose scores differ.",
            )
        return MeanShare(np.array(told))

    def further_of(
        self,
        logits: Logits,
        *,
        labels: Labels | None,  # noqa: ARG002
        teacher_logits: Logits | None,
        label_names: Sequence[str] = (),  # noqa: ARG002
    ) -> Mapping[MeasureWords, Measure]:
        """Whether the passage put first is the teacher's first, of each query with several passages."""
        if teacher_logits is None:
            return {}
        compared = [(own, wanted) for own, wanted in self._compared(logits, teacher_logits) if len(own) > 1]
        return {FIRST: Share(np.array([wanted[own.argmax()] == wanted.max() for own, wanted in compared]))}

    def changes(self, logits: Logits, teacher_logits: Logits, label_names: Sequence[str]) -> list[Change]:  # noqa: ARG002
        """The passages on a rank that the teacher's scores do not allow, those first whose move weighs most.

        That is the difference of 1 / log2(rank + 1), what a rank counts for in nDCG.
        """
        check_pairs(logits, teacher_logits, what="teacher logits")
        scores, teacher_scores = scores_of(logits), scores_of(teacher_logits)
        own, wanted = np.empty((len(scores), 2), np.int64), np.empty((len(scores), 2), np.int64)
        n_passages = np.empty(len(scores), np.int64)
        for rows in self._queries(len(scores)):
            own[rows] = np.stack(order.ranks(scores[rows]), axis=1)
            wanted[rows] = np.stack(order.ranks(teacher_scores[rows]), axis=1)
            n_passages[rows] = len(rows)
        moved = np.abs(1 / np.log2(own[:, 0] + 1) - 1 / np.log2(wanted[:, 0] + 1))
        changed = np.flatnonzero((own[:, 0] > wanted[:, 1]) | (own[:, 1] < wanted[:, 0]))
        return [
            Change(int(row), _place(wanted[row], n_passages[row]), _place(own[row], n_passages[row]), None, None)
            for row in changed[np.argsort(-moved[changed], kind="stable")]
        ]

    def label_in_words(self, label: Any, label_names: Sequence[str], text: str = "") -> str:  # noqa: ANN401, ARG002
        """The grade."""
        return f"grade {float(label):.3g}"

    def _compared(self, logits: Logits, teacher_logits: Logits) -> list[tuple[Values, Values]]:
        """Scores of both models, query by query."""
        check_pairs(logits, teacher_logits, what="teacher logits")
        own, wanted = scores_of(logits), scores_of(teacher_logits)
        return [(own[rows], wanted[rows]) for rows in self._queries(len(own))]

    def _queries(self, n: int) -> list[Rows]:
        if self._groups is None or len(self._groups) != n:
            raise ShapeError(
                f"Nobody said which of the {n} rows belong to one query.",
                hint="Measure with TASKS['reranking'].within(examples.groups).",
            )
        return list(order.queries(self._groups))


def _place(ranks: Rows, n_passages: int) -> str:
    best, worst = ranks.tolist()
    return f"rank {best} of {n_passages}" if best == worst else f"rank {best} to {worst} of {n_passages}"


def scores_of(logits: Logits) -> Values:
    """(n, 1) numbers, or (n, 2) classes of which the second means relevant -> (n,) scores.

    Raises:
        ShapeError: Another number of columns.
    """
    check_logits(logits)
    if logits.shape[1] > 2:
        raise ShapeError(
            f"Expected one score, or two classes, for each query and passage, got {logits.shape[1]} columns.",
            hint="Give logits of a reranker; more classes are the task classification.",
        )
    wide = logits.astype(np.float64)
    found: Values = wide[:, -1] - (wide[:, 0] if wide.shape[1] == 2 else 0.0)
    return found
