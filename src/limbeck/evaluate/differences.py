"""Two models on the same texts: by how much they part, and whether these texts tell them apart."""

from collections.abc import Sequence
from dataclasses import replace

from limbeck.evaluate import scores
from limbeck.evaluate.pairs import mcnemar_p
from limbeck.evaluate.scores import Doubt
from limbeck.evaluate.several import holm
from limbeck.records.verdict import PairedDifference
from limbeck.tasks.measures import Measure


def differences(pairs: Sequence[tuple[Measure, Measure]], doubt: Doubt, *, name: str) -> tuple[PairedDifference, ...]:
    """One measure of several pairs of models, tested together, first minus second in each pair.

    Where texts are simply won or lost, the exact McNemar test decides, with Holm's correction over all pairs; else the
    paired bootstrap interval does, at a confidence that shares the risk of error among all pairs (Bonferroni). The
    interval that is told beside it is that of its one pair, at the usual confidence.

    Args:
        pairs: All pairs that are tested together, each on its own texts.
        doubt: How intervals are made; what its confidence leaves is the risk of telling apart equal models.
        name: What is measured.

    Source: McNemar 1947, Psychometrika 12(2), 153-157; Holm 1979, Scandinavian Journal of Statistics 6(2), 65-70;
        Dunn 1961, JASA 56(293), 52-64 (Bonferroni's correction of intervals).
    """
    risk = 1 - doubt.confidence
    counts = [scores.parted(first, second) for first, second in pairs]
    p_values = [None if found is None else mcnemar_p(*found) for found in counts]
    known = [p_value for p_value in p_values if p_value is not None]
    corrected = iter(holm(known))
    shared = replace(doubt, confidence=1 - risk / max(1, len(pairs)))
    told = []
    for (first, second), found, p_value in zip(pairs, counts, p_values, strict=True):
        difference = scores.difference(first, second, doubt)
        after = None if p_value is None else next(corrected)
        wide = (difference if len(pairs) == 1 else scores.difference(first, second, shared)).interval
        told.append(
            PairedDifference(
                name=name,
                difference=difference,
                only_first=None if found is None else found[0],
                only_second=None if found is None else found[1],
                p_value=p_value,
                corrected_p_value=after,
                told_apart=not wide.low <= 0 <= wide.high if after is None else after < risk,
            )
        )
    return tuple(told)
