"""Queries: rows of one first text, whose passages are put in order, and so stay together in one part."""

from collections.abc import Collection, Mapping

import numpy as np

from limbeck.errors import DataError
from limbeck.ground.wording import counted
from limbeck.tasks import Task
from limbeck.text.examples import UNLABELLED, Examples


def refuse_single_texts(text_pairs: object, task: Task, *, source: str) -> None:
    """Refuse rows without a second text where the task puts passages of a query in order.

    Args:
        text_pairs: The second texts, or None.
        task: What the texts are asked.
        source: What the data are called.

    Raises:
        DataError: As it says.
    """
    if task.groups_rows and text_pairs is None:
        raise DataError(
            f"{source} holds single texts; {task.name} takes a query and a passage in each row.",
            hint="Name both columns: --data.text query --data.text_pair passage.",
        )


def without_queries(examples: Examples, queries: Collection[str]) -> Examples:
    """The rows whose query is none of these.

    Args:
        examples: Pairs.
        queries: As `Examples.query_fingerprints`.
    """
    kept = [row for row, query in enumerate(examples.query_fingerprints) if query not in queries]
    return examples if len(kept) == len(examples) else examples.take(kept)


def without_contexts(examples: Examples, contexts: Collection[str]) -> Examples:
    """The rows whose second text is none of these.

    Args:
        examples: Pairs.
        contexts: As `Examples.context_fingerprints`.
    """
    kept = [row for row, context in enumerate(examples.context_fingerprints) if context not in contexts]
    return examples if len(kept) == len(examples) else examples.take(kept)


def notes_on(parts: Mapping[str, Examples], *, source: str) -> tuple[str, ...]:
    """What a reader should know about the queries of each part, in sentences.

    Args:
        parts: Part -> its pairs.
        source: What the data are called.

    Raises:
        DataError: A part has nothing to put in order, or grades without one that is above 0.
    """
    told = []
    for name, examples in parts.items():
        n_passages = np.bincount(examples.groups)
        if not (n_passages > 1).any():
            raise DataError(
                f"{source}: no query of the part {name} has several passages, so there is nothing to put in order.",
                hint="Give several rows for each query; pairs with one number each are the task regression.",
            )
        grades = examples.labels
        if not isinstance(grades, np.ndarray):
            continue
        relevant = np.bincount(examples.groups, weights=(grades > 0) & (grades != UNLABELLED)) > 0
        if not relevant.any():
            raise DataError(
                f"{source}: no query of the part {name} has a passage of a grade above 0.",
                hint="Grades are 0 for passages that are not relevant, and 1 or more for those that are.",
            )
        n_without = int((~relevant).sum())
        if n_without:
            told.append(
                f"{n_without} of {counted(len(relevant), 'query', 'queries')} of {name} "
                f"{'has' if n_without == 1 else 'have'} no relevant passage: left out of nDCG."
            )
    return tuple(told)
