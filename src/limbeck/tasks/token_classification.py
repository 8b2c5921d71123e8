"""Token classification: a tag for each word of a text, and the spans that they make: names of people, places, products.

A text is its words, with one blank between them (see `limbeck.text.windows.joined_words`). The first token of each word
answers for it. Scores are F1 of whole spans, type and both ends: nothing is earned for half of a name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError
from limbeck.tasks.classification import probabilities
from limbeck.tasks.columns import TAG_NAMES, WORDS_NAMES, KnownNames
from limbeck.tasks.decisions import Decisions, Distributions, log_softmax
from limbeck.tasks.measures import FScore, Hits, Measure, Ratio
from limbeck.tasks.spans import parsed, spans_of
from limbeck.tasks.task import Answer, Change, LabelKind, Labels, MeasureWords, Respelled, Task, surest_first
from limbeck.text.units import Ragged, UnitLogits, Units, owners_of
from limbeck.text.windows import WORD_BREAK, Reads

NO_SPAN = "(no span)"
_WORDS = ("word", "words")
_UNREAD = -1
"""In place of a tag: the model did not read the word."""

_Place = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class TaggedSpan:
    """A run of words that have a name together.

    Args:
        label: The type: "person".
        text: Its words, as they stand in the text.
        start: First character.
        end: The character behind the last one.
        probability: That each of its words has the tag that it was given: the product over its words.
    """

    label: str
    text: str
    start: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class TaggedWord:
    """A word with its tag and the tag's probability; `start` and `end` as in `TaggedSpan`."""

    text: str
    tag: str
    start: int
    end: int
    probability: float


@dataclass(frozen=True, slots=True)
class SpansAnswer(Answer):
    """What a model for tokens says about one text.

    Args:
        spans: In the order of the text.
        words: Those that were read, with their tags.
    """

    spans: tuple[TaggedSpan, ...]
    words: tuple[TaggedWord, ...]

    def to_json(self, *, in_full: bool = False, label_names: Sequence[str] = ()) -> dict[str, Any]:  # noqa: ARG002
        """The spans; in full with each word's tag."""
        row: dict[str, Any] = {"spans": [_row(span) for span in self.spans]}
        if in_full:
            row["words"] = [_row(word) for word in self.words]
        return row

    def within(self, text: str, words: Sequence[tuple[int, int]]) -> "SpansAnswer":
        """The same answer, its characters counted in the text that the words were taken from.

        Args:
            text: That text.
            words: The characters [start, end) of all of its words.
        """
        at = 0
        starts: dict[int, int] = {}
        ends: dict[int, int] = {}
        for start, end in words:
            starts[at], ends[at + end - start] = start, end
            at += end - start + len(WORD_BREAK)

        def moved(start: int, end: int) -> dict[str, Any]:
            return {"start": starts[start], "end": ends[end], "text": text[starts[start] : ends[end]]}

        return SpansAnswer(
            tuple(replace(span, **moved(span.start, span.end)) for span in self.spans),
            tuple(replace(word, **moved(word.start, word.end)) for word in self.words),
        )


PRECISION = MeasureWords(
    "precision",
    "Share of the spans that were found which are right.",
    "finds spans in {texts} of which {value} are right",
)
RECALL = MeasureWords(
    "recall", "Share of the spans that people marked which were found.", "finds {value} of the spans in {texts}"
)


