"""What the teacher said about texts, on disk: Arrow files in a folder that is named by what could change an answer.

    <root>/<fingerprint of teacher, tokenizer and settings>/
        manifest.json        what the key was made of
        part-<...>.arrow     rows: text fingerprint, logits, last hidden state where the teacher shows it; or logits and
                             characters of each word or token, where it answers for those; written whole, never
                             changed

A killed labelling leaves the parts that it had finished, and the next one asks only for texts that no part holds.
Hidden states are kept in half precision: the rounding (2^-11 relative) is far below what a student is taught.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from limbeck.errors import SignalsError
from limbeck.ground import files, fingerprint
from limbeck.text.units import Ragged, UnitLogits, Units, starts_of

KIND = "limbeck signals"
FORMAT = 1
_MANIFEST = "manifest.json"
_PART_PATTERN = "part-*.arrow"


@dataclass(frozen=True)
class SignalsKey:
    """All that an answer depends on besides the text.

    Args:
        teacher: Fingerprint of the teacher's weights and config.
        tokenizer: Fingerprint of the tokenizer and its length limit.
        precision: "float32" or "bfloat16": what the teacher computed in.
        n_classes: Width of the logits.
        hidden_size: Width of the hidden states; 0 where the teacher shows none.
    """

    teacher: str
    tokenizer: str
    precision: str
    n_classes: int
    hidden_size: int

    @property
    def fingerprint(self) -> str:
        """The name of the folder."""
        return fingerprint.of_settings({"format": FORMAT, **asdict(self)})


@dataclass(frozen=True)
class Signals:
    """The teacher's answers to texts, in the order asked for.

    Args:
        logits: (n, classes) float32; or those of the texts' units.
        first_hidden: (n, hidden) float16, the first token's state after the last layer: what the head reads. None
            where the teacher shows no states.
    """

    logits: NDArray[np.float32] | UnitLogits
    first_hidden: NDArray[np.float16] | None = None

    def __len__(self) -> int:
        return len(self.logits)


class SignalStore:
    """The signals of one teacher on disk: look up, append.

    Args:
        root: Folder of all signals.
        key: Which teacher, tokenizer and settings.
        compressed: Whether what is appended is compressed (Zstandard): smaller, and the same when read.

    Raises:
        SignalsError: The folder holds something else or a damaged file.
        OutputError: The folder cannot be made.
    """

    def __init__(self, root: Path, key: SignalsKey, *, compressed: bool = False) -> None:
        self.key = key
        self._options = pa.ipc.IpcWriteOptions(compression="zstd" if compressed else None)
        self.folder = root / key.fingerprint
        manifest = self.folder / _MANIFEST
        if not manifest.exists():
            files.write_json(manifest, {"kind": KIND, "format": FORMAT, **asdict(key)})
        elif _read_manifest(manifest) != key:
            raise SignalsError(
                f"{manifest} describes other signals than those that its folder is named for.",
                hint="Delete the folder; its texts are asked for again.",
            )
        self._parts: list[pa.Table] = []
        self._where: dict[str, tuple[int, int]] = {}
        for path in sorted(self.folder.glob(_PART_PATTERN)):
            self._take_in(self._read_part(path))

    def __len__(self) -> int:
        return len(self._where)

    def missing(self, text_fingerprints: Iterable[str]) -> list[int]:
        """Positions of the texts that have no answer yet; of equal texts only the first."""
        seen: set[str] = set()
        positions = []
        for position, text in enumerate(text_fingerprints):
            if text not in self._where and text not in seen:
                seen.add(text)
                positions.append(position)
        return positions

    def unanswered(self, text_fingerprints: Iterable[str]) -> list[int]:
        """Positions of all texts that have no answer, equal ones included."""
        return [position for position, text in enumerate(text_fingerprints) if text not in self._where]

    def has(self, text_fingerprint: str) -> bool:
        """Whether this text has an answer."""
        return text_fingerprint in self._where

    def append(self, text_fingerprints: Sequence[str], signals: Signals) -> None:
        """Write answers as one more part, whole or not at all.

        Raises:
            OutputError: The disk is full; the parts before this one stay.
        """
        columns = {"text": pa.array(text_fingerprints, pa.string())}
        if isinstance(signals.logits, UnitLogits):
            columns["logits"] = _lists(signals.logits.rows, pa.float32())
            columns["spans"] = _lists(signals.logits.units.spans, pa.int32())
        else:
            columns["logits"] = _rows(signals.logits.astype(np.float32, copy=False), pa.float32())
        if signals.first_hidden is not None:
            columns["first_hidden"] = _rows(signals.first_hidden.astype(np.float16, copy=False), pa.float16())
        table = pa.table(columns)
        name = f"part-{len(self._where):09d}-{fingerprint.of_many(text_fingerprints)[:8]}.arrow"
        with (
            files.written_whole(self.folder / name) as temporary,
            pa.OSFile(os.fspath(temporary), "wb") as sink,
            pa.ipc.new_file(sink, table.schema, options=self._options) as writer,
        ):
            writer.write_table(table)
        self._take_in(table)

    def read(self, text_fingerprints: Sequence[str], *, within: Sequence[str] = (), threshold: float = 0.0) -> Signals:
        """The answers to these texts, in this order.

        Args:
            text_fingerprints: (n,) the texts.
            within: (n,) what the characters of units are counted in (`Examples.within`), where the teacher answers for
                units.
            threshold: See `UnitLogits`.

        Raises:
            SignalsError: A text has no answer yet.
        """
        absent = self.missing(text_fingerprints)
        if absent:
            raise SignalsError(
                f"{len(absent)} of {len(text_fingerprints)} texts have no answer of the teacher in {self.folder}.",
                hint="Label them first: `limbeck compress` does, or give --teacher.",
            )
        places = [self._where[text] for text in text_fingerprints]
        if any("spans" in part.column_names for part in self._parts):
            return Signals(self._units(places, tuple(within), threshold))
        logits = np.empty((len(places), self.key.n_classes), np.float32)
        hidden = np.empty((len(places), self.key.hidden_size), np.float16) if self.key.hidden_size else None
        part_numbers = np.array([part for part, _ in places], np.int64)
        rows = np.array([row for _, row in places], np.int64)
        for number, part in enumerate(self._parts):
            here = np.flatnonzero(part_numbers == number)
            if len(here):
                logits[here] = _matrix(part, "logits", self.key.n_classes)[rows[here]]
                if hidden is not None:
                    hidden[here] = _matrix(part, "first_hidden", self.key.hidden_size)[rows[here]]
        return Signals(logits, hidden)

    def _read_part(self, path: Path) -> pa.Table:
        try:
            with pa.memory_map(os.fspath(path)) as source:
                table = pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid as error:
            raise SignalsError(
                f"{path} is no Arrow file ({error}).", hint="Delete this one file; only its texts are asked for again."
            ) from None
        known = (["text", "logits", *(["first_hidden"] if self.key.hidden_size else [])], ["text", "logits", "spans"])
        if table.column_names not in known:
            raise SignalsError(
                f"{path} has the columns {table.column_names}.", hint="Delete this one file; limbeck did not write it."
            )
        return table

    def _units(self, places: Sequence[tuple[int, int]], within: tuple[str, ...], threshold: float) -> UnitLogits:
        """The logits of all units of the texts that stand there: (part, row) each."""
        logits, spans = (
            reduce(Ragged.joined, [_ragged(part, name, width) for part in self._parts])
            for name, width in (("logits", self.key.n_classes), ("spans", 2))
        )
        before = starts_of([len(part) for part in self._parts])
        rows = [int(before[part]) + row for part, row in places]
        units = Units(spans.take(rows), within)
        return UnitLogits(logits.take(rows).values.astype(np.float32, copy=False), units, threshold)

    def _take_in(self, table: pa.Table) -> None:
        number = len(self._parts)
        self._parts.append(table)
        for row, text in enumerate(table.column("text").to_pylist()):
            self._where[text] = (number, row)


def find_stores(root: Path, *, teacher: str | None = None) -> list[SignalStore]:
    """Every store below `root`, of one teacher or of all: how `verify` finds answers without the teacher.

    Raises:
        SignalsError: A store is damaged.
    """
    stores = []
    for manifest in sorted(root.glob(f"*/{_MANIFEST}")):
        key = _read_manifest(manifest)
        if key is not None and teacher in (None, key.teacher):
            stores.append(SignalStore(root, key))
    return stores


def mirrored(root: Path, into: Path) -> Path:
    """A folder that reads like `root`; what is written there stays out of `root`.

    Args:
        root: Folder of all signals; it may be absent.
        into: A new folder.

    Returns: `into`.
    """
    into.mkdir(parents=True)
    for path in sorted(root.glob("*/*")):
        if path.is_file() and not path.name.startswith("."):
            place = into / path.relative_to(root)
            place.parent.mkdir(exist_ok=True)
            _stand_in(path, place)
    return into


def _stand_in(path: Path, place: Path) -> None:
    """Parts never change, so a link to one is enough; where there are no links, and for all else, a copy."""
    if path.match(_PART_PATTERN):
        with contextlib.suppress(OSError):
            place.symlink_to(path.absolute())
            return
    shutil.copyfile(path, place)


def _read_manifest(path: Path) -> SignalsKey | None:
    """The key of a store; None where the file describes no signals of this format."""
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SignalsError(
            f"{path} is not JSON ({error}).", hint="Delete the folder; its texts are asked for again."
        ) from None
    if not isinstance(described, dict) or (described.get("kind"), described.get("format")) != (KIND, FORMAT):
        return None
    try:
        return SignalsKey(**{name: described[name] for name in SignalsKey.__dataclass_fields__})
    except KeyError as error:
        raise SignalsError(
            f"{path} does not say the {error.args[0]} of its signals.",
            hint="Delete the folder; its texts are asked for again.",
        ) from None


def _rows(matrix: NDArray[np.generic], kind: pa.DataType) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).reshape(-1), kind), matrix.shape[1])


def _lists(rows: Ragged, kind: pa.DataType) -> pa.Array:
    width = rows.values.shape[1]
    flat = pa.array(np.ascontiguousarray(rows.values).reshape(-1), kind)
    return pa.ListArray.from_arrays(pa.array(rows.starts * width, pa.int32()), flat)


def _ragged(part: pa.Table, column: str, width: int) -> Ragged:
    lists = part.column(column).combine_chunks()
    lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
    return Ragged(_matrix(part, column, width), starts_of(lengths // width))


def _matrix(part: pa.Table, column: str, width: int) -> NDArray[np.generic]:
    flat: NDArray[np.generic] = part.column(column).combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, width)
