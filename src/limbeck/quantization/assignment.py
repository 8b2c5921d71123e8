"""Which layer gets how many bits, so that all together fit a number of bytes: the least sum of errors, exactly.

Each choice has a cost (bytes) and an error (the mean squared change of the end logits when that weight alone is
rounded, see `sensitivity`). What is minimised is the sum of errors:

    min  sum_i error(i, bits_i)     subject to  sum_i bytes(i, bits_i) <= budget

That errors add up is an assumption: it holds as far as the loss is a quadratic form of the weights without cross terms
between layers (Dong et al. 2019, "HAWQ-V2", arXiv:1911.03852; Yao et al. 2020, "HAWQ-V3", arXiv:2011.10680,
section 3.4, who solve the same problem as an integer program). `BitAssignment` tells how well it held.

It is a multiple-choice knapsack. Here it is solved by dynamic programming over undominated states: after each layer,
only those sums are kept that no other beats in both bytes and error (Nemhauser and Ullmann 1969, "Discrete dynamic
programming and capital allocation", Management Science 15(9)). It is exact, in whole bytes; a solver with tolerances
could miss a budget by some. The layers of a transformer have few shapes, so that few sums differ.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.records.bits import LayerSensitivity


@dataclass(frozen=True)
class Option:
    """One choice for one item: what it takes and what it costs."""

    n_bytes: int
    error: float


def least_error(items: Sequence[Sequence[Option]], *, budget: int) -> tuple[int, ...] | None:
    """Choose one option of each item, so that errors sum to the least that a budget allows.

    Of equally good choices, the one with the fewest bytes.

    Args:
        items: Their options; at least one each.
        budget: Bytes that all together may have.

    Returns: The number of the option of each item; None where even the smallest options are too large.
    """
    still_to_come = np.array([min(option.n_bytes for option in options) for options in items], np.int64).sum()
    sums, errors = np.zeros(1, np.int64), np.zeros(1)
    steps: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for options in items:
        still_to_come -= min(option.n_bytes for option in options)
        n_bytes = np.array([option.n_bytes for option in options], np.int64)
        costs = np.array([option.error for option in options])
        all_sums, all_errors = np.add.outer(sums, n_bytes).ravel(), np.add.outer(errors, costs).ravel()
        order = np.lexsort((all_errors, all_sums))
        order = order[all_sums[order] + still_to_come <= budget]
        if not len(order):
            return None
        least_before = np.minimum.accumulate(np.concatenate(([np.inf], all_errors[order][:-1])))
        order = order[all_errors[order] < least_before]
        sums, errors = all_sums[order], all_errors[order]
        steps.append((order // len(options), order % len(options)))
    chosen = []
    state = len(sums) - 1  # undominated states rise in bytes and fall in error
    for before, option_numbers in reversed(steps):
        chosen.append(int(option_numbers[state]))
        state = int(before[state])
    return tuple(reversed(chosen))


@dataclass(frozen=True)
class Fitted:
    """Bits that fit a target.

    Args:
        bits: Parameter name -> bits, for every weight that has a choice.
        size_bytes: What the whole then weighs, as measured.
        smallest_bytes: What it weighs with the fewest bits everywhere.
        predicted_error: Sum of the errors.
    """

    bits: Mapping[str, int]
    size_bytes: int
    smallest_bytes: int
    predicted_error: float


def fitted_bits(
    sensitivities: Sequence[LayerSensitivity],
    *,
    most: Mapping[str, int],
    target_bytes: int,
    size_of: Callable[[Mapping[str, int]], int],
) -> Fitted:
    """Give each weight its bits, so that the whole really stays within a target.

    What the whole weighs besides codes and scales (graph, tokenizer, what stays float) depends a little on the choice,
    so it is measured; where the choice turns out too large, the budget shrinks by what it was over, and the next is
    made. Where the most bits everywhere fit, they are taken.

    Args:
        sensitivities: Of each weight at each number of bits.
        most: Kind -> the most bits that a weight of it may get.
        target_bytes: What the whole may weigh.
        size_of: Parameter name -> bits, to bytes of the whole.

    Returns: The best that fits; the smallest there is, where nothing fits.
    """
    allowed = [one for one in sensitivities if one.bits <= most[one.kind]]
    groups: dict[str, dict[int, list[LayerSensitivity]]] = {}
    for one in allowed:
        groups.setdefault(one.group, {}).setdefault(one.bits, []).append(one)
    choices = [sorted(by_bits.items()) for by_bits in groups.values()]
    items = [
        [Option(sum(one.stored_bytes for one in members), sum(one.logit_error for one in members)) for _, members in by]
        for by in choices
    ]

    def at(option_numbers: Sequence[int]) -> list[LayerSensitivity]:
        """The weights at their bits."""
        chosen = zip(choices, option_numbers, strict=True)
        return [one for by, number in chosen for one in by[number][1]]

    fewest, most_bits = at([0] * len(items)), at([len(by) - 1 for by in choices])
    smallest = size_of(_bits(fewest))
    largest = size_of(_bits(most_bits))
    if largest <= target_bytes:  # what fewer bits seem to win on a sample is chance
        return Fitted(_bits(most_bits), largest, smallest, sum(one.logit_error for one in most_bits))
    budget = target_bytes - min(smallest - _codes(fewest), largest - _codes(most_bits))
    while True:
        found = least_error(items, budget=budget)
        chosen = fewest if found is None else at(found)
        size = size_of(_bits(chosen))
        if size <= target_bytes or found is None:
            return Fitted(_bits(chosen), size, smallest, sum(one.logit_error for one in chosen))
        budget = _codes(chosen) - (size - target_bytes)  # below what was chosen: each round has fewer bytes


def _bits(chosen: Sequence[LayerSensitivity]) -> dict[str, int]:
    return {one.name: one.bits for one in chosen}


def _codes(chosen: Sequence[LayerSensitivity]) -> int:
    return sum(one.stored_bytes for one in chosen)
