"""One function per kind of subject: it stands on (0, 0), y points down, about 8–10 units tall."""

from __future__ import annotations

from collections.abc import Callable

from . import palette as p
from .canvas import Canvas, Colour, mix

#: (canvas, colour, lit): ``lit`` at night, when windows glow.
Painter = Callable[[Canvas, Colour, bool], None]


def _house(c: Canvas, colour: Colour, lit: bool) -> None:
    c.rect(-4, -6, 4, 0, p.WALL)
    c.polygon([(-5, -6), (0, -11), (5, -6)], colour)
    c.rect(-1, -3.5, 1, 0, p.WOOD)
    c.rect(2, -5, 3.3, -3.5, p.LAMP if lit else p.PANE)
    if lit:
        c.rect(-3.3, -5, -2, -3.5, p.LAMP)


def _tree(c: Canvas, colour: Colour, lit: bool) -> None:
    c.rect(-0.8, -5, 0.8, 0, p.WOOD)
    c.ellipse(0, -8, 4.2, 4.2, mix(colour, (0, 0, 0), 0.12))
    c.ellipse(-0.5, -8.5, 3.5, 3.5, colour)


def _pine(c: Canvas, colour: Colour, lit: bool) -> None:
    c.rect(-0.6, -2, 0.6, 0, p.WOOD)
    for i in range(3):
        c.polygon([(-4.2 + i, -2 - i * 3), (0, -7 - i * 3), (4.2 - i, -2 - i * 3)], p.NEEDLES)


def _palm(c: Canvas, colour: Colour, lit: bool) -> None:
    c.rect(-0.6, -9, 0.6, 0, p.TRUNK)
    _fronds(c, -9, ((-6, 1), (6, 1), (-5, -3), (5, -3)))


def _fronds(c: Canvas, top: float, tips: tuple[tuple[float, float], ...]) -> None:
    for dx, dy in tips:
        c.polygon([(0, top), (dx, top + dy), (dx * 0.6, top - 2 + dy * 0.3)], p.LEAF)


def _car(c: Canvas, colour: Colour, lit: bool) -> None:
    c.rect(-5, -4, 5, -1, colour)
    c.polygon([(-3, -4), (-2, -6.5), (2, -6.5), (3.3, -4)], p.LAMP if lit else (170, 210, 235))
    c.ellipse(-3, -0.8, 1.4, 1.4, p.INK)
    c.ellipse(3, -0.8, 1.4, 1.4, p.INK)


def _flower(c: Canvas, colour: Colour, lit: bool) -> None:
    c.rect(-0.4, -6, 0.4, 0, (50, 120, 60))
    for dx, dy in ((-1.8, 0), (1.8, 0), (0, -1.8), (0, 1.8)):
        c.ellipse(dx, -7 + dy, 1.6, 1.6, colour)
    c.ellipse(0, -7, 1.1, 1.1, (150, 90, 40) if colour == p.NAMED["yellow"] else (250, 215, 80))


def _castle(c: Canvas, colour: Colour, lit: bool) -> None:
    c.rect(-4, -7, 4, 0, (165, 165, 175))
    for x in (-4.5, 2.5):
        c.rect(x, -10, x + 2.2, 0, (145, 145, 158))
        c.polygon([(x - 0.5, -10), (x + 1.1, -13), (x + 2.7, -10)], colour)
    c.rect(-1, -3, 1, 0, p.LAMP if lit else (80, 60, 50))


def _tent(c: Canvas, colour: Colour, lit: bool) -> None:
    c.polygon([(-5, 0), (0, -8), (5, 0)], colour)
    c.polygon([(-1.4, 0), (0, -4.5), (1.4, 0)], p.LAMP if lit else (50, 45, 50))


def _cactus(c: Canvas, colour: Colour, lit: bool) -> None:
    for box in ((-1, -9, 1, 0), (-3.5, -7, -2.2, -4), (-3.5, -5, -1, -3.8), (2.2, -8, 3.5, -5), (1, -6, 3.5, -4.8)):
        c.rect(*box, p.CACTUS)


def _snowman(c: Canvas, colour: Colour, lit: bool) -> None:
    c.ellipse(0, -2.6, 3.2, 3, (205, 215, 230))
    c.ellipse(0, -2.6, 2.9, 2.7, (255, 255, 255))
    c.ellipse(0, -6.6, 2.2, 2.2, (205, 215, 230))
    c.ellipse(0, -6.6, 1.9, 1.9, (255, 255, 255))
    c.rect(-1.6, -9.6, 1.6, -8.2, p.INK)
    c.rect(-2, -5.2, 2, -4.2, colour)
    c.polygon([(0, -6.7), (2.2, -6.2), (0, -5.9)], p.NAMED["orange"])


def _boat(c: Canvas, colour: Colour, lit: bool) -> None:
    c.polygon([(-5, -2), (5, -2), (3.4, 1), (-3.4, 1)], (130, 85, 55))
    c.rect(-0.3, -10, 0.3, -2, (90, 60, 45))
    c.polygon([(0.5, -10), (5, -3), (0.5, -3)], colour)


def _ship(c: Canvas, colour: Colour, lit: bool) -> None:
    c.polygon([(-6, -3), (6, -3), (4.6, 1), (-4.6, 1)], colour)
    c.rect(-3.4, -5.6, 3, -3, (245, 245, 245))
    c.rect(-0.6, -9, 1.4, -5.6, (60, 60, 70))
    if lit:
        for x in (-2.4, 0.6):
            c.rect(x, -4.8, x + 1, -3.8, p.LAMP)


