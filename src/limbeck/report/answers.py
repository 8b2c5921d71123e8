"""The answers that changed, ready for the page: grouped by pair of labels, and few enough bytes to send."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import escape

from limbeck.ground import wording
from limbeck.records.verdict import ChangedAnswer, Confusion, Verdict
from limbeck.report.texts import ShownText, common_length, printable, shown_text

MAX_ANSWERS = 2_000
MAX_GROUPS = 200
_LABEL_CHARACTERS, _ANSWER_CHARACTERS = 80, 400
_OPEN_ANSWERS = 40
# What the answers may take of the page's 2 MB, and what of it each row and each group takes besides its words.
_BUDGET_BYTES, _ROW_BYTES, _GROUP_BYTES, _LEAST_BYTES = 1_300_000, 320, 1_000, 150_000


@dataclass(frozen=True)
class ShownAnswer:
    """One changed answer: its texts, both probabilities, label, and who was right.

    `pair` names both answers where the group does not. Answers without probabilities are told in words instead.
    """

    texts: tuple[ShownText, ...]
    pair: str
    label: str
    who_was_right: str
    teacher_told: str
    artifact_told: str


@dataclass(frozen=True)
class Group:
    """All changed answers from one label to another, or (the last group) those of all rarer pairs together.

    Args:
        pair: What the teacher and what the artifact answers; empty for the group of rarer pairs.
        count: How many texts, also those not shown.
        share: count / that of the largest group.
        is_open: Shown unfolded at first.
        answers: Those that are shown.
    """

    pair: tuple[str, ...]
    count: int
    share: float
    is_open: bool
    answers: tuple[ShownAnswer, ...]


@dataclass(frozen=True)
class ChangedAnswers:
    """Everything the page tells of changed answers.

    Args:
        groups: The most frequent change first.
        n_shown: How many answers stand on the page.
        n_changed: How many there are.
        who_was_right: Counts in words, over the answers with a label; empty where there are none.
        is_labelled: Any answer has a label.
        in_words: Answers are told in words, as they have no probabilities: spans, ranks, numbers.
    """

    groups: tuple[Group, ...]
    n_shown: int
    n_changed: int
    who_was_right: tuple[tuple[str, int], ...]
    is_labelled: bool
    in_words: bool


def changed_answers(verdict: Verdict) -> ChangedAnswers:
    """Group the changed answers of a verdict by pair of labels and fit them into the page.

    At most `MAX_ANSWERS` are shown, in at most `MAX_GROUPS` groups and one for all rarer pairs; where their texts would
    make the page too large, the long ones are cut, all at the same length.
    """
    answers = verdict.changed_answers or tuple(example for found in verdict.confusions for example in found.examples)
    answers = answers[:MAX_ANSWERS]
    longest = common_length([text for answer in answers for text in _texts(answer)], budget_bytes=_text_budget(answers))
    by_pair: dict[tuple[str, str], list[ChangedAnswer]] = {}
    for answer in answers:
        by_pair.setdefault((answer.teacher_label, answer.artifact_label), []).append(answer)
    frequent, rare = verdict.confusions[:MAX_GROUPS], verdict.confusions[MAX_GROUPS:]
    groups: list[Group] = []
    n_open = 0
    for found in frequent:
        shown = tuple(_shown(answer, longest) for answer in by_pair.get(_pair(found), []))
        is_open = n_open + len(shown) <= _OPEN_ANSWERS
        n_open += len(shown) if is_open else 0
        pair = tuple(shown_label(label) for label in _pair(found))
        groups.append(Group(pair, found.count, found.count / frequent[0].count, is_open, shown))
    if rare:
        of_rare = [answer for found in rare for answer in by_pair.get(_pair(found), [])]
        shown = tuple(_shown(answer, longest, names_pair=True) for answer in of_rare)
        groups.append(Group((), sum(found.count for found in rare), 0.0, is_open=False, answers=shown))
    if answers and not verdict.confusions:
        shown = tuple(_shown(answer, longest) for answer in answers)
        groups.append(Group((), verdict.n_changed, 1.0, is_open=True, answers=shown))
    return ChangedAnswers(
        tuple(groups),
        len(answers),
        verdict.n_changed,
        _who_was_right(answers),
        any(answer.label is not None for answer in answers),
        any(answer.teacher_probability is None for answer in answers),
    )


def _pair(answer: ChangedAnswer | Confusion) -> tuple[str, str]:
    return answer.teacher_label, answer.artifact_label


def _text_budget(answers: Sequence[ChangedAnswer]) -> int:
    """Bytes that the texts may take, escaped, after the rows' own."""
    labels = [_label(answer, label) for answer in answers for label in (answer.label or "", *_pair(answer))]
    n_groups = min(MAX_GROUPS, len({_pair(answer) for answer in answers}))
    taken = _ROW_BYTES * len(answers) + _GROUP_BYTES * n_groups + sum(len(escape(label).encode()) for label in labels)
    return max(_LEAST_BYTES, _BUDGET_BYTES - taken)


def shown_label(label: str, *, longest: int = _LABEL_CHARACTERS) -> str:
    """A label, printable and not endless."""
    label = printable(label)
    return label if len(label) <= longest else label[: longest - 1] + "…"


def _label(answer: ChangedAnswer, label: str) -> str:
    """One of the labels of an answer; one in words may be longer."""
    return shown_label(label, longest=_ANSWER_CHARACTERS if answer.teacher_probability is None else _LABEL_CHARACTERS)


def _texts(answer: ChangedAnswer) -> Iterable[str]:
    yield answer.text
    if answer.text_pair is not None:
        yield answer.text_pair


def _shown(answer: ChangedAnswer, longest: int, *, names_pair: bool = False) -> ShownAnswer:
    return ShownAnswer(
        tuple(shown_text(text, longest) for text in _texts(answer)),
        f"{shown_label(answer.teacher_label)} → {shown_label(answer.artifact_label)}" if names_pair else "",
        "" if answer.label is None else _label(answer, answer.label),
        _right(answer),
        *(
            _label(answer, label) if probability is None else wording.percent(probability)
            for label, probability in (
                (answer.teacher_label, answer.teacher_probability),
                (answer.artifact_label, answer.artifact_probability),
            )
        ),
    )


def _right(answer: ChangedAnswer) -> str:
    if answer.label is None or answer.teacher_probability is None:
        return ""
    if answer.label == answer.teacher_label:
        return "teacher"
    return "artifact" if answer.label == answer.artifact_label else "neither"


def _who_was_right(answers: Sequence[ChangedAnswer]) -> tuple[tuple[str, int], ...]:
    rights = [
        _right(answer) for answer in answers if answer.label is not None and answer.teacher_probability is not None
    ]
    if not rights:
        return ()
    return tuple((who, rights.count(who)) for who in ("teacher", "artifact", "neither") if who in rights)
