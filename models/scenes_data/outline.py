"""The line drawing of a scene: white outlines on black, each shape hiding the lines behind it."""

from __future__ import annotations

import random

from .canvas import UNITS, Canvas, Colour

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
#: Shapes with a side below this many units have no outline: windows, stars, waves, drops of rain.
_SMALLEST = 1.55
#: Ellipses this much wider than high are shadows.
_FLAT = 3


class LineCanvas(Canvas):
    """Draws the outline of every shape that it is given, one unit wide, and leaves some out at random.

    A person draws a house and nothing else: ``left_out`` is the share of shapes without an outline.
    """

    def __init__(self, size: int, rng: random.Random, left_out: float = 0.0):
        super().__init__(size)
        self._rng, self._left_out = rng, left_out
        self._last = (0.0, 0.0, 0.0)

    def _is_drawn(self, width: float, height: float) -> bool:
        scale = self._origin[2]
        return min(width, height) * scale >= _SMALLEST and self._rng.random() >= self._left_out

    @property
    def _line(self) -> dict:
        return {"fill": BLACK, "outline": WHITE, "width": round(self._scale)}

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        if self._is_drawn(x1 - x0, y1 - y0):
            self._pen.rectangle([*self._xy(x0, y0), *self._xy(x1, y1)], **self._line)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        if rx > _FLAT * ry or self._is_same(x, y, rx):
            return
        if self._is_drawn(2 * rx, 2 * ry):
            self._pen.ellipse([*self._xy(x - rx, y - ry), *self._xy(x + rx, y + ry)], **self._line)

    def _is_same(self, x: float, y: float, rx: float) -> bool:
        """Whether the last ellipse lies less than two units around: a glow, a tree's darker half."""
        last, self._last = self._last, (x, y, rx)
        return all(abs(a - b) < 2 for a, b in zip(last, self._last, strict=True))

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        xs, ys = zip(*points, strict=True)
        if self._is_drawn(max(xs) - min(xs), max(ys) - min(ys)):
            self._pen.polygon([self._xy(x, y) for x, y in points], **self._line)

    def arc(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """Nothing: a rainbow's bands are narrower than a line."""

    def gradient(self, y0: float, y1: float, top: Colour, bottom: Colour) -> None:
        """The line on which the ground begins, which hides what lies below it."""
        if y0 == 0:
            return
        self._pen.rectangle([0, y0 * self._scale, UNITS * self._scale, y1 * self._scale], BLACK)
        if self._rng.random() >= self._left_out:
            self._pen.line([(0, y0 * self._scale), (UNITS * self._scale, y0 * self._scale)], WHITE, round(self._scale))
