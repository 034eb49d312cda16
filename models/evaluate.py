"""Evaluates a trained model: agreement with its prompts, distances to fresh pictures, clipping; all as JSON.

    python evaluate.py --model runs/scenes/final --out runs/scenes/evaluation
    python evaluate.py --model runs/scenes-ddpm/final --out runs/scenes-ddpm/evaluation --distance-samples 1024

Nobody picks the prompts: they are the first captions of a series that training never draws, 20 without
and 20 with a withheld combination (four of each), times 4 seeds. ``evaluation.json`` lists them with
their scores; ``samples.png`` shows each prompt's first seed, ``card.py`` makes the table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import scenes_data
from distances import frechet_distance, kernel_distance
from judge import Judge
from networks import load_networks
from sampling import encode_prompts, make_scheduler, sample, save_grid, to_uint8
from scenes_data.facts import Fact, scene_facts

#: Series of pictures that no training and no reader draws from.
CAPTION_SEED, REFERENCE_SEED, FLOOR_SEED = 5002, 5003, 5004
SAMPLE_STEPS = (50, 25, 10)
PER_COMBINATION = 4


@dataclass(frozen=True)
class Prompt:
    """A caption, the facts it claims, and the withheld combination it asks for (None: seen in training)."""

    text: str
    facts: list[Fact]
    withheld: str | None


def prompts(seed: int) -> list[Prompt]:
    """The 20 seen and 20 withheld prompts of a series."""
    chosen = []
    while len(chosen) < 20:
        _, caption, facts, _ = scenes_data.picture(seed, len(chosen))
        chosen.append(Prompt(caption, facts, None))
    wanted = dict.fromkeys(scenes_data.WITHHELD, PER_COMBINATION)
    index = 0
    while any(wanted.values()):
        _, caption, facts, scene = scenes_data.picture(seed, index, withheld=True)
        name = scenes_data.withheld_name(scene)
        if wanted[name] and scenes_data.asks_for(facts, name):
            chosen.append(Prompt(caption, facts, name))
            wanted[name] -= 1
        index += 1
    return chosen


class Model:
    """A saved model and a pool of threads that sample from it."""

    def __init__(self, folder: Path, threads: int, guidance: float):
        self.folder, self.guidance = folder, guidance
        self.unet, self.text, self.vocabulary = load_networks(folder)
        self.size = self.unet.config.sample_size
        self._pool = ThreadPoolExecutor(threads)

    def sample(self, captions: list[str], noise: torch.Tensor, sampler: str, steps: int) -> torch.Tensor:
        """One sample for each caption and noise, float ``[samples, 3, size, size]``, not clamped."""
        tokens = encode_prompts(captions, self.vocabulary) if self.text is not None else None

        def part(indices: torch.Tensor) -> torch.Tensor:
            scheduler = make_scheduler(sampler, self.folder / "scheduler_config.json")
            own = None if tokens is None else tokens[indices]
            return sample(self.unet, self.text, scheduler, own, noise[indices], steps, self.guidance)

        return torch.cat(list(self._pool.map(part, torch.arange(len(noise)).split(16))))


def seeded_noise(seeds: list[int], size: int) -> torch.Tensor:
    """Unit noise ``[seeds, 3, size, size]``, each picture from a generator of its own."""
    shape = (3, size, size)
    return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


def measure_agreement(model: Model, judge: Judge, prompt_seed: int, seeds: int, steps: int, out: Path) -> dict:
    """Agreement of the 40 prompts × ``seeds`` DDIM samples, seen and withheld apart."""
    asked = [prompt for prompt in prompts(prompt_seed) for _ in range(seeds)]
    noise = seeded_noise(list(range(seeds)) * (len(asked) // seeds), model.size)
    samples = model.sample([prompt.text for prompt in asked], noise, "ddim", steps)
    pixels = to_uint8(samples)
    save_grid(pixels[::seeds], 10, out / "samples.png")
    scenes = judge.read(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    rows = []
    for i in range(0, len(asked), seeds):
        hits = [[fact in scene_facts(scene) for fact in asked[i].facts] for scene in scenes[i : i + seeds]]
        rows.append({"prompt": asked[i].text, "withheld": asked[i].withheld, "facts": asked[i].facts, "hits": hits})
    return {
        "prompt_seed": prompt_seed,
        "steps": steps,
        "seeds": seeds,
        "seen": summarize([row for row in rows if row["withheld"] is None]),
        "withheld": summarize([row for row in rows if row["withheld"] is not None]),
        "clipped": float((samples.abs() >= 1).float().mean()),
        "prompts": [{**row, "hits": [sum(hit) for hit in row["hits"]]} for row in rows],
    }


def summarize(rows: list[dict]) -> dict:
    """The share of facts found, its 95 % interval over prompts, and the share by sort of fact."""
    found = np.array([np.sum(row["hits"]) for row in rows])
    asked = np.array([np.size(row["hits"]) for row in rows])
    draws = np.random.default_rng(0).integers(0, len(rows), (10_000, len(rows)))
    shares = found[draws].sum(1) / asked[draws].sum(1)
    sorts: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        for hits in row["hits"]:
            for fact, hit in zip(row["facts"], hits, strict=True):
                sorts[fact[0]].append(hit)
    return {
        "agreement": float(found.sum() / asked.sum()),
        "interval": [float(np.quantile(shares, 0.025)), float(np.quantile(shares, 0.975))],
        "all_facts_found": float(np.mean([all(hits) for row in rows for hits in row["hits"]])),
        "by_sort": {sort: [sum(hits) / len(hits), len(hits)] for sort, hits in sorted(sorts.items())},
    }


def features_of(pixels: np.ndarray, session: onnxruntime.InferenceSession) -> np.ndarray:
    """Features float64 ``[pictures, features]`` of uint8 ``[pictures, height, width, 3]``."""
    values = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    parts = np.array_split(values, max(1, len(values) // 250))
    return np.concatenate([session.run(None, {"sample": part})[0] for part in parts]).astype(np.float64)


def measure_distances(model: Model, features: Path, count: int, reference: int) -> dict:
    """Distances of ``count`` samples to ``reference`` fresh pictures, for each sampler and number of steps.

    Each feature is divided by its standard deviation over the fresh pictures, so that none outweighs the
    rest. The floor is the same distance for ``count`` fresh pictures instead of samples.
    """
    session = onnxruntime.InferenceSession(str(features))
    raw = features_of(scenes_data.pictures(REFERENCE_SEED, 0, reference, model.size)[0], session)
    spread = raw.std(0)
    truth = raw / spread
    floor = features_of(scenes_data.pictures(FLOOR_SEED, 0, count, model.size)[0], session) / spread
    captions = scenes_data.pictures(CAPTION_SEED, 0, count, model.size)[1]
    noise = seeded_noise(list(range(10_000, 10_000 + count)), model.size)
    rows = []
    for sampler in ("ddim", "dpmpp-2m"):
        for steps in SAMPLE_STEPS:
            started = time.monotonic()
            samples = model.sample(captions, noise, sampler, steps)
            found = features_of(to_uint8(samples), session) / spread
            rows.append(
                {
                    "sampler": sampler,
                    "steps": steps,
                    "frechet": frechet_distance(found, truth),
                    "kernel": kernel_distance(found, truth),
                    "clipped": float((samples.abs() >= 1).float().mean()),
                    "seconds": round(time.monotonic() - started, 1),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return {
        "samples": count,
        "reference_pictures": reference,
        "floor": {"frechet": frechet_distance(floor, truth), "kernel": kernel_distance(floor, truth)},
        "rows": rows,
    }


@dataclass(frozen=True)
class Settings:
    """Settings of one evaluation; ``distance_samples`` 0 leaves the distances out."""

    model: Path = Path("runs/scenes/final")
    out: Path = Path("runs/scenes/evaluation")
    judge: Path = Path("judge")
    features: Path = Path("scenes/features/model.onnx")
    distance_samples: int = 1024
    reference_pictures: int = 4096
    #: Which series the prompts are from: guidance was chosen on 5001.
    prompt_seed: int = 5011
    seeds: int = 4
    steps: int = 50
    guidance: float = 1.5
    threads: int = 2


def evaluate(settings: Settings) -> dict:
    """Everything that the card needs, also written to ``evaluation.json`` in the folder ``out``."""
    torch.set_num_threads(1)  # inside each of the model's own threads
    torch.backends.cuda.enable_flash_sdp(False)
    model, out = Model(settings.model, settings.threads, settings.guidance), settings.out
    out.mkdir(parents=True, exist_ok=True)
    result: dict = {"training": json.loads((settings.model / "training.json").read_text()), "guidance": settings.guidance}
    if model.text is not None:
        judge = Judge.load(settings.judge)
        result["agreement"] = measure_agreement(
            model, judge, settings.prompt_seed, settings.seeds, settings.steps, out
        )
        for part in ("seen", "withheld"):
            print(part, json.dumps(result["agreement"][part]), flush=True)
    else:
        pixels = to_uint8(model.sample([""] * 16, seeded_noise(list(range(16)), model.size), "ddim", settings.steps))
        save_grid(pixels, 8, out / "samples.png")
    if settings.distance_samples:
        result["distances"] = measure_distances(
            model, settings.features, settings.distance_samples, settings.reference_pictures
        )
    (out / "evaluation.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def parse_settings(arguments: list[str] | None = None) -> Settings:
    """Settings from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field in fields(Settings):
        parser.add_argument("--" + field.name.replace("_", "-"), type=type(field.default), default=field.default)
    return Settings(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    evaluate(parse_settings())
