"""Trains the judge, which says how many of a caption's facts a picture shows, and states its own accuracy.

    python judge.py --out judge

Writes ``judge/judge.safetensors`` (float16) and ``judge/judge.json`` (settings, accuracy on fresh
pictures that it never saw).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from reader import Reader, ReaderSettings, draw_examples, question_accuracy, to_float, train_reader
from scenes_data.facts import Fact, agreement, scene_facts
from scenes_data.scene import Scene

SETTINGS = ReaderSettings(width=32, features=192, seed=101)
#: The series of the pictures that accuracy is measured on; no reader trains on it.
UNSEEN_SEED = 909


class Judge:
    """Reads pictures and compares what it finds with what a caption claims."""

    def __init__(self, reader: Reader):
        self._reader = reader.eval()

    @staticmethod
    def load(folder: Path) -> Judge:
        """The judge that ``python judge.py`` wrote to the folder."""
        card = json.loads((folder / "judge.json").read_text())
        reader = Reader(card["settings"]["width"], card["settings"]["features"])
        reader.load_state_dict({k: v.float() for k, v in load_file(folder / "judge.safetensors").items()})
        return Judge(reader)

    def read(self, pixels: torch.Tensor) -> list[Scene]:
        """The scene in each picture, uint8 ``[batch, 3, 32, 32]``."""
        return self._reader.read(to_float(pixels))

    def agreement(self, pixels: torch.Tensor, claimed: list[list[Fact]]) -> list[float]:
        """For each picture the share of the claimed facts that it shows, in [0, 1]."""
        return [agreement(facts, scene_facts(scene)) for facts, scene in zip(claimed, self.read(pixels), strict=True)]


def fact_accuracy(judge: Judge, pixels: torch.Tensor, claimed: list[list[Fact]]) -> dict[str, float]:
    """The share of true facts that the judge finds, by sort of fact and over ``all``."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for facts, scene in zip(claimed, judge.read(pixels), strict=True):
        found = scene_facts(scene)
        for fact in facts:
            hits[fact[0]].append(fact in found)
            hits["all"].append(fact in found)
    return {sort: sum(values) / len(values) for sort, values in sorted(hits.items())}


def build_judge(out: Path, settings: ReaderSettings, unseen: int = 4000) -> dict:
    """Trains, measures and saves a judge; its card."""
    reader = train_reader(settings).half().float()  # measured as it is saved
    out.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in reader.state_dict().items()}, out / "judge.safetensors")
    pixels, truth, _, claimed = draw_examples(UNSEEN_SEED, unseen)
    card = {
        "settings": asdict(settings),
        "unseen_pictures": unseen,
        "fact_accuracy": fact_accuracy(Judge(reader), pixels, claimed),
        "question_accuracy": question_accuracy(reader, pixels, truth),
    }
    (out / "judge.json").write_text(json.dumps(card, indent=1) + "\n")
    return card


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("judge"))
    parser.add_argument("--pictures", type=int, default=SETTINGS.pictures)
    parser.add_argument("--epochs", type=int, default=SETTINGS.epochs)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    result = build_judge(options.out, replace(SETTINGS, pictures=options.pictures, epochs=options.epochs))
    print(json.dumps(result["fact_accuracy"], indent=1))
