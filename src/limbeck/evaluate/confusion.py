"""Which answers changed: every held-out text that artifact and teacher answer differently, and in which direction."""

from collections import defaultdict

from limbeck.records.verdict import ChangedAnswer, Confusion
from limbeck.tasks import Task
from limbeck.tasks.task import AnyLogits
from limbeck.text.examples import Examples

EXAMPLES_SHOWN = 3


def changed_answers(
    artifact_logits: AnyLogits, teacher_logits: AnyLogits, examples: Examples, task: Task
) -> tuple[ChangedAnswer, ...]:
    """Every changed answer, in the order of `Task.changes`.

    Args:
        artifact_logits: (n, classes), or those of the texts' units.
        teacher_logits: The same of the teacher.
        examples: The n texts.
        task: What was asked.
    """
    names, labels = examples.label_names, examples.labels
    return tuple(
        ChangedAnswer(
            text=examples.texts[change.row],
            text_pair=None if examples.text_pairs is None else examples.text_pairs[change.row],
            label=None
            if labels is None
            else task.label_in_words(labels[change.row], names, examples.within[change.row]),
            teacher_label=change.teacher_answer,
            teacher_probability=change.teacher_probability,
            artifact_label=change.artifact_answer,
            artifact_probability=change.artifact_probability,
        )
        for change in task.changes(artifact_logits, teacher_logits, names)
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

    def order(pair: tuple[str, str]) -> tuple[object, ...]:
        return tuple((place.get(name, len(place)), name) for name in pair)

    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), order(item[0])))
    return tuple(
        Confusion(teacher_label, artifact_label, len(group), tuple(group[:EXAMPLES_SHOWN]))
        for (teacher_label, artifact_label), group in ordered
    )
