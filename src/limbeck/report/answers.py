"""The answers that changed, ready for the page: grouped, made safe to show, and cut so that the page stays small."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import escape

from limbeck import wording
from limbeck.records import ChangedAnswer, Verdict

MAX_ANSWERS = 2_000
_TEXT_BUDGET_BYTES = 700_000
_OPENING_CHARACTERS = 280
_LABEL_CHARACTERS = 80
_SHORTEST_CUT = 60
_OPEN_ANSWERS = 40


@dataclass(frozen=True)
class ShownText:
    """A text as it stands on the page.

    Args:
        opening: The whole text, or its first characters.
        rest: What follows on a click; empty for short texts.
        cut: How many characters are left out here; they stand in run.json.
    """

    opening: str
    rest: str
    cut: int


@dataclass(frozen=True)
class ShownAnswer:
    """One changed answer: its texts, probabilities, label, and who was right (empty without a label)."""

    texts: tuple[ShownText, ...]
    label: str
    who_was_right: str
    teacher_probability: str
    artifact_probability: str


@dataclass(frozen=True)
class Group:
    """All changed answers from one label to another.

    Args:
        teacher_label: What the teacher answers.
        artifact_label: What the artifact answers.
        count: How many texts, also those not shown.
        share: count / that of the largest group.
        is_open: Shown unfolded at first.
        answers: Those that are shown.
    """

    teacher_label: str
    artifact_label: str
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
    """

    groups: tuple[Group, ...]
    n_shown: int
    n_changed: int
    who_was_right: tuple[tuple[str, int], ...]
    is_labelled: bool


def changed_answers(verdict: Verdict) -> ChangedAnswers:
    """Group the changed answers of a verdict by pair of labels and fit them into the page.

    At most `MAX_ANSWERS` are shown; where their texts would make the page too large, the long ones are cut, all at the
    same length.
    """
    answers = verdict.changed_answers or tuple(example for found in verdict.confusions for example in found.examples)
    answers = answers[:MAX_ANSWERS]
    longest = _common_length([text for answer in answers for text in _texts(answer)])
    by_pair: dict[tuple[str, str], list[ChangedAnswer]] = {}
    for answer in answers:
        by_pair.setdefault((answer.teacher_label, answer.artifact_label), []).append(answer)
    most = max((found.count for found in verdict.confusions), default=1)
    groups, n_open = [], 0
    for found in verdict.confusions:
        shown = by_pair.get((found.teacher_label, found.artifact_label), [])
        is_open = n_open + len(shown) <= _OPEN_ANSWERS
        n_open += len(shown) if is_open else 0
        groups.append(
            Group(
                shown_label(found.teacher_label),
                shown_label(found.artifact_label),
                found.count,
                found.count / most,
                is_open,
                tuple(_shown(answer, longest) for answer in shown),
            )
        )
    return ChangedAnswers(
        tuple(groups),
        len(answers),
        verdict.n_changed,
        _who_was_right(answers),
        any(answer.label is not None for answer in answers),
    )


def printable(text: str) -> str:
    """A text without what a page cannot hold: control characters show as their pictures, half characters as U+FFFD."""
    if text.isprintable():
        return text
    return "".join(_printable(character) for character in text)


def shown_label(label: str) -> str:
    """A label, printable and not endless."""
    label = printable(label)
    return label if len(label) <= _LABEL_CHARACTERS else label[: _LABEL_CHARACTERS - 1] + "…"


def _printable(character: str) -> str:
    code = ord(character)
    if character in "\n\t":
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    # Unpaired surrogates cannot be written as UTF-8; the rest of Cc are terminal controls.
    return "�" if unicodedata.category(character) in ("Cs", "Cc") else character


def _texts(answer: ChangedAnswer) -> Iterable[str]:
    yield answer.text
    if answer.text_pair is not None:
        yield answer.text_pair


def _common_length(texts: Sequence[str]) -> int:
    """The most characters that each text may keep so that all of them, escaped, stay within the budget."""
    sizes = [_escaped_bytes(text) for text in texts]
    if sum(sizes) <= _TEXT_BUDGET_BYTES:
        return max((len(text) for text in texts), default=0)
    low, high = _SHORTEST_CUT, max(len(text) for text in texts)
    while low < high:
        middle = (low + high + 1) // 2
        if (
            sum(
                size if len(text) <= middle else _escaped_bytes(text[:middle])
                for text, size in zip(texts, sizes, strict=True)
            )
            <= _TEXT_BUDGET_BYTES
        ):
            low = middle
        else:
            high = middle - 1
    return low


def _escaped_bytes(text: str) -> int:
    return len(str(escape(text)).encode("utf-8", "replace"))


def _shown(answer: ChangedAnswer, longest: int) -> ShownAnswer:
    return ShownAnswer(
        tuple(_shown_text(text, longest) for text in _texts(answer)),
        "" if answer.label is None else shown_label(answer.label),
        _right(answer),
        wording.percent(answer.teacher_probability),
        wording.percent(answer.artifact_probability),
    )


def _shown_text(text: str, longest: int) -> ShownText:
    kept = printable(text[:longest])
    cut = max(0, len(text) - longest)
    if len(kept) <= _OPENING_CHARACTERS * 1.25:
        return ShownText(kept, "", cut)
    # A break at a space where there is one near; never within a joined emoji or under a combining mark.
    end = kept.rfind(" ", _OPENING_CHARACTERS // 2, _OPENING_CHARACTERS)
    end = _OPENING_CHARACTERS if end < 0 else end
    while end < len(kept) and (
        unicodedata.combining(kept[end]) or "\u200d" in kept[end - 1 : end + 1] or kept[end] == "\ufe0f"
    ):
        end += 1
    return ShownText(kept[:end], kept[end:], cut)


def _right(answer: ChangedAnswer) -> str:
    if answer.label is None:
        return ""
    if answer.label == answer.teacher_label:
        return "teacher"
    return "artifact" if answer.label == answer.artifact_label else "neither"


def _who_was_right(answers: Sequence[ChangedAnswer]) -> tuple[tuple[str, int], ...]:
    rights = [_right(answer) for answer in answers if answer.label is not None]
    if not rights:
        return ()
    return tuple((who, rights.count(who)) for who in ("teacher", "artifact", "neither") if who in rights)
