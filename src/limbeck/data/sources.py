"""What the user named: a file, a folder with one file a part, or a data set of the hub."""

import re
from dataclasses import dataclass
from pathlib import Path

from limbeck.data.opening import COMPRESSIONS
from limbeck.data.tables import HELD_OUT, TRAIN, VALIDATION, WHOLE
from limbeck.errors import DataError

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
PART_NAMES = {
    "train": TRAIN, "training": TRAIN,
    "validation": VALIDATION, "valid": VALIDATION, "val": VALIDATION, "dev": VALIDATION, "development": VALIDATION,
    "test": HELD_OUT, "testing": HELD_OUT, "held_out": HELD_OUT, "held-out": HELD_OUT, "heldout": HELD_OUT,
}  # fmt: skip

_KINDS = "a .jsonl, .json, .csv, .tsv or .parquet file (each also packed: .gz, .zst or .bz2)"
_ANYTHING = f"Give {_KINDS}, a folder with train, validation and test files, or the id of a Hugging Face data set."
_HUB_ID = re.compile(r"(?!.*(?:--|\.\.))\w[\w.-]*(?:/\w[\w.-]*)?(?::[\w.-]+)?", re.ASCII)
_SHARD = re.compile(r"[-_.]\d+(?:-of-\d+)?$")
_SHOWN_FILES = 10


@dataclass(frozen=True)
class HubDataset:
    """A data set of the Hugging Face hub, and which of its configurations."""

    dataset: str
    configuration: str | None


def find(source: str | Path) -> dict[str, tuple[Path, ...]] | HubDataset:
    """Settle what `source` names: part -> its files, or a data set of the hub (`owner/name` or `owner/name:config`).

    Raises:
        DataError: There is nothing of that name, its kind is unknown, or a folder has no train file or two for a part.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return _parts_of_folder(path)
    if path.exists():
        ending(path)
        return {WHOLE: (path,)}
    named = str(source)
    looks_like_file = named.lower().endswith((*ENDINGS, *COMPRESSIONS, ".txt"))
    if isinstance(source, Path) or looks_like_file or not _HUB_ID.fullmatch(named):
        raise DataError(f"There is no file or folder {named}.", hint=_ANYTHING)
    dataset, _, configuration = named.partition(":")
    return HubDataset(dataset, configuration or None)


def ending(path: Path) -> str:
    """The ending that says what a file holds, without that of its packing: ".csv" of "a.csv.gz".

    Raises:
        DataError: It is none that limbeck reads.
    """
    found = _ending(path)
    if found is None:
        raise DataError(f"{path} is of no kind that limbeck reads.", hint=f"Give {_KINDS}.")
    return found


def _ending(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in ENDINGS else None


def _parts_of_folder(folder: Path) -> dict[str, tuple[Path, ...]]:
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    files: dict[str, list[Path]] = {}
    for name in names:
        stem = name.lower().split(".", 1)[0] if "." in name else ""
        part = PART_NAMES.get(_SHARD.sub("", stem))
        if part is not None and _ending(folder / name) is not None:
            files.setdefault(part, []).append(folder / name)
    if TRAIN not in files:
        shown = ", ".join(names[:_SHOWN_FILES]) + (
            f" and {len(names) - _SHOWN_FILES:,} more" * (len(names) > _SHOWN_FILES)
        )
        raise DataError(
            f"The folder {folder} has no train file; it holds {shown or 'no files'}.",
            hint="Name the files train.jsonl, validation.jsonl and test.jsonl (or .json, .csv, .tsv, .parquet), "
            "or give one file.",
        )
    for part, found in files.items():
        if len(found) > 1 and not all(_SHARD.search(path.name.split(".", 1)[0]) for path in found):
            raise DataError(
                f"The folder {folder} has several files for the part {part}: {', '.join(path.name for path in found)}.",
                hint="Keep one of them; files that belong together are named train-00000, train-00001 and so on.",
            )
    return {part: tuple(files[part]) for part in (TRAIN, VALIDATION, HELD_OUT) if part in files}
