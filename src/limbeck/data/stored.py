"""Texts, labels and further columns in a file of our own, whatever the task: written whole, read back the same."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from limbeck.errors import DataError
from limbeck.ground import files
from limbeck.text.examples import Examples
from limbeck.text.units import Ragged

_ABOUT = b"limbeck examples"
_FURTHER = "further column {}"


def write_examples(path: Path, examples: Examples) -> None:
    """Write texts, labels and further columns, compressed.

    Raises:
        OutputError: The disk is full.
    """
    columns = {"text": _texts(examples.texts)}
    if examples.text_pairs is not None:
        columns["text_pair"] = _texts(examples.text_pairs)
    columns |= {_FURTHER.format(number): _texts(given) for number, given in enumerate(examples.columns.values())}
    about: dict[str, Any] = {"label_names": examples.label_names, "labels": None, "columns": list(examples.columns)}
    labels = examples.labels
    if labels is not None:
        rows = list(labels)
        entries = labels.values if isinstance(labels, Ragged) else labels
        about["labels"] = {
            "is_ragged": isinstance(labels, Ragged),
            "dtype": entries.dtype.str,
            "width": list(entries.shape[1:]),
        }
        columns["labels"] = pa.array(
            [np.asarray(row).astype(entries.dtype.newbyteorder("<")).tobytes() for row in rows]
        )
    table = pa.table(columns).replace_schema_metadata({_ABOUT: json.dumps(about)})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        files.written_whole(path) as temporary,
        pa.OSFile(os.fspath(temporary), "wb") as sink,
        pa.ipc.new_file(sink, table.schema, options=options) as writer,
    ):
        writer.write_table(table)


def read_examples(path: Path) -> Examples:
    """Read what `write_examples` wrote.

    Raises:
        DataError: It is not there, or is something else.
    """
    hint = "Give the texts themselves: --data texts.jsonl."
    try:
        with pa.OSFile(os.fspath(path), "rb") as source:
            table = pa.ipc.open_file(source).read_all()
        about = json.loads((table.schema.metadata or {})[_ABOUT])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        raise DataError(f"{path} holds no texts that limbeck wrote ({error}).", hint=hint) from None
    return Examples(
        texts=_read_texts(table, "text"),
        text_pairs=_read_texts(table, "text_pair") if "text_pair" in table.column_names else None,
        labels=None if about["labels"] is None else _read_labels(table, **about["labels"]),
        label_names=tuple(about["label_names"]),
        columns={
            name: _read_texts(table, _FURTHER.format(number)) for number, name in enumerate(about.get("columns", ()))
        },
    )


def _texts(texts: tuple[str, ...]) -> pa.Array:
    """As bytes, since texts may hold half characters, which Arrow's own strings cannot."""
    return pa.array([text.encode("utf-8", "surrogatepass") for text in texts], pa.binary())


def _read_texts(table: pa.Table, column: str) -> tuple[str, ...]:
    return tuple(text.decode("utf-8", "surrogatepass") for text in table.column(column).to_pylist())


def _read_labels(table: pa.Table, *, is_ragged: bool, dtype: str, width: list[int]) -> Any:  # noqa: ANN401  (any labels)
    kind = np.dtype(dtype).newbyteorder("<")
    rows: list[NDArray[Any]] = [
        np.frombuffer(row, kind).astype(kind.newbyteorder("=")) for row in table.column("labels").to_pylist()
    ]
    if is_ragged and 0 in width:
        return Ragged.nothing(len(rows))
    if is_ragged:
        return Ragged.of(rows, dtype=np.dtype(dtype).type, width=tuple(width))
    return np.array([row.reshape(width) for row in rows], np.dtype(dtype)).reshape(len(rows), *width)
