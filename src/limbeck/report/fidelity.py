"""What the page and the terminal tell besides scores: flips, probabilities, calibration, slices, other spellings."""

from dataclasses import dataclass

from markupsafe import Markup

from limbeck.ground import wording
from limbeck.records.fidelity import Calibrations, Divergence, Fidelity, Flip, Flips, Robustness, Slice, Slices
from limbeck.records.score import Score
from limbeck.report.measures import share_figure
from limbeck.report.panels import Panel
from limbeck.report.reliability import interval_bar, lowest_of, reliability_diagram
from limbeck.report.roles import role_of
from limbeck.report.texts import ShownText, printable, shown_text

_OPEN_SLICES = 12
"""Slices that the page shows at once; the others are folded away."""
_TEXT_CHARACTERS, _NAME_CHARACTERS = 400, 60


@dataclass(frozen=True)
class FlipRow:
    """One kind of change: what the teacher's answer was, what it became, and how often."""

    was: str
    became: str
    count: str
    figure: str
    interval: str


@dataclass(frozen=True)
class DistanceRow:
    """One divergence: its mean with the interval, its tail, and what it is in plain words."""

    name: str
    meaning: str
    mean: str
    interval: str
    tail: str


@dataclass(frozen=True)
class CalibrationRow:
    """One model's calibration in figures."""

    name: str
    probability: str
    right: str
    corrected: str
    interval: str
    uncorrected: str
    expected: str
    brier: str


@dataclass(frozen=True)
class SliceRow:
    """One slice: what it is, how many texts, its figures, and its place among the others."""

    by: str
    name: str
    n: str
    agreement: str
    interval: str
    bar: Markup
    score: str
    teacher_score: str
    p_value: str
    is_worse: bool


@dataclass(frozen=True)
class SpellingRow:
    """One spelling: on how many texts, and who answers how."""

    name: str
    n: str
    figures: tuple[tuple[str, str], ...]


def sections(found: Fidelity | None) -> dict[str, bool]:
    """Anchor of each section -> whether there is something to tell in it."""
    told = found or Fidelity()
    return {
        "flips": told.flips is not None,
        "probabilities": told.divergence is not None or told.calibrations is not None,
        "slices": told.slices is not None,
        "spellings": told.robustness is not None,
    }


def flip_rows(flips: Flips) -> tuple[FlipRow, ...]:
    """Right to wrong, wrong to right, wrong to another wrong."""

    def row(was: str, n: int, became: str, flip: Flip) -> FlipRow:
        return FlipRow(f"{was} ({wording.count(n)})", became, wording.count(flip.count), *share_figure(flip.share))

    return (
        row("right", flips.n_right, "wrong", flips.lost),
        row("wrong", flips.n_wrong, "right", flips.won),
        row("wrong", flips.n_wrong, "wrong in another way", flips.moved),
    )


def distance_rows(divergence: Divergence) -> tuple[DistanceRow, ...]:
    """Both divergences."""
    rows = (
        (
            "Jensen-Shannon",
            "From 0 (the same probabilities) to 1 bit (nothing in common); alike from both sides.",
            divergence.jensen_shannon,
        ),
        (
            "Kullback-Leibler",
            "Bits lost with the artifact’s probabilities in the teacher’s place; large where it rules things out.",
            divergence.kullback_leibler,
        ),
    )
    return tuple(
        DistanceRow(
            name,
            meaning,
            bits(one.mean.value),
            f"{bits(one.mean.interval.low)}{wording.NOTHING}{bits(one.mean.interval.high)}",
            bits(one.tail),
        )
        for name, meaning, one in rows
    )


def furthest(divergence: Divergence) -> tuple[tuple[tuple[ShownText, ...], str], ...]:
    """The texts whose probabilities lie furthest apart, with how far."""
    return tuple(
        (
            tuple(shown_text(text, _TEXT_CHARACTERS) for text in (one.text, one.text_pair) if text is not None),
            bits(one.jensen_shannon),
        )
        for one in divergence.furthest
    )


def bits(value: float) -> str:
    """A divergence: "0.034", "0.0004"."""
    return f"{value:.4f}" if value < 0.01 else f"{value:.3f}"


def calibration_rows(found: Calibrations) -> tuple[CalibrationRow, ...]:
    """One row a model."""
    return tuple(
        CalibrationRow(
            one.name,
            wording.percent(one.probability),
            wording.percent(one.right),
            wording.percent(one.corrected_error),
            wording.percent_range(one.interval.low, one.interval.high),
            wording.percent(one.root_error),
            wording.percent(one.expected_error),
            f"{one.brier:.4f}",
        )
        for one in found.models
    )


