"""How answers in words are compared: without case, marks, articles and blanks, whole or word by word.

Source: the official script of SQuAD v1.1, Rajpurkar et al. 2016, arXiv:1606.05250, section 6.1
(https://rajpurkar.github.io/SQuAD-explorer/, evaluate-v1.1.py); unanswerable questions as in evaluate-v2.0.py,
Rajpurkar, Jia, Liang 2018, arXiv:1806.03822.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_MARKS = str.maketrans("", "", string.punctuation)


def normalised(answer: str) -> str:
    """The answer in lower case, without marks and articles, with single blanks."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_MARKS)).split())


def is_exact(answer: str, wanted: Sequence[str]) -> bool:
    """Whether the answer is one of the wanted ones, both normalised; no wanted ones mean that there is no answer."""
    return normalised(answer) in {normalised(one) for one in _or_none(wanted)}


def overlap(answer: str, wanted: Sequence[str]) -> float:
    """F1 of the answer's words against those of the wanted answer that it fits best; see `is_exact`.

    Where either has no word left, it is 1 if both have none, else 0.
    """
    return max(_f1(normalised(answer).split(), normalised(one).split()) for one in _or_none(wanted))


def _or_none(wanted: Sequence[str]) -> Sequence[str]:
    """As the script for v2 has it: wanted answers of which nothing is left do not count, unless there are no others."""
    return [one for one in wanted if normalised(one)] or [""]


def _f1(words: Sequence[str], wanted: Sequence[str]) -> float:
    if not words or not wanted:
        return float(words == wanted)
    common = sum((Counter(words) & Counter(wanted)).values())
    return 2 * common / (len(words) + len(wanted))
