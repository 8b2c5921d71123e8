"""Texts and labels of every kind, written and read back the same."""

from pathlib import Path

import numpy as np
import pytest

from limbeck.data import read_examples, write_examples
from limbeck.errors import DataError
from limbeck.text.examples import Examples
from limbeck.text.units import Ragged

TEXTS = ("plain", "", "zwei\nZeilen 🎈", "half a character \ud83d")
NAMES = ("no", "yes")


@pytest.mark.parametrize(
    "labels",
    [
        None,
        np.array([0, 1, -100, 1], np.int64),
        np.array([[0, 1], [1, 1], [0, 0], [-100, -100]], np.int8),
        np.array([0.5, -1e300, 0.0, 3.25], np.float64),
        Ragged.of([[0, 1], [], [1], [-100]], dtype=np.int64),
        Ragged.of([[[0, 4]], [], [[1, 2], [3, 9]], [[5, 6]]], dtype=np.int64, width=(2,)),
        Ragged.nothing(4),
    ],
    ids=["none", "classes", "decisions", "numbers", "tags", "answers", "hidden"],
)
@pytest.mark.parametrize("pairs", [None, ("a", "b", "", "\udc00")])
def test_examples_come_back_as_they_were(
    labels: np.ndarray | Ragged | None,  # type: ignore[type-arg]
    pairs: tuple[str, ...] | None,
    tmp_path: Path,
) -> None:
    """A failure would judge a run by other texts or labels than it was judged by. By law: the same fingerprint."""
    columns = {"source": ("mail", "mail", "", "\udc00"), "text": ("1", "2", "3", "4")}
    examples = Examples(TEXTS, pairs, labels, NAMES, columns)
    write_examples(tmp_path / "there" / "texts.arrow", examples)
    found = read_examples(tmp_path / "there" / "texts.arrow")
    assert (found.texts, found.text_pairs, found.label_names) == (TEXTS, pairs, NAMES)
    assert found.columns == columns
    assert found.fingerprint == examples.fingerprint
    assert type(found.labels) is type(labels)
    if isinstance(labels, np.ndarray):
        assert isinstance(found.labels, np.ndarray)
        assert found.labels.dtype == labels.dtype
        assert np.array_equal(found.labels, labels)


def test_what_is_something_else_is_told(tmp_path: Path) -> None:
    """A failure would end in a stack trace of Arrow."""
    with pytest.raises(DataError, match=r"holds no texts that limbeck wrote"):
        read_examples(tmp_path / "absent.arrow")
    (tmp_path / "other.arrow").write_bytes(b"no arrow file")
    with pytest.raises(DataError, match=r"holds no texts that limbeck wrote"):
        read_examples(tmp_path / "other.arrow")
