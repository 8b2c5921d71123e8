"""Classification: one text or a pair of texts, exactly one label. Logits -> answers, and how answers are scored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError
from limbeck.tasks.columns import KnownNames

METRIC = "accuracy"
KNOWN_COLUMNS = KnownNames(
    texts=(
        "text", "sentence", "utterance", "query", "question", "content", "review", "review_text", "comment",
        "comment_text", "tweet", "message", "document", "headline", "body", "input", "prompt",
    ),
    pairs=(
        ("text", "text_pair"), ("text", "text2"), ("text1", "text2"), ("text_1", "text_2"), ("text_a", "text_b"),
        ("sentence", "sentence_pair"), ("sentence1", "sentence2"), ("sentence_1", "sentence_2"),
        ("sentence_a", "sentence_b"), ("question1", "question2"), ("premise", "hypothesis"), ("question", "answer"),
        ("question", "sentence"), ("question", "passage"), ("query", "passage"), ("query", "document"),
        ("query", "text"), ("claim", "evidence"),
    ),
    labels=(
        "label", "labels", "label_text", "label_name", "intent", "category", "class", "sentiment", "target", "topic",
        "emotion", "gold_label",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says about one text.

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


def probabilities(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Softmax over the classes, in float64 and shifted by each row's largest logit, so that nothing overflows.

    Args:
        logits: (n, classes), any float dtype.

    Returns: (n, classes); each row sums to 1.

    Raises:
        ShapeError: Not two axes, or no class.
    """
    _check_logits(logits)
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted


def answers(logits: NDArray[np.floating], label_names: Sequence[str]) -> list[Answer]:
    """One answer per row of logits. Of equal logits the first class wins, as in `numpy.argmax`.

    Args:
        logits: (n, classes), any float dtype.
        label_names: (classes,) in the order of the logits.

    Raises:
        ShapeError: The logits have not two axes, or not one column for each label name.
    """
    _check_logits(logits)
    if logits.shape[1] != len(label_names):
        raise ShapeError(
            f"Expected logits with one column for each of the {len(label_names)} label names, "
            f"got {logits.shape[1]} columns.",
            hint="Give the label names of the model that made these logits.",
        )
    label_ids: list[int] = logits.argmax(axis=1).tolist()
    rows: list[list[float]] = probabilities(logits).tolist()
    return [
        Answer(label=label_names[label_id], label_id=label_id, probability=row[label_id], probabilities=tuple(row))
        for label_id, row in zip(label_ids, rows, strict=True)
    ]


def accuracy(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Share of rows whose largest logit stands at the true label.

    Args:
        logits: (n, classes), any float dtype, n at least 1.
        labels: (n,) indices of the true classes.

    Raises:
        ShapeError: The logits have not two axes, there are none, or there is not one label a row.
    """
    _check_logits(logits)
    if len(logits) == 0 or labels.shape != (len(logits),):
        raise ShapeError(
            f"Expected one label for each of at least one row of logits, got {len(logits)} rows "
            f"and labels of shape {labels.shape}.",
            hint="Score logits and labels of the same texts, in the same order.",
        )
    return float((logits.argmax(axis=1) == labels).mean())


def _check_logits(logits: NDArray[np.floating]) -> None:
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise ShapeError(
            f"Expected logits of shape (texts, classes) with at least one class, got {logits.shape}.",
            hint="Give one row of logits for each text; for a single text, logits[None, :].",
        )
