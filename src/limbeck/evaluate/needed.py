"""How many texts a proof takes: a sample size for the test against a margin, from how often two models part."""

import math

from scipy.special import ndtri

from limbeck.evaluate import pairs

POWER = 0.8
"""How often the texts that are planned for suffice."""
_MOST = 10**8
"""More texts than anybody has: the difference lies at the margin."""


def paired_texts_needed(
    discordance: float, difference: float, *, margin: float, confidence: float, power: float = POWER
) -> int | None:
    """Texts after which the exact test of paired shares decides with this probability: about, by normal distributions.

    ((z_c s_0 + z_p s_1) / (d + m))^2, with s_1 the standard deviation of one text's part in the difference d, and s_0
    the same as the test supposes it, at the margin m.

    Args:
        discordance: True share of texts on which only one of the two is right; at least the size of the difference.
        difference: True difference d, artifact minus teacher.
        margin: What the artifact may be worse by.
        confidence: Of the proof, one-sided.
        power: How often the proof shall come about.

    Returns: Texts that prove it where d is above -m, or refute it where d is below; None where d is at the margin.

    Source: Liu et al. 2002, Tests for equivalence or non-inferiority for paired binary data, Statistics in Medicine
        21, 231-245, with the variance of Tango 1998 at the margin. No fewer than the texts without a single discordance
        that prove it: log(1 - c) / log(1 - m).
    """
    parted = max(discordance, abs(difference))
    away = difference + margin
    supposed = float(pairs.difference_variance((parted + difference) / 2, (parted - difference) / 2, 1, -margin))
    found = _squared(math.sqrt(supposed), math.sqrt(max(parted - difference**2, 0.0)), away, confidence, power)
    if found is None or away < 0 or margin >= 1:
        return found
    return max(found, math.ceil(math.log(1 - confidence) / math.log1p(-margin)))


def texts_needed(
    spread: float, difference: float, *, margin: float, confidence: float, power: float = POWER
) -> int | None:
    """The same for any score: ((z_c + z_p) s / (d + m))^2.

    Args:
        spread: Standard deviation s of one text's part in the difference.
        difference: See `paired_texts_needed`.
        margin: See `paired_texts_needed`.
        confidence: See `paired_texts_needed`.
        power: See `paired_texts_needed`.
    """
    return _squared(spread, spread, difference + margin, confidence, power)


def _squared(supposed: float, true: float, away: float, confidence: float, power: float) -> int | None:
    reach = float(ndtri(confidence)) * supposed + float(ndtri(power)) * true
    if abs(away) < 1e-12 or (reach / away) ** 2 > _MOST:
        return None
    return max(1, math.ceil((reach / away) ** 2))
