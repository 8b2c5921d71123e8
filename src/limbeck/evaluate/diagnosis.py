"""Why answers changed: labels that changed places, and what changed texts have in common, where chance is ruled out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln
from scipy.stats import binom

from limbeck.evaluate.several import holm
from limbeck.evaluate.slices import worse_by_chance
from limbeck.evaluate.traits import Trait
from limbeck.ground import wording
from limbeck.records.reason import Reason
from limbeck.tasks import Task
from limbeck.tasks.task import AnyLogits
from limbeck.text.examples import Examples

_SHOWN = 3
_CHANCE = 0.001
"""A finding whose corrected p-value is not below this is not told."""
_FEWEST_CHANGED = 3


def diagnose(
    artifact_logits: AnyLogits, teacher_logits: AnyLogits, examples: Examples, task: Task, *, traits: Sequence[Trait]
) -> tuple[Reason, ...]:
    """What the changed answers tell of their cause, what explains most first.

    Each trait is held against the texts without it by Fisher's exact test (one-sided); labels that changed places show
    as an order of the artifact's labels that agrees with the teacher better than their own (the best assignment of a
    confusion matrix), each cycle of them by a binomial test whose p-value is multiplied by the number of cycles as long
    that there could be. All p-values are corrected together by Holm's method.

    Args:
        artifact_logits: (n, classes), or those of the texts' units.
        teacher_logits: The same of the teacher.
        examples: The n texts.
        task: What was asked.
        traits: What texts may have about them.

    Source: Fisher 1922, JRSS 85(1), 87-94; Kuhn 1955, Naval Research Logistics Quarterly 2, 83-97; Holm 1979,
    Scandinavian Journal of Statistics 6(2), 65-70.
    """
    names = examples.label_names
    rows = [change.row for change in task.changes(artifact_logits, teacher_logits, names)]
    if len(rows) < _FEWEST_CHANGED:
        return ()
    changed = np.zeros(len(examples), np.bool_)
    changed[rows] = True
    found = [one for trait in traits if (one := _of_trait(trait, changed, rows, examples)) is not None]
    if task.name == "classification":
        found += _exchanged(artifact_logits.argmax(axis=1), teacher_logits.argmax(axis=1), rows, examples)
    corrected = holm([p for _, p in found])
    told = [
        Reason(one.kind, one.sentence, one.n_explained, p, one.rows, one.texts)
        for (one, _), p in zip(found, corrected, strict=True)
        if p < _CHANCE
    ]
    return tuple(sorted(told, key=lambda one: -(one.n_explained or 0)))


def in_order(facts: Sequence[Reason], told: Sequence[Reason]) -> tuple[Reason, ...]:
    """All reasons, the most telling first: how texts are read and who answered, labels, weights, what texts share."""
    places = {"teacher": 0, "tokenizer": 0, "labels": 1, "weights": 2}

    def place(reason: Reason) -> int:
        return 0 if reason.p_value is None and reason.kind == "cut" else places.get(reason.kind, len(places))

    return tuple(sorted((*facts, *told), key=place))


def _of_trait(
    trait: Trait, changed: NDArray[np.bool_], rows: Sequence[int], examples: Examples
) -> tuple[Reason, float] | None:
    p_value = worse_by_chance(~changed, trait.has)
    if p_value is None:
        return None
    inside, outside = changed[trait.has], changed[~trait.has]
    extra = round(inside.sum() - len(inside) * outside.mean())
    if extra < 1:
        return None
    shown = [row for row in rows if trait.has[row]][:_SHOWN]
    sentence = (
        f"{trait.words} changed far more often: {wording.percent(float(inside.mean()))} of "
        f"{wording.count(len(inside))}, and {wording.percent(float(outside.mean()))} of the others"
    )
    return _reason(trait.kind, sentence, extra, shown, examples), p_value


def _exchanged(
    ours: NDArray[np.int64], theirs: NDArray[np.int64], rows: Sequence[int], examples: Examples
) -> list[tuple[Reason, float]]:
    """Labels that the artifact uses for one another, one finding a cycle: this one for that one, that one for this."""
    n = len(examples.label_names)
    counts = np.zeros((n, n), np.int64)
    np.add.at(counts, (theirs, ours), 1)
    _, order = linear_sum_assignment(-counts)
    found: list[tuple[Reason, float]] = []
    seen: set[int] = set()
    for first in range(n):
        cycle, label = [], first
        while label not in seen:
            seen.add(label)
            cycle.append(label)
            label = int(order[label])
        if len(cycle) < 2:
            continue
        moved = int(sum(counts[label, order[label]] for label in cycle))
        stayed = int(sum(counts[label, label] for label in cycle))
        if moved <= stayed:
            continue
        told = [f"'{examples.label_names[label]}'" for label in cycle]
        of_them = int(counts[cycle].sum())
        sentence = (
            f"the labels {', '.join(told[:-1])} and {told[-1]} seem to have changed places: {moved} of "
            f"{wording.counted(of_them, 'text')} that the teacher gives one of them have the next from the artifact"
        )
        shown = [row for row in rows if theirs[row] in cycle and ours[row] == order[theirs[row]]][:_SHOWN]
        by_chance = binom.logsf(moved - 1, moved + stayed, 0.5) + _log_cycles(n, len(cycle))
        found.append((_reason("labels", sentence, moved, shown, examples), float(np.exp(min(0.0, by_chance)))))
    return found


def _log_cycles(n: int, length: int) -> float:
    """Logarithm of how many cycles of this length n labels have, n! / ((n - length)! length): the best was picked."""
    return float(gammaln(n + 1) - gammaln(n - length + 1) - np.log(length))


def _reason(kind: str, sentence: str, n_explained: int, rows: Sequence[int], examples: Examples) -> Reason:
    return Reason(kind, sentence, int(n_explained), None, tuple(rows), tuple(examples.texts[row] for row in rows))
