"""Picture number ``index`` of the endless series ``seed``: the same on every machine and in any order."""

from __future__ import annotations

import random

import numpy as np

from .caption import describe
from .draw import draw
from .scene import Scene, random_scene
from .withheld import withheld_name


def picture(seed: int, index: int, size: int = 32, withheld: bool = False) -> tuple[np.ndarray, str, list, Scene]:
    """Pixels (uint8 ``[size, size, 3]``), caption, the facts the caption claims, and the whole scene.

    With ``withheld`` False no scene holds a withheld combination; with True every scene does.
    """
    rng = random.Random(f"scenes/{seed}/{index}")
    scene = random_scene(rng)
    while (withheld_name(scene) is not None) != withheld:
        scene = random_scene(rng)
    caption, facts = describe(scene, rng)
    return draw(scene, rng, size), caption, facts, scene


def pictures(seed: int, start: int, count: int, size: int = 32) -> tuple[np.ndarray, list[str], list[Scene]]:
    """Pictures ``start`` … ``start + count − 1``: pixels uint8 ``[count, size, size, 3]``, captions, scenes."""
    pixels = np.empty((count, size, size, 3), np.uint8)
    captions, scenes = [], []
    for i in range(count):
        pixels[i], caption, _, scene = picture(seed, start + i, size)
        captions.append(caption)
        scenes.append(scene)
    return pixels, captions, scenes