class TokenClassification(Task):
    """A tag a word."""

    name = "token-classification"
    hub_name = "token-classification"
    hub_metric = "f1"
    columns = KnownNames(texts=WORDS_NAMES, pairs=(), labels=TAG_NAMES)
    label_kind = LabelKind.TAGS
    score = MeasureWords(
        "span F1",
        "F1 of all spans together (micro-averaged): a span counts when its type and both of its ends are right.",
        "reaches a span F1 of {value} on {texts}",
    )
    agreement = MeasureWords(
        "agreement",
        "F1 of the spans against the teacher's: a span counts when the teacher gives just the same.",
        "finds the teacher's spans in {texts} with an F1 of {value}",
    )
    further = (PRECISION, RECALL)
    groups_changes = False
    respelled = Respelled.WORDS
    reads = Reads.WORDS
    head = "ForTokenClassification"

    def answers(self, logits: UnitLogits, label_names: Sequence[str]) -> list[SpansAnswer]:
        """One answer a text; of equal logits the first tag wins.

        Raises:
            ShapeError: There is not one column for each tag name.
        """
        _check(logits, label_names)
        found = []
        for text, spans, shares in zip(logits.units.texts, logits.units.spans, _shares(logits), strict=True):
            tags, sure = shares.argmax(axis=1).tolist(), shares.max(axis=1)
            found.append(
                SpansAnswer(
                    tuple(
                        TaggedSpan(kind, text[start:end], start, end, float(sure[first:last].prod()))
                        for first, last, kind in spans_of(tags, label_names)
                        for start, end in [(int(spans[first, 0]), int(spans[last - 1, 1]))]
                    ),
                    tuple(
                        TaggedWord(text[start:end], label_names[tag], start, end, float(share))
                        for (start, end), tag, share in zip(spans.tolist(), tags, sure, strict=True)
                    ),
                )
            )
        return found

    def score_of(self, logits: UnitLogits, labels: Ragged, label_names: Sequence[str] = ()) -> FScore:
        """Micro-averaged F1 of spans; words that the model did not read count as outside of all spans.

        Args:
            logits: Of n texts, at least one.
            labels: n rows of one tag a word.
            label_names: The tags.

        Raises:
            ShapeError: Texts and labels, or words and tags, differ in number.
        """
        _check(logits, label_names)
        if len(labels) != len(logits):
            raise ShapeError(
                f"Expected tags for each of {len(logits)} texts, got {len(labels)} rows.",
                hint="Score the logits of the very texts that the tags belong to.",
            )
        wanted = [
            _places(tags.tolist(), words_of(text, len(tags)), label_names)
            for text, tags in zip(logits.units.texts, labels, strict=True)
        ]
        return _f_score(_found(logits, label_names), wanted)

    def further_of(
        self,
        logits: UnitLogits,
        *,
        labels: Ragged | None,
        teacher_logits: UnitLogits | None,  # noqa: ARG002
        label_names: Sequence[str] = (),
    ) -> Mapping[MeasureWords, Measure]:
        """Precision and recall against what people say; arguments and errors as in `score_of`."""
        if labels is None:
            return {}
        counts = self.score_of(logits, labels, label_names)
        right = counts.true_positives
        return {
            PRECISION: Ratio(right, right + counts.false_positives),
            RECALL: Ratio(right, right + counts.false_negatives),
        }

    def agreement_of(self, logits: UnitLogits, teacher_logits: UnitLogits, label_names: Sequence[str] = ()) -> FScore:
        """F1 of the spans, with the teacher's in the place of people's."""
        _check(logits, label_names)
        return _f_score(_found(logits, label_names), _found(teacher_logits, label_names))

    def decisions_of(self, logits: UnitLogits, labels: Ragged, label_names: Sequence[str] = ()) -> Decisions:
        """One for each word; those that the model did not read are outside of all spans, with no probability."""
        _check(logits, label_names)
        outside = np.array([not kind for _, kind in parsed(tuple(label_names))])
        answers = np.full(len(labels.values), _UNREAD, np.int64)
        shares = np.full(len(labels.values), np.nan)
        given, sure = logits.values.argmax(axis=1), probabilities(logits.values).max(axis=1)
        for row, (text, tags, spans) in enumerate(zip(logits.units.texts, labels, logits.units.spans, strict=True)):
            number = {start: index for index, (start, _) in enumerate(words_of(text, len(tags)))}
            words = labels.starts[row] + np.array([number[start] for start in spans[:, 0].tolist()], np.int64)
            own = slice(logits.units.spans.starts[row], logits.units.spans.starts[row + 1])
            answers[words], shares[words] = given[own], sure[own]
        right = np.where(answers == _UNREAD, outside[labels.values], answers == labels.values)
        return Decisions(owners_of(labels), answers, right, shares, _WORDS)

    def distributions_of(self, logits: UnitLogits, teacher_logits: UnitLogits) -> Distributions:
        """One for each word that both models read, over the tags."""
        if logits.units.are_those_of(teacher_logits.units):
            own = wanted = np.arange(len(logits.values))
        else:
            own, wanted = _read_by_both(logits.units, teacher_logits.units)
        return Distributions(
            owners_of(logits.units.spans)[own],
            log_softmax(teacher_logits.values[wanted]),
            log_softmax(logits.values[own]),
            _WORDS,
        )

    def kinds_of(
        self, labels: Ragged | None, teacher_logits: UnitLogits | None, label_names: Sequence[str]
    ) -> Mapping[str, Hits]:
        """The types of the spans that people mark, or else the teacher; a text may have several, or none."""
        if labels is not None:
            tagged = labels
        else:
            assert teacher_logits is not None, "texts without labels are judged by a teacher"
            tagged = teacher_logits.units.spans.with_values(teacher_logits.values.argmax(axis=1))
        found = [{kind for _, _, kind in spans_of(tags.tolist(), label_names)} for tags in tagged]
        names = dict.fromkeys(kind for _, kind in parsed(tuple(label_names)) if kind)
        hits = {name: np.array([name in kinds for kinds in found], np.bool_) for name in names}
        return hits | {NO_SPAN: np.array([not kinds for kinds in found], np.bool_)}

    def changes(self, logits: UnitLogits, teacher_logits: UnitLogits, label_names: Sequence[str]) -> list[Change]:
        """Every text with other spans; first where both sides were sure of the words that they tag differently."""
        found, wanted = _found(logits, label_names), _found(teacher_logits, label_names)
        sure, teacher_sure = _sureness(logits, teacher_logits)
        changed = np.array([one != other for one, other in zip(found, wanted, strict=True)], np.bool_)
        texts = logits.units.texts
        return [
            Change(row, _in_words(wanted[row], texts[row]), _in_words(found[row], texts[row]), None, None)
            for row in surest_first(changed, sure, teacher_sure)
        ]

    def label_in_words(self, label: Any, label_names: Sequence[str], text: str = "") -> str:  # noqa: ANN401  (tags)
        """The spans with their types."""
        tags = np.asarray(label).tolist()
        return _in_words(_places(tags, words_of(text, len(tags)), label_names), text)

    def targets(self, labels: Ragged, units: Units | None) -> Labels:
        """The tag of each word that is read: (units,) int64. Texts without tags have one `UNLABELLED` for all words."""
        assert units is not None
        found: list[NDArray[np.int64]] = []
        for text, spans, tags in zip(units.texts, units.spans, labels, strict=True):
            if len(tags) == 1:
                found.append(np.repeat(tags, len(spans)))
                continue
            number = {start: index for index, (start, _) in enumerate(words_of(text, len(tags)))}
            found.append(tags[[number[start] for start in spans[:, 0].tolist()]])
        return np.concatenate(found).astype(np.int64) if found else np.empty(0, np.int64)


