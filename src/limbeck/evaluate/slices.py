"""Slices: on which texts is the artifact weaker? By label, by length, and by every column that a user names.

One figure for all texts hides the tenth on which a model fails. But of twenty slices the weakest always looks weak: so
each is tested against all other texts, and the tests are corrected for how many there were. Only what stands is called
worse.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from limbeck.evaluate import scores
from limbeck.evaluate.scores import Doubt
from limbeck.evaluate.several import holm
from limbeck.ground import wording
from limbeck.records.fidelity import LABEL, LENGTH, Slice, Slices
from limbeck.records.score import Score
from limbeck.tasks import Task
from limbeck.tasks.measures import Hits, Measure, Share
from limbeck.tasks.task import AnyLogits
from limbeck.text.examples import Examples

LEAST_TEXTS = 20
_LENGTHS = 5
_MOST_VALUES = 50
"""Values of a column at most that are told one by one; the rarer ones are pooled."""


@dataclass(frozen=True)
class _Group:
    """Texts that have something in common: by what, in words, and which."""

    by: str
    name: str
    hits: Hits
    n_pooled: int = 0
    is_of_column: bool = False


def slices_of(
    logits: AnyLogits, teacher_logits: AnyLogits | None, *, examples: Examples, task: Task, doubt: Doubt
) -> Slices | None:
    """Agreement and score of every slice, each tested against all other texts.

    Agreement is the share of a slice's texts that is answered as the teacher answers, which any task has: a text
    counts where it is not among `Task.changes`. It is what is tested; without a teacher, right answers are. Fisher's
    exact test, one-sided, and Holm's correction over all slices.

    Args:
        logits: The artifact's.
        teacher_logits: The teacher's; None without one.
        examples: The n texts.
        task: What was asked.
        doubt: How intervals are made; a slice is worse where its corrected p value is below 1 - confidence.

    Returns: None where there is nothing to compare: no slice, or neither teacher nor answers that are right or wrong.

    Sources: Fisher 1922, Journal of the Royal Statistical Society 85(1), 87-94; Holm 1979, Scandinavian Journal of
    Statistics 6(2), 65-70.
    """
    same = None
    if teacher_logits is not None:
        same = np.ones(len(examples), np.bool_)
        same[[change.row for change in task.changes(logits, teacher_logits, examples.label_names)]] = False
    score = _by_text(task, logits, examples)
    tested = same if same is not None else score.hits if isinstance(score, Share) else None
    groups = list(_groups(examples, teacher_logits, task))
    if tested is None or not groups:
        return None
    teacher_score = None if teacher_logits is None else _by_text(task, teacher_logits, examples)
    found = [
        _slice(group, same, score=score, teacher_score=teacher_score, tested=tested, doubt=doubt) for group in groups
    ]
    known = iter(holm([one.p_value for one in found if one.p_value is not None]))
    corrected = [None if one.p_value is None else next(known) for one in found]
    bound = 1 - doubt.confidence
    told = tuple(
        replace(one, corrected_p_value=p_value, is_worse=p_value is not None and p_value < bound)
        for one, p_value in zip(found, corrected, strict=True)
    )
    return Slices(
        slices=told,
        confidence=doubt.confidence,
        least_texts=LEAST_TEXTS,
        labels_from="" if not any(group.by == LABEL for group in groups)
        else "teacher" if examples.labels is None else "people",
        n_tested=sum(p_value is not None for p_value in corrected),
        sentence=sentence_of(told),
    )  # fmt: skip


def worse_by_chance(hits: Hits, inside: Hits) -> float | None:
    """Fisher's exact test, one-sided: the chance of as few hits inside, were hits shared out by chance.

    Args:
        hits: (n,) texts on which something holds.
        inside: (n,) texts of the slice.

    Returns: The p value; None where the slice is empty or holds all texts.
    """
    from scipy.stats import hypergeom

    n_inside = int(inside.sum())
    if n_inside in {0, len(hits)}:
        return None
    return float(hypergeom.cdf(int(hits[inside].sum()), len(hits), int(hits.sum()), n_inside))


def weakest(found: Sequence[Slice]) -> Slice | None:
    """The slice to name: of those that are worse, the lowest figure; where none is, the smallest p value."""
    worse = [one for one in found if one.is_worse]
    if worse:
        return min(worse, key=lambda one: one.tested.value)
    return min((one for one in found if one.p_value is not None), key=lambda one: one.p_value or 0.0, default=None)


def _slice(
    group: _Group,
    same: Hits | None,
    *,
    score: Measure | None,
    teacher_score: Measure | None,
    tested: Hits,
    doubt: Doubt,
) -> Slice:
    rows, others = np.flatnonzero(group.hits), np.flatnonzero(~group.hits)
    return Slice(
        by=group.by,
        name=group.name,
        n=len(rows),
        agreement=None if same is None else scores.of_one(Share(same[rows]), doubt),
        elsewhere=float(tested[others].mean()) if len(others) else None,
        score=None if score is None else _score(score, rows, doubt),
        teacher_score=None if teacher_score is None else teacher_score.over(rows),
        p_value=worse_by_chance(tested, group.hits),
        corrected_p_value=None,
        is_worse=False,
        n_pooled=group.n_pooled,
        is_of_column=group.is_of_column,
    )


def _score(score: Measure, rows: NDArray[np.int64], doubt: Doubt) -> Score:
    arrays = {one.name: getattr(score, one.name)[rows] for one in fields(score)}  # type: ignore[arg-type]
    return scores.of_one(replace(score, **arrays), doubt)  # type: ignore[type-var]


def _by_text(task: Task, logits: AnyLogits, examples: Examples) -> Measure | None:
    """The task's score, where each text adds to it by itself: no order of texts, no pairs, no queries."""
    if examples.labels is None or not task.scores_texts:
        return None
    return task.score_of(logits, examples.labels, examples.label_names)


