"""What is kept of a distribution over a vocabulary: the likeliest tokens, and how likely the token is that stood there.

A row of 30,000 logits for each hidden token would fill gigabytes. Kept are `KEPT` tokens with the logarithms of their
probabilities; these are exact, as they were taken from the whole row, and what they lack to 1 is the share of all
others. A divergence between what is kept compares `KEPT` + 1 outcomes, and so never exceeds that of the whole
distributions (the data processing inequality; Cover and Thomas 2006, Elements of Information Theory, section 2.8).
"""

import numpy as np
from numpy.typing import NDArray

KEPT = 64
"""Tokens; the smallest vocabulary has as many."""
UNKNOWN = -1
"""In place of a token: nobody knows which one stood there."""
COLUMNS = (
    "hidden token",
    "its log-probability",
    *(f"token {rank}" for rank in range(1, KEPT + 1)),
    *(f"log-probability {rank}" for rank in range(1, KEPT + 1)),
)
"""What stands in a row, all of it float32, in which ids below 2^24 are exact."""
IMPOSSIBLE = -1e9
"""In place of the logarithm of a probability: there is no such outcome."""
_SMALLEST_REST = 1e-7
"""Share of all other tokens at least: logarithms in float32 tell no smaller one."""
_LARGEST_ID = 1 << 24
_PIECE_VALUES = 1 << 22
"""Looked at together: places of the likeliest take twice the room of the logits themselves."""

Rows = NDArray[np.float32]


def kept_rows(logits: NDArray[np.floating], hidden: NDArray[np.int64]) -> Rows:
    """What is kept of the logits of hidden tokens.

    Args:
        logits: (n, vocabulary), finite, any float dtype.
        hidden: (n,) the token that stood there, or `UNKNOWN`.

    Returns: (n, columns) as `COLUMNS` names them, the likeliest token first, of equal ones the lower id; an unknown
        token has a log-probability of 0.
    """
    n_tokens = logits.shape[1]
    assert KEPT <= n_tokens < _LARGEST_ID, n_tokens
    n_rows = max(1, _PIECE_VALUES // n_tokens)
    pieces = [
        _kept(logits[start : start + n_rows].astype(np.float32, copy=False), hidden[start : start + n_rows])
        for start in range(0, len(logits), n_rows)
    ]
    return np.concatenate([np.empty((0, len(COLUMNS)), np.float32), *pieces])


def _kept(values: Rows, hidden: NDArray[np.int64]) -> Rows:
    first = values.shape[1] - KEPT
    tops = values.max(axis=1, keepdims=True)
    totals = tops + np.log(np.exp(values - tops).sum(axis=1, keepdims=True, dtype=np.float64))
    likeliest = np.sort(np.argpartition(values, first, axis=1)[:, first:], axis=1)
    order = np.argsort(-np.take_along_axis(values, likeliest, axis=1), axis=1, kind="stable")
    likeliest = np.take_along_axis(likeliest, order, axis=1)
    there = np.take_along_axis(values, np.maximum(hidden, 0)[:, None], axis=1)
    found = np.empty((len(values), len(COLUMNS)), np.float32)
    found[:, 0] = hidden
    found[:, 1] = np.where(hidden == UNKNOWN, 0.0, (there - totals)[:, 0])
    found[:, 2 : 2 + KEPT] = likeliest
    found[:, 2 + KEPT :] = np.take_along_axis(values, likeliest, axis=1) - totals
    return found


def hidden_of(rows: NDArray[np.floating]) -> NDArray[np.int64]:
    """(n,) the token that stood there, or `UNKNOWN`."""
    return rows[:, 0].astype(np.int64)


def hidden_log_probabilities(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) of the token that stood there."""
    return rows[:, 1].astype(np.float64)


def tokens_of(rows: NDArray[np.floating]) -> NDArray[np.int64]:
    """(n, KEPT) the likeliest tokens, in their order."""
    return rows[:, 2 : 2 + KEPT].astype(np.int64)


def log_probabilities_of(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n, KEPT) of the likeliest tokens."""
    return rows[:, 2 + KEPT :].astype(np.float64)


def side_by_side(
    rows: NDArray[np.floating], others: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What is kept of two distributions, over outcomes that both tell: the tokens that both keep, and all others.

    As outcomes are merged, a divergence of the two is at most that of the whole distributions; see the first lines.

    Args:
        rows: (n, columns) as of `kept_rows`.
        others: The same of another model, on the same hidden tokens.

    Returns: Twice (n, KEPT + 1) natural logarithms, the last column that of all other tokens; `IMPOSSIBLE` where a row
        has fewer outcomes.
    """
    tokens, other_tokens = tokens_of(rows), tokens_of(others)
    found = np.full((len(rows), KEPT + 1), IMPOSSIBLE)
    wanted = found.copy()
    own_logs, other_logs = log_probabilities_of(rows), log_probabilities_of(others)
    order = np.argsort(other_tokens, axis=1)
    for row in range(len(rows)):
        arranged = other_tokens[row, order[row]]
        place = np.minimum(np.searchsorted(arranged, tokens[row]), KEPT - 1)
        is_shared = arranged[place] == tokens[row]
        found[row, :KEPT][is_shared] = own_logs[row, is_shared]
        wanted[row, :KEPT][is_shared] = other_logs[row, order[row]][place[is_shared]]
    for logs in (found, wanted):
        rest = 1.0 - np.exp(logs[:, :KEPT]).sum(axis=1)
        logs[:, KEPT] = np.log(np.maximum(rest, _SMALLEST_REST))
    return found, wanted
