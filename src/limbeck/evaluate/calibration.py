"""Calibration: is a model that says 90 % right nine times in ten? In bins, with what chance adds taken away.

Decisions are sorted by their probability and cut into bins of about equal size; equal probabilities share a bin. In
each bin, the mean probability stands against the share of decisions that is right. Even a perfectly calibrated model
shows a distance there, as shares of few decisions scatter; the fewer decisions in a bin, the more. So the plain error
(ECE) is biased upwards, and two models are not to be compared by it unless they were measured on as many texts.

The corrected error takes from each squared distance what chance is expected to add: the variance of (right -
probability) in the bin, divided by the decisions in it. Over the bins that is without bias for the squared error.

Sources: bins of equal size, Nguyen, O'Connor 2015, arXiv:1508.05154; expected calibration error, Naeini,
Cooper, Hauskrecht 2015, AAAI, and Guo et al. 2017, arXiv:1706.04599, section 2; the corrected estimator, Kumar, Liang,
Ma 2019, "Verified Uncertainty Calibration", arXiv:1909.10155, section 5, with the variance of the differences in the
place of that of the outcomes, as probabilities within a bin differ here.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from limbeck.evaluate import intervals
from limbeck.evaluate.scores import Doubt
from limbeck.records.fidelity import Calibration, CalibrationBin, Calibrations
from limbeck.records.score import Interval, Score
from limbeck.tasks.decisions import Decisions, Rows, Values

MOST_BINS = 15
_LEAST_IN_A_BIN = 20
"""Decisions a bin is meant for at least; fewer than twice as many make one bin."""
METHOD = "bootstrap of the corrected error"
_PIECE_SAMPLES = 64


def calibrations_of(sides: Sequence[tuple[str, Decisions]], *, n_texts: int, doubt: Doubt) -> Calibrations | None:
    """The calibration of each model.

    Args:
        sides: Name and decisions of each; decisions without a probability are left out.
        n_texts: How many texts they belong to.
        doubt: How intervals are made.

    Returns: None where a model has no decision with a probability.
    """
    sure = [(name, decisions.sure()) for name, decisions in sides]
    if not all(len(decisions.owners) for _, decisions in sure):
        return None
    return Calibrations(
        units=sure[0][1].units,
        most_bins=MOST_BINS,
        models=tuple(calibration_of(name, decisions, n_texts=n_texts, doubt=doubt) for name, decisions in sure),
    )


def calibration_of(name: str, decisions: Decisions, *, n_texts: int, doubt: Doubt) -> Calibration:
    """The calibration of one model, of decisions that all have a probability; at least one."""
    shares, right = decisions.probabilities, decisions.right
    place = bins_of(shares)
    sums = _sums_by_text(place, right - shares, decisions.owners, n_texts)
    counts, differences, _ = sums.sum(axis=0)
    distances = differences / counts
    weights = counts / counts.sum()
    plain_square, corrected_square = (float(value) for value in _squares(sums.sum(axis=0)))
    n_right = np.bincount(place, weights=right, minlength=len(counts)).astype(np.int64)
    means = np.bincount(place, weights=shares) / counts
    return Calibration(
        name=name,
        n=len(shares),
        bins=tuple(
            CalibrationBin(float(mean), Score(int(hits) / int(n), _wilson(int(hits), int(n), doubt), int(n)))
            for mean, hits, n in zip(means, n_right, counts, strict=True)
        ),
        probability=float(shares.mean()),
        right=float(right.mean()),
        expected_error=float((weights * np.abs(distances)).sum()),
        root_error=math.sqrt(plain_square),
        corrected_error=math.sqrt(max(0.0, corrected_square)),
        interval=_interval(sums, plain_square, corrected_square, doubt),
        brier=float(((right - shares) ** 2).mean()),
    )


def bins_of(probabilities: Values) -> Rows:
    """(n,) the bin of each decision, from 0 on, rising with its probability; no bin is empty."""
    n_bins = max(1, min(MOST_BINS, len(probabilities) // _LEAST_IN_A_BIN))
    ordered = np.sort(probabilities)
    # The first decision of each further bin; equal ones all go to the bin of the first of them.
    edges = np.unique(ordered[[len(ordered) * number // n_bins for number in range(1, n_bins)]])
    place = np.searchsorted(edges, probabilities, side="right")
    found: Rows = np.unique(place, return_inverse=True)[1].astype(np.int64)
    return found


def _sums_by_text(place: Rows, differences: Values, owners: Rows, n_texts: int) -> NDArray[np.float64]:
    """(texts, 3, bins) decisions, sum of the differences, and sum of their squares."""
    n_bins = int(place.max()) + 1
    cells = owners * n_bins + place
    return np.stack(
        [
            np.bincount(cells, weights=weights, minlength=n_texts * n_bins).reshape(n_texts, n_bins)
            for weights in (None, differences, differences**2)
        ],
        axis=1,
    ).astype(np.float64)


def _squares(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3, bins) -> (2, ...) the squared error, plain and corrected; bins of one decision are not corrected.

    sum over bins of n_b / n * d_b^2, and of n_b / n * (d_b^2 - s_b^2 / n_b), with d_b the mean and s_b^2 the sample
    variance of (right - probability) in a bin of n_b decisions. The corrected one is below 0 where chance added less.
    """
    counts, differences, squares = (sums[..., number, :] for number in range(3))
    some = np.maximum(counts, 1.0)
    square = (differences / some) ** 2
    variance = np.maximum(squares / some - square, 0.0)  # divided by n - 1, it is the sample variance over n
    weights = counts / counts.sum(axis=-1, keepdims=True)
    corrected = square - variance / np.maximum(counts - 1.0, 1.0)
    return np.stack([(weights * square).sum(axis=-1), (weights * corrected).sum(axis=-1)])


def _interval(sums: NDArray[np.float64], plain: float, corrected: float, doubt: Doubt) -> Interval:
    """Basic bootstrap interval over texts, the bins as they are.

    On texts drawn anew, the corrected error scatters about the plain error of the texts as they are, since that is the
    truth which they are drawn from. So its distances from there are taken from the corrected error.

    Source: Davison, Hinkley 1997, Bootstrap Methods and their Application, section 5.2.
    """
    draw, n_texts = np.random.default_rng(doubt.seed), len(sums)
    flat = sums.reshape(n_texts, -1)
    found = []
    for start in range(0, doubt.samples, _PIECE_SAMPLES):
        n_samples = min(_PIECE_SAMPLES, doubt.samples - start)
        weights = np.stack([np.bincount(draw.integers(n_texts, size=n_texts), minlength=n_texts)
                            for _ in range(n_samples)]).astype(np.float64)  # fmt: skip
        drawn = (weights @ flat).reshape(n_samples, *sums.shape[1:])
        found.append(_squares(drawn[drawn[:, 0].sum(axis=1) > 0])[1])
    low, high = np.quantile(np.concatenate(found), [(1 - doubt.confidence) / 2, (1 + doubt.confidence) / 2])
    ends = [math.sqrt(max(0.0, corrected + plain - float(end))) for end in (high, low)]
    return Interval(ends[0], ends[1], doubt.confidence, METHOD)


def _wilson(hits: int, n: int, doubt: Doubt) -> Interval:
    return intervals.wilson(hits, n, confidence=doubt.confidence)
