"""A small network that reads a scene off a picture: one classifier per question, on shared features.

The judge and the feature network are two of these, of different width, trained on different pictures.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

import scenes_data
from scenes_data.scene import (
    COLOURS,
    FAR_VIEWS,
    GROUND_KINDS,
    GROUNDS,
    KIND_COLOURS,
    PLACED_SKY,
    PLACES,
    SIZES,
    SPREAD_SKY,
    TIMES,
    WEATHERS,
    Scene,
    Subject,
)

_ABSENT = "absent"

#: Each question and its possible answers.
QUESTIONS: dict[str, tuple[str, ...]] = {
    "time": TIMES,
    "ground": GROUNDS,
    "far": FAR_VIEWS,
    "weather": WEATHERS,
    "season": ("summer", "autumn"),
    **{name: (_ABSENT, *PLACES) for name in PLACED_SKY},
    **{name: (_ABSENT, "present") for name in SPREAD_SKY},
    **{f"kind {place}": (_ABSENT, *GROUND_KINDS) for place in PLACES},
    **{f"colour {place}": (_ABSENT, *COLOURS) for place in PLACES},
    **{f"size {place}": SIZES for place in PLACES},
    **{f"balloon {place}": (_ABSENT, *COLOURS) for place in PLACES},
}


def answers(scene: Scene) -> dict[str, str]:
    """The true answer to every question."""
    found = dict.fromkeys(QUESTIONS, _ABSENT)
    found |= {"time": scene.time, "ground": scene.ground, "far": scene.far, "weather": scene.weather}
    found["season"] = "autumn" if scene.autumn else "summer"
    found |= {name: place or "present" for name, place in scene.sky.items()}
    found |= {f"size {place}": "normal" for place in PLACES}
    for s in scene.subjects:
        if s.kind == "balloon":
            found[f"balloon {s.place}"] = s.colour
        else:
            found[f"kind {s.place}"], found[f"size {s.place}"] = s.kind, s.size
            found[f"colour {s.place}"] = s.colour or _ABSENT
    return found


def labels(scenes: list[Scene]) -> torch.Tensor:
    """Answers as numbers, int64 ``[scenes, questions]``."""
    return torch.tensor([[QUESTIONS[q].index(a) for q, a in answers(scene).items()] for scene in scenes])


class Reader(nn.Module):
    """Pictures float ``[batch, 3, 32, 32]`` in [-1, 1] → features ``[batch, features]`` → logits of all questions."""

    def __init__(self, width: int, features: int):
        super().__init__()
        w = width
        self.body = nn.Sequential(
            nn.Conv2d(3, w, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(w, 2 * w, 3, padding=1),
            nn.GroupNorm(4, 2 * w),
            nn.ReLU(),
            nn.Conv2d(2 * w, 3 * w, 3, stride=2, padding=1),
            nn.GroupNorm(4, 3 * w),
            nn.ReLU(),
            nn.Conv2d(3 * w, 3 * w, 3, padding=1),
            nn.GroupNorm(4, 3 * w),
            nn.ReLU(),
            nn.Conv2d(3 * w, w, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * w, features),
        )
        self.head = nn.Linear(features, sum(map(len, QUESTIONS.values())))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.head(F.relu(self.body(pictures)))

    def read(self, pictures: torch.Tensor) -> list[Scene]:
        """The scene that the network sees in each picture."""
        with torch.no_grad():
            parts = self(pictures).split([len(a) for a in QUESTIONS.values()], 1)
        logits = dict(zip(QUESTIONS, parts, strict=True))
        return [_scene({q: values[i] for q, values in logits.items()}) for i in range(len(pictures))]


def _scene(logits: dict[str, torch.Tensor]) -> Scene:
    def best(question: str) -> str:
        return QUESTIONS[question][int(logits[question].argmax())]

    sky: dict[str, str | None] = {name: best(name) for name in PLACED_SKY if best(name) != _ABSENT}
    sky |= {name: None for name in SPREAD_SKY if best(name) != _ABSENT}
    subjects = []
    for place in PLACES:
        kind = best(f"kind {place}")
        if kind != _ABSENT:
            options = KIND_COLOURS[kind]
            colour = None
            if options:  # the likeliest colour that this kind comes in
                colour = max(options, key=lambda c: float(logits[f"colour {place}"][1 + COLOURS.index(c)]))
            subjects.append(Subject(kind, colour, place, best(f"size {place}")))
        if best(f"balloon {place}") != _ABSENT:
            subjects.append(Subject("balloon", best(f"balloon {place}"), place))
    autumn = best("season") == "autumn"
    return Scene(best("time"), best("ground"), best("far"), best("weather"), autumn, sky, tuple(subjects))


@dataclass(frozen=True)
class ReaderSettings:
    """How a reader is trained. One picture in ten holds a withheld combination: readers must know them all."""

    width: int
    features: int
    seed: int
    pictures: int = 40_000
    epochs: int = 6
    batch: int = 128
    learning_rate: float = 2e-3


def draw_examples(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor, list[Scene], list[list]]:
    """Pictures uint8 ``[count, 3, 32, 32]``, labels, scenes and the facts that their captions claim."""
    pixels, scenes, facts = [], [], []
    for i in range(count):
        picture, _, claimed, scene = scenes_data.picture(seed, i, withheld=i % 10 == 0)
        pixels.append(torch.from_numpy(picture.copy()))
        scenes.append(scene)
        facts.append(claimed)
    return torch.stack(pixels).permute(0, 3, 1, 2).contiguous(), labels(scenes), scenes, facts


def to_float(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 pictures as floats in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def disturb(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Noise, blur and a change of brightness, of another strength for each picture."""

    def strength(limit: float) -> torch.Tensor:
        return torch.rand(len(pictures), 1, 1, 1, generator=generator) * limit

    soft = F.avg_pool2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, 1)
    mixed = torch.lerp(pictures, soft, strength(0.6))
    noise = torch.randn(pictures.shape, generator=generator) * strength(0.12)
    return mixed * (1 + strength(0.1) - 0.05) + noise + strength(0.1) - 0.05


