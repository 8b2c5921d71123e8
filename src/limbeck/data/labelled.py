"""Tables -> examples: labels become indices, and the label names are settled for all parts at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from limbeck.data.labels import match, names_in_data
from limbeck.data.queries import refuse_single_texts
from limbeck.data.tables import RawLabel, Table, Tables
from limbeck.errors import LabelError
from limbeck.ground.progress import SILENT, Progress
from limbeck.tasks import LabelKind, Task, output_names
from limbeck.text.examples import Examples, Labels
from limbeck.text.units import Ragged
from limbeck.text.windows import Reads


@dataclass(frozen=True)
class GivenExamples:
    """The examples of one source, in the parts in which it gave them.

    Args:
        source: The file, folder or data set, as it was named.
        parts: "all", or "train" with "validation" and "held_out" where the source has them.
        shares_contexts: Whether many rows ask about one second text, which must not be in two parts then.
        by_query: Whether rows of one first text stay together; see `Task.groups_rows`.
    """

    source: str
    parts: Mapping[str, Examples]
    shares_contexts: bool = False
    by_query: bool = False

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
        DataError: Single texts, where the task takes pairs only.
    """
    task = tables.task
    for table in tables.parts.values():
        refuse_single_texts(table.text_pairs, task, source=tables.source)
    if task.label_kind in {LabelKind.NUMBER, LabelKind.ANSWERS, LabelKind.HIDDEN}:
        names: tuple[str, ...] = tuple(label_names or output_names(task.name))
        indices: Mapping[RawLabel, int] = {}
    else:
        names = tuple(label_names) if label_names is not None else names_in_data(tables, progress=progress)
        indices = match(tables, names, progress=progress)
    if task.label_kind is LabelKind.TAGS and all(name.isdecimal() for name in names):
        raise LabelError(
            f"{tables.source} has numbers for tags, and nothing says which of them is the outside of spans.",
            hint="Write the names of the tags, such as O, B-place, I-place; or give a teacher that names them.",
        )
    return GivenExamples(
        tables.source,
        {
            part: Examples(
                table.texts,
                table.text_pairs,
                _labels(table, indices, task, n_labels=len(names)),
                names,
                table.further,
            )
            for part, table in tables.parts.items()
        },
        shares_contexts=task.reads is Reads.CONTEXT,
        by_query=task.groups_rows,
    )


def _labels(table: Table, indices: Mapping[RawLabel, int], task: Task, *, n_labels: int) -> Labels | None:
    """What `Examples.labels` holds; None where the part has no labels."""
    if table.labels is None or task.label_kind is LabelKind.HIDDEN:
        return Ragged.nothing(len(table)) if task.label_kind is LabelKind.HIDDEN else None
    if task.label_kind is LabelKind.NUMBER:
        return np.array(table.labels, np.float64)
    if task.label_kind is LabelKind.ANSWERS:
        return Ragged.of(table.labels, dtype=np.int64, width=(2,))
    if task.label_kind is LabelKind.TAGS:
        return Ragged.of([[indices[tag] for tag in given] for given in table.labels], dtype=np.int64)
    if task.label_kind is LabelKind.CLASS:
        return np.fromiter((indices[label] for label in table.labels), dtype=np.int64, count=len(table))
    found = np.zeros((len(table), n_labels), np.int8)
    for row, given in enumerate(table.labels):
        found[row, [indices[label] for label in given]] = 1
    return found
