"""Extra texts that nobody labelled, for the teacher to answer and a student to learn from."""

from collections.abc import Sequence
from pathlib import Path

from limbeck.data.apart import singles_of
from limbeck.data.queries import without_contexts, without_queries
from limbeck.data.reading import read_table
from limbeck.errors import DataError
from limbeck.ground import fingerprint
from limbeck.ground.progress import SILENT, Progress
from limbeck.ground.wording import counted
from limbeck.recipe.knobs import DataTable
from limbeck.tasks import TASKS
from limbeck.text.examples import Examples, Parts
from limbeck.text.windows import Reads


def read_extra(
    source: str | Path, parts: Parts, *, columns: DataTable, task: str, progress: Progress = SILENT
) -> Examples:
    """Read texts to learn from besides the given ones; whatever labels stand there are not looked at.

    A text that stands in one of the parts, or twice, is left out, so that nothing held out is learned; so are passages
    of queries that are held out, and questions on contexts that are.

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
    known = {key for part in (parts.train, parts.validation, parts.held_out) for key in _compared(part, task)}
    n_given = sum(map(len, found))
    found = [_about_others(examples, parts, task) for examples in found]
    kept = []
    for examples in found:
        fresh = []
        for row, content in enumerate(_compared(examples, task)):
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


def _compared(examples: Examples, task: str) -> Sequence[str]:
    """(n,) what tells that two rows are the same; of words without blanks, as plain texts are parted otherwise."""
    if TASKS[task].reads is Reads.WORDS:
        return [fingerprint.of_content("".join(text.split())) for text in examples.texts]
    return examples.content_fingerprints


def _about_others(examples: Examples, parts: Parts, task: str) -> Examples:
    """The rows that are about no query, or no context, that is held out."""
    if TASKS[task].groups_rows:
        return without_queries(examples, {*parts.validation.query_fingerprints, *parts.held_out.query_fingerprints})
    if TASKS[task].reads is Reads.CONTEXT:
        unread = {*parts.validation.context_fingerprints, *parts.held_out.context_fingerprints}
        return without_contexts(examples, unread)
    return examples
