"""Which row of a table a run of tokens has: the arithmetic that training and the exported graph share.

    row = ((sum over k of P[k] * id[k]) + length) mod (2^31 - 1) mod rows

Products stay below 2^51, so that 64-bit integers hold them everywhere, in browsers too. Two runs that share a row share
what is learned for it ("hashing trick").

Source: Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning", arXiv:0902.2206; runs of words in
text classifiers: Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification", arXiv:1607.01759, section 2.2.
"""

from typing import Final

import torch
from torch import Tensor

FACTORS: Final = (1_000_003, 998_244_353, 754_974_721)
"""Primes, one for each place in a run."""
MODULUS: Final = 2**31 - 1
LONGEST: Final = len(FACTORS)


def rows_of(ids: Tensor, *, length: int, n_rows: int) -> Tensor:
    """The row of the run that starts at each token; runs that reach beyond the end go on with zeros.

    Args:
        ids: (texts, tokens) int64, below 2^20.
        length: Tokens of a run, 2 or 3.
        n_rows: Rows of the table.

    Returns: (texts, tokens) int64, from 0 to n_rows - 1.
    """
    found = torch.full_like(ids, length)
    for place, factor in enumerate(FACTORS[:length]):
        found += factor * shifted(ids, place)
    return found % MODULUS % n_rows


def shifted(values: Tensor, places: int) -> Tensor:
    """(texts, tokens) -> the same shape: what stands so many places later, zero beyond the end."""
    return torch.nn.functional.pad(values[:, places:], (0, min(places, values.shape[1])))
