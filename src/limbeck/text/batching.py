"""Which texts go through a model together: texts of like length, so that almost nothing is padding.

The same code serves labelling, training and the runtime.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

# Small batches stay in a core's cache and hold little padding. The bounds do not depend on the number of threads:
# activations are quantized by the batch, so the same batches give the same logits on every machine.
_SERVED_TEXTS = 32
_SERVED_TOKENS = 512
# Of a static model a text is so quick that calling the engine would take longer.
_STATIC_TEXTS = 256
_STATIC_TOKENS = 8192


def by_length(lengths: Sequence[int], *, max_tokens: int, max_texts: int) -> list[Indices]:
    """Batches for inference, longest first, so that a lack of memory shows at once.

    Args:
        lengths: (n,) tokens of each text.
        max_tokens: Bound on texts x longest text of a batch; a single longer text is a batch of its own.
        max_texts: Bound on the texts of a batch.

    Returns: Index arrays that together hold each of 0..n-1 once.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    batches: list[Indices] = []
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        stop = start + max(1, min(max_texts, max_tokens // longest))
        batches.append(order[start:stop])
        start = stop
    return batches


def served_by_length(lengths: Sequence[int], *, has_layers: bool = True) -> list[Indices]:
    """The batches in which an artifact answers texts, as `by_length` makes them.

    Args:
        lengths: (n,) tokens of each text.
        has_layers: False for a static student.
    """
    max_tokens, max_texts = served_bounds(has_layers=has_layers)
    return by_length(lengths, max_tokens=max_tokens, max_texts=max_texts)


def served_bounds(*, has_layers: bool = True) -> tuple[int, int]:
    """Tokens (texts x longest text) and texts of a batch in which an artifact answers, at most.

    Args:
        has_layers: False for a static student.
    """
    return (_SERVED_TOKENS, _SERVED_TEXTS) if has_layers else (_STATIC_TOKENS, _STATIC_TEXTS)


def shuffled_by_length(
    lengths: Sequence[int],
    *,
    batch_size: int,
    generator: "np.random.Generator",
    pool_batches: int = 50,
    groups: Indices | None = None,
) -> list[Indices]:
    """Batches of one training epoch: random, yet each of texts of like length.

    The texts are shuffled, cut into pools of `pool_batches` batches, sorted by length within a pool, cut into batches,
    and the batches shuffled. A text's companions differ from epoch to epoch. Texts of one group stay side by side,
    and are sorted by the longest of the group; where a batch ends within a group, its rest begins the next batch.

    Args:
        lengths: (n,) tokens of each text.
        batch_size: Texts a batch; the last one of the epoch may be smaller.
        generator: Where the order comes from; the same state gives the same batches.
        pool_batches: Larger pools waste less padding and mix less.
        groups: (n,) a number from 0 up for each text, the same for texts that belong together; None where none do.

    Returns: Index arrays that together hold each of 0..n-1 once.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    order = generator.permutation(len(sizes))
    if groups is not None:
        longest = np.zeros(groups.max(initial=0) + 1, np.int64)
        np.maximum.at(longest, groups, sizes)
        sizes = longest[groups]
        place = generator.permutation(len(longest))[groups[order]]
        order = order[np.argsort(place, kind="stable")]
    batches: list[Indices] = []
    for start in range(0, len(order), batch_size * pool_batches):
        pool = order[start : start + batch_size * pool_batches]
        ranks = sizes[pool] if groups is None else sizes[pool] * len(longest) + groups[pool]
        pool = pool[np.argsort(ranks, kind="stable")]
        batches += [pool[at : at + batch_size] for at in range(0, len(pool), batch_size)]
    return [batches[index] for index in generator.permutation(len(batches))]
