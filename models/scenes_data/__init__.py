"""Pixel-art scenes with exact captions, drawn by a program.

    from scenes_data import picture
    pixels, caption, facts, scene = picture(seed=0, index=7)

``scene.py`` decides what is there, ``draw.py`` (with ``subjects.py``) paints it, ``caption.py``
says part of it in words, ``facts.py`` lists what a caption claims and what a scene holds,
``withheld.py`` names the combinations that are never drawn for training.
"""

from .caption import describe
from .draw import draw
from .facts import scene_facts
from .picture import outlined, picture, pictures
from .scene import Scene, Subject, random_scene
from .vocabulary import VOCABULARY, encode, tokenize
from .withheld import WITHHELD, asks_for, withheld_name

__all__ = [
    "Scene",
    "Subject",
    "VOCABULARY",
    "WITHHELD",
    "asks_for",
    "describe",
    "draw",
    "encode",
    "outlined",
    "picture",
    "pictures",
    "random_scene",
    "scene_facts",
    "tokenize",
    "withheld_name",
]
