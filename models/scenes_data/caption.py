"""A scene in words: which of its facts are said, in which wording and order."""

from __future__ import annotations

import random

from .facts import Fact
from .scene import Scene, Subject
from .vocabulary import MAX_TOKENS, tokenize

_TIME = {
    "day": ("at day", "by day", "on a sunny day"),
    "night": ("at night", "at night", "by night"),
    "sunset": ("at sunset", "at sunset", "in the evening"),
    "dawn": ("at dawn", "at dawn", "in the morning", "at sunrise"),
}
_GROUND = {
    "grass": ("on grass", "on grass", "on the grass", "in a meadow", "in a green field"),
    "sand": ("on sand", "on sand", "in the desert", "on the beach"),
    "snow": ("on snow", "on snow", "in the snow", "in winter"),
    "sea": ("on the sea", "on the sea", "on the water", "on a lake", "on the ocean"),
}
_OVER = {
    "grass": ("over grass", "over a meadow"),
    "sand": ("over sand", "over the desert"),
    "snow": ("over the snow",),
    "sea": ("over the sea",),
}
_FAR = {
    "mountains": ("mountains", "mountains", "mountains far behind"),
    "hills": ("hills",),
    "forest": ("a forest", "a forest behind"),
    "city": ("a city", "a city skyline"),
}
_WEATHER = {"rain": ("in the rain", "in rain"), "snowfall": ("in falling snow", "under falling snow")}
_SPREAD = {"stars": ("stars", "stars", "a starry sky"), "rainbow": ("a rainbow",), "lights": ("northern lights",)}
_NUMBER = {2: "two", 3: "three"}
_PLURAL = {
    "pine": "pine trees",
    "palm": "palm trees",
    "sheep": "sheep",
    "snowman": "snowmen",
    "cactus": "cactuses",
    "balloon": "balloons",
}
_SINGULAR = {"pine": "pine tree", "palm": "palm tree"}
#: Kinds whose colour belongs to a part: how the part is named for one and for several.
_PART = {
    "house": ("a {} roof", "{} roofs"),
    "castle": ("{} roofs", "{} roofs"),
    "boat": ("a {} sail", "{} sails"),
    "snowman": ("a {} scarf", "{} scarves"),
}
_SIZE = {"small": ("small", "small", "little", "tiny"), "big": ("big", "big", "large")}


def _article(phrase: str) -> str:
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def _name(subject: Subject, count: int, say_colour: bool, say_size: bool, rng: random.Random) -> str:
    """The subject without its place: ``a small house with a red roof``, ``two blue tents``."""
    kind, colour = subject.kind, subject.colour
    noun = _PLURAL.get(kind, kind + "s") if count else _SINGULAR.get(kind, kind)
    if kind == "balloon" and rng.random() < 0.4:
        noun = "hot air " + noun
    tail = ""
    if say_colour and colour is not None:
        if kind in _PART and rng.random() < 0.6:
            tail = " with " + _PART[kind][1 if count else 0].format(colour).replace("a orange", "an orange")
        else:
            noun = f"{colour} {noun}"
    if say_size:
        noun = f"{rng.choice(_SIZE[subject.size])} {noun}"
    return (f"{_NUMBER[count]} {noun}" if count else _article(noun)) + tail


def _place(place: str, rng: random.Random) -> str:
    return ("in the middle" if rng.random() < 0.8 else "on the middle") if place == "middle" else f"on the {place}"


def _subject_phrases(scene: Scene, rng: random.Random, terse: bool) -> tuple[str, list[Fact]]:
    if scene.group:
        first, count = scene.subjects[0], scene.group
        facts: list[Fact] = [("subject", first.kind), ("count", first.kind, count)]
        say_colour = first.colour is not None and rng.random() < 0.9
        if say_colour:
            facts.append(("colour", first.kind, first.colour))
        return _name(first, count, say_colour, False, rng), facts
    subjects = list(scene.subjects)
    rng.shuffle(subjects)
    same_kind = len({s.kind for s in subjects}) < len(subjects)
    phrases, facts = [], []
    for s in subjects:
        say_colour = s.colour is not None and (same_kind or rng.random() < 0.92)
        say_size = s.size != "normal" and (terse or rng.random() < 0.9)
        say_place = same_kind or rng.random() < (0.3 if terse else 0.9)
        phrase = _name(s, 0, say_colour, say_size, rng)
        facts.append(("subject", s.kind))
        if say_colour:
            facts.append(("colour at", s.kind, s.colour, s.place) if same_kind else ("colour", s.kind, s.colour))
        if say_size:
            facts.append(("size", s.kind, s.size))
        if say_place:
            phrase += " " + _place(s.place, rng)
            facts.append(("place", s.kind, s.place))
        phrases.append(phrase)
    return " and ".join(phrases), facts


