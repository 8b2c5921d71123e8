"""Texts of the data as the page can hold them: printable, cut where all of them would be too much, long ones folded."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import escape

_OPENING_CHARACTERS = 280
_SHORTEST_CUT = 20


@dataclass(frozen=True)
class ShownText:
    """A text as it stands on the page.

    Args:
        opening: The whole text, or its first characters.
        rest: What follows on a click; empty for short texts.
        cut: How many characters are left out here; they stand in run.json.
    """

    opening: str
    rest: str
    cut: int


def printable(text: str) -> str:
    """A text without what a page cannot hold: control characters show as their pictures, half characters as U+FFFD."""
    if text.isprintable():
        return text
    return "".join(_printable(character) for character in text)


def common_length(texts: Sequence[str], *, budget_bytes: int) -> int:
    """The most characters that each text may keep so that all of them, escaped, stay within the budget."""
    sizes = [_escaped_bytes(text) for text in texts]
    if sum(sizes) <= budget_bytes:
        return max((len(text) for text in texts), default=0)
    low, high = _SHORTEST_CUT, max(len(text) for text in texts)
    while low < high:
        middle = (low + high + 1) // 2
        if (
            sum(
                size if len(text) <= middle else _escaped_bytes(text[:middle])
                for text, size in zip(texts, sizes, strict=True)
            )
            <= budget_bytes
        ):
            low = middle
        else:
            high = middle - 1
    return low


def _escaped_bytes(text: str) -> int:
    return len(str(escape(text)).encode("utf-8", "replace"))


def shown_text(text: str, longest: int) -> ShownText:
    """A text as it stands on the page: its first `longest` characters, folded after a few lines where it is long."""
    kept = printable(text[:longest])
    cut = max(0, len(text) - longest)
    if len(kept) <= _OPENING_CHARACTERS * 1.25:
        return ShownText(kept, "", cut)
    # A break at a space where there is one near; never within a joined emoji or under a combining mark.
    end = kept.rfind(" ", _OPENING_CHARACTERS // 2, _OPENING_CHARACTERS)
    end = _OPENING_CHARACTERS if end < 0 else end
    while end < len(kept) and (
        unicodedata.combining(kept[end]) or "\u200d" in kept[end - 1 : end + 1] or kept[end] == "\ufe0f"
    ):
        end += 1
    return ShownText(kept[:end], kept[end:], cut)


def _printable(character: str) -> str:
    code = ord(character)
    if character in "\n\t":
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    # Unpaired surrogates cannot be written as UTF-8; the rest of Cc are terminal controls.
    return "�" if unicodedata.category(character) in ("Cs", "Cc") else character
