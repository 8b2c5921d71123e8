"""Every kind of file gives the same table, with the place of each row."""

import bz2
import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.data import Table, read_table
from limbeck.recipe.knobs import DataTable

TEXTS = ("plain", "comma, quote \" and 'single'", "two\nlines", "tab\there", "Grüße 😀 שלום", "  blanks kept  ")
LABELS = ("good", "bad", "good", "bad", "good", "bad")
ROWS = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]


def json_lines() -> bytes:
    """The rows, one object a line."""
    return "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def parquet(path: Path) -> bytes:
    """The rows as Parquet."""
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path.read_bytes()


def csv_text(path: Path, **form: str) -> bytes:
    """The rows as Python's own CSV writer has them."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["text", "label"], **form)
        writer.writeheader()
        writer.writerows(ROWS)
    return path.read_bytes()


KINDS: dict[str, Callable[[Path], bytes]] = {
    "a.jsonl": lambda _: json_lines(),
    "unended.jsonl": lambda _: json_lines().rstrip(),
    "blank lines.ndjson": lambda _: json_lines().replace(b"\n", b"\r\n \r\n"),
    "array.json": lambda _: json.dumps(ROWS).encode(),
    "indented.json": lambda _: json.dumps(ROWS, indent=2, ensure_ascii=False).encode(),
    "lines.json": lambda _: json_lines(),
    "marked.json": lambda _: b"\xef\xbb\xbf" + json.dumps(ROWS).encode(),
    "marked.jsonl": lambda _: b"\xef\xbb\xbf" + json_lines(),
    "a.csv": csv_text,
    "marked.csv": lambda path: b"\xef\xbb\xbf" + csv_text(path),
    "semicolons.csv": lambda path: csv_text(path, delimiter=";"),
    "tabs.csv": lambda path: csv_text(path, delimiter="\t"),
    "quoted.tsv": lambda path: csv_text(path, delimiter="\t", quoting=csv.QUOTE_ALL),  # type: ignore[arg-type]
    "UPPER.JSONL": lambda _: json_lines(),
    "a.parquet": parquet,
    "a.jsonl.gz": lambda _: gzip.compress(json_lines()),
    "two members.jsonl.gz": lambda _: gzip.compress(json_lines()[:30]) + gzip.compress(json_lines()[30:]),
    "a.jsonl.bz2": lambda _: bz2.compress(json_lines()),
    "a.jsonl.zst": lambda _: pa.Codec("zstd").compress(json_lines(), asbytes=True),
    "a.csv.gz": lambda path: gzip.compress(csv_text(path)),
    "a.parquet.gz": lambda path: gzip.compress(parquet(path)),
}


def only(path: Path | str, **columns: str) -> Table:
    """The one table of a single file."""
    (table,) = read_table(path, columns=DataTable(**columns)).parts.values()  # type: ignore[arg-type]
    return table


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    """Quotes, line ends or marks that become part of a text would be learned as if a person had written them."""
    path = tmp_path / "a folder with blanks" / name
    path.parent.mkdir()
    path.write_bytes(KINDS[name](path))
    table = only(path)
    assert table.texts == TEXTS
    assert table.labels == LABELS
    assert table.text_pairs is None


@pytest.mark.parametrize(
    ("name", "content", "places"),
    [
        ("a.jsonl", '{"text": "x"}\n\n{"text": "y"}\n', ["line 1", "line 3"]),
        ("a.json", '[{"text":\n"x"}\n,\n{"text": "y"}]', ["line 1", "line 4"]),
        ("a.csv", 'text,n\n"x\nx",1\n\ny,2\n', ["line 2", "line 5"]),
        ("a.tsv", "text\tn\nx\t1\n\ny\t2\n", ["line 2", "line 4"]),
    ],
)
def test_rows_know_their_lines(tmp_path: Path, name: str, content: str, places: list[str]) -> None:
    """A message that names the wrong line sends the user to a row that is fine."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    table = only(path)
    assert [table.place(index) for index in range(len(table))] == [f"{path}, {place}" for place in places]


def test_tsv_takes_quotes_as_they_stand_unless_they_were_written_by_a_csv_writer(tmp_path: Path) -> None:
    """With CSV rules, one lone quote in GLUE's files swallows all rows up to the next one."""
    path = tmp_path / "a.tsv"
    path.write_bytes(b'text\tlabel\r\n"Yes, he said\t1\r\n"quoted"\t0\r\n"say ""hi"" now"\t0\r\n5" disk\t1\r\n')
    table = only(path)
    assert table.texts == ('"Yes, he said', '"quoted"', 'say "hi" now', '5" disk')
    assert table.labels == ("1", "0", "0", "1")


