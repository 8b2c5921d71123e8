"""The pieces that drawings are made of: lines, boxes, words, and the frame that says in words what is drawn."""

from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH = 420
NARROW_WIDTH = 280
LETTER = 7.2
"""A generous width of one 13 unit letter or figure."""


def drawing(parts: Sequence[Markup], *, height: float, title: str, description: str, width: int = WIDTH) -> Markup:
    """The frame about the parts; title and description are its label for those who do not see it."""
    opening = Markup('<svg viewBox="0 0 {} {:g}" role="img" aria-label="{}">')
    return opening.format(width, height, f"{title}. {description}") + Markup("").join(parts) + Markup("</svg>")


def line(x1: float, y1: float, x2: float, y2: float, *, kind: str) -> Markup:
    """A straight line of one of the style sheet's kinds."""
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(kind, x1, y1, x2, y2)


def box(x: float, y: float, width: float, height: float, *, kind: str) -> Markup:
    """A rectangle of one of the style sheet's kinds."""
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        kind, x, y, width, height
    )


def text(x: float, y: float, words: str, *, anchor: str, kind: str = "label") -> Markup:
    """Words that begin, end or have their middle at a place."""
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, escape(words)
    )


def backed_text(x: float, y: float, words: str, *, anchor: str, kind: str) -> Markup:
    """Words that stand over grid lines, on a strip of the page's own colour."""
    return text(x, y, words, anchor=anchor, kind=f"{kind} backed")
