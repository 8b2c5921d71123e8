"""Which answers changed: every held-out text that artifact and teacher answer differently, and in which direction."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from limbeck.evaluate.scores import predicted_labels
from limbeck.examples import Examples
from limbeck.records import ChangedAnswer, Confusion
from limbeck.tasks.classification import probabilities

EXAMPLES_SHOWN = 3


def changed_answers(
    artifact_logits: NDArray[np.floating], teacher_logits: NDArray[np.floating], examples: Examples
) -> tuple[ChangedAnswer, ...]:
    """Every changed answer, the surest first: those to which both sides gave the most probability.

    A text on which both waver flips easily and matters little; one on which both are sure shows what was unlearned.

    Args:
        artifact_logits: (n, classes).
        teacher_logits: (n, classes).
        examples: The n texts.
    """
    artifact_labels, teacher_labels = predicted_labels(artifact_logits), predicted_labels(teacher_logits)
    artifact_tops, teacher_tops = probabilities(artifact_logits).max(axis=1), probabilities(teacher_logits).max(axis=1)
    changed = np.flatnonzero(artifact_labels != teacher_labels)
    sureness = artifact_tops[changed] + teacher_tops[changed]
    names = examples.label_names
    return tuple(
        ChangedAnswer(
            text=examples.texts[row],
            text_pair=None if examples.text_pairs is None else examples.text_pairs[row],
            label=None if examples.labels is None else names[examples.labels[row]],
            teacher_label=names[teacher_labels[row]],
            teacher_probability=float(teacher_tops[row]),
            artifact_label=names[artifact_labels[row]],
            artifact_probability=float(artifact_tops[row]),
        )
        for row in changed[np.argsort(-sureness, kind="stable")]
    )


def confusions(changed: tuple[ChangedAnswer, ...], label_names: tuple[str, ...]) -> tuple[Confusion, ...]:
    """Changed answers grouped by (teacher's label -> artifact's label), the most frequent first.

    Args:
        changed: As `changed_answers` gives them; the first of each group become its examples.
        label_names: Their order settles the order of equally frequent groups.
    """
    groups: dict[tuple[str, str], list[ChangedAnswer]] = defaultdict(list)
    for answer in changed:
        groups[answer.teacher_label, answer.artifact_label].append(answer)
    place = {name: index for index, name in enumerate(label_names)}
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), place[item[0][0]], place[item[0][1]]))
    return tuple(
        Confusion(teacher_label, artifact_label, len(group), tuple(group[:EXAMPLES_SHOWN]))
        for (teacher_label, artifact_label), group in ordered
    )
