"""Which runs of tokens a static student knows: by hand, and against counting with a dictionary."""

from collections import Counter

import numpy as np
import torch

from limbeck.student.ngrams import FACTORS, MODULUS, NOBODY, known_runs, numbers_of, shifted


def number(*ids: int) -> int:
    """The formula, in Python's integers, which never overflow."""
    return (sum(factor * one for factor, one in zip(FACTORS, ids, strict=False)) + len(ids)) % MODULUS


def test_numbers_are_the_formulas() -> None:
    """A failure would let training and the exported graph find different rows for the same words."""
    ids = torch.tensor([[5, 70_000, 9], [1, 2, 1_048_575]])
    assert numbers_of(ids, length=2).tolist() == [
        [number(5, 70_000), number(70_000, 9), number(9, 0)],
        [number(1, 2), number(2, 1_048_575), number(1_048_575, 0)],
    ]
    assert numbers_of(ids, length=3)[1].tolist() == [
        number(1, 2, 1_048_575), number(2, 1_048_575, 0), number(1_048_575, 0, 0)
    ]  # fmt: skip


def test_shifting_keeps_the_shape() -> None:
    """A failure would pair words with words of another text, or fail on texts of one token."""
    ids = torch.tensor([[1, 2, 3]])
    assert shifted(ids, 1).tolist() == [[2, 3, 0]]
    assert shifted(ids[:, :1], 2).tolist() == [[0]]


def test_the_most_frequent_run_has_the_row() -> None:
    """A failure would give rows to runs that hardly occur, or to runs across two texts."""
    draw = np.random.default_rng(0)
    texts = [draw.integers(0, 40, draw.integers(0, 9)).tolist() for _ in range(9000)]  # more than one piece
    counts = Counter(
        number(*text[start : start + length])
        for text in texts
        for length in (2, 3)
        for start in range(len(text) - length + 1)
    )
    n_rows = 97
    found = known_runs(texts, longest=3, n_rows=n_rows)
    assert found.dtype == np.int32
    for row, owner in enumerate(found.tolist()):
        rivals = [count for run, count in counts.items() if run % n_rows == row]
        assert owner % n_rows == row
        assert counts[owner] == max(rivals)


def test_rare_runs_get_no_row() -> None:
    """A failure would fill the table with what was read once, which learns one text by heart."""
    found = known_runs([[1, 2], [1, 2], [3, 4]], longest=2, n_rows=50)
    assert found[number(1, 2) % 50] == number(1, 2)
    assert (found != NOBODY).sum() == 1
    assert (known_runs([], longest=2, n_rows=4) == NOBODY).all()
