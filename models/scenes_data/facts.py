"""Facts as tuples, one form for what a caption claims and for what a picture shows.

    ("time", "night")  ("ground", "sea")  ("far", "hills")  ("weather", "rain")  ("season", "autumn")
    ("sky", "moon")  ("sky at", "moon", "left")
    ("subject", "boat")  ("colour", "boat", "red")  ("place", "boat", "left")
    ("colour at", "boat", "red", "left")  ("size", "boat", "big")  ("count", "boat", 2)

``colour at`` stands where two things of one kind differ in colour, so that the pairing counts.
"""

from __future__ import annotations

from collections import Counter

from .scene import Scene

Fact = tuple


def scene_facts(scene: Scene) -> set[Fact]:
    """Every fact that is true of the scene."""
    facts: set[Fact] = {
        ("time", scene.time),
        ("ground", scene.ground),
        ("far", scene.far),
        ("weather", scene.weather),
    }
    if scene.autumn:
        facts.add(("season", "autumn"))
    for name, place in scene.sky.items():
        facts.add(("sky", name))
        if place is not None:
            facts.add(("sky at", name, place))
    for s in scene.subjects:
        facts |= {("subject", s.kind), ("place", s.kind, s.place), ("size", s.kind, s.size)}
        if s.colour is not None:
            facts |= {("colour", s.kind, s.colour), ("colour at", s.kind, s.colour, s.place)}
    for kind, count in Counter(s.kind for s in scene.subjects).items():
        facts.add(("count", kind, count))
    return facts


def agreement(claimed: list[Fact], found: set[Fact]) -> float:
    """The share of claimed facts that were found, in [0, 1]; 1 for a caption that claims nothing."""
    return sum(fact in found for fact in claimed) / len(claimed) if claimed else 1.0
