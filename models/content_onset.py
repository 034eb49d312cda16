"""When is the picture decided? How early the predicted clean sample shows what the final picture shows, by the judge.

    python content_onset.py --model scenes --prompts 64 --out ../docs/study/onset-scenes.json

A check beside the phases that the ablation finds, and independent of it: nothing is taken out. At each step of whole
runs the judge reads the predicted clean sample and the final picture. The onset is the first step from which on it
reads the same off both in nine runs of ten, with its 95 % interval by bootstrap over runs; for all facts, and for each
sort, of the runs in which either picture has such a fact. Prompts and noise are of a series of their own. ``phaseskip
report`` has the same of low-pass SSIM.
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
#: Of fewer runs with a fact of a sort nothing is said.
LEAST_RUNS = 30


def shares(agrees: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """By step, the share of the runs that count in which it agrees; 0 where none counts."""
    return (agrees & counts).sum(1) / np.maximum(counts.sum(1), 1)


def onset(agrees: np.ndarray, counts: np.ndarray) -> int | None:
    """The first step from which on the share of runs that agree never falls below 0.9; None where there is none.

    Both bool ``[steps, runs]``: whether a run agrees at a step, and whether it counts there.
    """
    failing = np.flatnonzero(shares(agrees, counts) < LEAST_SHARE)
    first = int(failing[-1]) + 1 if len(failing) else 0
    return first if first < len(agrees) else None


def describe(agrees: np.ndarray, counts: np.ndarray, timesteps: list[int], log_snr: list[float]) -> dict:
    """Shares by step, and the onset with its interval; an end that is at no step is None."""
    random = np.random.default_rng(0)
    runs, last = agrees.shape[1], len(timesteps)
    drawn = []
    for _ in range(DRAWS):
        chosen = random.integers(0, runs, runs)
        found = onset(agrees[:, chosen], counts[:, chosen])
        drawn.append(last if found is None else found)
    ends = {"at": onset(agrees, counts)}
    for name, quantile in (("lower", 0.025), ("upper", 0.975)):
        step = round(float(np.quantile(drawn, quantile)))
        ends[name] = step if step < last else None
    tell = lambda step: {"step": step, "timestep": timesteps[step], "log_snr": log_snr[step]}  # noqa: E731
    told = {name: None if step is None else tell(step) for name, step in ends.items()}
    return {"runs": int(counts.any(0).sum()), "onset": told, "share": shares(agrees, counts).round(4).tolist()}


def by_sort(facts: list[list[set]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each sort of fact, bool ``[steps, runs]``: whether its facts are those of the last step, and whether there
    are any at either."""
    final = facts[-1]
    found = {}
    for sort in ["all", *sorted({fact[0] for run in final for fact in run})]:
        of = lambda run: {fact for fact in run if sort in ("all", fact[0])}  # noqa: B023, E731
        pairs = [[(of(run), of(end)) for run, end in zip(step, final)] for step in facts]
        found[sort] = tuple(np.array([[test(a, b) for a, b in step] for step in pairs]) for test in (set.__eq__, any_of))
    return found


def any_of(a: set, b: set) -> bool:
    """Whether either has anything."""
    return bool(a or b)


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
        "content": {
            name: describe(same[:-1], counts[:-1], timesteps, snr)
            for name, (same, counts) in by_sort(facts).items()
            if counts.any(0).sum() >= LEAST_RUNS
        },
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
        at, lower, upper = (end["step"] if end else "never" for end in part["onset"].values())
        print(f"{name:10s} decided at step {at} [{lower}, {upper}], of {part['runs']} runs")