def reliability_panels(found: Calibrations) -> tuple[Panel, ...]:
    """A diagram a model, with the same axes."""
    low = lowest_of(found.models)
    return tuple(
        Panel(f"Share right, {one.name}", reliability_diagram(one, role_of(one.name), low=low)) for one in found.models
    )


def slice_rows(found: Slices) -> tuple[tuple[SliceRow, ...], tuple[SliceRow, ...]]:
    """The slices to show at once, those that are worse first, then the least probable; and all others."""
    low = min(one.tested.interval.low for one in found.slices)
    ordered = sorted(found.slices, key=_suspicion)
    rows = tuple(_slice_row(one, low) for one in ordered)
    return rows[:_OPEN_SLICES], rows[_OPEN_SLICES:]


def spelling_rows(found: Robustness) -> tuple[SpellingRow, ...]:
    """The texts as they stand, then each spelling."""
    nothing = (wording.NOTHING, "")

    def row(name: str, n: int, *scores: Score | None) -> SpellingRow:
        return SpellingRow(name, wording.count(n), tuple(share_figure(one) for one in scores))

    clean = SpellingRow("as they stand", wording.count(found.n), (share_figure(found.agreement), nothing, nothing))
    return clean, *(
        row(one.name, one.n, one.agreement, one.artifact_steady, one.teacher_steady) for one in found.perturbations
    )


def sentences(fidelity: Fidelity) -> tuple[str, ...]:
    """The same in a line each, for the terminal."""
    found = []
    if fidelity.flips is not None:
        found.append(flip_sentence(fidelity.flips))
    if fidelity.divergence is not None:
        one = fidelity.divergence
        found.append(
            f"Probabilities lie {bits(one.jensen_shannon.mean.value)} bits from the teacher's in the mean "
            f"(Jensen-Shannon); 99 of 100 within {bits(one.jensen_shannon.tail)}."
        )
    if fidelity.calibrations is not None:
        told = ", ".join(f"{one.name} {wording.percent(one.corrected_error)}" for one in fidelity.calibrations.models)
        found.append(f"Calibration error, corrected for chance: {told}.")
    if fidelity.slices is not None and fidelity.slices.sentence:
        found.append(fidelity.slices.sentence)
    if fidelity.robustness is not None:
        found.append(spelling_sentence(fidelity.robustness))
    return tuple(found)


def flip_sentence(flips: Flips) -> str:
    """What became of right and wrong answers."""
    clauses = []
    for flip, n, was, became in (
        (flips.lost, flips.n_right, "right", "wrong"),
        (flips.won, flips.n_wrong, "wrong", "right"),
    ):
        if flip.share is not None:
            share = wording.percent(flip.share.value)
            many = wording.counted(n, *flips.units)
            clauses.append(
                f"of {many} that the teacher has {was}, the artifact has {wording.count(flip.count)} {became} ({share})"
            )
    told = "; ".join(clauses)
    return f"{told[:1].upper()}{told[1:]}."


def spelling_sentence(found: Robustness) -> str:
    """The spelling that artifact and teacher agree on least; without the teacher, the one that changes most answers."""
    if not found.teacher_asked:
        worst = min(found.perturbations, key=lambda one: one.artifact_steady.value)
        return (
            f"The artifact is least steady with {worst.name}: {wording.percent(worst.artifact_steady.value)} on "
            f"{wording.counted(worst.n, 'text')} (the teacher was not asked)."
        )
    agreements = [(one.agreement, one) for one in found.perturbations if one.agreement is not None]
    figure, worst = min(agreements, key=lambda pair: pair[0].value)
    clean = "" if found.agreement is None else f", against {wording.percent(found.agreement.value)} as they stand"
    return (
        f"Of other spellings, {worst.name} cost most: agreement with the teacher {wording.percent(figure.value)} on "
        f"{wording.counted(worst.n, 'text')}{clean}."
    )


def _suspicion(one: Slice) -> tuple[bool, float]:
    return not one.is_worse, 2.0 if one.p_value is None else one.p_value


def _slice_row(one: Slice, low: float) -> SliceRow:
    told, interval = share_figure(one.tested)
    name = printable(one.name)
    return SliceRow(
        by=printable(one.by),
        name=name if len(name) <= _NAME_CHARACTERS else name[: _NAME_CHARACTERS - 1] + "…",
        n=wording.count(one.n),
        agreement=told,
        interval=interval,
        bar=interval_bar(one.tested, low=low, elsewhere=one.elsewhere, is_worse=one.is_worse),
        score="" if one.score is None else wording.percent(one.score.value),
        teacher_score="" if one.teacher_score is None else wording.percent(one.teacher_score),
        p_value=wording.NOTHING if one.corrected_p_value is None else wording.p_value(one.corrected_p_value),
        is_worse=one.is_worse,
    )
