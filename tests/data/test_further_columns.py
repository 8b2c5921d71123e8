"""Columns that texts are sliced by: read from every kind of file, carried along, refused where they are missing."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from limbeck import data
from limbeck.errors import DataError

ROWS = [
    {
        "text": f"text number {index}",
        "label": "ab"[index % 2],
        "source": None if index == 3 else f"s{index % 4}",
        "stars": index % 3,
    }
    for index in range(120)
]


def written(folder: Path, ending: str) -> Path:
    """The rows as a file."""
    path = folder / f"texts.{ending}"
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    elif ending == "csv":
        lines = [",".join("" if value is None else str(value) for value in row.values()) for row in ROWS]
        path.write_text("\n".join([",".join(ROWS[0]), *lines]) + "\n", encoding="utf-8")
    else:
        pyarrow.parquet.write_table(pa.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_columns_go_with_their_texts(tmp_path: Path, ending: str) -> None:
    """A value beside another row's text would name the wrong slice, and nobody would see it."""
    tables = data.read_table(written(tmp_path, ending), slice_by=("source", "stars"))
    parts = data.split(data.to_examples(tables, None))
    wanted = {row["text"]: ("(empty)" if row["source"] is None else row["source"], str(row["stars"])) for row in ROWS}
    assert len(parts.held_out)
    for part in (parts.train, parts.held_out):
        found = zip(part.texts, part.columns["source"], part.columns["stars"], strict=True)
        assert all(wanted[text] == (source, stars) for text, source, stars in found)


def test_they_change_no_fingerprint(tmp_path: Path) -> None:
    """Slicing a finished run otherwise must not make it another run."""
    path = written(tmp_path, "jsonl")
    plain, sliced = (
        data.to_examples(data.read_table(path, slice_by=names), None).parts["all"] for names in ((), ("source",))
    )
    assert plain.fingerprint == sliced.fingerprint


def test_missing_columns_are_refused_with_those_that_are_there(tmp_path: Path) -> None:
    """Hours of training must not end with a column that was misspelled."""
    with pytest.raises(DataError) as caught:
        data.read_table(written(tmp_path, "jsonl"), slice_by=("sourse",))
    assert caught.value.message.endswith(
        "texts.jsonl has no column 'sourse' (asked for by verify.slice_by); "
        "its columns are 'text', 'label', 'source', 'stars'."
    )
    assert caught.value.hint == "Did you mean --verify.slice_by source?"


def test_only_parts_that_judge_must_have_them(tmp_path: Path) -> None:
    """Training texts from another source need no such column; the held-out ones do."""
    (tmp_path / "train.jsonl").write_text(
        "".join(json.dumps({"text": row["text"], "label": row["label"]}) + "\n" for row in ROWS[:100]), encoding="utf-8"
    )
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[100:]), encoding="utf-8")
    tables = data.read_table(tmp_path, slice_by=("source",))
    assert "source" not in tables.parts["train"].further
    assert tables.parts["held_out"].further["source"] == tuple(row["source"] for row in ROWS[100:])
    with pytest.raises(DataError, match=r"train\.jsonl has no column 'source'"):
        (tmp_path / "test.jsonl").unlink()
        data.read_table(tmp_path, slice_by=("source",))


def test_texts_of_pairs_keep_the_pairs_values(tmp_path: Path) -> None:
    """Embeddings judge each text of a pair by itself."""
    path = tmp_path / "pairs.jsonl"
    rows = [{"sentence1": f"a {i}", "sentence2": f"b {i}", "score": 0.5, "source": f"s{i}"} for i in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tables = data.read_table(path, task="embeddings", slice_by=("source",))
    singles = data.one_by_one(data.to_examples(tables, ("0", "1")).parts["all"])
    assert singles.columns == {"source": ("s0", "s0", "s1", "s1", "s2", "s2")}
