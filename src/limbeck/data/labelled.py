"""Tables -> examples: labels become indices, and the label names are settled for all parts at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from limbeck.data.labels import match, names_in_data
from limbeck.data.tables import Tables
from limbeck.examples import Examples
from limbeck.progress import SILENT, Progress


@dataclass(frozen=True)
class GivenExamples:
    """The examples of one source, in the parts in which it gave them.

    Args:
        source: The file, folder or data set, as it was named.
        parts: "all", or "train" with "validation" and "held_out" where the source has them.
    """

    source: str
    parts: Mapping[str, Examples]

    @property
    def label_names(self) -> tuple[str, ...]:
        """The classes, the same for all parts."""
        return next(iter(self.parts.values())).label_names


def to_examples(tables: Tables, label_names: Sequence[str] | None, *, progress: Progress = SILENT) -> GivenExamples:
    """Turn what was read into examples.

    Args:
        tables: Every part of a source.
        label_names: (classes,) the teacher's names in the order of its logits; None takes them from the data.
        progress: Told what a reader should know about the labels.

    Raises:
        LabelError: The teacher does not know a label; or, without a teacher, no labels or only one.
    """
    names = tuple(label_names) if label_names is not None else names_in_data(tables, progress=progress)
    indices = match(tables, names, progress=progress)
    parts = {
        part: Examples(
            texts=table.texts,
            text_pairs=table.text_pairs,
            labels=None
            if table.labels is None
            else np.fromiter((indices[label] for label in table.labels), dtype=np.int64, count=len(table)),
            label_names=names,
        )
        for part, table in tables.parts.items()
    }
    return GivenExamples(tables.source, parts)
