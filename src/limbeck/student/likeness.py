"""Which tokens a corpus is likely to use next: those whose vectors lie nearest to the tokens that it uses already."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_NEIGHBOURS = 10
_MOST_SEEN = 4096
_CHUNK = 4096


def by_likeness(vectors: NDArray[np.float32], counts: Mapping[int, int]) -> list[int]:
    """All tokens that were not seen, those most like the seen ones first.

    A token's likeness is the mean cosine between its vector and the ten nearest of the seen tokens', after the mean of
    all vectors was taken off. Words that go together in meaning or in form lie together in a trained table: where a
    corpus says "transfer" and "week", other texts of its kind say "transferring" and "month".

    Args:
        vectors: (tokens, width): the teacher's embedding table.
        counts: Token -> how often it was seen; of more than 4,096 tokens the most frequent are looked at.

    Returns: Tokens without a count.
    """
    centred = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    directions = centred / np.maximum(lengths, np.finfo(np.float32).tiny)
    unseen = np.array([token for token in range(len(vectors)) if token not in counts], np.int64)
    seen = sorted(counts, key=lambda token: (-counts[token], token))[:_MOST_SEEN]
    others = directions[seen].T
    n_nearest = min(_NEIGHBOURS, len(seen))
    likeness = np.zeros(len(unseen), np.float32)
    for start in range(0, len(unseen), _CHUNK):
        cosines = directions[unseen[start : start + _CHUNK]] @ others
        nearest = np.partition(cosines, len(seen) - n_nearest, axis=1)[:, len(seen) - n_nearest :]
        likeness[start : start + _CHUNK] = nearest.mean(axis=1)
    return [int(token) for token in unseen[np.argsort(-likeness, kind="stable")]]
