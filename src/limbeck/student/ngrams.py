"""Runs of tokens that a static student knows: which they are, and the arithmetic that finds their row in a table.

    number = ((sum over k of P[k] * id[k]) + length) mod (2^31 - 1)
    row    = number mod rows

Of all runs that share a row the most frequent one has it, and its number stands beside the row: any other run is
unknown, and counts for nothing. So runs of new texts are not mistaken for known ones (two numbers agree once in 2^31).
Products stay below 2^51, so that 64-bit integers hold them everywhere, in browsers too.

Source: runs of words in text classifiers, and rows by hashing: Joulin et al. 2017, "Bag of Tricks for Efficient Text
Classification", arXiv:1607.01759, section 2.2; without the numbers, unlike here.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

FACTORS: Final = (1_000_003, 998_244_353, 754_974_721)
"""Primes, one for each place in a run."""
MODULUS: Final = 2**31 - 1
LONGEST: Final = len(FACTORS)
NOBODY: Final = -1
"""Stands beside rows that no run has."""
_FEWEST = 2
"""Texts hold a run at least so often, or it is not worth a row."""
_PIECE_TEXTS = 8192


def numbers_of(ids: Tensor, *, length: int) -> Tensor:
    """The number of the run that starts at each token; runs that reach beyond the end go on with zeros.

    Args:
        ids: (texts, tokens) int64, below 2^20.
        length: Tokens of a run, 1 to 3.

    Returns: (texts, tokens) int64, from 0 to 2^31 - 2.
    """
    found = torch.full_like(ids, length)
    for place, factor in enumerate(FACTORS[:length]):
        found += factor * shifted(ids, place)
    return found % MODULUS


def shifted(values: Tensor, places: int) -> Tensor:
    """(texts, tokens) -> the same shape: what stands so many places later, zero beyond the end."""
    return functional.pad(values[:, places:], (0, min(places, values.shape[1])))


def known_runs(texts: Sequence[Sequence[int]], *, longest: int, n_rows: int) -> NDArray[np.int32]:
    """Give the rows of a table to the runs that texts hold most often.

    Args:
        texts: n lists of token ids, special tokens included.
        longest: Tokens of the longest run, from 2.
        n_rows: Rows of the table.

    Returns: (rows,) the number of the run that has each row; `NOBODY` where none has it.
    """
    numbers, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for some in _numbers_in(texts, longest=longest):
        numbers, place = np.unique(np.concatenate([numbers, some]), return_inverse=True)
        ones = np.ones(len(some), np.int64)
        counts = np.bincount(place, weights=np.concatenate([counts, ones]), minlength=len(numbers)).astype(np.int64)
    numbers, counts = numbers[counts >= _FEWEST], counts[counts >= _FEWEST]
    rarest_first = np.argsort(counts, kind="stable")
    rows = np.full(n_rows, NOBODY, np.int32)
    rows[numbers[rarest_first] % n_rows] = numbers[rarest_first]  # of several the last stays
    return rows


def _numbers_in(texts: Sequence[Sequence[int]], *, longest: int) -> Iterator[NDArray[np.int64]]:
    """The numbers of all runs, some thousand texts at a time."""
    for start in range(0, len(texts), _PIECE_TEXTS):
        piece = texts[start : start + _PIECE_TEXTS]
        ids = torch.tensor([token for text in piece for token in text], dtype=torch.int64)[None]
        left = torch.tensor([len(text) - place for text in piece for place in range(len(text))])
        yield np.concatenate(
            [numbers_of(ids, length=length)[0][left >= length].numpy() for length in range(2, longest + 1)]
        )
