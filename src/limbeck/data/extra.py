"""Extra texts that nobody labelled, for the teacher to answer and a student to learn from."""

from pathlib import Path

from limbeck.data.apart import singles_of
from limbeck.data.queries import without_queries
from limbeck.data.reading import read_table
from limbeck.errors import DataError
from limbeck.examples import Examples, Parts
from limbeck.progress import SILENT, Progress
from limbeck.recipe import DataTable
from limbeck.tasks import TASKS
from limbeck.wording import counted


def read_extra(
    source: str | Path, parts: Parts, *, columns: DataTable, task: str, progress: Progress = SILENT
) -> Examples:
    """Read texts to learn from besides the given ones; whatever labels stand there are not looked at.

    A text that stands in one of the parts, or twice, is left out, so that nothing held out is learned; so are passages
    of queries that are held out.

    Args:
        source: As for `read_table`; all of its parts count.
        parts: The texts of the run.
        columns: Where texts stand.
        task: See `limbeck.tasks`.
        progress: Told how many texts were found, and left out.

    Raises:
        DataError: As `read_table`; or pairs where the run has single texts, or the other way round, or nothing is left.
    """
    tables = read_table(source, columns=columns, task=task, with_labels=False, progress=progress)
    found = [Examples(table.texts, table.text_pairs, None, parts.train.label_names) for table in tables.parts.values()]
    if not TASKS[task].takes_pairs:
        found = [singles_of(examples) for examples in found]
    if any((examples.text_pairs is None) != (parts.train.text_pairs is None) for examples in found):
        kinds = ["single texts" if one.text_pairs is None else "pairs" for one in (found[0], parts.train)]
        raise DataError(
            f"{source} holds {kinds[0]}, and the data holds {kinds[1]}.",
            hint="Give extra texts of the same kind; --data.text and --data.text_pair name the columns of both.",
        )
    known = {*parts.train.content_fingerprints, *parts.validation.content_fingerprints}
    known |= {*parts.held_out.content_fingerprints}
    n_given = sum(map(len, found))
    if TASKS[task].groups_rows:
        unread = {*parts.validation.query_fingerprints, *parts.held_out.query_fingerprints}
        found = [without_queries(examples, unread) for examples in found]
    kept = []
    for examples in found:
        fresh = []
        for row, content in enumerate(examples.content_fingerprints):
            if content not in known:
                known.add(content)
                fresh.append(row)
        kept.append(examples.take(fresh))
    joined = kept[0]
    for examples in kept[1:]:
        joined = joined.joined(examples)
    if not len(joined):
        raise DataError(
            f"{source}: each of its {n_given} texts stands in the data already.",
            hint="Give other texts, or leave out data.extra_texts.",
        )
    left_out = n_given - len(joined)
    if left_out:
        progress.say(f"{counted(left_out, 'extra text')} stood in the data or twice: left out.")
    return joined
