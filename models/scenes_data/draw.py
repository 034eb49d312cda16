"""Paints a scene from the back to the front: sky, far view, ground, subjects, weather."""

from __future__ import annotations

import random

import numpy as np

from . import palette as p
from .canvas import UNITS, Canvas, Colour, mix
from .scene import Scene
from .subjects import PAINTERS

PLACE_X = {"left": 7, "middle": 16, "right": 25}
_SCALE = {"small": 0.62, "normal": 1.0, "big": 1.4}


def draw(scene: Scene, rng: random.Random, size: int = 32, canvas: Canvas | None = None) -> np.ndarray:
    """The picture, uint8 ``[size, size, 3]``. ``rng`` settles what no caption tells: exact places, waves, stars."""
    canvas = canvas or Canvas(size)
    horizon = rng.randint(16, 21)
    top, bottom = p.SKY[scene.time]
    if scene.weather != "clear":
        grey = p.RAIN_CLOUD[scene.time]
        top, bottom = mix(top, grey, 0.6), mix(bottom, grey, 0.5)
    canvas.gradient(0, horizon, top, bottom)
    sky_x = _sky(canvas, scene, horizon, mix(top, bottom, 0.3), rng)
    canvas.at(0, 0, 1, p.GROUND_LIGHT[scene.time])
    _far(canvas, scene, horizon, rng)
    _ground(canvas, scene, horizon, sky_x, rng)
    _subjects(canvas, scene, rng)
    _weather(canvas.at(0, 0), scene, rng)
    return canvas.pixels()


def _sky(c: Canvas, scene: Scene, horizon: int, behind: Colour, rng: random.Random) -> dict[str, float]:
    """Paints the sky; where each placed thing stands."""
    where = {name: PLACE_X[place] + rng.randint(-2, 2) for name, place in scene.sky.items() if place}
    if "lights" in scene.sky:
        for band, colour in enumerate(p.LIGHTS):
            shift, base = rng.uniform(-2, 2), 3 + band * 2.6
            curve = [(x, base + 1.6 * np.sin((x + shift) / 5 + band)) for x in range(-1, 34, 2)]
            c.polygon(curve + [(x, y + 2.2) for x, y in reversed(curve)], mix(colour, behind, 0.25))
    if "stars" in scene.sky:
        for x, y in _scatter(rng, 4, 3, 14):
            c.rect(x, y, x + 1, y + 1, p.STAR)
    if "rainbow" in scene.sky:
        for i, name in enumerate(p.RAINBOW):
            c.arc(16, horizon, 15 - i * 1.25, 1.5, p.NAMED[name])
    if "sun" in scene.sky:
        colour = p.SUN[scene.time]
        y = 6 + rng.randint(-1, 2)
        c.ellipse(where["sun"], y, 4.8, 4.8, mix(behind, colour, 0.3))
        c.ellipse(where["sun"], y, 3.6, 3.6, colour)
    if "moon" in scene.sky:
        c.ellipse(where["moon"], 6, 3.4, 3.4, p.MOON)
        c.ellipse(where["moon"] + 1.7, 5.3, 2.8, 2.8, behind)
    if "clouds" in scene.sky:
        colour = (p.CLOUD if scene.weather == "clear" else p.RAIN_CLOUD)[scene.time]
        if scene.weather != "clear":
            colour = mix(colour, (255, 255, 255), 0.25)
        for dx in (-3, 0, 3.4):
            c.ellipse(where["clouds"] + dx, 6 + rng.random(), 3, 2.2, colour)
    return where


