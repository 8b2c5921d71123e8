"""Writing that is either whole or absent: to a temporary name first, then renamed.

A full disk becomes an `OutputError` that says so; what was there before stays.
"""

import errno
import glob
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from limbeck.errors import OutputError

_TEMPORARY = ".partial"
_ASIDE = "old-"
_GENERATOR, _HEAD_BYTES = b'<meta name="generator" content="limbeck">', 4096
"""What the head of each page says (report/templates/page.html)."""
_NOT_THERE = (
    errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP,
)  # fmt: skip


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
        if error.errno in _NOT_THERE:
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

    What stood there is set aside until the new folder stands in its place. Where `path` is a link, the folder that it
    leads to is replaced.

    Raises:
        OutputError: The disk is full or the place is forbidden, or `path` is the working folder or a mounted disk,
            which no other folder can replace; `path` is as it was.
    """
    path = path.resolve()
    if path == Path.cwd() or path.is_mount():
        what = "the folder that you work in" if path == Path.cwd() else "a mounted disk"
        raise OutputError(
            f"{path} is {what}: what is written takes the place of a whole folder, and cannot take that one's.",
            hint="Give a folder within it.",
        )
    temporary, aside = (path.with_name(f"{path.name}{_TEMPORARY}-{kind}{os.getpid()}") for kind in ("", _ASIDE))
    with disk_faults_told(path):
        _clear_abandoned(path)
        temporary.mkdir(parents=True)
        try:
            yield temporary
            if path.exists():
                path.replace(aside)
            temporary.replace(path)
        finally:
            if aside.exists() and not path.exists():
                aside.replace(path)
            for left in (temporary, aside):
                shutil.rmtree(left, ignore_errors=True)


def _clear_abandoned(path: Path) -> None:
    """Remove what killed writers of this folder left beside it; what one of them had set aside is put back."""
    for left in sorted(path.parent.glob(f"{glob.escape(path.name)}{_TEMPORARY}-*")):
        kind, _, number = left.name.removeprefix(f"{path.name}{_TEMPORARY}-").rpartition("-")
        if not number.isdecimal() or _runs(int(number)):
            continue
        if f"{kind}-" == _ASIDE and not path.exists():
            left.replace(path)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _runs(process: int) -> bool:
    """Whether another process of this number runs, as far as one can ask; this one is none, nor what it left behind."""
    if os.name == "nt":  # where to ask a process is to end it
        return process != os.getpid()
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()


def refuse_foreign_page(page: Path) -> None:
    """Refuse to put a page in the place of a file that is none of limbeck's; asked before the work.

    Raises:
        OutputError: Such a file is there.
    """
    with disk_faults_told(page):
        if page.exists() and _GENERATOR not in page.read_bytes()[:_HEAD_BYTES]:
            raise OutputError(
                f"{page} is there already, and is no page of limbeck.", hint="Give another name, or move it away."
            )


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