def train_reader(settings: ReaderSettings) -> Reader:
    """A reader trained on its own series of pictures."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    pixels, truth, _, _ = draw_examples(settings.seed, settings.pictures)
    reader = Reader(settings.width, settings.features)
    optimizer = torch.optim.AdamW(reader.parameters(), settings.learning_rate, weight_decay=0.01)
    total = settings.epochs * (len(pixels) // settings.batch)
    rising = max(1, total // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rising, 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / total)))
    )
    started = time.monotonic()
    for epoch in range(settings.epochs):
        for part in torch.randperm(len(pixels), generator=generator).split(settings.batch):
            if len(part) < settings.batch:
                continue
            pictures = disturb(to_float(pixels[part]), generator)
            with torch.autocast("cpu", torch.bfloat16):
                logits = reader(pictures)
            loss = reading_loss(logits.float(), truth[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}, {time.monotonic() - started:.0f} s", flush=True)
    return reader.eval()


def reading_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """The sum of the questions' cross-entropies, averaged over pictures."""
    parts = logits.split([len(a) for a in QUESTIONS.values()], 1)
    return sum(F.cross_entropy(part, truth[:, i]) for i, part in enumerate(parts))


def question_accuracy(reader: Reader, pixels: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
    """The share of right answers to each question."""
    with torch.no_grad():
        logits = torch.cat([reader(to_float(part)) for part in pixels.split(500)])
    parts = logits.split([len(a) for a in QUESTIONS.values()], 1)
    right = [(part.argmax(1) == truth[:, i]).float().mean().item() for i, part in enumerate(parts)]
    return dict(zip(QUESTIONS, right, strict=True))
