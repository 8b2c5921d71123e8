"""Answers that were paid for, written down one by one as they come: a killed process loses none that had arrived.

The journal is one JSON object a line beside the parts of the signals, flushed to the disk line by line; a last line
that a kill tore in two is passed over. Its answers are folded into a part when a labelling ends or the next one begins.
What was no answer to what was asked stays in it, so that the same question is not paid for again and again.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import OutputError
from limbeck.ground import files
from limbeck.teacher.signals import Signals, SignalStore

JOURNAL_FILE = "journal.jsonl"
_LOCK_FILE = ".lock"


class Journal:
    """The journal of one store; made by `opened`.

    Args:
        store: Where its answers go in the end.
    """

    def __init__(self, store: SignalStore) -> None:
        self.path = store.folder / JOURNAL_FILE
        self.rejected: dict[str, list[str]] = {}
        self._store = store
        self._writing = threading.Lock()
        self.fold()

    def answered(self, text: str, logits: NDArray[np.float32]) -> None:
        """Keep an answer.

        Args:
            text: Fingerprint of the text.
            logits: (classes,) what was answered.

        Raises:
            OutputError: The disk is full.
        """
        self._write({"text": text, "logits": [float(one) for one in logits]})

    def reject(self, text: str, answer: str) -> None:
        """Keep that an answer was none to what was asked."""
        with self._writing:
            self.rejected.setdefault(text, []).append(answer)
        self._write({"text": text, "rejected": answer})

    def fold(self) -> None:
        """Move the answers into a part of the store.

        Raises:
            OutputError: The disk is full; the journal stays as it is.
        """
        rows = list(self._rows())
        self.rejected = {}
        for row in rows:
            if "rejected" in row:
                self.rejected.setdefault(row["text"], []).append(row["rejected"])
        answers = {row["text"]: row["logits"] for row in rows if "logits" in row}
        fresh = [text for text in answers if not self._store.has(text)]
        if fresh:
            self._store.append(fresh, Signals(np.array([answers[text] for text in fresh], np.float32)))
        kept = b"".join(_line(row) for row in rows if "rejected" in row)
        # Only now, as the part is on the disk. A torn last line goes too, or the next one would be written behind it.
        if self.path.exists() and self.path.read_bytes() != kept:
            with files.written_whole(self.path) as temporary:
                temporary.write_bytes(kept)

    def _write(self, row: dict[str, Any]) -> None:
        with self._writing, files.disk_faults_told(self.path), self.path.open("ab") as stream:
            stream.write(_line(row))
            stream.flush()
            os.fsync(stream.fileno())

    def _rows(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for line in self.path.read_bytes().splitlines():
            try:
                row = json.loads(line)
            except ValueError:  # a kill tore it in two
                continue
            if isinstance(row, dict) and "text" in row:
                yield row


@contextmanager
def opened(store: SignalStore) -> Iterator[Journal]:
    """The journal of a store, for one process at a time; its answers are folded at the end, however it comes.

    Raises:
        OutputError: Another process is asking this teacher, so that both would pay for the same; or a full disk.
    """
    with _locked(store.folder / _LOCK_FILE):
        journal = Journal(store)
        try:
            yield journal
        finally:
            journal.fold()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows: no such locks
        yield
        return
    with files.disk_faults_told(path), path.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"Another limbeck is asking this teacher; its answers go to {path.parent}.",
                hint="Wait for it: what it is told need not be paid for twice.",
            ) from None
        yield


def _line(row: dict[str, Any]) -> bytes:
    return (json.dumps(row, ensure_ascii=True) + "\n").encode()
