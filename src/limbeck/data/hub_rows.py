"""Rows of a data set of the Hugging Face hub, through the optional library `datasets`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from limbeck.data.sources import PART_NAMES, HubDataset
from limbeck.data.tables import TRAIN, WHOLE, Row
from limbeck.errors import DataError, MissingExtraError

_BATCH_ROWS = 1000


class HubSplit:
    """One split of a data set, on disk after the first time.

    Args:
        name: What it is called in messages.
        split: A `datasets.Dataset`.
    """

    def __init__(self, name: str, split: Any) -> None:  # noqa: ANN401  (the library has no types that hold)
        self.name = name
        self._split = split
        self.columns: Sequence[str] = split.column_names

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """The values of these columns only, row by row, counted from 1."""
        number = 0
        for batch in self._split.select_columns(list(columns)).iter(batch_size=_BATCH_ROWS):
            for row in zip(*(batch[column] for column in columns), strict=True):
                number += 1
                yield Row(number, dict(zip(columns, row, strict=True)))

    def number_names(self, column: str | None) -> tuple[str, ...]:
        """Names of the numbers in a label column, where the data set tells them; else empty."""
        feature = self._split.features.get(column)
        return tuple(getattr(getattr(feature, "feature", feature), "names", None) or ())


def open_hub(wanted: HubDataset) -> Mapping[str, HubSplit]:
    """Load a data set: from the cache on disk, or from the hub unless HF_HUB_OFFLINE forbids it. No code of it is run.

    Returns: part -> split; splits whose name is not that of a part are left out, and a single split is the whole.

    Raises:
        DataError: There is no such data set, it cannot be reached, or it needs a configuration to be named.
        MissingExtraError: `datasets` is not installed.
    """
    try:
        import datasets
    except ModuleNotFoundError:
        raise MissingExtraError(
            f"There is no file or folder {wanted.dataset}; reading a Hugging Face data set of that name", extra="train"
        ) from None
    try:
        loaded = datasets.load_dataset(wanted.dataset, wanted.configuration)
    except Exception as error:  # network, cache, parsing: each of the libraries below raises its own
        raise DataError(
            f"There is no file or folder {wanted.dataset}, and no data set of that name could be read from the hub: "
            f"{' '.join(str(error).split())}",
            hint="Check the spelling and the network (HF_HUB_OFFLINE forbids it). A private data set needs HF_TOKEN; "
            "one with several configurations is named owner/name:configuration.",
        ) from error
    title = f"data set {wanted.dataset}" + (f" ({wanted.configuration})" if wanted.configuration else "")
    parts: dict[str, HubSplit] = {}
    for split_name, split in loaded.items():
        part = PART_NAMES.get(split_name)
        if part is not None and part not in parts:
            parts[part] = HubSplit(f"{title}, split {split_name}", split)
    if TRAIN in parts:
        return parts
    if len(loaded) == 1:
        ((split_name, split),) = loaded.items()
        return {WHOLE: HubSplit(f"{title}, split {split_name}", split)}
    raise DataError(
        f"The {title} has no split called train; its splits are {', '.join(loaded)}.",
        hint="Save the splits that you want as train.parquet and test.parquet in a folder, and give the folder.",
    )