def _sky_phrases(scene: Scene, rng: random.Random, keep: float) -> tuple[list[str], list[Fact]]:
    phrases, facts = [], []
    for name, place in scene.sky.items():
        if rng.random() >= keep:
            continue
        facts.append(("sky", name))
        if place is None:
            phrases.append(rng.choice(_SPREAD[name]))
            continue
        phrase = {"sun": rng.choice(("a sun", "the sun")), "moon": rng.choice(("a moon", "the moon")), "clouds": "clouds"}[name]
        if rng.random() < 0.85:
            phrase += " " + _place(place, rng)
            facts.append(("sky at", name, place))
        phrases.append(phrase)
    if scene.far != "nothing" and rng.random() < keep:
        phrases.append(rng.choice(_FAR[scene.far]))
        facts.append(("far", scene.far))
    rng.shuffle(phrases)
    return phrases, facts


def describe(scene: Scene, rng: random.Random) -> tuple[str, list[Fact]]:
    """A caption of at most ``MAX_TOKENS`` − 2 words and the facts it claims, every one true of the scene.

    About a fifth of the captions are terse (``a red boat``), the rest say most of what is there.
    """
    while True:
        caption, facts = _describe(scene, rng)
        if len(tokenize(caption)) <= MAX_TOKENS - 2:
            return caption, facts


def _describe(scene: Scene, rng: random.Random) -> tuple[str, list[Fact]]:
    terse = rng.random() < 0.2
    keep = 0.15 if terse else 0.92
    subject_text, facts = _subject_phrases(scene, rng, terse)
    setting: list[str] = []
    if rng.random() < (0.35 if terse else 0.95):
        wording = rng.choice(_GROUND[scene.ground])
        if scene.autumn:  # an autumn meadow is not green
            wording = rng.choice(_GROUND["grass"][:-1])
        if scene.subjects[0].kind == "balloon" and rng.random() < 0.6:
            wording = rng.choice(_OVER[scene.ground])
        setting.append(wording)
        facts.append(("ground", scene.ground))
    if scene.autumn and rng.random() < (0.5 if terse else 0.95):
        setting.append("in autumn")
        facts.append(("season", "autumn"))
    if rng.random() < (0.4 if terse else 0.95):
        sunny = scene.time == "day" and "sun" in scene.sky
        setting.append(rng.choice(_TIME[scene.time] if sunny or scene.time != "day" else _TIME["day"][:2]))
        facts.append(("time", scene.time))
    if scene.weather != "clear" and rng.random() < (0.5 if terse else 0.95):
        setting.append(rng.choice(_WEATHER[scene.weather]))
        facts.append(("weather", scene.weather))
    sky, sky_facts = _sky_phrases(scene, rng, keep)
    return _join(subject_text, setting, sky, rng), facts + sky_facts


def _join(subjects: str, setting: list[str], sky: list[str], rng: random.Random) -> str:
    """One of four sentence forms."""
    form = rng.choices(("plain", "setting first", "there is", "list"), (7, 1.5, 0.5, 1))[0]
    where = " ".join(setting)
    with_sky = " with " + " and ".join(sky) if sky else ""
    if form == "setting first" and setting:
        return f"{where}, {subjects}{with_sky}"
    if form == "there is" and not subjects.startswith(("two", "three")):
        return f"there is {subjects} {where}".rstrip() + with_sky
    if form == "list":
        return ", ".join([subjects, *setting, *sky])
    return f"{subjects} {where}".rstrip() + with_sky
