"""Some of the held-out texts, drawn by chance: for what would take too long on all of them."""

import numpy as np
from numpy.typing import NDArray

from limbeck.tasks import Task
from limbeck.tasks.task import AnyLogits
from limbeck.text.examples import Examples
from limbeck.text.units import UnitLogits


def some_rows(examples: Examples, task: Task, n_texts: int, *, seed: int) -> NDArray[np.int64]:
    """Rows drawn by chance, in their order; where rows belong to queries, all of some queries of several passages.

    Where passages have grades, these are queries with a relevant one. Of pairs that were parted, each text with the
    pair's score, both rows are drawn.

    Args:
        examples: The texts.
        task: What is asked.
        n_texts: How many at most; one query's passages are taken whole even where they are more.
        seed: Of the draw.

    Returns: (m,) indices, rising; none where every query has a single passage, or one pair is too much.
    """
    draw = np.random.default_rng(seed)
    if holds_pairs(task, examples):
        n_pairs = len(examples) // 2
        firsts = 2 * np.sort(draw.choice(n_pairs, size=min(n_texts // 2, n_pairs), replace=False))
        return np.stack([firsts, firsts + 1], axis=1).ravel()
    if not task.groups_rows:
        n = min(n_texts, len(examples))
        return np.sort(draw.choice(len(examples), size=n, replace=False))
    sizes = np.bincount(examples.groups)
    is_told = sizes > 1
    if isinstance(examples.labels, np.ndarray):  # grades: a query without a relevant passage has no score
        is_relevant = np.bincount(examples.groups, weights=examples.labels > 0) > 0
        is_told &= is_relevant | ~is_relevant.any()
    order = draw.permutation(np.flatnonzero(is_told))
    taken = order[: max(1, int(np.searchsorted(sizes[order].cumsum(), n_texts, side="right")))]
    return np.flatnonzero(np.isin(examples.groups, taken))


def holds_pairs(task: Task, examples: Examples) -> bool:
    """Whether rows 2 i and 2 i + 1 are the texts of a scored pair."""
    return not task.takes_pairs and isinstance(examples.labels, np.ndarray)


def logits_of(logits: AnyLogits, rows: NDArray[np.int64]) -> AnyLogits:
    """The logits of some texts.

    Args:
        logits: (n, classes), or those of the texts' units.
        rows: (m,) which texts.
    """
    return logits.take(rows) if isinstance(logits, UnitLogits) else logits[rows]
