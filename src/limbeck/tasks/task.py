"""What every task says of itself: the columns of a row, what an answer is, and what is measured of answers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import ShapeError
from limbeck.tasks.columns import KnownNames
from limbeck.tasks.decisions import Decisions, Distributions
from limbeck.tasks.measures import Hits, Measure
from limbeck.text.units import Units
from limbeck.text.windows import Reads

Logits = NDArray[np.floating]
Labels = NDArray[np.generic]
AnyLogits: TypeAlias = Any
"""`Logits` where a task answers once a text, `UnitLogits` where it answers for words or tokens."""
AnyLabels: TypeAlias = Any
"""`Labels` where a text has one row, `Ragged` where it has as many as it likes."""


class LabelKind(StrEnum):
    """What people say of a text."""

    CLASS = "one label"
    CLASSES = "any number of labels"
    NUMBER = "a number"
    TAGS = "a tag for each word"
    ANSWERS = "answers within the second text"
    HIDDEN = "nothing: the text holds what is right"


class Respelled(StrEnum):
    """What of a row may be written otherwise to see whether the answer stays."""

    TEXTS = "its texts"
    WORDS = "its words, each as long as it was"
    FIRST_TEXT = "its first text"
    NOTHING = "nothing"


@dataclass(frozen=True)
class MeasureWords:
    """How a measure is spoken of.

    Args:
        name: "accuracy".
        meaning: One sentence: what it is.
        clause: What an artifact does, with places for the figure and the texts: "answers {value} of {texts} as ...".
        units: What it is a figure of n of, one and several.
    """

    name: str
    meaning: str
    clause: str
    units: tuple[str, str] = ("text", "texts")

    @property
    def title(self) -> str:
        """The name at the beginning of a line."""
        return self.name[:1].upper() + self.name[1:]


@dataclass(frozen=True)
class Change:
    """A text on which two models part.

    Args:
        row: Its index.
        teacher_answer: In words.
        artifact_answer: In words.
        teacher_probability: What the teacher gives its answer; None where answers have no probability.
        artifact_probability: What the artifact gives its answer.
    """

    row: int
    teacher_answer: str
    artifact_answer: str
    teacher_probability: float | None
    artifact_probability: float | None


class Answer(ABC):
    """What a model says about one text."""

    @abstractmethod
    def to_json(self, *, in_full: bool = False, label_names: Sequence[str] = ()) -> dict[str, Any]:
        """As `limbeck predict` prints it; in full with everything that the model computed."""


class Task(ABC):
    """One kind of question that models answer. Light: numpy only."""

    name: ClassVar[str]
    """As the recipe calls it."""
    hub_name: ClassVar[str]
    """As the hub's `pipeline_tag` calls it."""
    hub_metric: ClassVar[str]
    """As the hub's `metrics` call its score."""
    columns: ClassVar[KnownNames]
    label_kind: ClassVar[LabelKind]
    score: ClassVar[MeasureWords]
    """Against what people say."""
    agreement: ClassVar[MeasureWords]
    """Against what the teacher says."""
    further: ClassVar[tuple[MeasureWords, ...]] = ()
    """What else can be measured; see `further_of`."""
    groups_changes: ClassVar[bool] = True
    """Whether changed answers fall into few kinds (this label became that one)."""
    scores_texts: ClassVar[bool] = True
    """Whether each text adds to the score by itself, so that some of the texts have a score of their own."""
    respelled: ClassVar[Respelled] = Respelled.TEXTS
    """What of a row may be written otherwise, so that the answer ought to stay."""
    takes_pairs: ClassVar[bool] = True
    """Whether a model reads both texts of a pair at once; else each by itself, and pairs only judge."""
    reads: ClassVar[Reads] = Reads.TEXT
    """What of a text a model answers for."""
    head: ClassVar[str] = "ForSequenceClassification"
    """How transformers calls the head, behind the family's name."""
    takes_made_up: ClassVar[bool] = True
    """Whether texts put together of other texts' words are worth an answer."""
    taught_live: ClassVar[bool] = False
    """Whether a teacher answers about training texts as training goes: what is asked of them changes with each pass."""
    groups_rows: ClassVar[bool] = False
    """Whether rows of the same first text, a query, belong together: only pairs are taken, all rows of a query stand in
    one part, and what is measured is measured `within` queries."""

    def within(self, groups: NDArray[np.int64]) -> Self:  # noqa: ARG002
        """The task on rows that belong to groups, where that matters to what is measured.

        Args:
            groups: (n,) as `Examples.groups`.
        """
        return self

    @abstractmethod
    def answers(self, logits: AnyLogits, label_names: Sequence[str]) -> list[Any]:
        """One answer a text."""

    @abstractmethod
    def score_of(self, logits: AnyLogits, labels: AnyLabels, label_names: Sequence[str] = ()) -> Measure:
        """How well answers fit what people say."""

    @abstractmethod
    def agreement_of(self, logits: AnyLogits, teacher_logits: AnyLogits, label_names: Sequence[str] = ()) -> Measure:
        """How well answers fit what the teacher says."""

    def further_of(
        self,
        logits: AnyLogits,  # noqa: ARG002
        *,
        labels: AnyLabels | None,  # noqa: ARG002
        teacher_logits: AnyLogits | None,  # noqa: ARG002
        label_names: Sequence[str] = (),  # noqa: ARG002
    ) -> Mapping[MeasureWords, Measure]:
        """What else tells how well answers fit what people or the teacher say; nothing, where two figures tell all."""
        return {}

    def decisions_of(
        self,
        logits: AnyLogits,  # noqa: ARG002
        labels: AnyLabels,  # noqa: ARG002
        label_names: Sequence[str] = (),  # noqa: ARG002
    ) -> Decisions | None:
        """What was decided, and whether people say the same; None where an answer is not right or wrong.

        Args:
            logits: Of n texts.
            labels: What people say of them.
            label_names: The classes.
        """
        return None

    def part_decisions_of(
        self, logits: AnyLogits, labels: AnyLabels, label_names: Sequence[str] = ()
    ) -> Decisions | None:
        """Decisions as they have probabilities: those of `decisions_of`, or where these have parts, the parts."""
        return self.decisions_of(logits, labels, label_names)

    def distributions_of(self, logits: AnyLogits, teacher_logits: AnyLogits) -> Distributions | None:  # noqa: ARG002
        """Both models' distributions; None where answers have none, or the models' cannot be set side by side."""
        return None

    def kinds_of(
        self,
        labels: AnyLabels | None,  # noqa: ARG002
        teacher_logits: AnyLogits | None,  # noqa: ARG002
        label_names: Sequence[str],  # noqa: ARG002
    ) -> Mapping[str, Hits]:
        """Label -> (n,) the texts that have it: by what people say, or else by the teacher's answers."""
        return {}

    @abstractmethod
    def changes(self, logits: AnyLogits, teacher_logits: AnyLogits, label_names: Sequence[str]) -> list[Change]:
        """Where answers part from the teacher's, what matters most first."""

    @abstractmethod
    def label_in_words(self, label: Any, label_names: Sequence[str], text: str = "") -> str | None:  # noqa: ANN401
        """What people say of one text, in the words of `Change`; None where that stands in the answers already.

        Args:
            label: One row of any labels.
            label_names: The classes.
            text: The text.
        """

    def targets(self, labels: AnyLabels, units: Units | None) -> Labels:
        """Labels as training wants them: a row for each row of logits.

        Args:
            labels: As `Examples` holds them.
            units: What the model answers for; None where it answers once a text.
        """
        assert units is None, "a task that answers for units says what their targets are"
        found: Labels = labels
        return found


