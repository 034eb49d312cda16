"""Evaluates what was trained beside `scenes`: does the ControlNet follow lines, does the inpainting Unet fit in; as JSON.

    python evaluate_beside.py --model runs/scenes-control/final --out evaluations/scenes-control/evaluation.json
    python evaluate_beside.py --model runs/scenes-inpaint/final --out evaluations/scenes-inpaint/evaluation.json

Nobody picks the prompts: the first 48 captions of a series that training never draws, one seed each. Of a line
drawing it is measured which share of its lines has an edge of the picture within a pixel: of the picture that the
drawing was made from, of one drawn with it, and of the same prompt and noise drawn without. Of a mask, how far the
kept part is from the picture's, and whether the judge finds the caption's facts.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel

import scenes_data
from beside import Conditioned, masked
from judge import Judge
from masks import random_mask
from networks import load_networks
from sampling import encode_prompts, make_scheduler, sample, save_grid, to_uint8

#: Series of captions that no training draws from.
SEED, COUNT, STEPS, GUIDANCE = 5006, 48, 50, 1.5
#: Difference of neighbouring pixels, in [0, 255], from which on they are two sides of an edge.
EDGE = 24


def edges(pictures: np.ndarray) -> np.ndarray:
    """Bool ``[count, size, size]``: pixels within one pixel of an edge; pictures uint8 ``[count, size, size, 3]``."""
    values = pictures.astype(int)
    found = np.zeros(pictures.shape[:3], bool)
    for axis in (1, 2):
        step = np.abs(np.diff(values, axis=axis)).max(-1) > EDGE
        pad = [(0, 0)] * 3
        for side in ((0, 1), (1, 0)):
            pad[axis] = side
            found |= np.pad(step, pad)
    wide = np.pad(found, ((0, 0), (1, 1), (1, 1)))
    size = pictures.shape[1]
    return np.any([wide[:, y : y + size, x : x + size] for y in range(3) for x in range(3)], axis=0)


def followed(lines: np.ndarray, pictures: np.ndarray) -> float:
    """The share of a drawing's lines that lie at an edge of its picture."""
    return float(edges(pictures)[lines[..., 0] > 127].mean())


def main(model: Path, out: Path) -> None:
    """Draws, measures, writes the JSON and a grid beside the model."""
    unet, text, vocabulary = load_networks(model)
    judge = Judge.load(Path("judge"))
    shown = [scenes_data.picture(SEED, i) for i in range(COUNT)]
    pictures, captions, facts = (np.stack([s[0] for s in shown]), [s[1] for s in shown], [s[2] for s in shown])
    noise = torch.randn((COUNT, 3, 32, 32), generator=torch.Generator().manual_seed(SEED))
    scheduler = make_scheduler("ddim", model / "scheduler_config.json")
    tokens = encode_prompts(captions, vocabulary)

    def drawn(network) -> np.ndarray:
        return to_uint8(sample(network, text, scheduler, tokens, noise, STEPS, GUIDANCE))

    def agreement(images: np.ndarray) -> float:
        return float(np.mean(judge.agreement(torch.from_numpy(images).permute(0, 3, 1, 2), facts)))

    record = {"model": model.parent.name, "prompts": COUNT, "steps": STEPS, "guidance": GUIDANCE}
    if (model / "controlnet").exists():
        control = ControlNetModel.from_pretrained(model / "controlnet").eval()
        lines = np.stack([scenes_data.outlined(SEED, i)[1] for i in range(COUNT)])
        beside = torch.from_numpy(lines).permute(0, 3, 1, 2) / 255
        rows = [pictures, lines, drawn(Conditioned(unet, control, beside)), drawn(unet)]
        names = ("pictures", None, "with control", "without")
        record["lines followed"] = {n: followed(lines, r) for n, r in zip(names, rows, strict=True) if n}
        record["agreement"] = {n: agreement(r) for n, r in zip(names, rows, strict=True) if n}
    else:
        masks = np.stack([random_mask(random.Random(f"{SEED}/{i}"), 32) for i in range(COUNT)])
        original = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1
        beside = masked(original, torch.from_numpy(masks))
        filled = drawn(Conditioned(unet, None, beside))
        hidden = masks[:, 0, :, :, None] > 0
        rows = [pictures, np.where(hidden, 255, pictures).astype(np.uint8), filled]
        off = (filled.astype(float) - pictures) / 127.5
        record["squared error of what is kept"] = float((off**2)[np.broadcast_to(~hidden, off.shape)].mean())
        record["masked share"] = float(masks.mean())
        record["agreement"] = {"pictures": agreement(pictures), "filled": agreement(filled)}
    out.write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))
    save_grid(np.stack([row[:16] for row in rows], 1).reshape(-1, 32, 32, 3), 4 * len(rows), model.parent / "evaluation.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    main(given.model, given.out)
