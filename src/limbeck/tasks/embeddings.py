"""Sentence embeddings: a vector a text, near the vectors of texts that mean the same.

Texts of a scored pair stand one after the other, each with the pair's score: the rows 0 and 1, 2 and 3, and so on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError
from limbeck.tasks.columns import NUMBER_NAMES, PAIR_NAMES, TEXT_NAMES, KnownNames
from limbeck.tasks.measures import Mean, MeanShare, Measure, Quantile, RankCorrelation, Values
from limbeck.tasks.task import Answer, Change, LabelKind, Labels, Logits, MeasureWords, Task, check_logits, check_pairs

NEIGHBOURS = 10
"""Nearest texts that are compared."""
OVERLAP = MeasureWords(
    "retrieval overlap",
    f"Of the {NEIGHBOURS} texts that are nearest to a text by the teacher, the share that are so by the model too.",
    f"finds {{value}} of the teacher's {NEIGHBOURS} nearest texts of {{texts}}",
)
RANKS = MeasureWords(
    "rank fidelity",
    "Spearman’s correlation of a text’s cosines with other texts, by model and by teacher: the mean over texts.",
    "puts other texts in the teacher's order of nearness with a mean rank correlation of {value} on {texts}",
)
_LOW_SHARE = 0.05
LOWEST = MeasureWords(
    "lowest cosine, 1 in 20",
    "One text in 20 has a cosine with the teacher’s vector below this.",
    "has a cosine of {value} or more with the teacher's vectors of 19 in 20 of {texts}",
)
_RANKED = 512
"""Texts at most whose order of nearness is compared."""
_PARTED = 0.9
"""Cosine with the teacher's vector below which a text counts as changed."""
_CORPUS = 4096
"""Texts at most that neighbours are looked for among."""


@dataclass(frozen=True, slots=True)
class VectorAnswer(Answer):
    """What an embedding model says about one text: (size,) numbers."""

    vector: NDArray[np.float32]

    def to_json(self, *, in_full: bool = False, label_names: Sequence[str] = ()) -> dict[str, Any]:  # noqa: ARG002
        """The numbers, as short as float32 allows."""
        return {"embedding": [float(str(number)) for number in self.vector]}


