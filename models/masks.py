"""Masks as people paint them: a box, a brush's stroke, a half, all but a box, everything."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw


def random_mask(rng: random.Random, size: int) -> np.ndarray:
    """Float32 ``[1, size, size]``, 1 where something new is wanted: between a twentieth and the whole picture."""
    mask = np.zeros((1, size, size), np.float32)
    kind = rng.choices(("box", "stroke", "half", "around", "all"), (4, 4, 1, 1, 1))[0]
    if kind == "all":
        mask[:] = 1
    elif kind == "half":
        cut = rng.randint(size // 4, 3 * size // 4)
        side = slice(0, cut) if rng.random() < 0.5 else slice(cut, size)
        mask[(0, slice(None), side) if rng.random() < 0.5 else (0, side, slice(None))] = 1
    elif kind == "stroke":
        mask[0] = _stroke(rng, size)
    else:
        (x0, x1), (y0, y1) = (_range(rng, size) for _ in range(2))
        mask[0, y0:y1, x0:x1] = 1
        if kind == "around":
            mask = 1 - mask
    return mask


def _range(rng: random.Random, size: int) -> tuple[int, int]:
    length = rng.randint(size // 4, 3 * size // 4)
    start = rng.randint(0, size - length)
    return start, start + length


def _stroke(rng: random.Random, size: int) -> np.ndarray:
    """A thick line that turns a few times."""
    image = Image.new("1", (size, size))
    pen, radius = ImageDraw.Draw(image), rng.uniform(size / 16, size / 6)
    points = [(rng.uniform(0, size), rng.uniform(0, size))]
    for _ in range(rng.randint(1, 5)):
        x, y = points[-1]
        points.append((x + rng.uniform(-size, size) / 2, y + rng.uniform(-size, size) / 2))
    pen.line(points, 1, round(2 * radius), "curve")
    for x, y in points:
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], 1)
    return np.asarray(image, np.float32)
