"""Damage of every kind, by a seeded dice: whatever happens to a file, the answer is a `LimbeckError` or good rows."""

import bz2
import gzip
import io
import json
import random
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.data import read_table, to_examples
from limbeck.errors import LimbeckError

ROWS = [{"text": f'Grüße {at}, "quoted" 😀', "label": at % 3} for at in range(6)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
DIRT = (
    b'"',
    b"\n",
    b"\r",
    b"\t",
    b"\\ud83d",
    b"\xff",
    b"\0",
    b"[",
    b"}",
    b",",
    b"null",
    b'"text":',
    b"\xef\xbb\xbf",
    b"-1",
)


def parquet() -> bytes:
    """The rows as Parquet, not packed inside, so that damage reaches the values."""
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), stream, compression="none")
    return stream.getvalue()


FILES = {
    "a.jsonl": LINES,
    "a.json": json.dumps(ROWS, ensure_ascii=False, indent=1).encode(),
    "a.csv": b'text,label\n"one, ""two""",1\nthree,0\n',
    "a.tsv": b'text\tlabel\n"one ""two"""\t1\nthree\t0\n',
    "a.parquet": parquet(),
    "a.jsonl.gz": gzip.compress(LINES, mtime=0),
    "a.jsonl.bz2": bz2.compress(LINES),
    "a.jsonl.zst": pa.Codec("zstd").compress(LINES, asbytes=True),
}


def damaged(content: bytes, dice: random.Random) -> bytes:
    """The content with one to three wounds: a byte changed, a stretch lost, dirt put in, or the end cut off."""
    raw = bytearray(content)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(raw) + 1)
        wound = dice.randrange(4)
        if wound == 0:
            raw[at : at + 1] = bytes([dice.randrange(256)])
        elif wound == 1:
            del raw[at : at + dice.randint(1, 20)]
        elif wound == 2:
            raw[at:at] = dice.choice(DIRT)
        else:
            del raw[at:]
    return bytes(raw)


def fate(path: Path) -> tuple[LimbeckError | None, tuple[str, ...]]:
    """The error that a file meets, or its texts."""
    try:
        (part,) = to_examples(read_table(path), None).parts.values()
    except LimbeckError as error:
        return error, ()
    return None, part.texts


@pytest.mark.parametrize("name", FILES)
def test_damage_is_told_and_never_crashes(tmp_path: Path, name: str) -> None:
    """A traceback of the reader's insides tells a user nothing, and half a text must never pass for a whole one."""
    dice = random.Random(name)
    path = tmp_path / name
    for _ in range(80):
        path.write_bytes(damaged(FILES[name], dice))
        told, texts = fate(path)
        assert told is None or (str(path) in told.message and told.hint)
        assert all(text.strip() and text.encode() for text in texts)


def test_a_parquet_value_that_is_not_utf8(tmp_path: Path) -> None:
    """Found by this dice: Arrow checks the bytes only when a value is asked for."""
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet().replace("ü".encode(), b"\xc3["))
    with pytest.raises(LimbeckError) as caught:
        read_table(path)
    assert str(caught.value) == (
        f"{path} cannot be read as Parquet ('utf-8' codec can't decode byte 0xc3 in position 2: invalid continuation "
        "byte).\nHint: It may be cut short or be of another kind; a file's ending must say what it is."
    )


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_columns_that_nobody_asked_for_cost_no_memory(tmp_path: Path, name: str) -> None:
    """A million rows with wide other columns must not need gigabytes: 20 MB of them must leave nothing behind."""
    other = "x" * 10_000
    lines = "".join(json.dumps({"text": f"text {at}", "other": other}) + "\n" for at in range(2000)).encode()
    (tmp_path / name).write_bytes(gzip.compress(lines, compresslevel=1) if name.endswith("gz") else lines)
    read_table(tmp_path / name)  # imports what it needs
    tracemalloc.start()
    read_table(tmp_path / name)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_500_000  # 2,000 texts of some 60 bytes, lists, and one line at a time
