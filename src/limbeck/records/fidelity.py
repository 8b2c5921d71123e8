"""What a verdict tells besides its scores: flips, probabilities, calibration, slices, other spellings. Plain data."""

from dataclasses import dataclass

from limbeck.records.score import Interval, Score

LABEL, LENGTH = "label", "length"
"""What texts are sliced by, besides the columns that a user names."""


@dataclass(frozen=True)
class Flip:
    """Decisions of one kind that changed.

    Args:
        count: How many.
        share: Of the teacher's decisions of that kind, right ones or wrong ones; None where it has none.
    """

    count: int
    share: Score | None


@dataclass(frozen=True)
class Flips:
    """What became of the teacher's right and wrong decisions.

    Args:
        units: What is decided, one and several: ("text", "texts"), ("word", "words").
        n_right: Decisions that the teacher has right.
        n_wrong: Those that it has wrong.
        lost: Right ones that the artifact has wrong.
        won: Wrong ones that it has right.
        moved: Wrong ones that it has wrong in another way.
    """

    units: tuple[str, str]
    n_right: int
    n_wrong: int
    lost: Flip
    won: Flip
    moved: Flip


@dataclass(frozen=True)
class Distance:
    """How far the artifact's probabilities lie from the teacher's, in bits.

    Args:
        mean: Over all distributions; its n is that of the texts.
        tail: The quantile `Divergence.tail_share` of all distributions.
    """

    mean: Score
    tail: float


@dataclass(frozen=True)
class FarText:
    """A text on which the probabilities lie far apart: the Jensen-Shannon divergence of its furthest distribution."""

    text: str
    text_pair: str | None
    jensen_shannon: float


@dataclass(frozen=True)
class Divergence:
    """How far the artifact's probabilities lie from the teacher's.

    Args:
        units: What has a distribution, one and several: ("text", "texts"), ("decision on a label", ...).
        n: How many distributions were compared.
        tail_share: Share of the distributions that are no further apart than `Distance.tail`.
        jensen_shannon: With logarithms to the base 2, so from 0 to 1 bit.
        kullback_leibler: Of the teacher's from the artifact's, KL(teacher || artifact), in bits.
        furthest: Texts on which they lie furthest apart; they are quoted, so they do not ship.
    """

    units: tuple[str, str]
    n: int
    tail_share: float
    jensen_shannon: Distance
    kullback_leibler: Distance
    furthest: tuple[FarText, ...] = ()


@dataclass(frozen=True)
class CalibrationBin:
    """Decisions of about the same probability: their mean probability, and the share of them that is right."""

    probability: float
    right: Score


@dataclass(frozen=True)
class Calibration:
    """Whether a model is right as often as its probabilities say.

    Args:
        name: As in `ModelScores.name`.
        n: Decisions.
        bins: From the least probable decisions to the most probable ones, each with about as many.
        probability: Mean probability of its decisions.
        right: Share of them that is right.
        expected_error: Mean distance of probability and share right over the bins (ECE). Chance alone makes it larger
            than 0, the more so the fewer decisions a bin has.
        root_error: The root of the mean squared distance, with the same bias.
        corrected_error: The same without what chance adds; 0 where chance explains all of it.
        interval: Of `corrected_error`.
        brier: Mean squared distance of probability and outcome, decision by decision.
    """

    name: str
    n: int
    bins: tuple[CalibrationBin, ...]
    probability: float
    right: float
    expected_error: float
    root_error: float
    corrected_error: float
    interval: Interval
    brier: float


@dataclass(frozen=True)
class Calibrations:
    """Calibration of teacher and artifact on the same texts.

    Args:
        units: What is decided, one and several.
        most_bins: Bins at most; fewer where decisions are few or many of them are equally probable.
        models: The teacher first, where its answers are at hand.
    """

    units: tuple[str, str]
    most_bins: int
    models: tuple[Calibration, ...]


@dataclass(frozen=True)
class Slice:
    """Held-out texts that have something in common.

    Args:
        by: `LABEL`, `LENGTH`, or the column of the data.
        name: What they have in common, in words.
        n: How many they are.
        agreement: Share of them that is answered as the teacher answers; None without a teacher.
        elsewhere: The same of all other texts.
        score: The artifact's score on them; None without labels, and where it is no figure of single texts.
        teacher_score: The teacher's.
        p_value: Chance of so few equal answers (without a teacher: right ones) among so many texts, were the slice
            like the rest; None where that cannot be asked.
        corrected_p_value: The same, corrected for the number of slices that were looked at.
        is_worse: Whether that is below 1 - confidence.
        n_pooled: How many slices of few texts were put together in this one; 0 where it is one by itself.
        is_of_column: Whether `by` is a column that the user named.
    """

    by: str
    name: str
    n: int
    agreement: Score | None
    elsewhere: float | None
    score: Score | None
    teacher_score: float | None
    p_value: float | None
    corrected_p_value: float | None
    is_worse: bool
    n_pooled: int = 0
    is_of_column: bool = False

    @property
    def tested(self) -> Score:
        """The figure that was tested: agreement; without a teacher the score."""
        figure = self.agreement or self.score
        assert figure is not None, "what is tested is measured"
        return figure


@dataclass(frozen=True)
class Slices:
    """Where the artifact is weaker.

    Args:
        slices: In the order label, length, columns.
        confidence: A slice is called worse where its corrected p value is below 1 - confidence.
        least_texts: Slices of fewer texts are pooled.
        labels_from: Where the labels come from: "people" or "teacher"; empty where texts are not sliced by label.
        n_tested: Slices that were tested, which the correction is for.
        sentence: The weakest slice in plain words.
    """

    slices: tuple[Slice, ...]
    confidence: float
    least_texts: int
    labels_from: str
    n_tested: int
    sentence: str


@dataclass(frozen=True)
class Perturbed:
    """Answers to texts that were written otherwise.

    Args:
        name: "lower case", "typos".
        n: Texts that this changes; the others are left out.
        agreement: Of artifact and teacher, both asked the changed texts; None where the teacher was not asked.
        artifact_steady: Of the artifact's answers to changed and to unchanged texts.
        teacher_steady: Of the teacher's.
    """

    name: str
    n: int
    agreement: Score | None
    artifact_steady: Score
    teacher_steady: Score | None


@dataclass(frozen=True)
class Robustness:
    """What other spellings do to the answers.

    Args:
        n: Texts that were taken.
        agreement: Of artifact and teacher on these texts as they stand; None without the teacher's answers.
        perturbations: What was done to them.
        teacher_asked: Whether the teacher was asked about the changed texts.
    """

    n: int
    agreement: Score | None
    perturbations: tuple[Perturbed, ...]
    teacher_asked: bool


@dataclass(frozen=True)
class Fidelity:
    """What a verdict tells besides its scores; None where it does not apply to the task or cannot be measured."""

    flips: Flips | None = None
    divergence: Divergence | None = None
    calibrations: Calibrations | None = None
    slices: Slices | None = None
    robustness: Robustness | None = None
