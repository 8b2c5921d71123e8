"""Whether a new artifact is better or worse than the one before, text by text, on the texts that both answered."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

import numpy as np

from limbeck.errors import DataError, LabelError
from limbeck.evaluate.differences import differences
from limbeck.evaluate.kept import KnownBefore, at, known_before
from limbeck.evaluate.kept_forms import FORMS, VECTORS, Answered, as_kept
from limbeck.evaluate.scores import Doubt
from limbeck.ground import wording
from limbeck.records.verdict import Drift, KeptAnswers, PairedDifference
from limbeck.tasks import TASKS
from limbeck.tasks.embeddings import cosines
from limbeck.tasks.measures import Mean, Measure, RankCorrelation
from limbeck.text.examples import Examples

_Pair: TypeAlias = tuple[Measure, Measure]
_Both: TypeAlias = tuple[_Pair | None, _Pair | None]


def refuse_other_question(kept: KeptAnswers, *, task: str, label_names: tuple[str, ...], source: str) -> None:
    """Refuse answers to another question. Call it before the long work begins.

    Args:
        kept: The earlier artifact's answers.
        task: What the new one is asked.
        label_names: The new one's.
        source: Where the earlier answers stand.

    Raises:
        LabelError: Another task, or other labels.
    """
    hint = "Give the verdict of an earlier artifact that was made for the same task and labels."
    if kept.task != task:
        raise LabelError(f"{source} tells of the task {kept.task!r}; the artifact's is {task!r}.", hint=hint)
    if FORMS[task].names_classes and sorted(kept.label_names) != sorted(label_names):
        raise LabelError(
            f"{source} tells of the labels {', '.join(kept.label_names)}; the artifact's are {', '.join(label_names)}.",
            hint=hint,
        )


def drift(kept: KeptAnswers, answered: Answered, *, examples: Examples, doubt: Doubt, source: str) -> Drift:
    """How an artifact compares with an earlier one; both are held to the same labels and the same teacher's answers.

    Of vectors no more is kept than their cosines: with the other text of a scored pair, and with those of the teacher
    that the earlier artifact was held to.

    Args:
        kept: What the earlier one answered; see `refuse_other_question`.
        answered: What the new one said about all of the texts, and the teacher.
        examples: The n texts.
        doubt: How intervals are made.
        source: Where the earlier answers stand.

    Raises:
        DataError: No text that both answered, or damaged answers.
    """
    before = known_before(kept, answered.logits, examples=examples)
    if not len(before.rows):
        raise DataError(
            f"{source} tells of {wording.counted(kept.n_texts, 'text')}, and none of the {len(examples)} here is among "
            "them.",
            hint="Verify both artifacts on the same texts; a text counts as the same when each character is, and of "
            "masks when the same tokens are hidden.",
        )
    common = examples.take(before.rows)
    both = _of_vectors if kept.task == VECTORS else _of_answers
    score, agreement = both(kept, before, answered, common)
    words = TASKS[kept.task]
    told_score = None if score is None else differences([score], doubt, name=words.score.name)[0]
    told_agreement = None if agreement is None else differences([agreement], doubt, name=words.agreement.name)[0]
    told = tuple(one for one in (told_score, told_agreement) if one is not None)
    outcome = _outcome(told)
    sentence = _sentence(told, outcome, n_texts=len(common), n_now=len(examples), kept=kept)
    if answered.teacher_logits is not None and agreement is None:
        sentence += f" {_OTHER_TEACHER}"
    return Drift(
        n_texts=len(common),
        n_only_now=len(examples) - len(common),
        n_only_before=max(0, kept.n_texts - len(set(common.text_fingerprints))),
        score=told_score,
        agreement=told_agreement,
        sentence=sentence,
        outcome=outcome,
    )


def _of_answers(kept: KeptAnswers, before: KnownBefore, answered: Answered, common: Examples) -> _Both:
    """Score and agreement of both artifacts' answers, each measured in the same way."""
    names, task = common.label_names, TASKS[kept.task].within(common.groups)
    now, score, agreement = at(answered.logits, before.rows), None, None
    if common.labels is not None:
        with suppress(DataError):  # the texts that both have tell no score: no passage among them is relevant
            score = (task.score_of(now, common.labels, names), task.score_of(before.logits, common.labels, names))
    if answered.teacher_logits is not None:
        wanted = at(answered.teacher_logits, before.rows)
        agreement = (task.agreement_of(now, wanted, names), task.agreement_of(before.logits, wanted, names))
    return score, agreement


def _of_vectors(kept: KeptAnswers, before: KnownBefore, answered: Answered, common: Examples) -> _Both:
    """The same of vectors, by the cosines that are kept, each where both artifacts have it."""
    now = at(answered.logits, before.rows)
    of_pairs, of_teacher = before.logits.T
    score = agreement = None
    if isinstance(common.labels, np.ndarray) and np.isfinite(of_pairs).all():
        scores = common.labels[0::2].astype(np.float64)
        own = as_kept(cosines(now[0::2], now[1::2]))
        score = (RankCorrelation(own, scores), RankCorrelation(of_pairs[0::2], scores))
    if answered.teacher_logits is not None and kept.teacher == answered.teacher and np.isfinite(of_teacher).all():
        own = as_kept(cosines(now, at(answered.teacher_logits, before.rows)))
        agreement = (Mean(own), Mean(of_teacher))
    return score, agreement


def _outcome(told: Sequence[PairedDifference]) -> str:
    signs = frozenset(1 if one.difference.value > 0 else -1 for one in told if one.told_apart)
    return {
        frozenset[int](): "not told apart",
        frozenset({1}): "better",
        frozenset({-1}): "worse",
        frozenset({1, -1}): "better and worse",
    }[signs]


_OTHER_TEACHER = (
    "Cosines with the teacher's vectors are not compared: the one before was held to another teacher, or to none."
)
_WORDS = {
    "not told apart": "{texts} do not tell the artifact from the one before",
    "better": "On {texts}, the artifact is better than the one before",
    "worse": "On {texts}, the artifact is worse than the one before",
    "better and worse": "On {texts}, the artifact is better than the one before in one respect, worse in another",
}


def _sentence(told: Sequence[PairedDifference], outcome: str, *, n_texts: int, n_now: int, kept: KeptAnswers) -> str:
    texts = wording.counted(n_texts, "text")
    if n_texts < max(n_now, kept.n_texts):
        before = wording.count(kept.n_texts) + (" kept of those" if kept.n_left_out else "")
        texts += f" that both answered (of {wording.count(n_now)} now and {before} before)"
    clauses = "; ".join(map(_clause, told))
    return _WORDS[outcome].format(texts=texts) + (f": {clauses}." if clauses else ".")


def _clause(one: PairedDifference) -> str:
    low, high = one.difference.interval.low, one.difference.interval.high
    p_value = "" if one.p_value is None else f", {wording.p_clause(one.p_value)}"
    return (
        f"{one.name} {wording.points(one.difference.value)} ({wording.signed(100 * low)} to "
        f"{wording.signed(100 * high)}{p_value})"
    )
