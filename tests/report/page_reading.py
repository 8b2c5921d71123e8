"""Reads a page as a browser would: balance of its tags, its visible words, its attributes."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
# Drawings close their shapes at once: <line .../>.
SHAPES = frozenset({"circle", "line", "path", "rect"})


@dataclass
class Page(HTMLParser):
    """A page that was read.

    Args:
        words: Its text, style and script left out.
        elements: Every element as (tag, attributes), in order.
        faults: Tags that were closed without being open, or never closed.
    """

    words: str = ""
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element opens."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element opens and closes at once."""
        self.elements.append((tag, dict(attrs)))
        if tag not in SHAPES:
            self.faults.append(f"<{tag}/> closes nothing in HTML")

    def handle_endtag(self, tag: str) -> None:
        """An element closes."""
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> within {self._open[-1:]} at {self.getpos()}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Words between tags."""
        if not {"style", "script"} & set(self._open):
            self.words += data

    def close(self) -> None:
        """The page ends."""
        super().close()
        self.faults += [f"<{tag}> is never closed" for tag in self._open]

    def attributes(self, name: str) -> list[str]:
        """Every value of an attribute, in order."""
        return [value or "" for _, found in self.elements for key, value in found.items() if key == name]


def read_page(html: str) -> Page:
    """Read a page to its end."""
    page = Page()
    page.feed(html)
    page.close()
    return page
