"""Pairs of texts taken apart, for models that read each text by itself."""

from dataclasses import replace

import numpy as np

from limbeck.ground import fingerprint
from limbeck.ground.wording import counted
from limbeck.text.examples import UNLABELLED, Examples, LeakReport, Parts
from limbeck.text.units import Ragged


def apart(parts: Parts) -> Parts:
    """The parts with pairs as single texts.

    Train and validation become the distinct texts of their pairs, without scores: what is learned is the teacher's
    vectors. Those that stand in a held-out pair, and those of train that stand in validation, are left out and told.
    The held-out part keeps its pairs; see `one_by_one`.
    """
    if parts.held_out.text_pairs is None:
        return parts
    held_out = one_by_one(parts.held_out)
    unread = set(held_out.content_fingerprints)
    validation, n_validation = _distinct(parts.validation, unread)
    train, n_train = _distinct(parts.train, unread | set(validation.content_fingerprints))
    notes = tuple(
        f"{counted(n, 'text')} of {part} {'stands' if n == 1 else 'stand'} in a pair of {where} too: "
        f"removed from {part}."
        for part, n, where in (("validation", n_validation, "held_out"), ("train", n_train, "validation or held_out"))
        if n
    )
    leaks = parts.leaks
    told = LeakReport(leaks.repeats, leaks.leaks, leaks.contradictions, (*leaks.notes, *notes))
    return Parts(train, validation, held_out, told)


def one_by_one(examples: Examples) -> Examples:
    """The texts of pairs one after the other, each with the pair's score: rows 2 i and 2 i + 1 are pair i.

    Pairs that nobody scored, where others are scored, are left out.
    """
    if examples.text_pairs is None:
        return examples
    if isinstance(examples.labels, np.ndarray):
        examples = examples.take(np.flatnonzero(examples.labels != UNLABELLED))
    assert examples.text_pairs is not None
    texts = [text for pair in zip(examples.texts, examples.text_pairs, strict=True) for text in pair]
    columns = {name: tuple(one for one in values for _ in range(2)) for name, values in examples.columns.items()}
    singles = Examples(tuple(texts), None, None, examples.label_names, columns)
    scores = examples.labels
    if isinstance(scores, Ragged):  # texts that say themselves what is right
        return replace(singles, labels=Ragged.nothing(len(texts)))
    return singles if scores is None else replace(singles, labels=scores.repeat(2))


def singles_of(examples: Examples) -> Examples:
    """Each text of single texts or pairs once, without labels."""
    return _distinct(examples, set())[0]


def _distinct(examples: Examples, unread: set[str]) -> tuple[Examples, int]:
    """Each text once, but those that nothing may read; and how many these are."""
    texts = dict.fromkeys((*examples.texts, *(examples.text_pairs or ())))
    by_content: dict[str, str] = {}
    for text in texts:
        by_content.setdefault(fingerprint.of_content(text), text)
    kept = tuple(text for content, text in by_content.items() if content not in unread)
    return Examples(kept, None, None, examples.label_names), len(by_content) - len(kept)
