"""Which texts engines are asked, and what is told where one labels a text otherwise than the reference does."""

import math
import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from limbeck.artifact.manifest import Manifest
from limbeck.ground.progress import SILENT
from limbeck.targets.agreement import CheckTexts, agreement
from limbeck.targets.record import AgreementRecord
from limbeck.targets.texts import check_texts
from limbeck.tasks import TASKS

Logits = NDArray[np.float32]


def spread_texts(manifest: Manifest, source: str, n_texts: int) -> CheckTexts:
    """Held-out texts, spread evenly over the whole part.

    Args:
        manifest: Of an artifact that answers such texts.
        source: As for `limbeck verify`.
        n_texts: How many; all, where there are fewer.
    """
    given = check_texts(manifest, source, n_texts=sys.maxsize, progress=SILENT)
    n_given = len(given.texts)
    chosen = np.linspace(0, n_given - 1, min(n_texts, n_given)).round().astype(int)
    pairs = given.text_pairs
    return CheckTexts(
        given.source,
        tuple(given.texts[index] for index in chosen),
        None if pairs is None else tuple(pairs[index] for index in chosen),
    )


def compared(logits: Logits, reference: Logits, texts: CheckTexts, manifest: Manifest) -> AgreementRecord:
    """Another engine's logits beside the reference's, judged by nobody.

    Args:
        logits: (n, classes), the other's.
        reference: (n, classes).
        texts: The n texts.
        manifest: Of the artifact.
    """
    return agreement(
        logits,
        reference,
        texts,
        task=TASKS[manifest.task],
        label_names=manifest.label_names,
        largest_error=math.inf,
        largest_changed=len(texts.texts),
    )


def told_changes(
    found: AgreementRecord, logits: Logits, reference: Logits, unrounded: Logits, label_names: tuple[str, ...]
) -> Iterator[str]:
    """Each changed label with what may have turned it, in the order of the texts.

    A label can change only where the reference's answer leads the other's by less than 2 x the largest difference of
    logits on this text: that follows from the change, and explains nothing. So a second figure stands beside it: how
    far the reference stands from the same weights with activations left unrounded. Where twice that is more than the
    lead, the reference's own rounding might as well have turned the label, and the change is explained; where it is
    not, the engine does more than round otherwise.

    Args:
        found: What `compared` said of `logits` and `reference`.
        logits: (n, classes), the other's.
        reference: (n, classes).
        unrounded: (n, classes), of `unrounded_graph`.
        label_names: The classes.
    """
    yield from found.faults
    for change in sorted(found.changed, key=lambda one: one.row):
        row = change.row
        first, other = (label_names.index(name) for name in (change.artifact_answer, change.export_answer))
        lead = float(reference[row, first] - reference[row, other])
        apart, own = (float(np.abs(values[row] - reference[row]).max()) for values in (logits, unrounded))
        yield (
            f"text {row}: `{change.artifact_answer}` {change.artifact_probability:.3f} became "
            f"`{change.export_answer}` {change.export_probability:.3f}. It led by {lead:.3f}; the engines differ here "
            f"by up to {apart:.3f}, the reference from itself unrounded by up to {own:.3f}, which says "
            f"`{label_names[unrounded[row].argmax()]}`: {'' if lead < 2 * min(apart, own) else 'NOT '}explained."
        )
