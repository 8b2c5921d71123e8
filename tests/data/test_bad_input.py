"""What bad input gets: one clear error with file, line and hint. Each message is checked whole."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.data import read_table
from limbeck.errors import DataError
from limbeck.recipe.knobs import DataTable

ANYTHING = (
    "Give a .jsonl, .json, .csv, .tsv or .parquet file (each also packed: .gz, .zst or .bz2), "
    "a folder with train, validation and test files, or the id of a Hugging Face data set."
)
NO_TEXT = "Give every row a text, or remove the rows without one."
BOTH_OR_NONE = "Label all rows of a part, or none; move the others to a file of their own."
MEND = "Mend that line. If it is the last one, the file may be cut short."
OBJECTS = 'Each row must look like {"text": "...", "label": "..."}. An array of them needs the ending .json.'
QUOTES = 'In a quoted value a quote is written twice: "say ""hi"" now".'
VALUES = (
    "Every value of a row must be there. One with the separator in it must stand in quotes; "
    "in a .tsv no value may hold a tab."
)
CUT = "A model reads the first few hundred words only: cut the text, part it into rows, or remove the row."
NAME_FILES = (
    "Name the files train.jsonl, validation.jsonl and test.jsonl (or .json, .csv, .tsv, .parquet), or give one file."
)
EMPTY = "Give a file with at least one text; a header alone is not one."

CASES: dict[str, tuple[str, bytes, str, str]] = {
    "empty": ("a.jsonl", b"", "a.jsonl holds no rows.", EMPTY),
    "blank": ("a.jsonl", b"\n \n", "a.jsonl holds no rows.", EMPTY),
    "empty array": ("a.json", b"[]", "a.json holds no rows.", EMPTY),
    "empty json": ("a.json", b"", "a.json holds no rows.", EMPTY),
    "empty csv": ("a.csv", b"", "a.csv holds no rows.", EMPTY),
    "header only": ("a.csv", b"text,label\n", "a.csv holds no rows.", EMPTY),
    "empty tsv": ("a.tsv", b"", "a.tsv holds no rows.", EMPTY),
    "empty packed": ("a.csv.gz", gzip.compress(b""), "a.csv.gz holds no rows.", EMPTY),
    "no key": (
        "a.jsonl",
        b'{"text": "x"}\n{"txt": "y"}\n',
        "a.jsonl, line 2: expected a text, but there is no 'text'.",
        NO_TEXT,
    ),
    "null": ("a.jsonl", b'{"text": null}\n', "a.jsonl, line 1: expected a text, but 'text' is null.", NO_TEXT),
    "blank text": ("a.csv", b"text,n\nx,1\n  ,2\n", "a.csv, line 3: expected a text, but 'text' is blank.", NO_TEXT),
    "number": ("a.jsonl", b'{"text": 7}', "a.jsonl, line 1: expected a text, but 'text' holds a number (7).", NO_TEXT),
    "list": (
        "a.jsonl",
        b'{"text": ["x", "y"]}',
        "a.jsonl, line 1: expected a text, but 'text' holds a list (['x', 'y']).",
        NO_TEXT,
    ),
    "no second text": (
        "a.csv",
        b"premise,hypothesis\nx,y\nx,\n",
        "a.csv, line 3: expected a text, but 'hypothesis' is blank.",
        NO_TEXT,
    ),
    "broken line": (
        "a.jsonl",
        b'{"text": "x"}\n{"text": "y" "label": 1}\n',
        "a.jsonl, line 2, column 14: not JSON (Expecting ',' delimiter).",
        MEND,
    ),
    "cut line": (
        "a.jsonl",
        b'{"text": "x"}\n{"text": "y',
        "a.jsonl, line 2, column 10: not JSON (Unterminated string starting at).",
        MEND,
    ),
    "unclosed row": (
        "a.jsonl",
        b'{"text": "x"}\n{"text": "y"\n{"text": "z"}\n',
        "a.jsonl, line 2, column 13: not JSON (Expecting ',' delimiter).",
        MEND,
    ),
    "two on a line": ("a.jsonl", b'{"text": "x"} {}', "a.jsonl, line 1, column 15: not JSON (Extra data).", MEND),
    "broken array": (
        "a.json",
        b'[{"text": "x"},\n {"text": "y"}\n {"text": "z"}]',
        "a.json, line 3, column 2: not JSON (Expecting ',' delimiter).",
        MEND,
    ),
    "cut array": (
        "a.json",
        b'[{"text": "x"},\n {"text": "y"}',
        "a.json, line 2, column 15: not JSON (Expecting ',' delimiter).",
        MEND,
    ),
    "list in lines": ("a.jsonl", b'["x", 1]\n', "a.jsonl, line 1: expected a JSON object, got an array.", OBJECTS),
    "string in array": ("a.json", b'["x"]', "a.json, line 1: expected a JSON object, got a string.", OBJECTS),
    "null line": (
        "a.jsonl",
        b'{"text": "x"}\nnull\n',
        "a.jsonl, line 2: expected a JSON object, got null.",
        OBJECTS,
    ),
    "deep": (
        "a.jsonl",
        b'{"text": "x"}\n{"text": "y", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        "a.jsonl, line 2: this JSON is nested too deeply or holds a number of too many digits.",
        "A row needs only a text and a label: leave the other values out.",
    ),
    "digits": (
        "a.jsonl",
        b'{"text": "y", "more": ' + b"1" * 10_000 + b"}\n",
        "a.jsonl, line 1: this JSON is nested too deeply or holds a number of too many digits.",
        "A row needs only a text and a label: leave the other values out.",
    ),
    "megabyte": (
        "a.jsonl",
        b'{"text": "x"}\n{"text": "' + b"y" * 1_048_576 + b'"}\n',
        "a.jsonl, line 2: the text has 1,048,576 characters; at most 100,000 are taken.",
        CUT,
    ),
    "megabyte in csv": (
        "a.csv",
        b"text,label\nx,1\n" + b"y" * 1_048_576 + b",1\n",
        "a.csv, line 3: a row of 1,048,579 characters; at most 131,072 are taken for a value.",
        CUT,
    ),
    "endless line": (
        "a.jsonl",
        b'{"text": "x"}\n' + b" " * (1 << 24) + b"!\n",
        "a.jsonl, line 2: longer than 16 MiB, so it cannot be a row of texts.",
        "Is it a file of another kind, or one without line ends? One row must stand on one line.",
    ),
    "latin": (
        "a.csv",
        b"text,label\nfine,1\nGr\xfc\xdfe,0\n",
        "a.csv, line 3: not UTF-8 (byte 0xfc at offset 20).",
        "Convert it, if it is Western European: iconv -f WINDOWS-1252 -t UTF-8 a.csv > converted",
    ),
    "latin array": (
        "a.json",
        b'[{"text": "x"},\n{"text": "Gr\xfc\xdfe"}]',
        "a.json, line 2: not UTF-8 (byte 0xfc at offset 28).",
        "Convert it, if it is Western European: iconv -f WINDOWS-1252 -t UTF-8 a.json > converted",
    ),
    "utf-16": (
        "a.csv",
        "text,label\nx,1\n".encode("utf-16"),
        "a.csv is not UTF-8: it begins with the mark of UTF-16.",
        "Convert it: iconv -f UTF-16 -t UTF-8 a.csv > converted",
    ),
    "nul": (
        "a.csv",
        b"text,label\nx\0y,1\n",
        "a.csv, line 2: holds a NUL byte (at offset 12).",
        "If it is UTF-16, convert it: iconv -f UTF-16LE -t UTF-8 a.csv > converted. Else remove the byte.",
    ),
    "escaped nul": (
        "a.jsonl",
        b'{"text": "x\\u0000y"}',
        "a.jsonl, line 1: a NUL character at position 2 of the text.",
        "Remove it.",
    ),
    "lone surrogate": (
        "a.jsonl",
        b'{"text": "fine \\ud83d"}',
        "a.jsonl, line 1: half a character (U+D83D) at position 6 of it.",
        "An emoji was cut in two where the file was written: write it whole, or remove the half.",
    ),
    "too many values": (
        "a.csv",
        b"text,label\nx,1\nyes, indeed,1\n",
        "a.csv, line 3: expected 2 values as in the header, got 3.",
        VALUES,
    ),
    "too few values": (
        "a.tsv",
        b"text\tlabel\nx\n",
        "a.tsv, line 2: expected 2 values as in the header, got 1.",
        VALUES,
    ),
    "open quote": (
        "a.csv",
        b'text,label\n"x,1\ny,0\nz,0\n',
        "a.csv, line 2: not CSV: this row does not end before line 4 (unexpected end of data).",
        "A quote is opened and never closed. " + QUOTES,
    ),
    "stray quote": (
        "a.csv",
        b'text,label\n"x" y,1\n',
        "a.csv, line 2: not CSV (',' expected after '\"').",
        'Put values that hold commas or quotes in quotes and write each quote in them twice: "say ""hi"" now".',
    ),
    "old mac": (
        "a.csv",
        b"text,label\rx,1\ry,0\r",
        "a.csv, line 1: not CSV: a carriage return stands alone, as old Macs end lines.",
        r"Convert it: tr '\r' '\n' < a.csv > converted",
    ),
    "column twice": (
        "a.csv",
        b"text,label,text\nx,1,y\n",
        "a.csv, line 1: the column 'text' stands 2 times in the header.",
        "Give each column its own name.",
    ),
    "unknown ending": (
        "a.txt",
        b"x\n",
        "a.txt is of no kind that limbeck reads.",
        "Give a .jsonl, .json, .csv, .tsv or .parquet file (each also packed: .gz, .zst or .bz2).",
    ),
    "packed unknown": (
        "a.zip.gz",
        b"x\n",
        "a.zip.gz is of no kind that limbeck reads.",
        "Give a .jsonl, .json, .csv, .tsv or .parquet file (each also packed: .gz, .zst or .bz2).",
    ),
    "cut short": (
        "a.jsonl.gz",
        gzip.compress(json.dumps({"text": "x", "n": list(range(5000))}).encode())[:-9],
        "a.jsonl.gz cannot be unpacked as gzip (Truncated compressed stream).",
        "It may be cut short or packed in another way: fetch it again, or unpack it and give the file inside.",
    ),
    "not packed": (
        "a.jsonl.zst",
        b'{"text": "x"}\n' * 10,
        "a.jsonl.zst cannot be unpacked as zstd (ZSTD decompress failed: Unknown frame descriptor).",
        "It may be cut short or packed in another way: fetch it again, or unpack it and give the file inside.",
    ),
    "no parquet": (
        "a.parquet",
        b"text,label\nx,1\n",
        (
            "a.parquet cannot be read as Parquet (Parquet magic bytes not found in footer. Either the file is "
            "corrupted or this is not a parquet file.)."
        ),
        "It may be cut short or be of another kind; a file's ending must say what it is.",
    ),
    "true as a label": (
        "a.jsonl",
        b'{"text": "x", "label": true}',
        "a.jsonl, line 1: expected a label, a name or a whole number, but 'label' holds true or false (True).",
        "Write the names of both classes, or the numbers 0 and 1.",
    ),
    "score as a label": (
        "a.jsonl",
        b'{"text": "x", "label": 0.5}',
        "a.jsonl, line 1: expected a label, a name or a whole number, but 'label' holds a number with decimals (0.5).",
        "Classes are names or whole numbers; numbers on a scale are the task regression.",
    ),
    "several labels": (
        "a.jsonl",
        b'{"text": "x", "labels": [1, 2]}',
        "a.jsonl, line 1: expected a label, a name or a whole number, but 'labels' holds a list ([1, 2]).",
        "Classification takes one label a text; several are the task multi-label.",
    ),
    "object as a label": (
        "a.jsonl",
        b'{"text": "x", "label": {"id": 1}}',
        "a.jsonl, line 1: expected a label, a name or a whole number, but 'label' holds an object ({'id': 1}).",
        "Write a name or a whole number, or name another column with --data.label NAME.",
    ),
    "label missing later": (
        "a.jsonl",
        b'{"text": "x", "label": 1}\n{"text": "y"}\n',
        "a.jsonl, line 2: no label in column 'label', while a.jsonl, line 1 has one.",
        BOTH_OR_NONE,
    ),
    "label missing first": (
        "a.csv",
        b"text,label\nx,\ny,1\n",
        "a.csv, line 2: no label in column 'label', while a.csv, line 3 has one.",
        BOTH_OR_NONE,
    ),
    "label column later": (
        "a.jsonl",
        b'{"text": "x"}\n{"text": "y", "label": 1}\n',
        "a.jsonl, line 2: has a label in 'label', while a.jsonl, line 1 has none.",
        BOTH_OR_NONE,
    ),
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("case", CASES)
def test_bad_files_are_refused_with_line_and_hint(case: str) -> None:
    """A user who is not told the line searches a million of them; one who is not told at all trains on rubbish."""
    name, content, message, hint = CASES[case]
    Path(name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(name)
    assert str(caught.value) == f"{message}\nHint: {hint}"


@pytest.mark.parametrize(
    "name", ["missing.jsonl", "/no/such/folder", "no/such/nested/folder", "gone.csv.gz", "un named"]
)
def test_what_is_not_there_is_said_to_be_missing(name: str) -> None:
    """A mistyped path must not be looked up on the network."""
    with pytest.raises(DataError) as caught:
        read_table(name)
    assert str(caught.value) == f"There is no file or folder {name}.\nHint: {ANYTHING}"


def test_a_path_is_never_a_hub_id() -> None:
    """A script that passes a Path means the disk."""
    with pytest.raises(DataError) as caught:
        read_table(Path("imdb"))
    assert str(caught.value) == f"There is no file or folder imdb.\nHint: {ANYTHING}"


def test_a_parquet_file_with_a_damaged_page() -> None:
    """A file that opens but does not read to its end."""
    texts = [f"text number {index}" for index in range(5000)]
    pq.write_table(pa.table({"text": texts}), "a.parquet", compression="gzip", use_dictionary=False)
    content = bytearray(Path("a.parquet").read_bytes())
    content[200:4000] = bytes(3800)
    Path("a.parquet").write_bytes(bytes(content))
    with pytest.raises(DataError) as caught:
        read_table("a.parquet")
    assert caught.value.message.startswith("a.parquet cannot be read as Parquet (")
    assert caught.value.hint == "It may be cut short or be of another kind; a file's ending must say what it is."


def test_a_row_of_a_parquet_file_without_text() -> None:
    """Parquet has no lines; the row is named instead."""
    pq.write_table(pa.table({"text": ["x", None], "label": [0, 1]}), "a.parquet")
    with pytest.raises(DataError) as caught:
        read_table("a.parquet")
    assert str(caught.value) == f"a.parquet, row 2: expected a text, but 'text' is null.\nHint: {NO_TEXT}"


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        (
            [],
            "The folder texts.jsonl has no train file; it holds no files.",
            NAME_FILES,
        ),
        (
            ["test.jsonl", "train.txt", "untrained.csv"],
            "The folder texts.jsonl has no train file; it holds test.jsonl, train.txt, untrained.csv.",
            NAME_FILES,
        ),
        (
            [f"{index:02}.csv" for index in range(12)],
            (
                "The folder texts.jsonl has no train file; it holds 00.csv, 01.csv, 02.csv, 03.csv, 04.csv, 05.csv, "
                "06.csv, 07.csv, 08.csv, 09.csv and 2 more."
            ),
            NAME_FILES,
        ),
        (
            ["train.csv", "dev.csv", "valid.csv"],
            "The folder texts.jsonl has several files for the part validation: dev.csv, valid.csv.",
            "Keep one of them; files that belong together are named train-00000, train-00001 and so on.",
        ),
    ],
)
def test_folders_that_do_not_say_which_file_is_which(names: list[str], message: str, hint: str) -> None:
    """A folder that bears the name of a file, or a part that is there twice: nothing may be guessed."""
    Path("texts.jsonl").mkdir()
    for name in names:
        (Path("texts.jsonl") / name).write_text("text,label\nx,1\n")
    with pytest.raises(DataError) as caught:
        read_table("texts.jsonl")
    assert str(caught.value) == f"{message}\nHint: {hint}"


def test_shards_with_other_columns() -> None:
    """Two shards read as if the second had the first one's columns."""
    Path("d").mkdir()
    Path("d/train-0.csv").write_text("text,label\nx,1\n")
    Path("d/train-1.csv").write_text("sentence,label\nx,1\n")
    with pytest.raises(DataError) as caught:
        read_table("d")
    assert str(caught.value) == (
        "d/train-1.csv has the columns ['sentence', 'label'], but d/train-0.csv has ['text', 'label'].\n"
        "Hint: Files of one part must have the same columns."
    )


def test_a_column_that_is_asked_for_and_not_there() -> None:
    """The door to `find_columns`: the file must be named."""
    Path("a.csv").write_text("text,label\nx,1\n")
    with pytest.raises(DataError) as caught:
        read_table("a.csv", columns=DataTable(label="intent"))
    assert str(caught.value) == (
        "a.csv has no column 'intent' (asked for by data.label); its columns are 'text', 'label'.\n"
        "Hint: Give one of them with --data.label NAME."
    )
