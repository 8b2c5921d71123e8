"""Before the texts are gathered: how many of them a proof against a margin takes, by how often the two models part."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scipy.stats import binomtest

from limbeck.errors import DataError, RecipeError
from limbeck.evaluate.needed import POWER, paired_texts_needed, texts_needed
from limbeck.records.proof import NonInferiority
from limbeck.records.verdict import ARTIFACT
from limbeck.tasks import TASKS
from limbeck.tasks.classification import Classification

_SUPPOSED = (0.01, 0.02, 0.05, 0.1, 0.2)
_PARTS_OF_MARGIN = (0.5, 0.0, -0.2, -0.5, -2.0, -3.0)


@dataclass(frozen=True)
class Wanted:
    """What a proof is asked to be.

    Args:
        margin: What the artifact may be worse by.
        confidence: Of the proof.
        power: How often the texts shall suffice, from 0.5 to below 1.
    """

    margin: float
    confidence: float
    power: float = POWER

    def __post_init__(self) -> None:
        if not 0.5 <= self.power < 1:
            raise RecipeError(
                f"--power is {self.power:g}.", hint="Give how often the texts shall suffice, from 0.5 to below 1."
            )


@dataclass(frozen=True)
class Disagreement:
    """How much the two models part, which is what the number of texts hangs on.

    Args:
        words: What it is: "as observed", "5 %".
        discordance: Share of texts on which only one of the two is right; None where the score is no share of texts.
        spread: Then the standard deviation of one text's part in the difference.
    """

    words: str
    discordance: float | None
    spread: float | None = None


@dataclass(frozen=True)
class PlannedRow:
    """A true difference that may be, and the texts it takes under each disagreement; None where no number does."""

    difference: float
    answer: str
    n_texts: tuple[int | None, ...]


@dataclass(frozen=True)
class SamplePlan:
    """How many texts a proof takes.

    Args:
        measure: Whose difference is tested: "accuracy".
        wanted: Margin, confidence and power.
        source: Where the disagreement was taken from, in a sentence.
        disagreements: A column each.
        rows: A row for each true difference that may be.
    """

    measure: str
    wanted: Wanted
    source: str
    disagreements: tuple[Disagreement, ...]
    rows: tuple[PlannedRow, ...]

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return asdict(self)


def plan_of_nothing(wanted: Wanted) -> SamplePlan:
    """A plan without any artifact: for disagreements that are usual, of models whose score is a share of texts.

    Args:
        wanted: Margin, confidence and power.
    """
    supposed = tuple(Disagreement(f"{100 * share:g} %", share) for share in _SUPPOSED)
    source = "No artifact was given. Supposed are shares of texts on which only one is right."
    return _planned("accuracy", supposed, (), source, wanted)


def plan_of_proof(proof: NonInferiority | None, wanted: Wanted) -> SamplePlan:
    """A plan from what a verdict found out.

    Args:
        proof: The verdict's.
        wanted: Margin, confidence and power.

    Raises:
        DataError: The verdict compared no scores.
    """
    if proof is None:
        raise DataError(
            "These texts cannot tell how often artifact and teacher part: labels or the teacher's answers are missing.",
            hint="Bring both, or plan by the verdict that the artifact holds, without --data.",
        )
    source = f"From the {proof.n:,} texts of the verdict, where the difference is {100 * proof.difference:+.2f} points."
    if proof.mcnemar is None:
        found: tuple[Disagreement, ...] = (Disagreement("as observed", None, proof.spread),)
    else:
        found = _observed(proof.mcnemar.only_artifact + proof.mcnemar.only_teacher, proof.n)
    return _planned(proof.measure, found, (proof.difference,), source, wanted)


def plan_of_manifest(verdict: Mapping[str, Any] | None, proof: NonInferiority | None, wanted: Wanted) -> SamplePlan:
    """A plan from the verdict that an artifact holds, also one of before there were proofs.

    Of a classifier without a proof, the share of changed answers stands for the disagreement: it is that or less.

    Args:
        verdict: As the manifest tells it.
        proof: Its proof, or None.
        wanted: Margin, confidence and power.

    Raises:
        DataError: The verdict tells neither.
    """
    told = verdict or {}
    agreement = next(
        (one.get("agreement") for one in told.get("models", ()) if str(one.get("name", "")).startswith(ARTIFACT)), None
    )
    if proof is None and agreement and isinstance(TASKS.get(told.get("task", "classification")), Classification):
        n, share = int(agreement["n"]), 1 - float(agreement["value"])
        source = f"From the {n:,} texts of the verdict: changed answers, which are as many or more."
        return _planned("accuracy", _observed(round(share * n), n), (), source, wanted)
    if proof is None:
        raise DataError(
            "The artifact's verdict does not tell how often it parts from its teacher.",
            hint="Give labelled texts with --data and the teacher's answers (--teacher or --signals); without an "
            "artifact there is a table of supposed disagreements.",
        )
    return plan_of_proof(proof, wanted)


def _observed(parted: int, n: int) -> tuple[Disagreement, ...]:
    most = float(binomtest(parted, n).proportion_ci(confidence_level=0.95, method="wilson").high)
    share = max(parted, 1) / n
    return (
        Disagreement(f"as observed ({100 * share:.1f} %)", share),
        Disagreement(f"at most so ({100 * most:.1f} %)", most),
    )


def _planned(
    measure: str,
    disagreements: tuple[Disagreement, ...],
    observed: tuple[float, ...],
    source: str,
    wanted: Wanted,
) -> SamplePlan:
    def needed(difference: float, one: Disagreement) -> int | None:
        if one.discordance is None:
            assert one.spread is not None
            return texts_needed(one.spread, difference, **vars(wanted))
        return paired_texts_needed(one.discordance, difference, **vars(wanted))

    differences = sorted({*(part * wanted.margin for part in _PARTS_OF_MARGIN), *observed}, reverse=True)
    rows = tuple(
        PlannedRow(
            difference,
            "proven" if difference > -wanted.margin else "refuted",
            tuple(needed(difference, one) for one in disagreements),
        )
        for difference in differences
    )
    return SamplePlan(measure, wanted, source, disagreements, rows)
