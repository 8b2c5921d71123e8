"""Tags that somebody gave for the words of texts -> logits of every word; refused, with its place, what is none."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError, TeacherError
from limbeck.tasks.token_classification import words_of
from limbeck.teacher import distributions
from limbeck.text.units import Ragged, UnitLogits, Units, starts_of


def logits_of_tags(answers: Sequence[Any], texts: Sequence[str], label_names: Sequence[str], source: str) -> UnitLogits:
    """A row of logits for each word of each text.

    Args:
        answers: One for each text, and in it one for each word: its tag, by name or number, or a number for each tag,
            which are probabilities where all words of the text have some of 0 or more that sum to 1, and logits else.
        texts: (n,) their words, with one blank between them.
        label_names: The tags.
        source: Who gave them, for messages.

    Raises:
        TeacherError: Another number of words, a tag that is none, or numbers that are not finite.
    """
    rows: list[NDArray[np.float32]] = []
    spans: list[tuple[int, int]] = []
    for number, (answer, text) in enumerate(zip(answers, texts, strict=True), start=1):
        told = list(answer) if isinstance(answer, Sequence | np.ndarray) and not isinstance(answer, str) else None
        if told is None:
            raise _other(source, number, f"{answer!r:.60}", text)
        try:
            spans += words_of(text, len(told))
        except ShapeError:
            raise _other(source, number, f"{len(told)} tags", text) from None
        rows.append(_of_words(told, label_names, f"{source}, text number {number}"))
    units = Units(Ragged(np.array(spans, np.int64).reshape(-1, 2), starts_of([len(row) for row in rows])), tuple(texts))
    return UnitLogits(np.concatenate(rows), units)


def are_named(answers: Sequence[Any]) -> bool:
    """Whether all tags are told by their names, so that no order of tags is taken for granted."""
    return all(isinstance(tag, str) for answer in answers for tag in answer)


def _of_words(told: Sequence[Any], label_names: Sequence[str], source: str) -> NDArray[np.float32]:
    if not any(isinstance(one, Sequence | np.ndarray) and not isinstance(one, str) for one in told):
        tags = distributions.label_indices(told, label_names, source=source)
        return distributions.logits_of_labels(tags, n_classes=len(label_names))
    wanted = f"a tag, or {len(label_names)} numbers, for each of {len(told)} words"
    try:
        floats = np.asarray(told, np.float64)
    except (ValueError, TypeError):
        raise TeacherError(f"{source}: expected {wanted}, got {told!r:.80}.", hint=_HINT) from None
    if floats.shape != (len(told), len(label_names)) or not np.isfinite(floats).all():
        raise TeacherError(
            f"{source}: expected {wanted}, all finite, got an array of shape {floats.shape}.", hint=_HINT
        )
    return distributions.logits_of_scores(floats, source=source)


def _other(source: str, number: int, given: str, text: str) -> TeacherError:
    return TeacherError(
        f"{source}, text number {number}: expected a tag for each of {len(text.split(' '))} words, got {given}: "
        f"{text[:60]!r}.",
        hint=_HINT,
    )


_HINT = "Words stand between blanks: text.split(' ') gives them. See docs/guides/choose-a-teacher.md."
