"""Whether a new artifact is better or worse than the one before, text by text, on the texts that both answered."""

from collections.abc import Callable

from limbeck import wording
from limbeck.errors import DataError, LabelError
from limbeck.evaluate.differences import differences
from limbeck.evaluate.kept import known_before
from limbeck.evaluate.scores import Doubt
from limbeck.examples import Examples
from limbeck.tasks import TASKS
from limbeck.tasks.measures import Measure
from limbeck.tasks.task import AnyLogits
from limbeck.verdict_record import Drift, KeptAnswers, PairedDifference


def refuse_other_question(kept: KeptAnswers, *, task: str, label_names: tuple[str, ...], source: str) -> None:
    """Refuse answers to another question. Call it before the long work begins.

    Args:
        kept: The earlier artifact's answers.
        task: What the new one is asked.
        label_names: The new one's.
        source: Where the earlier answers stand.

    Raises:
        LabelError: Another task, or other labels.
    """
    hint = "Give the verdict of an earlier artifact that was made for the same task and labels."
    if kept.task != task:
        raise LabelError(f"{source} tells of the task {kept.task!r}; the artifact's is {task!r}.", hint=hint)
    if sorted(kept.label_names) != sorted(label_names):
        raise LabelError(
            f"{source} tells of the labels {', '.join(kept.label_names)}; the artifact's are {', '.join(label_names)}.",
            hint=hint,
        )


def drift(
    kept: KeptAnswers,
    logits: AnyLogits,
    *,
    examples: Examples,
    teacher_logits: AnyLogits | None,
    doubt: Doubt,
    source: str,
) -> Drift:
    """How an artifact compares with an earlier one; both are held to the same labels and the same teacher's answers.

    Args:
        kept: What the earlier one answered; see `refuse_other_question`.
        logits: (n, classes) of the new one.
        examples: The n texts.
        teacher_logits: The same of the teacher, or None.
        doubt: How intervals are made.
        source: Where the earlier answers stand.

    Raises:
        DataError: No text that both answered, or damaged answers.
    """
    names = examples.label_names
    before = known_before(kept, text_fingerprints=examples.text_fingerprints, label_names=names)
    if not len(before.rows):
        raise DataError(
            f"{source} tells of {wording.counted(kept.n_texts, 'text')}, and none of the {len(examples)} here is among "
            "them.",
            hint="Verify both artifacts on the same texts; a text counts as the same when each character is.",
        )
    common = examples.take(before.rows)
    task = TASKS[kept.task].within(common.groups)

    def compared(measured: Callable[[AnyLogits], Measure], name: str) -> PairedDifference:
        return differences([(measured(logits[before.rows]), measured(before.logits))], doubt, name=name)[0]

    score = agreement = None
    if common.labels is not None:
        score = compared(lambda one: task.score_of(one, common.labels, names), task.score.name)
    if teacher_logits is not None:
        of_teacher = teacher_logits[before.rows]
        agreement = compared(lambda one: task.agreement_of(one, of_teacher, names), task.agreement.name)
    told = tuple(one for one in (score, agreement) if one is not None)
    return Drift(
        n_texts=len(common),
        n_only_now=len(examples) - len(common),
        n_only_before=max(0, kept.n_texts - len(set(common.text_fingerprints))),
        score=score,
        agreement=agreement,
        sentence=_sentence(told, n_texts=len(common), n_now=len(examples), n_before=kept.n_texts),
    )


def _sentence(told: tuple[PairedDifference, ...], *, n_texts: int, n_now: int, n_before: int) -> str:
    texts = wording.counted(n_texts, "text")
    if n_texts < max(n_now, n_before):
        texts += f" that both answered (of {wording.count(n_now)} now and {wording.count(n_before)} before)"
    signs = {1 if one.difference.value > 0 else -1 for one in told if one.told_apart}
    words = {
        frozenset(): f"{texts} do not tell the artifact from the one before",
        frozenset({1}): f"On {texts}, the artifact is better than the one before",
        frozenset({-1}): f"On {texts}, the artifact is worse than the one before",
        frozenset({1, -1}): f"On {texts}, the artifact is better than the one before in one respect, worse in another",
    }[frozenset(signs)]
    return f"{words}: {'; '.join(map(_clause, told))}."


def _clause(one: PairedDifference) -> str:
    low, high = one.difference.interval.low, one.difference.interval.high
    p_value = "" if one.p_value is None else f", {wording.p_clause(one.p_value)}"
    return (
        f"{one.name} {wording.points(one.difference.value)} ({wording.signed(100 * low)} to "
        f"{wording.signed(100 * high)}{p_value})"
    )
