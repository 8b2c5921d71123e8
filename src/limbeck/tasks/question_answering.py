"""Extractive question answering: the part of a context that answers a question, or that none does.

The model gives each token of the context two logits, as an answer's first and as its last token; a span scores their
sum. Long contexts are read in windows, and the best span of all windows is the answer. A window's first token stands
for "no answer here".

Source: Devlin et al. 2019, "BERT", arXiv:1810.04805, sections 4.2 and 4.3; several windows and the score of no answer
(the lowest of all windows) as in its run_squad.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError
from limbeck.tasks.answer_text import is_exact, normalised, overlap
from limbeck.tasks.columns import ANSWER_NAMES, QUESTION_NAMES, KnownNames
from limbeck.tasks.decisions import Decisions, Distributions, log_softmax
from limbeck.tasks.measures import MeanShare, Measure, Share
from limbeck.tasks.task import Answer, Change, LabelKind, Labels, MeasureWords, Respelled, Task, surest_first
from limbeck.text.units import NOWHERE, Ragged, UnitLogits, Units
from limbeck.text.windows import Reads

NO_ANSWER = "(no answer)"
ENDS = ("start", "end")
"""What stands for the label names: the columns of the logits."""
_NEVER = -1e9
EXACT_MATCH = MeasureWords(
    "exact match",
    "Share of questions whose answer is one of people's, but for case, marks, articles and blanks.",
    "answers {value} of {texts} exactly as people do",
)
MAX_ANSWER_TOKENS = 30
"""Longer spans are no answers (`max_answer_length` of run_squad.py)."""


@dataclass(frozen=True, slots=True)
class TextAnswer(Answer):
    """What a model says about a question.

    Args:
        text: The answer, as it stands in the context; empty where it says that there is none.
        start: Its first character in the context; None where there is no answer.
        end: The character behind its last one.
        probability: Its share of exp(score) of all spans of all windows, and of no answer where that may be said.
        no_answer_probability: The share of no answer; 0 where every question has one.
    """

    text: str
    start: int | None
    end: int | None
    probability: float
    no_answer_probability: float

    def to_json(self, *, in_full: bool = False, label_names: Sequence[str] = ()) -> dict[str, Any]:  # noqa: ARG002
        """The answer with its place; in full also how probable it is that there is none."""
        row = {"answer": self.text, "start": self.start, "end": self.end, "probability": self.probability}
        return row | ({"no_answer_probability": self.no_answer_probability} if in_full else {})


class QuestionAnswering(Task):
    """A span of the context, or none."""

    name = "question-answering"
    hub_name = "question-answering"
    hub_metric = "f1"
    columns = KnownNames(texts=(), pairs=QUESTION_NAMES, labels=ANSWER_NAMES)
    label_kind = LabelKind.ANSWERS
    score = MeasureWords(
        "answer F1",
        "Mean over the questions of the F1 of the answer's words against those of the best of people's answers.",
        "answers {texts} with a mean F1 of {value}",
    )
    agreement = MeasureWords(
        "agreement",
        "Share of held-out questions that get the teacher's answer, but for case, marks, articles and blanks.",
        "answers {value} of {texts} as the teacher does",
    )
    further = (EXACT_MATCH,)
    groups_changes = False
    respelled = Respelled.FIRST_TEXT
    reads = Reads.CONTEXT
    head = "ForQuestionAnswering"

    def answers(self, logits: UnitLogits, label_names: Sequence[str]) -> list[TextAnswer]:  # noqa: ARG002
        """The best span of each question's context, or no answer where that scores more than a threshold above it.

        Raises:
            ShapeError: The logits have not two columns.
        """
        _check(logits)
        return [
            _answer(text, spans, values.astype(np.float64), logits.threshold)
            for text, spans, values in zip(logits.units.texts, logits.units.spans, logits.rows, strict=True)
        ]

    def score_of(self, logits: UnitLogits, labels: Ragged, label_names: Sequence[str] = ()) -> MeanShare:
        """Mean F1 of words; see `answer_text.overlap`.

        Args:
            logits: Of n questions, at least one.
            labels: n rows of answers, each the characters [start, end) in the context; none where there is no answer.
            label_names: Not needed.

        Raises:
            ShapeError: Questions and rows of answers differ in number.
        """
        wanted = self._wanted(logits, labels)
        return MeanShare(
            np.array(
                [overlap(one.text, texts) for one, texts in zip(self.answers(logits, label_names), wanted, strict=True)]
            )
        )

    def further_of(
        self,
        logits: UnitLogits,
        *,
        labels: Ragged | None,
        teacher_logits: UnitLogits | None,  # noqa: ARG002
        label_names: Sequence[str] = (),
    ) -> Mapping[MeasureWords, Measure]:
        """Exact match against what people say; arguments and errors as in `score_of`."""
        if labels is None:
            return {}
        both = zip(self.answers(logits, label_names), self._wanted(logits, labels), strict=True)
        return {EXACT_MATCH: Share(np.array([is_exact(one.text, texts) for one, texts in both], np.bool_))}

    def agreement_of(self, logits: UnitLogits, teacher_logits: UnitLogits, label_names: Sequence[str] = ()) -> Share:
        """Whether both answers are the same, normalised."""
        both = zip(self.answers(logits, label_names), self.answers(teacher_logits, label_names), strict=True)
        return Share(np.array([is_exact(one.text, [other.text]) for one, other in both], np.bool_))

    def decisions_of(self, logits: UnitLogits, labels: Ragged, label_names: Sequence[str] = ()) -> Decisions:
        """One a question: its answer, normalised, which is right where it is one of people's."""
        found = self.answers(logits, label_names)
        right = [is_exact(one.text, texts) for one, texts in zip(found, self._wanted(logits, labels), strict=True)]
        return Decisions(
            np.arange(len(found)),
            np.array([normalised(one.text) for one in found], dtype=object),
            np.array(right, np.bool_),
            np.array([one.probability for one in found], np.float64),
            ("question", "questions"),
        )

    def distributions_of(self, logits: UnitLogits, teacher_logits: UnitLogits) -> Distributions | None:
        """Two for each window, over its tokens: where the answer begins and where it ends."""
        if not logits.units.are_those_of(teacher_logits.units):
            return None  # other tokens, or other windows
        n_windows = [len(_windows(spans)) for spans in logits.units.spans]
        return Distributions(
            np.repeat(np.arange(len(n_windows)), len(ENDS) * np.array(n_windows, np.int64)),
            log_softmax(ends_by_window(teacher_logits)),
            log_softmax(ends_by_window(logits)),
            ("end of an answer", "ends of answers"),
        )

    def changes(self, logits: UnitLogits, teacher_logits: UnitLogits, label_names: Sequence[str]) -> list[Change]:
        """Every question with another answer, in the order of `surest_first`."""
        found, wanted = self.answers(logits, label_names), self.answers(teacher_logits, label_names)
        changed = ~self.agreement_of(logits, teacher_logits).hits
        sure, teacher_sure = (np.array([one.probability for one in side]) for side in (found, wanted))
        return [
            Change(row, wanted[row].text or NO_ANSWER, found[row].text or NO_ANSWER, None, None)
            for row in surest_first(changed, sure, teacher_sure)
        ]

    def label_in_words(self, label: Any, label_names: Sequence[str], text: str = "") -> str:  # noqa: ANN401, ARG002
        """People's answers, each once."""
        return " / ".join(dict.fromkeys(text[start:end] for start, end in np.asarray(label).tolist())) or NO_ANSWER

    def targets(self, labels: Ragged, units: Units | None) -> Labels:
        """(units, 2) float32: where answers begin and where they end, as a distribution over the units of each window.

        An answer counts where a window holds all of it; a window without any wants its first token, "no answer here".
        Several answers share. Questions without labels have `UNLABELLED` in all of their units.
        """
        assert units is not None
        found = np.zeros((len(units.spans.values), len(ENDS)), np.float32)
        for row in range(len(units)):
            begin = int(units.spans.starts[row])
            spans, answers = units.spans[row], np.unique(labels[row], axis=0)
            if len(answers) and answers[0, 0] < 0:
                found[begin : begin + len(spans)] = answers[0, 0]
                continue
            for window in _windows(spans):
                held = _held(spans[window], answers)
                for first, last in held or [(0, 0)]:
                    found[begin + window.start + first, 0] += 1 / max(1, len(held))
                    found[begin + window.start + last, 1] += 1 / max(1, len(held))
        return found

    def _wanted(self, logits: UnitLogits, labels: Ragged) -> list[list[str]]:
        if len(labels) != len(logits):
            raise ShapeError(
                f"Expected answers for each of {len(logits)} questions, got {len(labels)} rows.",
                hint="Score the logits of the very questions that the answers belong to.",
            )
        return [
            [text[start:end] for start, end in answers.tolist()]
            for text, answers in zip(logits.units.texts, labels, strict=True)
        ]


