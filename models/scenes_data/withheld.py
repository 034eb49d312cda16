"""Combinations that no training picture holds, so that composing can be measured.

Each pairs two things that training shows often, apart from each other.
"""

from __future__ import annotations

from collections.abc import Callable

from .facts import Fact
from .scene import PLACES, Scene


def _has(scene: Scene, kind: str, **traits: str) -> bool:
    return any(s.kind == kind and all(getattr(s, k) == v for k, v in traits.items()) for s in scene.subjects)


WITHHELD: dict[str, Callable[[Scene], bool]] = {
    "purple windmill": lambda s: _has(s, "windmill", colour="purple"),
    "lighthouse at night": lambda s: s.time == "night" and _has(s, "lighthouse"),
    "snowman in falling snow": lambda s: s.weather == "snowfall" and _has(s, "snowman"),
    "castles in a group": lambda s: s.group > 1 and _has(s, "castle"),
    "big cactus": lambda s: _has(s, "cactus", size="big"),
}


def withheld_name(scene: Scene) -> str | None:
    """The name of the withheld combination that the scene holds, or None."""
    return next((name for name, holds in WITHHELD.items() if holds(scene)), None)


#: The facts a caption must claim to ask for the combination; a set within a tuple offers a choice.
_ASKED: dict[str, tuple[set[Fact], ...]] = {
    "purple windmill": (
        {("colour", "windmill", "purple"), *(("colour at", "windmill", "purple", place) for place in PLACES)},
    ),
    "lighthouse at night": ({("subject", "lighthouse")}, {("time", "night")}),
    "snowman in falling snow": ({("subject", "snowman")}, {("weather", "snowfall")}),
    "castles in a group": ({("count", "castle", 2), ("count", "castle", 3)},),
    "big cactus": ({("size", "cactus", "big")},),
}


def asks_for(claimed: list[Fact], name: str) -> bool:
    """Whether a caption's facts spell out the withheld combination of that name."""
    return all(choice & set(claimed) for choice in _ASKED[name])