def test_labels_are_names_or_whole_numbers(tmp_path: Path) -> None:
    """Pandas writes whole numbers as 1.0 once a column had a gap; a label must not change its name by that."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "label": 1.0}\n{"text": "b", "label": 0}\n{"text": "c", "label": " x "}\n')
    assert only(path).labels == (1, 0, "x")


@pytest.mark.parametrize("label", ["null", '""', "-1"])
def test_a_part_whose_labels_are_all_withheld_is_unlabelled(tmp_path: Path, label: str) -> None:
    """The hub writes -1 where labels are secret: as an index it would be the last class."""
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "a", "label": {label}}}\n{{"text": "b", "label": {label}}}\n')
    assert only(path).labels is None


def test_columns_of_the_recipe_are_read(tmp_path: Path) -> None:
    """Flags that do not reach the reader."""
    path = tmp_path / "a.csv"
    path.write_text("body_en,reply,kind,text\nq,a,x,no\n")
    table = only(path, text="body_en", text_pair="reply", label="kind")
    assert (table.texts, table.text_pairs, table.labels) == (("q",), ("a",), ("x",))


def test_a_folder_gives_its_parts_and_joins_shards(tmp_path: Path) -> None:
    """A shard left out, or a card taken for data, changes what is trained on without a word."""
    (tmp_path / "train-00000-of-00002.csv").write_text("text,label\na,0\nb,1\n")
    (tmp_path / "train-00001-of-00002.csv").write_text("text,label\nc,0\n")
    (tmp_path / "dev.jsonl").write_text('{"sentence": "d", "label": 1}\n')
    (tmp_path / "held-out.tsv").write_text("text\ne\n")
    (tmp_path / "README.md").write_text("# not data")
    (tmp_path / ".train.jsonl.swp").write_text("not data")
    (tmp_path / "training.log").mkdir()
    parts = read_table(tmp_path).parts
    assert {part: table.texts for part, table in parts.items()} == {
        "train": ("a", "b", "c"),
        "validation": ("d",),
        "held_out": ("e",),
    }
    assert [parts["train"].place(index).removeprefix(f"{tmp_path}/") for index in range(3)] == [
        "train-00000-of-00002.csv, line 2",
        "train-00000-of-00002.csv, line 3",
        "train-00001-of-00002.csv, line 2",
    ]


def test_names_that_a_parquet_file_tells_of_its_numbers(tmp_path: Path) -> None:
    """Without them, the numbers of a hub data set would be matched with a teacher's classes by order alone."""
    features = {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}
    schema = pa.schema(
        [("text", pa.string()), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    pq.write_table(pa.table({"text": ["a", "b"], "label": [1, 0]}, schema=schema), tmp_path / "a.parquet")
    table = only(tmp_path / "a.parquet")
    assert (table.labels, table.number_names) == ((1, 0), ("bad", "good"))


def test_a_parquet_file_may_hold_categories_and_many_row_groups(tmp_path: Path) -> None:
    """Row numbers that start again with each group, or category codes in the place of names."""
    texts = [f"text {index}" for index in range(9000)]
    labels = pa.array(["x", "y", "z"] * 3000).dictionary_encode()
    pq.write_table(pa.table({"text": texts, "label": labels}), tmp_path / "a.parquet", row_group_size=1000)
    table = only(tmp_path / "a.parquet")
    assert table.texts == tuple(texts)
    assert table.labels == ("x", "y", "z") * 3000
    assert table.place(8999) == f"{tmp_path / 'a.parquet'}, row 9000"


def test_the_reader_tells_which_columns_it_took(tmp_path: Path) -> None:
    """A label column of an unusual name would be left out without the user noticing."""

    class Heard:
        def __init__(self) -> None:
            self.sentences: list[str] = []

        def say(self, sentence: str) -> None:
            self.sentences.append(sentence)

    (tmp_path / "train.csv").write_text("premise,hypothesis,label\na,b,0\na,c,1\n")
    (tmp_path / "test.csv").write_text("premise,hypothesis,verdict\na,b,0\n")
    heard = Heard()
    read_table(tmp_path, progress=heard)  # type: ignore[arg-type]
    assert heard.sentences == [
        "train: 2 texts from 'premise' and 'hypothesis', labels from 'label'.",
        "held_out: 1 text from 'premise' and 'hypothesis', no labels.",
    ]