def _check(logits: UnitLogits, label_names: Sequence[str]) -> None:
    if logits.n_classes != len(label_names):
        raise ShapeError(
            f"Expected logits with one column for each of {len(label_names)} tags, got {logits.n_classes} columns.",
            hint="Give the tag names of the model that made these logits.",
        )


def _shares(logits: UnitLogits) -> Ragged:
    return logits.units.spans.with_values(probabilities(logits.values))


def words_of(text: str, n_tags: int) -> list[tuple[int, int]]:
    """The characters of each word of a text that has a tag for each.

    Args:
        text: Its words, with one blank between them.
        n_tags: How many tags there are.

    Raises:
        ShapeError: There is not one tag a word.
    """
    ends = np.cumsum([len(word) + len(WORD_BREAK) for word in text.split(WORD_BREAK)]) - len(WORD_BREAK)
    if len(ends) != n_tags:
        raise ShapeError(
            f"Expected a tag for each of {len(ends)} words, got {n_tags}: {text[:60]!r}.",
            hint="Give as many tags as words, O for those outside of all spans.",
        )
    starts = [0, *(ends[:-1] + len(WORD_BREAK)).tolist()]
    return list(zip(starts, ends.tolist(), strict=True))


def _places(tags: Sequence[int], words: Sequence[tuple[int, int]], label_names: Sequence[str]) -> set[_Place]:
    return {(words[first][0], words[last - 1][1], kind) for first, last, kind in spans_of(tags, label_names)}


def _found(logits: UnitLogits, label_names: Sequence[str]) -> list[set[_Place]]:
    """Of each text, the spans by their characters and type."""
    return [
        _places(values.argmax(axis=1).tolist(), [(int(start), int(end)) for start, end in spans], label_names)
        for values, spans in zip(logits.rows, logits.units.spans, strict=True)
    ]


def _f_score(found: Sequence[set[_Place]], wanted: Sequence[set[_Place]]) -> FScore:
    counts = [(len(one & other), len(one - other), len(other - one)) for one, other in zip(found, wanted, strict=True)]
    return FScore(*np.array(counts, np.int64).reshape(-1, 3).T)


def _sureness(logits: UnitLogits, other: UnitLogits) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) for both sides, the probability of the least sure tag among those of words that got different ones."""
    pairs = []
    for spans, shares, other_spans, other_shares in zip(
        logits.units.spans, _shares(logits), other.units.spans, _shares(other), strict=True
    ):
        theirs = dict(zip(other_spans[:, 0].tolist(), other_shares, strict=True))
        both = [(own, theirs[word]) for word, own in zip(spans[:, 0].tolist(), shares, strict=True) if word in theirs]
        parted = [(one.max(), two.max()) for one, two in both if one.argmax() != two.argmax()]
        pairs.append(np.min(parted, axis=0) if parted else (1.0, 1.0))
    sides = np.array(pairs, np.float64).reshape(-1, 2)
    return sides[:, 0], sides[:, 1]


def _read_by_both(units: Units, others: Units) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the words that stand in both stand in either."""
    pairs: list[tuple[int, int]] = []
    for row, (own, wanted) in enumerate(zip(units.spans, others.spans, strict=True)):
        begin = int(others.spans.starts[row])
        places = {start: begin + index for index, start in enumerate(wanted[:, 0].tolist())}
        first = int(units.spans.starts[row])
        pairs += [(first + at, places[start]) for at, start in enumerate(own[:, 0].tolist()) if start in places]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _in_words(places: set[_Place], text: str) -> str:
    return "; ".join(f"{kind}: {text[start:end]}" for start, end, kind in sorted(places)) or NO_SPAN


def _row(found: TaggedSpan | TaggedWord) -> dict[str, Any]:
    return {name: getattr(found, name) for name in type(found).__slots__}