class Embeddings(Task):
    """One vector a text."""

    name = "embeddings"
    hub_name = "sentence-similarity"
    hub_metric = "spearmanr"
    columns = KnownNames(texts=TEXT_NAMES, pairs=PAIR_NAMES, labels=NUMBER_NAMES)
    label_kind = LabelKind.NUMBER
    takes_pairs = False
    further = (OVERLAP, RANKS, LOWEST)
    head = "ForSentenceEmbedding"
    score = MeasureWords(
        "rank correlation",
        "Spearman's correlation of the cosines of scored pairs with the scores that people gave.",
        "orders the scored pairs among {texts} as people do, with a rank correlation of {value}",
    )
    agreement = MeasureWords(
        "agreement",
        "Mean cosine of the vectors with the teacher's vectors of the same texts.",
        "has a mean cosine of {value} with the teacher's vectors of {texts}",
    )
    groups_changes = False
    scores_texts = False

    def answers(self, logits: Logits, label_names: Sequence[str]) -> list[VectorAnswer]:  # noqa: ARG002
        """One vector per row.

        Raises:
            ShapeError: The logits have not two axes.
        """
        check_logits(logits)
        return [VectorAnswer(row) for row in logits.astype(np.float32, copy=False)]

    def score_of(self, logits: Logits, labels: Labels, label_names: Sequence[str] = ()) -> RankCorrelation:  # noqa: ARG002
        """Spearman's correlation of the cosines within pairs with the pairs' scores.

        Args:
            logits: (2 n, size), the texts of a pair one after the other.
            labels: (2 n,) the scores, each twice.
            label_names: Not needed.

        Raises:
            ShapeError: The rows are no pairs.

        Source: Reimers, Beyer, Gurevych 2016, COLING, pages 87 to 96, which says why Spearman's and not Pearson's.
        """
        check_pairs(logits, labels, what="labels")
        if len(logits) % 2 or not np.array_equal(labels[0::2], labels[1::2]):
            raise ShapeError(
                f"Expected the texts of each pair one after the other, each with the pair's score, got {len(logits)} "
                "rows that are not.",
                hint="Give scores for pairs of texts.",
            )
        return RankCorrelation(cosines(logits[0::2], logits[1::2]), labels[0::2].astype(np.float64))

    def agreement_of(self, logits: Logits, teacher_logits: Logits, label_names: Sequence[str] = ()) -> Mean:  # noqa: ARG002
        """Cosine of each vector with the teacher's."""
        check_pairs(logits, teacher_logits, what="teacher logits")
        return Mean(cosines(logits, teacher_logits))

    def further_of(
        self,
        logits: Logits,
        *,
        labels: Labels | None,  # noqa: ARG002
        teacher_logits: Logits | None,
        label_names: Sequence[str] = (),  # noqa: ARG002
    ) -> Mapping[MeasureWords, Measure]:
        """The lowest cosines; and where there is a choice of neighbours, retrieval overlap and rank fidelity."""
        if teacher_logits is None:
            return {}
        lowest = {LOWEST: Quantile(cosines(logits, teacher_logits), _LOW_SHARE)}
        distinct = np.unique(teacher_logits, axis=0, return_index=True)[1]
        rows = np.sort(distinct)[:_CORPUS]
        if len(rows) <= 2 * NEIGHBOURS:
            return lowest
        found, wanted = (_nearest(unit(vectors[rows])) for vectors in (logits, teacher_logits))
        shares = [len(np.intersect1d(one, two)) / NEIGHBOURS for one, two in zip(found, wanted, strict=True)]
        ranked = rows[:_RANKED]
        alike = _rank_correlations(unit(logits[ranked]), unit(teacher_logits[ranked]))
        return {OVERLAP: MeanShare(np.array(shares)), RANKS: Mean(alike), **lowest}

    def changes(self, logits: Logits, teacher_logits: Logits, label_names: Sequence[str]) -> list[Change]:  # noqa: ARG002
        """The texts whose vectors point elsewhere than the teacher's, furthest first."""
        alike = cosines(logits, teacher_logits)
        changed = np.flatnonzero(alike < _PARTED)
        return [
            Change(int(row), "cosine 1", f"cosine {alike[row]:.3f}", None, None)
            for row in changed[np.argsort(alike[changed], kind="stable")]
        ]

    def label_in_words(self, label: Any, label_names: Sequence[str], text: str = "") -> str:  # noqa: ANN401, ARG002
        """The pair's score."""
        return f"pair of score {float(label):.3g}"


def dimensions(size: int) -> tuple[str, ...]:
    """What stands for the label names of a model that gives vectors of this size."""
    return tuple(map(str, range(size)))


def cosines(first: Logits, second: Logits) -> Values:
    """(n, size) twice -> (n,) the cosine of each pair of rows; 0 where one has no length."""
    found: Values = (unit(first) * unit(second)).sum(axis=1)
    return found


def unit(vectors: Logits) -> Values:
    """(n, size) -> the same directions with length 1, in float64."""
    wide = vectors.astype(np.float64)
    found: Values = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return found


def _nearest(vectors: Values) -> NDArray[np.int64]:
    """(n, size) of length 1 -> (n, neighbours) the other rows of the largest cosines, in any order."""
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -np.inf)
    found: NDArray[np.int64] = np.argpartition(-alike, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return found


def _rank_correlations(vectors: Values, others: Values) -> Values:
    """(n, size) twice, of length 1 -> (n,) Spearman's correlation of each text's cosines with the n - 1 others."""
    from scipy.stats import rankdata  # here, as the runtime loads this file with the answers and must start fast

    centred = []
    for side in (vectors, others):
        alike = (side @ side.T)[~np.eye(len(side), dtype=np.bool_)].reshape(len(side), -1)
        ranks = rankdata(alike, axis=1)
        centred.append(ranks - ranks.mean(axis=1, keepdims=True))
    spread = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    found: Values = (centred[0] * centred[1]).sum(axis=1) / np.maximum(spread, np.finfo(np.float64).tiny)
    return found