def _island(c: Canvas, colour: Colour, lit: bool) -> None:
    c.ellipse(0, 0, 5.5, 2, p.GROUND["sand"])
    c.rect(-0.5, -7, 0.5, -1, p.TRUNK)
    _fronds(c, -7, ((-5, 1), (5, 1), (-4, -2), (4, -2)))


def _windmill(c: Canvas, colour: Colour, lit: bool) -> None:
    c.polygon([(-2.8, 0), (-1.8, -7.5), (1.8, -7.5), (2.8, 0)], p.WALL)
    c.polygon([(-2.4, -7.3), (0, -10), (2.4, -7.3)], colour)
    c.rect(-0.8, -2.6, 0.8, 0, p.WOOD)
    for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        c.polygon([(0, -7.2), (dx * 4.4, -7.2 + dy * 3.4), (dx * 3.4, -7.2 + dy * 4.4)], colour)
    c.ellipse(0, -7.2, 0.8, 0.8, p.WOOD)


def _lighthouse(c: Canvas, colour: Colour, lit: bool) -> None:
    if lit:
        c.polygon([(0, -11), (-9, -13), (-9, -9.5)], (150, 145, 120))
        c.polygon([(0, -11), (9, -13), (9, -9.5)], (150, 145, 120))
    c.ellipse(0, 0, 4.6, 1.8, (120, 115, 120))
    c.polygon([(-2.2, 0), (-1.4, -10), (1.4, -10), (2.2, 0)], (245, 245, 245))
    c.polygon([(-2, -1.8), (-1.8, -4.2), (1.8, -4.2), (2, -1.8)], colour)
    c.polygon([(-1.7, -6), (-1.5, -8.4), (1.5, -8.4), (1.7, -6)], colour)
    c.rect(-1.2, -12, 1.2, -10, p.LAMP)
    c.polygon([(-1.8, -12), (0, -13.8), (1.8, -12)], colour)


def _mushroom(c: Canvas, colour: Colour, lit: bool) -> None:
    c.rect(-1.2, -4, 1.2, 0, (240, 228, 205))
    c.polygon([(-4.4, -3.6), (-3.6, -6.2), (-1.6, -7.8), (1.6, -7.8), (3.6, -6.2), (4.4, -3.6)], colour)
    for x, y in ((-2.2, -5), (0.3, -6.4), (2.4, -4.8)):
        c.ellipse(x, y, 0.7, 0.7, (250, 248, 240))


def _sheep(c: Canvas, colour: Colour, lit: bool) -> None:
    for x in (-2.4, 1.2):
        c.rect(x, -2, x + 1, 0, p.INK)
    c.ellipse(0, -3.8, 4, 2.6, (245, 243, 235))
    c.ellipse(-1.6, -5, 2, 1.6, (252, 250, 245))
    c.ellipse(3.8, -5, 1.6, 1.7, (70, 65, 70))


def _penguin(c: Canvas, colour: Colour, lit: bool) -> None:
    c.ellipse(0, -4, 2.8, 4, (45, 50, 65))
    c.ellipse(0, -3.2, 1.8, 2.9, (250, 250, 250))
    c.ellipse(0, -7.2, 1.9, 1.8, (45, 50, 65))
    c.polygon([(-0.8, -7), (0.8, -7), (0, -5.8)], p.NAMED["orange"])
    c.rect(-1.9, -0.8, -0.3, 0.1, p.NAMED["orange"])
    c.rect(0.3, -0.8, 1.9, 0.1, p.NAMED["orange"])


def _duck(c: Canvas, colour: Colour, lit: bool) -> None:
    c.polygon([(-4.6, -3.6), (-2, -1.4), (-3.4, -0.4)], p.NAMED["yellow"])
    c.ellipse(0, -1.2, 3.6, 2, p.NAMED["yellow"])
    c.ellipse(2.4, -4.4, 1.9, 1.9, p.NAMED["yellow"])
    c.polygon([(3.8, -4.8), (6, -4), (3.8, -3.4)], p.NAMED["orange"])
    c.ellipse(2.9, -4.9, 0.45, 0.45, p.INK)


def _balloon(c: Canvas, colour: Colour, lit: bool) -> None:
    c.polygon([(-3.4, -0.6), (3.4, -0.6), (1.2, 4), (-1.2, 4)], mix(colour, (0, 0, 0), 0.12))
    c.ellipse(0, -2, 4, 4, colour)
    c.ellipse(-1.2, -3, 1.4, 2, mix(colour, (255, 255, 255), 0.3))
    c.rect(-1.2, 4.6, 1.2, 6.2, p.WOOD)


PAINTERS: dict[str, Painter] = {
    "house": _house,
    "tree": _tree,
    "pine": _pine,
    "palm": _palm,
    "car": _car,
    "flower": _flower,
    "castle": _castle,
    "tent": _tent,
    "cactus": _cactus,
    "snowman": _snowman,
    "boat": _boat,
    "ship": _ship,
    "island": _island,
    "windmill": _windmill,
    "lighthouse": _lighthouse,
    "mushroom": _mushroom,
    "sheep": _sheep,
    "penguin": _penguin,
    "duck": _duck,
    "balloon": _balloon,
}
