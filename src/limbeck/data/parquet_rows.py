"""Rows of Parquet files, read a few thousand at a time."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from limbeck.data.tables import Row
from limbeck.errors import DataError

_BATCH_ROWS = 4096


class ParquetRows:
    """One Parquet file, opened.

    Args:
        stream: Bytes, already unpacked; all of a packed file is held in memory, as Parquet is read from its end.
        name: What the file is called in messages.

    Raises:
        DataError: It is not Parquet.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._name = name
        with self._faults_told():
            source = stream if stream.seekable() else pa.BufferReader(stream.read())
            self._file = pq.ParquetFile(source)
        self.columns: Sequence[str] = self._file.schema_arrow.names

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """The values of these columns only, row by row, counted from 1.

        Raises:
            DataError: A page of the file is damaged.
        """
        number = 0
        with self._faults_told():
            for batch in self._file.iter_batches(batch_size=_BATCH_ROWS, columns=list(columns)):
                values = batch.to_pydict()
                for row in zip(*(values[column] for column in columns), strict=True):
                    number += 1
                    yield Row(number, dict(zip(columns, row, strict=True)))

    def number_names(self, column: str | None) -> tuple[str, ...]:
        """Names of the numbers in a label column, where the library `datasets` wrote them into the file; else empty."""
        written = (self._file.schema_arrow.metadata or {}).get(b"huggingface")
        try:
            feature: Any = json.loads(written or "{}")["info"]["features"][column]
            feature = feature.get("feature", feature)  # a list of classes names them one level down
            return tuple(map(str, feature["names"])) if feature["_type"] == "ClassLabel" else ()
        except (
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
        ):  # a remark that other tools may leave out or write otherwise
            return ()

    @contextmanager
    def _faults_told(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: a value that is not UTF-8
            raise DataError(
                f"{self._name} cannot be read as Parquet ({str(error).splitlines()[0]}).",
                hint="It may be cut short or be of another kind; a file's ending must say what it is.",
            ) from error
