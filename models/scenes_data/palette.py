"""Every colour in the pictures, by what it paints."""

from .canvas import Colour

NAMED: dict[str, Colour] = {
    "red": (220, 50, 47),
    "orange": (240, 140, 40),
    "yellow": (250, 210, 60),
    "green": (70, 160, 70),
    "blue": (50, 110, 210),
    "purple": (140, 80, 180),
    "pink": (240, 140, 180),
    "white": (245, 245, 245),
    "brown": (140, 95, 60),
    "black": (40, 40, 45),
}
SKY: dict[str, tuple[Colour, Colour]] = {
    "day": ((95, 170, 240), (190, 225, 250)),
    "night": ((15, 20, 55), (45, 50, 105)),
    "sunset": ((110, 60, 140), (250, 150, 80)),
    "dawn": ((150, 170, 220), (250, 210, 190)),
}
GROUND: dict[str, Colour] = {
    "grass": (95, 175, 80),
    "sand": (230, 205, 140),
    "snow": (238, 243, 250),
    "sea": (35, 100, 165),
}
AUTUMN_GRASS: Colour = (196, 150, 70)
#: What the light of the hour does to the ground and what is far away.
GROUND_LIGHT = {
    "day": (1.0, 1.0, 1.0),
    "night": (0.55, 0.55, 0.7),
    "sunset": (1.0, 0.84, 0.76),
    "dawn": (1.0, 0.95, 0.94),
}
#: The same for subjects: less of it, so that their colours stay what the caption calls them.
SUBJECT_LIGHT = {
    "day": (1.0, 1.0, 1.0),
    "night": (0.82, 0.84, 0.95),
    "sunset": (1.0, 0.94, 0.9),
    "dawn": (1.0, 0.98, 0.97),
}
SUN = {"day": (255, 225, 90), "dawn": (255, 225, 90), "sunset": (255, 110, 60)}
CLOUD = {"day": (250, 250, 252), "night": (80, 85, 130), "sunset": (245, 190, 180), "dawn": (250, 240, 240)}
RAIN_CLOUD = {"day": (150, 158, 172), "night": (62, 66, 100), "sunset": (130, 100, 130), "dawn": (160, 160, 175)}
MOON: Colour = (240, 240, 215)
STAR: Colour = (250, 250, 230)
RAINBOW = ("red", "orange", "yellow", "green", "blue", "purple")
LIGHTS = ((60, 200, 140), (90, 225, 170), (120, 120, 210))
ROCK: Colour = (120, 115, 140)
SNOWCAP: Colour = (240, 240, 248)
HILL: Colour = (80, 140, 95)
AUTUMN_HILL: Colour = (185, 115, 60)
FOREST: Colour = (45, 95, 70)
CITY: Colour = (118, 128, 152)
WAVE: Colour = (90, 155, 205)
WOOD: Colour = (110, 75, 50)
TRUNK: Colour = (140, 100, 60)
WALL: Colour = (235, 225, 205)
PANE: Colour = (120, 180, 220)
LAMP: Colour = (255, 225, 120)
LEAF: Colour = (60, 150, 70)
NEEDLES: Colour = (40, 110, 70)
CACTUS: Colour = (60, 140, 70)
INK: Colour = (40, 40, 45)