def _groups(examples: Examples, teacher_logits: AnyLogits | None, task: Task) -> Iterator[_Group]:
    if examples.labels is not None or teacher_logits is not None:
        hits = task.kinds_of(examples.labels, teacher_logits, examples.label_names)
        counts = {name: int(found.sum()) for name, found in hits.items()}
        yield from _pooled(LABEL, counts, lambda names: _any_of(hits, names))
    yield from _by_length(examples)
    for column, values in examples.columns.items():
        yield from _pooled(column, Counter(values), partial(_among, values), is_of_column=True)


def _by_length(examples: Examples) -> Iterator[_Group]:
    """About equally many texts each; of a pair, both texts count."""
    lengths = np.array([len(text) for text in examples.texts], np.int64)
    if examples.text_pairs is not None:
        lengths += np.array([len(text) for text in examples.text_pairs], np.int64)
    n_bins = min(_LENGTHS, len(lengths) // LEAST_TEXTS)
    if n_bins < 2:
        return
    ordered = np.sort(lengths)
    ends = sorted({int(ordered[len(ordered) * number // n_bins - 1]) for number in range(1, n_bins + 1)})
    if len(ends) < 2:
        return
    for number, end in enumerate(ends):
        start = ends[number - 1] + 1 if number else 0
        name = (
            f"up to {end:,} characters" if not number
            else f"over {start - 1:,} characters" if number == len(ends) - 1
            else f"{start:,} to {end:,} characters"
        )  # fmt: skip
        yield _Group(LENGTH, name, (lengths >= start) & (lengths <= end))


def _any_of(hits: Mapping[str, Hits], names: Collection[str]) -> Hits:
    """Texts that have any of these labels."""
    found: Hits = np.any([hits[name] for name in names], axis=0)
    return found


def _among(values: Sequence[str], names: Collection[str]) -> Hits:
    """Texts whose value is one of these; a column may have as many values as texts."""
    wanted = set(names)
    return np.array([value in wanted for value in values], np.bool_)


def _pooled(
    by: str, counts: Mapping[str, int], hits_of: Callable[[Collection[str]], Hits], *, is_of_column: bool = False
) -> Iterator[_Group]:
    """One group for each of the frequent values, and one for all texts of the rarer ones together."""
    there = [name for name in counts if counts[name]]
    frequent = [name for name in there if counts[name] >= LEAST_TEXTS]
    if is_of_column:
        frequent = sorted(frequent, key=lambda name: (-counts[name], name))[:_MOST_VALUES]
    shown = set(frequent)
    rare = [name for name in there if name not in shown]
    if len(rare) == 1:  # told by its own name, however few its texts are
        frequent, rare = [name for name in there if name in {*frequent, *rare}], []
    if len(frequent) + bool(rare) < 2:
        return
    for name in frequent:
        yield _Group(by, name, hits_of([name]), 0, is_of_column)
    if rare:
        yield _Group(by, f"{len(rare):,} rarer ones together", hits_of(rare), len(rare), is_of_column)


def sentence_of(found: Sequence[Slice]) -> str:
    """The weakest slice in plain words, or that none is shown to be weaker; nothing where nothing was tested."""
    worst = weakest(found)
    if worst is None or worst.corrected_p_value is None or worst.elsewhere is None:
        return ""
    what = "answered as labelled" if worst.agreement is None else "answered as the teacher does"
    told = (
        f"{wording.percent(worst.tested.value)} of {wording.counted(worst.n, 'text')} {what}, against "
        f"{wording.percent(worst.elsewhere)} elsewhere"
    )
    n_worse = sum(one.is_worse for one in found)
    if not n_worse:
        return f"No slice is shown to be weaker than the rest. The most suspect is {named(worst)}: {told}."
    more = (
        f" {wording.counted(n_worse - 1, 'more slice')} {'is' if n_worse == 2 else 'are'} weaker too."
        if n_worse > 1
        else ""
    )
    return f"Weakest on {named(worst)}: {told} (corrected p: {wording.p_value(worst.corrected_p_value)}).{more}"


def named(one: Slice) -> str:
    """A slice within a sentence: "label 'joy'", "texts of over 120 characters", "source 'forum'"."""
    if one.by == LENGTH and not one.is_of_column:
        return f"texts of {one.name}"
    return f"{one.by}: {one.name}" if one.n_pooled else f"{one.by} {one.name!r}"
