"""Teaches a text encoder to read captions before any picture is drawn.

    python caption_reader.py --preset scenes --unet runs/scenes-warm/unet.safetensors --out runs/scenes-text --minutes 8
    python train.py --preset scenes --init runs/scenes-text --out runs/scenes --minutes 120

Trained from pictures alone, a small text encoder first learns what colours the whole picture and lets the
little words that place and count things fade, and then the Unet has nothing to learn them from. Here the
encoder is asked, through one cross-attention like the Unet's, what each caption says: of each kind of thing
its colour, place, size and number, of each place what stands there and hangs above it, and of the setting.
The folder is a start for ``train.py``; the reader itself is thrown away.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from networks import build_networks
from presets import PRESETS
from scenes_data import describe, random_scene, withheld_name
from scenes_data.facts import Fact
from scenes_data.scene import COLOURS, FAR_VIEWS, GROUNDS, KINDS, PLACED_SKY, PLACES, SIZES, SPREAD_SKY, TIMES, WEATHERS
from scenes_data.vocabulary import VOCABULARY, encode, tokenize

#: (what is asked about, question) → answers; the answer before the first is "the caption does not say".
QUESTIONS: dict[tuple[str, str], tuple] = {
    **{(kind, "there"): (True,) for kind in KINDS},
    **{(kind, "colour"): COLOURS for kind in KINDS},
    **{(kind, "place"): PLACES for kind in KINDS},
    **{(kind, "size"): SIZES for kind in KINDS},
    **{(kind, "count"): (2, 3) for kind in KINDS},
    **{(place, "thing"): KINDS for place in PLACES},
    **{(place, "colour"): COLOURS for place in PLACES},
    **{(place, "sky"): PLACED_SKY for place in PLACES},
    **{(name, "in the sky"): (True,) for name in PLACED_SKY + SPREAD_SKY},
    ("setting", "time"): TIMES,
    ("setting", "ground"): GROUNDS,
    ("setting", "far"): FAR_VIEWS,
    ("setting", "weather"): WEATHERS,
    ("setting", "season"): ("autumn",),
}
_TOPICS = list(dict.fromkeys(topic for topic, _ in QUESTIONS))


def answers(facts: list[Fact]) -> list[int]:
    """For each of QUESTIONS the number of what the facts say, 0 where they say nothing."""
    said: dict[tuple[str, str], object] = {}
    placed = {(fact[1], fact[2]) for fact in facts if fact[0] == "place"}
    for sort, *values in facts:
        if sort == "subject":
            said[values[0], "there"] = True
        elif sort in ("colour", "place", "size", "count"):
            said[values[0], sort] = values[1]
        elif sort == "sky":
            said[values[0], "in the sky"] = True
        elif sort == "sky at":
            said[values[1], "sky"] = values[0]
        elif sort == "colour at":
            said[values[2], "colour"] = values[1]
        else:
            said["setting", sort] = values[0]
    for kind, place in placed:
        said[place, "thing"] = kind
        colour = next((fact[2] for fact in facts if fact[:2] == ("colour", kind)), None)
        if colour is not None:
            said[place, "colour"] = colour
    return [
        0 if (topic, question) not in said else 1 + choices.index(said[topic, question])
        for (topic, question), choices in QUESTIONS.items()
    ]


class CaptionReader(nn.Module):
    """Answers QUESTIONS about the captions behind text states ``[batch, token, width]``."""

    def __init__(self, width: int):
        super().__init__()
        self.topics = nn.Parameter(torch.randn(len(_TOPICS), width) / width**0.5)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.answers = nn.ModuleList(nn.Linear(width, 1 + len(choices)) for choices in QUESTIONS.values())

    def forward(self, states: torch.Tensor) -> list[torch.Tensor]:
        """Logits ``[batch, answers]`` for each question."""
        topics = self.topics.expand(len(states), -1, -1)
        found, _ = self.attention(topics, states, states, need_weights=False)
        return [
            answer(found[:, _TOPICS.index(topic)])
            for (topic, _), answer in zip(QUESTIONS, self.answers, strict=True)
        ]


def captions(seed: int, first: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens ``[count, 40]`` and answers ``[count, questions]`` of a series that holds no withheld combination."""
    tokens, labels = [], []
    for index in range(first, first + count):
        rng = random.Random(f"captions/{seed}/{index}")
        scene = random_scene(rng)
        while withheld_name(scene) is not None:
            scene = random_scene(rng)
        caption, facts = describe(scene, rng)
        tokens.append(encode(tokenize(caption)))
        labels.append(answers(facts))
    return torch.tensor(tokens), torch.tensor(labels)


@dataclass(frozen=True)
class Settings:
    """Settings of one training; ``unet`` is copied beside the text encoder if given."""

    preset: str = "scenes"
    out: str = "runs/scenes-text"
    unet: str = ""
    minutes: float = 8.0
    batch: int = 128
    learning_rate: float = 2e-3
    seed: int = 0
    threads: int = 1


def train(settings: Settings) -> float:
    """Trains encoder and reader; returns the share of right answers where something was said, on fresh captions."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    _, text = build_networks(PRESETS[settings.preset], VOCABULARY)
    reader = CaptionReader(PRESETS[settings.preset].text)
    parameters = [*text.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(parameters, settings.learning_rate, betas=(0.9, 0.99), weight_decay=0.01)
    started, step, used = time.monotonic(), 0, 0.0
    while used < 1:
        used = (time.monotonic() - started) / (60 * settings.minutes)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, (step + 1) / 100) * max(0.02, 1 - used)
        tokens, labels = captions(settings.seed, step * settings.batch, settings.batch)
        logits = reader(text(tokens).last_hidden_state)
        loss = sum(nn.functional.cross_entropy(row, labels[:, i]) for i, row in enumerate(logits))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            print(json.dumps({"step": step, "used": round(used, 3), "loss": round(loss.item(), 4)}), flush=True)
    _save(Path(settings.out), text, settings.unet)
    return measure(text, reader, settings.seed + 1)


@torch.no_grad()
def measure(text: nn.Module, reader: CaptionReader, seed: int, count: int = 1000) -> float:
    """The share of right answers to questions that the caption settles."""
    tokens, labels = captions(seed, 0, count)
    logits = reader.eval()(text.eval()(tokens).last_hidden_state)
    right = torch.stack([row.argmax(1) for row in logits], 1) == labels
    return right[labels > 0].float().mean().item()


def _save(folder: Path, text: nn.Module, unet: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in text.state_dict().items()}, folder / "text_encoder.safetensors")
    (folder / "vocab.json").write_text(json.dumps(VOCABULARY, indent=1))
    if unet:
        shutil.copyfile(unet, folder / "unet.safetensors")


def parse_settings(arguments: list[str] | None = None) -> Settings:
    """Settings from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field in fields(Settings):
        parser.add_argument("--" + field.name.replace("_", "-"), type=type(field.default), default=field.default)
    return Settings(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    print(json.dumps({"right": round(train(parse_settings()), 4)}))
