"""A file -> its bytes, unpacked, or its lines, decoded; every way in which that can fail, told with line and byte."""

import io
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from limbeck.errors import DataError

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
MAX_LINE_BYTES = 1 << 24

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacked on the way if its name says that it is packed.

    Raises:
        DataError: It cannot be read, is cut short, or is not packed as its name says; also while it is being read.
    """
    compression = COMPRESSIONS.get(path.suffix.lower())
    try:
        if compression is None:
            with path.open("rb") as stream:
                yield stream
        else:
            import pyarrow as pa

            # Arrow unpacks all three with one code; the standard library of Python 3.11 knows no zstd.
            with pa.input_stream(str(path), compression=compression) as packed:
                yield cast("BinaryIO", io.BufferedReader(packed))
    except OSError as error:
        if error.strerror is not None:  # the operating system's own words; Arrow's faults have none
            raise DataError(
                f"{path} cannot be read: {error.strerror}.", hint="Check the path and your right to read it."
            ) from error
        raise DataError(
            f"{path} cannot be unpacked as {compression} ({error}).",
            hint="It may be cut short or packed in another way: fetch it again, or unpack it and give the file inside.",
        ) from error


def lines(stream: BinaryIO, name: str) -> Iterator[tuple[int, str]]:
    """Decode a stream of UTF-8 line by line; a byte order mark at its start is left out.

    Args:
        stream: Bytes, already unpacked.
        name: What the file is called in messages.

    Returns: Line numbers from 1, and lines with their line ends.

    Raises:
        DataError: A line is not UTF-8, holds a NUL byte, or is longer than 16 MiB.
    """
    offset = 0
    for number in itertools.count(1):
        raw = stream.readline(MAX_LINE_BYTES + 1)
        if not raw:
            return
        if len(raw) > MAX_LINE_BYTES:
            raise DataError(
                f"{name}, line {number}: longer than 16 MiB, so it cannot be a row of texts.",
                hint="Is it a file of another kind, or one without line ends? One row must stand on one line.",
            )
        skipped = len(_UTF8_MARK) if number == 1 and raw.startswith(_UTF8_MARK) else 0
        yield number, decoded(raw[skipped:], name, line=number, offset=offset + skipped)
        offset += len(raw)


def decoded(raw: bytes, name: str, *, line: int = 1, offset: int = 0) -> str:
    """Decode bytes that begin at `line` and byte `offset` of a file.

    Raises:
        DataError: They are not UTF-8, or hold a NUL byte.
    """
    if offset == 0 and raw.startswith(_UTF16_MARKS):
        raise DataError(
            f"{name} is not UTF-8: it begins with the mark of UTF-16.",
            hint=f"Convert it: iconv -f UTF-16 -t UTF-8 {name} > converted",
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        number = line + raw.count(b"\n", 0, error.start)
        raise DataError(
            f"{name}, line {number}: not UTF-8 (byte 0x{raw[error.start]:02x} at offset {offset + error.start:,}).",
            hint=f"Convert it, if it is Western European: iconv -f WINDOWS-1252 -t UTF-8 {name} > converted",
        ) from None
    if "\0" in text:
        at = raw.index(b"\0")
        number = line + raw.count(b"\n", 0, at)
        raise DataError(
            f"{name}, line {number}: holds a NUL byte (at offset {offset + at:,}).",
            hint=f"If it is UTF-16, convert it: iconv -f UTF-16LE -t UTF-8 {name} > converted. Else remove the byte.",
        )
    return text
