"""The page's icon, a limbeck: drawn from one list of shapes, as SVG and as PNG in any size."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

GROUND, INK = (31, 75, 196), (255, 255, 255)
_FLASK = (0.40, 0.64, 0.155)
"""Centre and radius, in widths of the icon."""
_STROKES = (
    ((0.40, 0.52), (0.40, 0.34), 0.085),
    ((0.40, 0.34), (0.50, 0.27), 0.085),
    ((0.50, 0.27), (0.745, 0.47), 0.062),
    ((0.745, 0.47), (0.745, 0.53), 0.062),
)
"""From, to, width: the neck, the head, the beak and its end."""
_DROP = (0.745, 0.665, 0.042)
_CORNER = 0.2
_SAMPLES = 4


def svg() -> str:
    """The icon with round corners, as an SVG document."""
    circles = "".join(f'<circle cx="{x}" cy="{y}" r="{radius}"/>' for x, y, radius in (_FLASK, _DROP))
    lines = "".join(
        f'<path d="M{x} {y}L{to_x} {to_y}" stroke-width="{width}"/>' for (x, y), (to_x, to_y), width in _STROKES
    )
    ink, ground = (f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in (INK, GROUND))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">'
        f'<rect width="1" height="1" rx="{_CORNER}" fill="{ground}"/>'
        f'<g fill="{ink}" stroke="{ink}" stroke-linecap="round">'
        f'<g stroke="none">{circles}</g>{lines}</g></svg>\n'
    )


def png(size: int, *, is_whole: bool = False) -> bytes:
    """The icon as a PNG file.

    Args:
        size: Pixels of a side.
        is_whole: Without round corners, for systems that cut icons to a shape of their own.
    """
    fine = (np.arange(size * _SAMPLES) + 0.5) / (size * _SAMPLES)
    x, y = np.meshgrid(fine, fine)
    ink = _share(_drawn(x, y), size)[..., None]
    colours = ink * np.array(INK) + (1 - ink) * np.array(GROUND)
    alpha = np.ones((size, size)) if is_whole else _share(_rounded(x, y), size)
    pixels = np.concatenate([colours, 255 * alpha[..., None]], axis=-1).round().astype(np.uint8)
    rows = np.concatenate([np.zeros((size, 1), np.uint8), pixels.reshape(size, -1)], axis=1)  # 0: no filter
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)  # 8 bits, red, green, blue and alpha
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, content)
        for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _share(inside: NDArray[np.bool_], size: int) -> NDArray[np.float64]:
    """(size, size) how much of each pixel is covered."""
    found: NDArray[np.float64] = inside.reshape(size, _SAMPLES, size, _SAMPLES).mean(axis=(1, 3))
    return found


def _drawn(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    found = np.zeros(x.shape, np.bool_)
    for at_x, at_y, radius in (_FLASK, _DROP):
        found |= np.hypot(x - at_x, y - at_y) <= radius
    for (from_x, from_y), (to_x, to_y), width in _STROKES:
        step_x, step_y = to_x - from_x, to_y - from_y
        along = np.clip(((x - from_x) * step_x + (y - from_y) * step_y) / (step_x**2 + step_y**2), 0, 1)
        found |= np.hypot(x - from_x - along * step_x, y - from_y - along * step_y) <= width / 2
    return found


def _rounded(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    away = [np.maximum(np.abs(one - 0.5) - (0.5 - _CORNER), 0) for one in (x, y)]
    found: NDArray[np.bool_] = np.hypot(*away) <= _CORNER
    return found