def ends_by_window(logits: UnitLogits) -> NDArray[np.float32]:
    """The logits of each end over the units of each window, as rows that a softmax makes distributions of.

    Returns: (2 * windows, units of the longest window); behind a shorter window's units, what counts for nothing.
    """
    windows = [
        rows[one] for spans, rows in zip(logits.units.spans, logits.rows, strict=True) for one in _windows(spans)
    ]
    found = np.full((len(ENDS) * len(windows), max(map(len, windows), default=1)), _NEVER, np.float32)
    for number, window in enumerate(windows):
        found[len(ENDS) * number : len(ENDS) * (number + 1), : len(window)] = window.T
    return found


def _check(logits: UnitLogits) -> None:
    if logits.n_classes != len(ENDS):
        raise ShapeError(
            f"Expected two columns of logits, for first and last tokens, got {logits.n_classes}.",
            hint="Give the logits of a model that was made for question answering.",
        )


def _windows(spans: NDArray[np.int64]) -> list[slice]:
    """The units of each window; a window begins with a unit that stands nowhere."""
    begins = np.flatnonzero(spans[:, 0] == NOWHERE).tolist()
    return [slice(start, stop) for start, stop in zip(begins, [*begins[1:], len(spans)], strict=True)]


def _held(spans: NDArray[np.int64], answers: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and last unit of each answer that lies in the window; ends within a token take the whole token."""
    found = []
    for start, end in answers.tolist():
        touched = np.flatnonzero((spans[:, 1] > start) & (spans[:, 0] < end) & (spans[:, 0] != NOWHERE))
        is_whole = len(touched) > 0 and spans[touched[0], 0] <= start and spans[touched[-1], 1] >= end
        if is_whole:
            found.append((int(touched[0]), int(touched[-1])))
    return found


def _answer(text: str, spans: NDArray[np.int64], values: NDArray[np.float64], threshold: float) -> TextAnswer:
    best, place, totals, declined = -np.inf, (0, 0), [], []
    for window in _windows(spans):
        scores = _span_scores(values[window][1:])
        declined.append(float(values[window.start].sum()))
        if not scores.size:
            continue
        totals.append(float(np.logaddexp.reduce(scores, axis=None)))
        first, length = np.unravel_index(int(scores.argmax()), scores.shape)
        if scores[first, length] > best:
            best = float(scores[first, length])
            place = (window.start + 1 + int(first), window.start + 1 + int(first + length))
    nothing = min(declined)
    may_decline = threshold < np.inf
    total = float(np.logaddexp.reduce([*totals, *([nothing] if may_decline else [])]))
    share = float(np.exp(nothing - total)) if may_decline else 0.0
    if best == -np.inf or (may_decline and nothing - best > threshold):
        return TextAnswer("", None, None, share, share)
    start, end = int(spans[place[0], 0]), int(spans[place[1], 1])
    return TextAnswer(text[start:end], start, end, float(np.exp(best - total)), share)


def _span_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(tokens, lengths): the score of the span that begins at a token and goes on so many tokens further."""
    n_tokens = len(values)
    longest = min(MAX_ANSWER_TOKENS, n_tokens)
    if n_tokens == 0:
        return np.empty((0, 0))
    ends = np.concatenate([values[:, 1], np.full(longest - 1, -np.inf)])
    found: NDArray[np.float64] = values[:, :1] + np.lib.stride_tricks.sliding_window_view(ends, longest)
    return found
