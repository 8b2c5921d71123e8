"""Whether an export answers as the artifact does: both read the same texts, one at a time.

Counted are the texts whose answer changed, as the task counts them, and the difference of the logits:

    error = sqrt(mean((export - artifact)^2)) / std(artifact)

over all texts and classes. An answer may change where the artifact itself hardly prefers it; each one that does is told
with the artifact's lead. One text at a time is how phones ask, and activations that are rounded by the batch depend on
what else stands in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limbeck.ground import wording
from limbeck.ground.progress import Progress
from limbeck.targets.record import AgreementRecord, ChangedAnswer
from limbeck.targets.registry import Answering
from limbeck.tasks import Task
from limbeck.tasks.task import AnyLogits, Change
from limbeck.text.kept_tokens import hidden_log_probabilities, log_probabilities_of
from limbeck.text.tokens import TextEncoder
from limbeck.text.units import UnitLogits, values_of
from limbeck.text.windows import Reads


@dataclass(frozen=True)
class CheckTexts:
    """Texts to ask two models about.

    Args:
        source: Where they come from, in words.
        texts: (n,) texts, n at least 1.
        text_pairs: (n,) second texts, or None.
    """

    source: str
    texts: tuple[str, ...]
    text_pairs: tuple[str, ...] | None


def one_by_one(encoder: TextEncoder, answering: Answering, texts: CheckTexts, *, progress: Progress) -> AnyLogits:
    """The logits of all texts, each row asked by itself.

    Args:
        encoder: The artifact's tokenizer.
        answering: The artifact's graph, or the export.
        texts: The texts.
        progress: Told how far it is.

    Returns: (n, classes), or those of the texts' units.
    """
    encoded = encoder.encode(texts.texts, texts.text_pairs)
    found: list[NDArray[np.float32]] = []
    with progress.bar("Asking", total=len(encoded.ids), unit="texts") as bar:
        for row in range(len(encoded.ids)):
            found.append(answering.run(encoder.pad(encoded, [row])))
            bar.advance()
    return encoded.as_logits(np.concatenate(found))


def agreement(
    logits: AnyLogits,
    artifact_logits: AnyLogits,
    texts: CheckTexts,
    *,
    task: Task,
    label_names: Sequence[str],
    largest_error: float,
    largest_changed: int,
) -> AgreementRecord:
    """Compare an export's logits with the artifact's.

    Args:
        logits: The export's.
        artifact_logits: The artifact's, of the same texts.
        texts: The texts.
        task: What is answered.
        label_names: The classes.
        largest_error: See `AgreementRecord`.
        largest_changed: Answers that may change.
    """
    found, wanted = (_compared(side, task) for side in (logits, artifact_logits))
    spread = (float(wanted.std()) if wanted.size else 0.0) or 1.0
    n_wild = int((~np.isfinite(found)).sum())
    difference = np.abs(np.where(np.isfinite(found), found, 0.0) - wanted)
    error = float(np.sqrt(np.mean(difference**2))) / spread if difference.size else 0.0
    changes = [] if n_wild else _within(task, texts).changes(logits, artifact_logits, label_names)
    faults = []
    if not wanted.size:
        faults.append("The texts hold nothing that the model answers for, so that nothing was compared: give others.")
    if n_wild:
        faults.append(f"{wording.counted(n_wild, 'logit')} of the export: NaN or infinite.")
    if len(changes) > largest_changed:
        faults.append(
            f"{wording.counted(len(changes), 'answer')} of {len(texts.texts)} changed; {largest_changed} may."
        )
    if error > largest_error:
        faults.append(
            f"The logits differ by {wording.percent(error)} of their spread (root mean square); "
            f"{wording.percent(largest_error)} may be."
        )
    return AgreementRecord(
        texts=texts.source,
        n_texts=len(texts.texts),
        n_changed=len(changes),
        largest_changed=largest_changed,
        largest_difference=float(difference.max(initial=0.0)),
        error=error,
        largest_error=largest_error,
        spread=spread,
        changed=tuple(_told(change, logits, artifact_logits, label_names) for change in changes),
        faults=tuple(faults),
    )


def _within(task: Task, texts: CheckTexts) -> Task:
    """The task with its queries, where answers are places among those of one query."""
    if not task.groups_rows:
        return task
    numbers: dict[str, int] = {}
    return task.within(np.array([numbers.setdefault(text, len(numbers)) for text in texts.texts], np.int64))


def _compared(logits: AnyLogits, task: Task) -> NDArray[np.float64]:
    """The numbers that are compared; of what is kept of a vocabulary, logarithms of probabilities."""
    values = values_of(logits)
    if task.reads is Reads.MASKS:
        return np.stack([hidden_log_probabilities(values), log_probabilities_of(values)[:, 0]], axis=1)
    return values.astype(np.float64)


def _told(change: Change, logits: AnyLogits, artifact_logits: AnyLogits, label_names: Sequence[str]) -> ChangedAnswer:
    return ChangedAnswer(
        row=change.row,
        artifact_answer=change.teacher_answer,
        export_answer=change.artifact_answer,
        artifact_probability=change.teacher_probability,
        export_probability=change.artifact_probability,
        lead=_lead(change, logits, artifact_logits, label_names),
    )


def _lead(change: Change, logits: AnyLogits, artifact_logits: AnyLogits, label_names: Sequence[str]) -> float | None:
    """See `ChangedAnswer`."""
    names = list(label_names)
    if isinstance(logits, UnitLogits) or change.teacher_answer not in names or change.artifact_answer not in names:
        return None
    row = artifact_logits[change.row]
    apart = float(row[names.index(change.teacher_answer)] - row[names.index(change.artifact_answer)])
    moved = float(np.abs(logits[change.row] - row).max())
    return apart / moved if moved else math.inf
