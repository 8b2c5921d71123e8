"""Spans of words out of a tag for each word, as CoNLL's own scorer and seqeval find them.

A span begins at B- (S- and U- are spans of one word), at I- behind O, behind a span that ended, or behind another type;
E- and L- end one. So a tag that breaks the scheme still counts for something, and the same sequence always means the
same spans. Names without such a prefix are taken for the inside of a span of that type, "O" for the outside.

Source: conlleval, Tjong Kim Sang, Buchholz 2000, "Introduction to the CoNLL-2000 Shared Task: Chunking",
https://aclanthology.org/W00-0726; seqeval (Nakayama 2018), whose default mode finds the same.
"""

from collections.abc import Sequence
from functools import lru_cache

OUTSIDE = "O"
_BEGINS, _ENDS, _PREFIXES = frozenset("BSU"), frozenset("ELSU"), frozenset("BIELSU")

Span = tuple[int, int, str]
"""First tag, the tag behind the last one, type."""


@lru_cache(maxsize=8)
def parsed(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Prefix and type of each tag; both empty for the outside."""
    return tuple(_parsed(name) for name in names)


def is_scheme(names: Sequence[str]) -> bool:
    """Whether these names say where spans begin: one of them has a prefix of the scheme."""
    return any(name[:2] in {f"{prefix}-" for prefix in _PREFIXES} and name[2:] for name in names)


def spans_of(tags: Sequence[int], names: Sequence[str]) -> list[Span]:
    """The spans that tags stand for, in their order.

    Args:
        tags: (words,) indices into the names.
        names: Tag names, such as "O", "B-person", "I-person".
    """
    known = parsed(tuple(names))
    found: list[Span] = []
    start, inside = 0, ""
    for place, tag in enumerate(tags):
        prefix, kind = known[tag]
        begins = bool(kind) and (prefix in _BEGINS or kind != inside)
        if inside and (begins or not kind):
            found.append((start, place, inside))
            inside = ""
        if begins:
            start, inside = place, kind
        if inside and prefix in _ENDS:
            found.append((start, place + 1, inside))
            inside = ""
    return [*found, (start, len(tags), inside)] if inside else found


def _parsed(name: str) -> tuple[str, str]:
    prefix, dash, kind = name.partition("-")
    if dash and kind and prefix in _PREFIXES:
        return prefix, kind
    return ("", "") if name == OUTSIDE else ("I", name)
