"""What plans do to agreement with the prompt and to the distance from fresh pictures, beside the whole Unet.

    python plan_quality.py pairs --salt july --prompts 250 --seeds 4 --out ../out/study/pairs.json
    node … scripts/study/draw.mjs out/study/pairs.json out/study/drawn none=none quality=quality
    python plan_quality.py judge --pairs ../out/study/pairs.json --drawn ../out/study/drawn --out quality.json

The prompts are captions of a series that the salt names; no training, planning or choice drew from it. Judge
and features are the model's own (``judge.py``, ``features.py``). Intervals are of the paired difference to the
whole Unet, by bootstrap over prompts, then seeds. Distances stand beside their floor, two halves of the whole Unet's
own pictures, and are left out below 1,000 pictures: the fewer there are, the more of a Fréchet distance is bias.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import scenes_data
from distances import frechet_distance, kernel_distance
from evaluate import REFERENCE_SEED, features_of
from judge import Judge
from scenes_data.facts import scene_facts

SIZE = 32
REFERENCE_PICTURES = 4096
DRAWS = 10_000
#: A distance for each draw takes long; its interval needs fewer.
DISTANCE_DRAWS = 300
LEAST_PICTURES = 1000
DISTANCES = {"frechet": frechet_distance, "kernel": kernel_distance}


def write_pairs(salt: str, prompts: int, seeds: int, out: Path, unconditional: bool) -> None:
    """Prompts with their facts × seeds, both decided by the salt."""
    series = int.from_bytes(hashlib.sha256(salt.encode()).digest()[:4], "big") + 10_000
    rows = []
    for i in range(prompts):
        _, caption, facts, _ = scenes_data.picture(series, i)
        for s in range(seeds):
            seed = (series + 7919 * i * seeds) % 2**31 + s  # in a row: one batch can draw them
            given = {"prompt": None} if unconditional else {"prompt": caption, "facts": facts}
            rows.append({**given, "group": i, "seed": seed})
    model = "models/scenes-ddpm" if unconditional else "models/scenes"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"salt": salt, "model": model, "pairs": rows}))


def interval(values: np.ndarray) -> list[float]:
    """The 95 % interval of a bootstrap's values."""
    return [float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))]


def resample(groups: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Indices of one bootstrap draw: prompts, then seeds within each."""
    names = np.unique(groups)
    members = {name: np.flatnonzero(groups == name) for name in names}
    return np.concatenate([random.choice(members[name], len(members[name])) for name in random.choice(names, len(names))])


def judge_drawn(pairs: Path, drawn: Path, judge: Path, features: Path) -> dict:
    """Agreement and distances of every set of pictures in the folder, ``none`` being the whole Unet's."""
    asked = json.loads(pairs.read_text())
    files = sorted(drawn.glob("*.rgb"))
    sets = {file.stem: np.fromfile(file, np.uint8).reshape(-1, SIZE, SIZE, 3) for file in files}
    if "none" not in sets:
        raise SystemExit(f"Cannot judge {drawn} as it must hold none.rgb, the whole Unet's pictures: draw none=none first")
    session = onnxruntime.InferenceSession(str(features))
    truth = features_of(scenes_data.pictures(REFERENCE_SEED, 0, REFERENCE_PICTURES, SIZE)[0], session)
    spread = truth.std(0)
    truth = truth / spread
    reader = Judge.load(judge)
    rows = []
    whole: dict[str, np.ndarray] = {}
    for name in ["none", *(name for name in sets if name != "none")]:
        pixels = sets[name]
        given = asked["pairs"][: len(pixels)]
        groups = np.array([pair["group"] for pair in given])
        row: dict = {**json.loads((drawn / f"{name}.json").read_text()), "pairs": len(pixels)}
        found = features_of(pixels, session) / spread
        current = {"features": found}
        if len(pixels) >= LEAST_PICTURES:
            row |= {of: distance(found, truth) for of, distance in DISTANCES.items()}
        if given[0]["prompt"] is not None:
            scenes = reader.read(torch.from_numpy(pixels).permute(0, 3, 1, 2))
            hits = [[fact in scene_facts(s) for fact in map(tuple, p["facts"])] for s, p in zip(scenes, given)]
            current["hits"] = np.array([sum(h) for h in hits])
            current["asked"] = np.array([len(h) for h in hits])
            row["agreement"] = float(current["hits"].sum() / current["asked"].sum())
        if name == "none":
            whole = current
            if len(pixels) >= LEAST_PICTURES:
                row["floor"] = floor(found, truth)
        else:
            row |= differences(current, whole, groups, truth)
        rows.append(row)
        print(json.dumps(row), flush=True)
    return {"salt": asked["salt"], "reference_pictures": REFERENCE_PICTURES, "rows": rows}


def floor(features: np.ndarray, truth: np.ndarray) -> dict:
    """By how much, as a share, the distances of two halves of one set differ: every other picture, and the rest."""
    shares = {}
    for of, distance in DISTANCES.items():
        one, other = distance(features[::2], truth), distance(features[1::2], truth)
        shares[of] = abs(one - other) / distance(features, truth)
    return shares


def differences(current: dict, whole: dict, groups: np.ndarray, truth: np.ndarray) -> dict:
    """How the plan's agreement (points) and distances (ratios) differ from the whole Unet's, with intervals.

    A ratio is that of the sets. Resampling adds the same bias to both distances of a draw, which their difference is
    free of: so the interval is 1 + the differences' over the whole Unet's distance.
    """
    result = {}
    own, full = current["features"], whole["features"][: len(groups)]
    for of, distance in DISTANCES.items() if len(groups) >= LEAST_PICTURES else ():
        random = np.random.default_rng(0)
        draws = [resample(groups, random) for _ in range(DISTANCE_DRAWS)]
        gaps = np.array([distance(own[c], truth) - distance(full[c], truth) for c in draws])
        base = distance(full, truth)
        result[f"{of}_ratio"] = distance(own, truth) / base
        result[f"{of}_ratio_interval"] = interval(1 + gaps / base)
    random = np.random.default_rng(0)
    if "hits" not in current:
        return result
    prompts = len(np.unique(groups))
    seeds = len(groups) // prompts
    asked = current["asked"].reshape(prompts, seeds)
    gained = (current["hits"] - whole["hits"][: len(groups)]).reshape(prompts, seeds)
    points = []
    for _ in range(DRAWS):
        p = random.integers(0, prompts, (prompts, 1))
        s = random.integers(0, seeds, (prompts, seeds))
        points.append(100 * gained[p, s].sum() / asked[p, s].sum())
    result["agreement_points"] = float(100 * gained.sum() / asked.sum())
    result["agreement_points_interval"] = interval(np.array(points))
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pairs", "judge"))
    parser.add_argument("--salt", default="")
    parser.add_argument("--prompts", type=int, default=250)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--unconditional", action="store_true")
    parser.add_argument("--pairs", type=Path, default=Path("../out/study/pairs.json"))
    parser.add_argument("--drawn", type=Path, default=Path("../out/study/drawn"))
    parser.add_argument("--judge", type=Path, default=Path("judge"))
    parser.add_argument("--features", type=Path, default=Path("scenes/features/model.onnx"))
    parser.add_argument("--out", type=Path, default=Path("../out/study/pairs.json"))
    o = parser.parse_args()
    torch.set_num_threads(1)
    if o.what == "pairs":
        write_pairs(o.salt, o.prompts, o.seeds, o.out, o.unconditional)
    else:
        o.out.write_text(json.dumps(judge_drawn(o.pairs, o.drawn, o.judge, o.features), indent=1) + "\n")
