"""What a scene holds: its values, and how a random one is chosen. Nothing here draws or speaks."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

PLACES = ("left", "middle", "right")
TIMES = ("day", "night", "sunset", "dawn")
GROUNDS = ("grass", "sand", "snow", "sea")
FAR_VIEWS = ("nothing", "mountains", "hills", "forest", "city")
WEATHERS = ("clear", "rain", "snowfall")
SIZES = ("normal", "small", "big")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "brown", "black")
PLACED_SKY = ("sun", "moon", "clouds")
SPREAD_SKY = ("stars", "rainbow", "lights")

_ANY = COLOURS
#: Colours that each kind of subject comes in; an empty tuple is a subject of one fixed look.
KIND_COLOURS: dict[str, tuple[str, ...]] = {
    "house": _ANY,
    "tree": ("green", "orange", "pink"),
    "pine": (),
    "car": _ANY,
    "flower": _ANY,
    "castle": _ANY,
    "tent": _ANY,
    "cactus": (),
    "palm": (),
    "snowman": _ANY,
    "boat": _ANY,
    "ship": _ANY,
    "island": (),
    "windmill": ("red", "blue", "green", "purple", "brown", "orange"),
    "lighthouse": ("red", "blue", "green", "black", "orange"),
    "mushroom": ("red", "brown", "purple", "orange"),
    "sheep": (),
    "penguin": (),
    "duck": (),
    "balloon": _ANY,
}
KINDS = tuple(KIND_COLOURS)
GROUND_KINDS = tuple(kind for kind in KINDS if kind != "balloon")

_SUBJECT_WEIGHTS: dict[str, dict[str, float]] = {
    "grass": {
        "house": 5,
        "tree": 5,
        "pine": 2,
        "car": 3,
        "flower": 4,
        "castle": 4,
        "tent": 2,
        "windmill": 3,
        "mushroom": 2,
        "sheep": 2,
    },
    "sand": {"cactus": 4, "tent": 3, "palm": 4, "castle": 3, "car": 3},
    "snow": {"snowman": 5, "pine": 4, "house": 4, "tent": 2, "penguin": 3},
    "sea": {"boat": 6, "ship": 5, "island": 3, "lighthouse": 3, "duck": 2},
}
_SKY_WEIGHTS: dict[str, dict[tuple[str, ...], float]] = {
    "day": {("sun",): 3, ("clouds",): 3, (): 2, ("rainbow",): 2, ("sun", "clouds"): 1},
    "night": {("moon",): 3, ("stars",): 3, ("moon", "stars"): 2, (): 1, ("lights",): 1},
    "sunset": {("sun",): 4, ("clouds",): 2, (): 2},
    "dawn": {("sun",): 4, ("clouds",): 2, (): 2},
}


@dataclass(frozen=True)
class Subject:
    """One thing in the scene. ``colour`` is None for kinds of one fixed look; ``place`` is one of PLACES."""

    kind: str
    colour: str | None
    place: str
    size: str = "normal"


@dataclass(frozen=True)
class Scene:
    """All that is true of a picture. ``sky`` maps each thing in the sky to its place (None: all over)."""

    time: str
    ground: str
    far: str
    weather: str
    autumn: bool
    sky: dict[str, str | None]
    subjects: tuple[Subject, ...] = field(default=())

    @property
    def group(self) -> int:
        """How many alike things stand there (2 or 3), or 0 where the subjects differ."""
        looks = {(s.kind, s.colour) for s in self.subjects}
        return len(self.subjects) if len(self.subjects) > 1 and len(looks) == 1 else 0


def _weighted(rng: random.Random, weights: dict):
    return rng.choices(list(weights), list(weights.values()))[0]


def _colour(rng: random.Random, kind: str, ground: str) -> str | None:
    choices = [c for c in KIND_COLOURS[kind] if not (c == "white" and ground == "snow")]
    return rng.choice(choices) if choices else None


def _subjects(rng: random.Random, ground: str) -> tuple[Subject, ...]:
    weights = _SUBJECT_WEIGHTS[ground]
    form = _weighted(rng, {"one": 9, "two": 7, "alike": 2, "balloon": 1.2, "with balloon": 0.8})
    places = rng.sample(PLACES, 3)
    if form == "balloon":
        return (Subject("balloon", _colour(rng, "balloon", ground), places[0]),)
    kind = _weighted(rng, weights)
    colour = _colour(rng, kind, ground)
    if form == "alike":
        alike = rng.choice([("left", "right"), ("left", "right"), PLACES])
        return tuple(Subject(kind, colour, place) for place in alike)
    size = _weighted(rng, {"normal": 6, "small": 1, "big": 1}) if form == "one" else "normal"
    first = Subject(kind, colour, places[0], size)
    if form == "one":
        return (first,)
    second = "balloon" if form == "with balloon" else _weighted(rng, weights)
    return (first, Subject(second, _colour(rng, second, ground), places[1]))


def random_scene(rng: random.Random) -> Scene:
    """Any scene, withheld combinations included (``picture.py`` leaves those out for training)."""
    time = rng.choice(TIMES)
    ground = rng.choice(GROUNDS)
    weather = "clear"
    sky_things = _weighted(rng, _SKY_WEIGHTS[time])
    if ground != "sand" and rng.random() < 0.12:
        weather = "snowfall" if ground == "snow" else "rain"
        sky_things = ("clouds",) if rng.random() < 0.5 else ()
    places = rng.sample(PLACES, 3)
    sky = {name: places[i] if name in PLACED_SKY else None for i, name in enumerate(sky_things)}
    far = _weighted(rng, {"nothing": 8, "mountains": 4, "hills": 4, "forest": 1.5, "city": 1.5})
    autumn = ground == "grass" and rng.random() < 0.15
    subjects = _subjects(rng, ground)
    taken = {s.place for s in subjects if s.kind == "balloon"}
    for name, place in sky.items():  # a balloon hangs where the sun would stand: move what is behind it
        if place in taken:
            free = [p for p in PLACES if p not in taken and p not in sky.values()]
            sky[name] = rng.choice(free)
    return Scene(time, ground, far, weather, autumn, sky, subjects)
