"""Rows of different lengths: taken, joined and measured as a list of arrays would be."""

import numpy as np
import pytest

from limbeck.errors import ShapeError
from limbeck.text.units import Ragged, UnitLogits, Units

ROWS = [[1, 2], [], [3], [4, 5, 6]]
RAGGED = Ragged.of(ROWS, dtype=np.int64)


def test_rows_come_back_as_they_went_in() -> None:
    """A failure would give a text the tags of its neighbour."""
    assert [row.tolist() for row in RAGGED] == ROWS
    assert RAGGED.tolist() == [(1, 2), (), (3,), (4, 5, 6)]
    assert RAGGED.lengths.tolist() == [2, 0, 1, 3]
    assert [row.tolist() for row in Ragged.of([], dtype=np.int64)] == []


def test_taken_rows_are_those_of_a_list() -> None:
    """Empty rows begin where others do, which is where an index is easily one off."""
    order = [3, 1, 0, 3]
    assert RAGGED.take(order).tolist() == [RAGGED.tolist()[row] for row in order]
    assert RAGGED.values[RAGGED.entries(order)].tolist() == [4, 5, 6, 1, 2, 4, 5, 6]
    assert RAGGED.joined(RAGGED.take([2, 1])).tolist() == [*RAGGED.tolist(), (3,), ()]


def test_entries_may_be_pairs() -> None:
    """Answers are pairs of characters; a question without any must not lose its second axis."""
    pairs = Ragged.of([[(0, 3), (5, 9)], []], dtype=np.int64, width=(2,))
    assert pairs.tolist() == [((0, 3), (5, 9)), ()]
    assert pairs[1].shape == (0, 2)


def test_bytes_tell_rows_apart() -> None:
    """The same entries in other rows are other labels, and need another fingerprint."""
    other = Ragged.of([[1], [2], [3], [4, 5, 6]], dtype=np.int64)
    assert RAGGED.to_bytes() != other.to_bytes()
    assert RAGGED.to_bytes() == Ragged.of(ROWS, dtype=np.int64).to_bytes()


def test_logits_of_other_units_are_refused() -> None:
    """A failure would read every span one word too far."""
    units = Units(Ragged.of([[(0, 1)], [(0, 2)]], dtype=np.int64, width=(2,)), ("a", "no"))
    assert UnitLogits(np.zeros((2, 3)), units).rows[1].shape == (1, 3)
    with pytest.raises(ShapeError, match=r"shape \(2, classes\), one row for each unit, got \(3, 3\)"):
        UnitLogits(np.zeros((3, 3)), units)
    with pytest.raises(ShapeError, match="Expected 6 entries for 4 rows, got 5"):
        RAGGED.with_values(np.zeros(5))