def _far(c: Canvas, scene: Scene, horizon: int, rng: random.Random) -> None:
    if scene.far == "mountains":
        for x, width, height in (
            (7 + rng.randint(-3, 3), 9, 9 + rng.randint(-1, 2)),
            (22 + rng.randint(-3, 3), 11, 11 + rng.randint(-1, 2)),
        ):
            peak = horizon - height
            c.polygon([(x - width, horizon), (x, peak), (x + width, horizon)], p.ROCK)
            snow_line = peak + height * 0.27
            c.polygon([(x - width * 0.27, snow_line), (x, peak), (x + width * 0.27, snow_line)], p.SNOWCAP)
    elif scene.far == "hills":
        colour = p.AUTUMN_HILL if scene.autumn else p.HILL
        for x in (6 + rng.randint(-2, 2), 17, 28):
            c.ellipse(x, horizon + 2, 9, 6, colour)
    elif scene.far == "forest":
        colour = mix(p.FOREST, p.AUTUMN_HILL, 0.6) if scene.autumn else p.FOREST
        shift = rng.uniform(0, 3)
        for i in range(12):
            x, height = i * 3 - shift, 3.6 + 1.4 * (i % 2)
            c.polygon([(x - 2, horizon), (x, horizon - height), (x + 2, horizon)], colour)
        c.rect(0, horizon - 1.4, UNITS, horizon, colour)
    elif scene.far == "city":
        x = -rng.randint(0, 2)
        while x < UNITS:
            width, height = rng.choice((3, 4)), rng.randint(3, 8)
            colour = mix(p.CITY, (60, 65, 90), rng.choice((0.0, 0.3)))
            c.rect(x, horizon - height, x + width, horizon, colour)
            if height > 4:
                c.rect(x + 1, horizon - height + 1, x + 2, horizon - height + 2, p.LAMP if scene.time != "day" else p.PANE)
            x += width


def _ground(c: Canvas, scene: Scene, horizon: int, sky_x: dict[str, float], rng: random.Random) -> None:
    colour = p.AUTUMN_GRASS if scene.autumn else p.GROUND[scene.ground]
    c.gradient(horizon, UNITS, mix(colour, (255, 255, 255), 0.06), mix(colour, (0, 0, 0), 0.08))
    if scene.ground == "sea":
        for _ in range(7):
            x, y = rng.randint(0, 26), rng.randint(horizon + 1, 30)
            c.rect(x, y, x + 5, y + 0.75, p.WAVE)
        for name, light in (("sun", p.SUN.get(scene.time, p.MOON)), ("moon", p.MOON)):
            if name in sky_x:  # its light on the water
                for y in range(horizon + 1, 31, 2):
                    half = 1.2 + (y - horizon) * 0.12
                    c.rect(sky_x[name] - half, y, sky_x[name] + half, y + 0.8, mix(colour, light, 0.65))
    elif scene.autumn:
        for _ in range(10):
            x, y = rng.uniform(1, 31), rng.uniform(horizon + 2, 31)
            c.ellipse(x, y, 0.6, 0.5, rng.choice(((215, 95, 40), (230, 170, 60))))


def _subjects(c: Canvas, scene: Scene, rng: random.Random) -> None:
    crowd = 0.85 if scene.group == 3 else 1.0
    light = p.SUBJECT_LIGHT[scene.time]
    base = mix(p.AUTUMN_GRASS if scene.autumn else p.GROUND[scene.ground], (0, 0, 0), 0.22)
    for s in scene.subjects:
        x, y = PLACE_X[s.place] + rng.randint(-1, 1), rng.randint(25, 28)
        scale = _SCALE[s.size] * crowd
        colour = p.NAMED[s.colour] if s.colour else (0, 0, 0)
        if s.kind == "balloon":
            c.at(x, 7 + rng.randint(-1, 1), scale, light)
        else:
            c.at(x, y, scale, p.GROUND_LIGHT[scene.time])
            c.ellipse(0, 1 if scene.ground == "sea" else 0, 5, 1.1, base)  # a shadow, or the dark water below
            c.at(x, y, scale, light)
        PAINTERS[s.kind](c, colour, scene.time == "night")


def _weather(c: Canvas, scene: Scene, rng: random.Random) -> None:
    if scene.weather == "rain":
        for x, y in _scatter(rng, 5, 5, 30):
            c.polygon([(x + 1, y), (x + 1.5, y), (x + 0.5, y + 2.6), (x, y + 2.6)], (175, 200, 230))
    elif scene.weather == "snowfall":
        for x, y in _scatter(rng, 5, 5, 31):
            c.rect(x, y, x + 1, y + 1, (255, 255, 255))


def _scatter(rng: random.Random, columns: int, rows: int, height: int) -> list[tuple[int, int]]:
    """One whole position in each cell of a grid over the upper ``height`` units: strewn, yet never in heaps."""
    width, depth = UNITS / columns, height / rows
    return [
        (int(i * width + rng.uniform(0, width - 1)), int(j * depth + rng.uniform(0, depth - 1)))
        for j in range(rows)
        for i in range(columns)
    ]
