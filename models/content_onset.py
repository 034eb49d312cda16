"""When is the picture decided? How early the predicted clean sample shows what the final picture shows, by the judge.

    python content_onset.py --model scenes --prompts 64 --out ../docs/study/onset-scenes.json

A check beside the phases that the ablation finds, and independent of it: nothing is taken out. At each step of whole
runs the judge reads the predicted clean sample and the final picture. The onset is the first step from which on it
reads the same off both in nine runs of ten, with its 95 % interval by bootstrap over runs; for all facts, and for each
sort. Prompts and noise are of a series of their own. ``phaseskip report`` has the same of low-pass SSIM.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

import scenes_data
from judge import Judge
from sampling import encode_prompts, make_scheduler, sample
from scenes_data.facts import scene_facts
from shipped import load_shipped

SIZE = 32
#: The series of captions and noise; no training, planning or evaluation draws from it.
SERIES = 424_243
LEAST_SHARE = 0.9
DRAWS = 10_000


def onset(agrees: np.ndarray) -> int:
    """The first step from which on the share of runs that agree, of bool ``[steps, runs]``, never falls below 0.9."""
    failing = np.flatnonzero(agrees.mean(1) < LEAST_SHARE)
    return int(failing[-1]) + 1 if len(failing) else 0


def describe(agrees: np.ndarray, timesteps: list[int], log_snr: list[float]) -> dict:
    """Shares by step, and the onset with its interval."""
    random = np.random.default_rng(0)
    runs = agrees.shape[1]
    draws = [onset(agrees[:, random.integers(0, runs, runs)]) for _ in range(DRAWS)]
    steps = [onset(agrees), *np.quantile(draws, (0.025, 0.975)).round().astype(int)]
    names = ("at", "lower", "upper")
    last = len(timesteps) - 1
    told = [min(int(step), last) for step in steps]
    ends = {n: {"step": s, "timestep": timesteps[s], "log_snr": log_snr[s]} for n, s in zip(names, told)}
    return {"onset": ends, "share": agrees.mean(1).round(4).tolist()}


def by_sort(facts: list[list[set]]) -> dict[str, np.ndarray]:
    """Whether the facts of each sort are those of the last step, bool ``[steps, runs]``."""
    of = lambda found, sort: {fact for fact in found if fact[0] == sort}  # noqa: E731
    sorts = sorted({fact[0] for run in facts[-1] for fact in run})
    same = {s: np.array([[of(a, s) == of(b, s) for a, b in zip(step, facts[-1])] for step in facts]) for s in sorts}
    return {"all": np.array([[a == b for a, b in zip(step, facts[-1])] for step in facts]), **same}


def measure(model: Path, judge: Judge, scheduler: str, steps: int, guidance: float, runs: int) -> dict:
    """Runs the whole model, and says when what was decided."""
    unet, text, vocabulary = load_shipped(model)
    sampler = make_scheduler(scheduler, model / "scheduler" / "scheduler_config.json")
    noise = torch.randn(runs, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(SERIES))
    captions = [scenes_data.picture(SERIES, i)[1] for i in range(runs)] if text is not None else None
    tokens = encode_prompts(captions, vocabulary) if captions else None
    seen: list[torch.Tensor] = []
    final = sample(unet, text, sampler, tokens, noise, steps, guidance, watch=lambda x: seen.append(x.clamp(-1, 1)))
    shown = [*seen, final.clamp(-1, 1)]
    read = lambda x: judge.read((x * 127.5 + 127.5).round().byte())  # noqa: E731
    facts = [[scene_facts(scene) for scene in read(x)] for x in shown]
    timesteps = [int(t) for t in sampler.timesteps]
    snr = [float(torch.log(sampler.alphas_cumprod[t] / (1 - sampler.alphas_cumprod[t]))) for t in timesteps]
    return {
        **{"model": model.name, "scheduler": scheduler, "steps": steps, "guidance": guidance, "runs": runs},
        "timesteps": timesteps,
        "content": {name: describe(same[:-1], timesteps, snr) for name, same in by_sort(facts).items()},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("scenes"))
    parser.add_argument("--judge", type=Path, default=Path("judge"))
    parser.add_argument("--scheduler", default="ddim")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--guidance", type=float, default=1.5)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("../docs/study/onset-scenes.json"))
    parser.add_argument("--threads", type=int, default=1)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    found = measure(o.model, Judge.load(o.judge), o.scheduler, o.steps, o.guidance, o.prompts)
    o.out.write_text(json.dumps(found, indent=1) + "\n")
    for name, part in found["content"].items():
        at, lower, upper = (part["onset"][end]["step"] for end in ("at", "lower", "upper"))
        print(f"{name:10s} decided at step {at} [{lower}, {upper}]")
