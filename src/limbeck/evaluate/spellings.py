"""Other spellings of a text that ought to leave its answer as it is: other case, typos, no punctuation.

The same text always becomes the same, whatever stands around it. Where a model answers for words, only spellings that
keep every character in its place are tried, so that the words stay side by side.

Sources: the kinds of typos and the keyboard's neighbours after Belinkov, Bisk 2018, arXiv:1711.02173, and
Pruthi, Dhingra, Lipton 2019, arXiv:1905.11268; tests that change nothing of the meaning after Ribeiro et
al. 2020, "CheckList", arXiv:2005.04118.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

import numpy as np

from limbeck.ground import fingerprint

Respell = Callable[[str], str]

_NEIGHBOURS = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl",
    "p": "ol", "a": "qsz", "s": "awdx", "d": "sefc", "f": "drgv", "g": "fthb", "h": "gyjn", "j": "hukm", "k": "jil",
    "l": "kop", "z": "asx", "x": "zsc", "c": "xdv", "v": "cfb", "b": "vgn", "n": "bhm", "m": "njk",
}  # fmt: skip
"""Of a letter on the keyboard QWERTY."""
_WORD = re.compile(r"[^\W\d_]{4,}")
_TYPO_SHARE = 0.15
"""Of the words of four letters and more; at least one of a text."""


def lower_case(text: str) -> str:
    """Every letter small, where that is one letter too."""
    return "".join(low if len(low := one.lower()) == 1 else one for one in text)


def upper_case(text: str) -> str:
    """Every letter large, where that is one letter too."""
    return "".join(high if len(high := one.upper()) == 1 else one for one in text)


def without_punctuation(text: str) -> str:
    """Without marks (Unicode's categories P) and with single blanks; as it was where nothing else would be left."""
    bare = "".join(" " if unicodedata.category(one).startswith("P") and one not in "'’" else one for one in text)
    bare = " ".join(bare.replace("'", "").replace("’", "").split())
    return bare or text


def with_typos(text: str, *, seed: int, keeps_places: bool = False) -> str:
    """With one slip in some of the longer words: two letters swapped, a letter left out, or a neighbour of it struck.

    Args:
        text: Any; without a word of four letters it stays as it is.
        seed: Another one makes other slips. Chance comes from it and the text alone.
        keeps_places: No letter is left out, so that every other one keeps its place.
    """
    words = [found.span() for found in _WORD.finditer(text)]
    if not words:
        return text
    key = fingerprint.of_text(text)
    draw = np.random.default_rng([seed, *bytes.fromhex(key)[:16]])
    n_slips = max(1, round(_TYPO_SHARE * len(words)))
    chosen = sorted(draw.choice(len(words), size=n_slips, replace=False).tolist(), reverse=True)
    for number in chosen:  # from the end, so that the places before stay
        start, end = words[number]
        text = text[:start] + _slipped(text[start:end], draw, keeps_places=keeps_places) + text[end:]
    return text


def _slipped(word: str, draw: np.random.Generator, *, keeps_places: bool) -> str:
    """One slip behind the first letter, which people seldom miss."""
    at = int(draw.integers(1, len(word) - 1))
    kind = int(draw.integers(2 if keeps_places else 3))
    near = _NEIGHBOURS.get(word[at].lower(), "")
    if kind == 1 and near:
        other = near[int(draw.integers(len(near)))]
        return word[:at] + (other.upper() if word[at].isupper() else other) + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def respellings(*, seed: int, keeps_places: bool) -> Mapping[str, Respell]:
    """Name -> what it does to a text.

    Args:
        seed: Of the typos.
        keeps_places: Only those that keep every character in its place.
    """
    found: dict[str, Respell] = {
        "lower case": lower_case,
        "upper case": upper_case,
        "typos": lambda text: with_typos(text, seed=seed, keeps_places=keeps_places),
    }
    return found if keeps_places else {**found, "no punctuation": without_punctuation}
