"""Proven, refuted or not decidable: that the artifact's score is at most a margin below its teacher's."""

import math
from collections.abc import Callable

from scipy.special import ndtri

from limbeck.evaluate import pairs, scores
from limbeck.evaluate.needed import paired_texts_needed, texts_needed
from limbeck.evaluate.scores import Doubt
from limbeck.ground import wording
from limbeck.records.proof import McNemar, NonInferiority, ProofAnswer
from limbeck.tasks import MeasureWords
from limbeck.tasks.measures import Measure

EXACT = "exact unconditional test"


def non_inferiority(
    artifact: Measure, teacher: Measure, *, margin: float, doubt: Doubt, words: MeasureWords
) -> NonInferiority | None:
    """Test the artifact's score against the teacher's minus a margin, on the same texts.

    Shares of texts are tested exactly (see `pairs.above_p`), all else by the bounds of a paired BCa bootstrap. Each
    answer is wrong in 1 - confidence of all cases at most: a test at 95 % asks on which side of the margin the bound of
    a 90 % interval lies, as only one of its two ends matters.

    Args:
        artifact: Its score.
        teacher: The teacher's.
        margin: What the artifact may be worse by, from 0 on.
        doubt: How sure a proof must be, and how to draw.
        words: How the score is spoken of.

    Returns: What came of it; None where there is no difference to speak of, as of correlations of equal numbers.
    """
    alpha = 1 - doubt.confidence
    mcnemar = None
    counts = scores.parted(artifact, teacher)
    if counts is not None:
        only_artifact, only_teacher = counts
        n, difference = artifact.n, (only_artifact - only_teacher) / artifact.n
        mcnemar = _mcnemar(only_artifact, only_teacher, words)
        answer = _answer(
            pairs.above_p(only_artifact, only_teacher, n, -margin, alpha=alpha) <= alpha,
            pairs.above_p(only_teacher, only_artifact, n, margin, alpha=alpha) <= alpha,
        )
        low, high = pairs.exact_ends(only_artifact, only_teacher, n, alpha=alpha)
        # The test decides; its bounds are found by halving, and must not contradict it in the last digit.
        low = max(low, -margin) if answer == "proven" else min(low, -margin)
        high = min(high, -margin) if answer == "refuted" else max(high, -margin)
        discordance = max(only_artifact + only_teacher, 1) / n
        spread = math.sqrt(max(discordance - difference**2, 0.0))
        method = EXACT

        def needed(supposed: float) -> int | None:
            return paired_texts_needed(discordance, supposed, margin=margin, confidence=doubt.confidence)

    else:
        found = scores.difference(
            artifact, teacher, Doubt(max(2 * doubt.confidence - 1, 0.0), doubt.samples, doubt.seed)
        )
        n, difference = found.n, found.value
        low, high, method = found.interval.low, found.interval.high, found.interval.method
        if not all(map(math.isfinite, (difference, low, high))):
            return None
        answer = _answer(low >= -margin, high < -margin)
        spread = (high - low) / (2 * float(ndtri(doubt.confidence))) * math.sqrt(n)

        def needed(supposed: float) -> int | None:
            return texts_needed(spread, supposed, margin=margin, confidence=doubt.confidence)

    n_needed = _beyond(n, needed, min(difference, 0.0)) if answer == "not decidable" else None
    told = NonInferiority(
        words.name, margin, doubt.confidence, answer, difference, low, high, n, n_needed, spread, method, "", mcnemar
    )
    return NonInferiority(**{**vars(told), "sentence": _sentence(told, words)})


def _answer(is_proven: bool, is_refuted: bool) -> ProofAnswer:
    return "proven" if is_proven else "refuted" if is_refuted else "not decidable"


def _beyond(n: int, needed: Callable[[float], int | None], difference: float) -> int | None:
    """What is needed, and always more than what was not enough."""
    found = needed(difference)
    return None if found is None else max(found, n + 1)


def _mcnemar(only_artifact: int, only_teacher: int, words: MeasureWords) -> McNemar:
    p_value = pairs.mcnemar_p(only_artifact, only_teacher)
    if not only_artifact + only_teacher:
        return McNemar(0, 0, p_value, f"Artifact and teacher are right on the very same {words.units[1]}.")
    chance = "less than 0.01 %" if p_value < 1e-4 else wording.percent(p_value, decimals=1 if p_value < 0.1 else 0)
    figure = "p < 0.0001" if p_value < 1e-4 else f"p = {wording.three_figures(p_value)}"
    sentence = (
        f"Only the artifact is right on {wording.counted(only_artifact, *words.units)}, only the teacher on "
        f"{wording.count(only_teacher)}. Were both right equally often, chance alone would split them as unevenly in "
        f"{chance} of cases (exact McNemar test, {figure})."
    )
    return McNemar(only_artifact, only_teacher, p_value, sentence)


def _sentence(told: NonInferiority, words: MeasureWords) -> str:
    margin = wording.margin(told.margin)
    texts = wording.counted(told.n, *words.units)
    sure = f"{wording.plain(100 * told.confidence)} % confidence"
    difference = f"The difference is {wording.points(told.difference, decimals=2)} on {texts}"
    if told.answer == "proven":
        return (
            f"Proven with {sure}: the artifact's {words.name} is at most {margin} below the teacher's. {difference}, "
            f"and {wording.signed(100 * told.low, decimals=2)} at worst."
        )
    if told.answer == "refuted":
        return (
            f"Refuted with {sure}: the artifact's {words.name} is more than {margin} below the teacher's. "
            f"{difference}, and {wording.signed(100 * told.high, decimals=2)} at best."
        )
    if told.n_needed is None:
        needed = "if that were the true difference, no number of texts would decide, as it lies at the margin"
    else:
        supposed = "the two were equally good" if told.difference >= 0 else "that were the true difference"
        needed = f"about {wording.count(rounded_up(told.n_needed))} would be needed if {supposed}"
    return (
        f"Not decidable with {texts}: whether the artifact's {words.name} is at most {margin} below the teacher's. "
        f"The difference is {wording.points(told.difference, decimals=2)}, "
        f"{wording.signed(100 * told.low, decimals=2)} at worst and {wording.signed(100 * told.high, decimals=2)} at "
        f"best; {needed}."
    )


def rounded_up(n: int) -> int:
    """A number of texts with two figures, as what is only about right should be told: 5,317 becomes 5,400."""
    unit: int = 10 ** max(0, len(str(n)) - 2)
    return -(-n // unit) * unit
