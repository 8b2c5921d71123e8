"""Cells that hold several labels, or a number: every way to write them, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from limbeck.data import read_table, split, to_examples
from limbeck.data.raw_labels import read_label
from limbeck.errors import DataError
from limbeck.recipe.knobs import DataTable
from limbeck.tasks import LabelKind
from limbeck.text.examples import UNLABELLED


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        (["joy", "fear"], ("joy", "fear")),
        ("joy|fear", ("joy", "fear")),
        ("joy; fear", ("joy", "fear")),
        ("joy,fear", ("joy", "fear")),
        ('["joy, at last", "fear"]', ("joy, at last", "fear")),
        ("['joy', 'fear']", ("joy", "fear")),
        ("joy", ("joy",)),
        (["joy", "joy"], ("joy",)),
        ([], ()),
        ("", ()),
        (2, (2,)),
        ([0, 2], (0, 2)),
        (None, None),
    ],
)
def test_every_way_to_write_several_labels(cell: object, wanted: object) -> None:
    """A failure would take "joy|fear" for a label of its own, or an empty list for a text that nobody labelled."""
    assert read_label(cell, LabelKind.CLASSES, place="a", column="labels") == wanted


@pytest.mark.parametrize(("cell", "wanted"), [(3, 3.0), (2.5, 2.5), ("4.25", 4.25), ("", None), (None, None)])
def test_numbers(cell: object, wanted: object) -> None:
    """A failure would refuse a rating of 3, or take an empty cell for zero."""
    assert read_label(cell, LabelKind.NUMBER, place="a", column="score") == wanted


@pytest.mark.parametrize("cell", ["high", True, float("nan"), "inf", [1.0], 10**400])
def test_what_is_no_number_is_refused(cell: object) -> None:
    """A NaN among the targets makes every weight NaN."""
    with pytest.raises(DataError, match=r"a\.csv, line 2: expected a number, but 'score' holds"):
        read_label(cell, LabelKind.NUMBER, place="a.csv, line 2", column="score")


@pytest.mark.parametrize("cell", [{"joy": 1}, 0.5, [["joy"]], [0.5]])
def test_what_is_no_list_of_labels_is_refused(cell: object) -> None:
    """A failure would train on the text of a dictionary."""
    with pytest.raises(DataError, match=r"a\.csv, line 2: expected a l"):
        read_label(cell, LabelKind.CLASSES, place="a.csv, line 2", column="labels")


def test_a_column_for_each_label() -> None:
    """How toxicity data are written: a column of 0 and 1 for each label."""
    Path("a.csv").write_text("text,joy,fear\nhello there,1,0\ngood bye,0,0\nwell well,1,true\n", encoding="utf-8")
    tables = read_table("a.csv", columns=DataTable(label="joy,fear"), task="multi-label")
    part = to_examples(tables, ["fear", "joy"]).parts["all"]
    assert part.labels is not None
    assert part.labels.tolist() == [[0, 1], [0, 0], [1, 1]]
    assert tables.parts["all"].columns.names == ["text", "joy", "fear"]


def test_columns_that_are_empty_label_nothing() -> None:
    """A file to predict on would be scored as if people had given its texts none of the labels."""
    Path("a.csv").write_text("text,joy,fear\nhello there,,\ngood bye,,\n", encoding="utf-8")
    assert read_table("a.csv", columns=DataTable(label="joy,fear"), task="multi-label").parts["all"].labels is None


def test_a_column_that_is_neither_yes_nor_no_is_refused() -> None:
    """A share of votes is no decision; nor is a list."""
    Path("a.jsonl").write_text('{"text": "hello there", "joy": [1], "fear": 0}\n', encoding="utf-8")
    with pytest.raises(DataError, match="expected 0 or 1, but 'joy' holds a list"):
        read_table("a.jsonl", columns=DataTable(label="joy,fear"), task="multi-label")
    Path("a.csv").write_text("text,joy,fear\nhello there,1,0\ngood bye,0.4,0\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_table("a.csv", columns=DataTable(label="joy,fear"), task="multi-label")
    assert str(caught.value).startswith("a.csv, line 3: expected 0 or 1, but 'joy' holds str ('0.4').")


def test_numbers_are_parted_and_joined(tmp_path: Path) -> None:
    """Made-up texts have no number; a 0 in its place would be learned."""
    rows = "\n".join(f"text number {index},{index / 7:.3f}" for index in range(200))
    (tmp_path / "a.csv").write_text("text,score\n" + rows + "\n", encoding="utf-8")
    parts = split(to_examples(read_table("a.csv", task="regression"), None))
    assert parts.train.labels is not None
    assert parts.train.labels.dtype == np.float64
    whole = parts.train.joined(parts.validation.take([0, 1]))
    assert whole.labels is not None
    assert whole.labels[-2:].tolist() == [UNLABELLED] * 2
    assert whole.fingerprint != parts.train.fingerprint
