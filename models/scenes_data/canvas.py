"""A canvas in units of 1/32 of the picture's width, drawn four times as fine and averaged down."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
UNITS = 32
_FINE = 4


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """``a`` with ``share`` of ``b`` in it."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))


class Canvas:
    """Shapes by their coordinates in units, ends exclusive; ``at`` moves and scales what follows."""

    def __init__(self, size: int):
        self._scale = _FINE * size / UNITS
        self._size = size
        self._image = Image.new("RGB", (size * _FINE, size * _FINE))
        self._pen = ImageDraw.Draw(self._image)
        self._origin = (0.0, 0.0, 1.0)
        self._tint: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def at(self, x: float, y: float, scale: float = 1.0, tint: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Canvas:
        """From here on (0, 0) is (x, y), lengths grow by ``scale`` and colours are multiplied by ``tint``."""
        self._origin, self._tint = (x, y, scale), tint
        return self

    def _xy(self, x: float, y: float) -> tuple[float, float]:
        ox, oy, s = self._origin
        return (ox + x * s) * self._scale, (oy + y * s) * self._scale

    def _ink(self, colour: Colour) -> Colour:
        return tuple(min(255, round(c * t)) for c, t in zip(colour, self._tint, strict=True))

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        (a, b), (c, d) = self._xy(x0, y0), self._xy(x1, y1)
        self._pen.rectangle([a, b, max(a, c - 1), max(b, d - 1)], fill=self._ink(colour))

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        self._pen.ellipse([*self._xy(x - rx, y - ry), *self._xy(x + rx, y + ry)], fill=self._ink(colour))

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        self._pen.polygon([self._xy(x, y) for x, y in points], fill=self._ink(colour))

    def arc(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """The upper half of a ring with this outer radius."""
        box = [*self._xy(x - radius, y - radius), *self._xy(x + radius, y + radius)]
        self._pen.arc(box, 180, 360, fill=self._ink(colour), width=round(width * self._scale))

    def gradient(self, y0: float, y1: float, top: Colour, bottom: Colour) -> None:
        """A vertical gradient over the full width from y0 to y1."""
        first, last = round(y0 * self._scale), round(y1 * self._scale)
        rows = np.linspace(self._ink(top), self._ink(bottom), last - first).round().astype(np.uint8)
        band = np.repeat(rows[:, None], self._image.width, 1)
        self._image.paste(Image.fromarray(band), (0, first))

    def pixels(self) -> np.ndarray:
        """The picture, uint8 ``[size, size, 3]``."""
        return np.asarray(self._image.resize((self._size, self._size), Image.Resampling.BOX))
