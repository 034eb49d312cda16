"""Picture number ``index`` of the endless series ``seed``: the same on every machine and in any order."""

from __future__ import annotations

import random

import numpy as np

from .caption import describe
from .draw import draw
from .outline import LineCanvas
from .scene import Scene, random_scene
from .withheld import withheld_name


def picture(seed: int, index: int, size: int = 32, withheld: bool = False) -> tuple[np.ndarray, str, list, Scene]:
    """Pixels (uint8 ``[size, size, 3]``), caption, the facts the caption claims, and the whole scene.

    With ``withheld`` False no scene holds a withheld combination; with True every scene does.
    """
    scene, caption, facts, rng = _told(seed, index, withheld)
    return draw(scene, rng, size), caption, facts, scene


def outlined(seed: int, index: int, size: int = 32, left_out: float = 0.0) -> tuple[np.ndarray, np.ndarray, str]:
    """Pixels of picture ``index``, its line drawing (both uint8 ``[size, size, 3]``), and its caption.

    ``left_out`` is the share of shapes that the drawing leaves out.
    """
    scene, caption, _, rng = _told(seed, index, False)
    places = rng.getstate()
    pixels = draw(scene, rng, size)
    rng.setstate(places)
    lines = LineCanvas(size, random.Random(f"outline/{seed}/{index}"), left_out)
    return pixels, draw(scene, rng, size, lines), caption


def _told(seed: int, index: int, withheld: bool) -> tuple[Scene, str, list, random.Random]:
    """A scene, its caption, the facts that this claims, and the random numbers that drawing goes on with."""
    rng = random.Random(f"scenes/{seed}/{index}")
    scene = random_scene(rng)
    while (withheld_name(scene) is not None) != withheld:
        scene = random_scene(rng)
    return (scene, *describe(scene, rng), rng)


def pictures(seed: int, start: int, count: int, size: int = 32) -> tuple[np.ndarray, list[str], list[Scene]]:
    """Pictures ``start`` … ``start + count − 1``: pixels uint8 ``[count, size, size, 3]``, captions, scenes."""
    pixels = np.empty((count, size, size, 3), np.uint8)
    captions, scenes = [], []
    for i in range(count):
        pixels[i], caption, _, scene = picture(seed, start + i, size)
        captions.append(caption)
        scenes.append(scene)
    return pixels, captions, scenes
