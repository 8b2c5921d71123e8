"""Writing that is either whole or absent: to a temporary name first, then renamed.

A full disk becomes an `OutputError` that says so; what was there before stays.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from limbeck.errors import OutputError

_TEMPORARY = ".partial"


@contextmanager
def disk_faults_told(path: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden folder into an `OutputError` that names `path`.

    Raises:
        OutputError: No space left, quota used up, read-only or forbidden, or a file where a folder is wanted.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OutputError(
                f"The disk is full: {path} could not be written.",
                hint="Free some space and run the same command again: finished stages are kept, it goes on from there.",
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST):
            raise OutputError(
                f"{path} cannot be written: {error.strerror}.", hint="Give another --out folder."
            ) from error
        raise


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path to write a file to; it becomes `path` only when the block ends well.

    Raises:
        OutputError: The disk is full or the folder is forbidden; `path` is as it was.
    """
    temporary = path.with_name(f"{path.name}{_TEMPORARY}-{os.getpid()}")
    with disk_faults_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Give an empty temporary folder; it takes the place of `path` only when the block ends well.

    Raises:
        OutputError: The disk is full or the place is forbidden; `path` is as it was.
    """
    temporary = path.with_name(f"{path.name}{_TEMPORARY}-{os.getpid()}")
    with disk_faults_told(path):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            yield temporary
            if path.exists():
                shutil.rmtree(path)
            temporary.replace(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def lock(stream: IO[Any], *, busy: Path) -> None:
    """Keep other processes out until this file is closed, or the process ends, however it ends.

    Args:
        stream: An open file that every one of them locks.
        busy: What the user gave, to name it.

    Raises:
        OutputError: Another process holds the lock.
    """
    try:
        import fcntl
    except ImportError:  # Windows: no such locks; two runs in one place are then the user's to avoid
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(
            f"Another limbeck is at work in {busy}.", hint="Wait for it, or give another --out."
        ) from None


def is_leftover(path: Path) -> bool:
    """Whether this is a temporary file or folder of an interrupted write."""
    return f"{_TEMPORARY}-" in path.name


def leftovers(folder: Path) -> list[Path]:
    """Temporary files and folders below `folder` that an interrupted write left behind."""
    return sorted(folder.rglob(f"*{_TEMPORARY}-*"))


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401  (anything that JSON can hold)
    """Write a JSON value, two spaces deep, keys as given, with a newline at the end."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def size_bytes(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(found.stat().st_size for found in path.rglob("*") if found.is_file())