def surest_first(changed: NDArray[np.bool_], sure: NDArray[np.float64], teacher_sure: NDArray[np.float64]) -> list[int]:
    """The rows that changed, those first on which both sides were surest.

    A text on which both waver flips easily and matters little; one on which both are sure shows what was unlearned.

    Args:
        changed: (n,) where answers part.
        sure: (n,) probability of the artifact's answer.
        teacher_sure: (n,) probability of the teacher's.
    """
    rows = np.flatnonzero(changed)
    found: list[int] = rows[np.argsort(-(sure[rows] + teacher_sure[rows]), kind="stable")].tolist()
    return found


def check_pairs(logits: Logits, others: NDArray[np.generic], *, what: str) -> None:
    """Refuse what cannot be compared row by row.

    Raises:
        ShapeError: Not two axes, no row, or not one of the others for each row.
    """
    check_logits(logits)
    if len(logits) == 0 or len(others) != len(logits):
        raise ShapeError(
            f"Expected {what} for each of at least one row of logits, got {len(logits)} rows "
            f"and {what} of shape {others.shape}.",
            hint=f"Compare logits and {what} of the same texts, in the same order.",
        )


def check_logits(logits: Logits) -> None:
    """Refuse what is no row of numbers for each text.

    Raises:
        ShapeError: Not two axes, or no column.
    """
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise ShapeError(
            f"Expected logits of shape (texts, classes) with at least one class, got {logits.shape}.",
            hint="Give one row of logits for each text; for a single text, logits[None, :].",
        )
