"""Makes golden runs of forecasts, by wrapping diffusers' modules (see hooks.py), and a golden fit.

    python golden_forecasts.py            into packages/runtime/test/golden/forecasts/ and packages/ablation/test/golden/

`cases.json` lists the cases, `MODEL.npy` stacks their samples. `fit.npy` holds outputs of a Unet over a few runs,
`[run, step, value]`, and `fit.json` the coefficients that numpy's least squares finds in them.
"""

from __future__ import annotations

import numpy as np
import torch

import fixtures
import golden
import golden_actions
from forecast import taylor
from golden import Case, plan
from golden_actions import EVERY_2, EVERY_3, rule
from golden_methods import write_lines

OUT = golden.OUT / "forecasts"
FIT = golden.OUT.parents[2] / "ablation" / "test" / "golden"
MIDDLE, LATE = ["up_blocks.0", "mid_block"], ["up_blocks.1"]
TABLE = {
    "values": 3,
    "steps": [1, 2, 4, 5, 7, 8, 10, 11],
    "coefficients": [[0.97], [0.94], [1.2, -0.22], [1.45, -0.47], [1.5, -0.7, 0.18], [1.8, -1.1, 0.31], [1.25, -0.3, 0.04], [1.6, -0.6]],
}  # fmt: skip
AGED = {**TABLE, "ages": [[step - (step // 3 - i) * 3 for i in range(len(row))] for step, row in zip(TABLE["steps"], TABLE["coefficients"])]}
DENOISING = {"phases": ["denoising"]}
PLANS = {
    "taylor 2": plan("a", [rule(MIDDLE, "forecast", values=2, basis="taylor", refresh=EVERY_3)]),
    "hermite 3": plan("a", [rule(MIDDLE, "forecast", values=3, basis="hermite", refresh=EVERY_2)]),
    "chebyshev 4": plan("a", [rule(LATE, "forecast", values=4, basis="chebyshev", refresh=EVERY_2)]),
    "adams-bashforth 4": plan("a", [rule(MIDDLE, "forecast", values=4, basis="adams-bashforth", refresh=EVERY_2)]),
    "bdf 4": plan("a", [rule(LATE, "forecast", values=4, basis="bdf", refresh={"at": [0, 1, 2, 3, 5, 8]})]),
    "a table": plan("a", [rule(LATE, "forecast", refresh=EVERY_3, **TABLE)]),
    "a table of the whole output": plan("a", [rule([""], "forecast", refresh=EVERY_3, **AGED)]),
    "the whole output by a basis": plan("a", [rule([""], "forecast", "denoising", values=3, basis="bdf", refresh=EVERY_2)]),
    "the whole output reused": plan("a", [rule(["", "**.attn2"], "reuse", "denoising", refresh=EVERY_2)]),
    "a table of guidance's difference": plan("a", [], [{"action": "delta", "refresh": EVERY_3, **AGED}]),
    "guidance's difference by a basis": plan(
        "a",
        [rule([""], "forecast", values=2, basis="adams-bashforth", refresh={"at": [0, 1, 2, 4, 5, 7, 8, 10]})],
        [{"action": "delta", "values": 3, "basis": "taylor", "refresh": {"at": [6, 8, 9]}, **DENOISING}],
    ),
}  # fmt: skip
ELSEWHERE = {
    "tiny-text-dynamo": ["adams-bashforth 4", "a table of the whole output"],
    "tiny-sd-ts": ["taylor 2", "the whole output by a basis", "a table of guidance's difference"],
    "tiny-ddpm-ts": ["hermite 3", "bdf 4", "a table of the whole output"],
}


def cases() -> list[tuple[str, Case]]:
    """Every case, with what it is called; the samplers take turns."""
    named = [("tiny-text-ts", name) for name in PLANS]
    named += [(model, name) for model, names in ELSEWHERE.items() for name in names]
    schedulers = golden_actions.SCHEDULERS
    return [
        (name, Case(model, {**PLANS[name], "name": name}, scheduler=schedulers[i % 4], steps=12, seed=40 + i, given_noise=False))
        for i, (model, name) in enumerate(named)
    ]  # fmt: skip


def trajectories(runs: int, steps: int) -> tuple[np.ndarray, list[float]]:
    """The Unet's outputs under DDIM, unguided: `[run, step, value]`; and the timesteps."""
    parts, taken = fixtures.build("tiny-text-ts"), []
    handle = parts.unet.register_forward_hook(lambda _, __, output: taken.append(output[0].flatten().numpy().copy()))
    for run in range(runs):
        case = Case("tiny-text-ts", scheduler="ddim", steps=steps, seed=70 + run, guidance=1.0, given_noise=False)
        _, timesteps, _ = golden.sample(case, parts, None)
    handle.remove()
    return np.stack(taken).astype("<f4").reshape(runs, steps, -1), timesteps


def fit(runs: np.ndarray, timesteps: list[float], step: int, kept: list[int], ridge: float) -> np.ndarray:
    """Coefficients of the values of `kept`, newest first; the ridge leads to the line through two."""
    places = [(s, timesteps[s]) for s in kept]
    line = np.array([taylor(places[:2], (step, timesteps[step]), unit, 0) for unit in np.eye(2)] + [0.0] * (len(kept) - 2))
    x = runs[:, kept].transpose(0, 2, 1).reshape(-1, len(kept)).astype(float)
    y = runs[:, step].reshape(-1).astype(float)
    damp = np.sqrt(ridge * (x**2).sum() / len(kept)) * np.eye(len(kept))
    right = np.concatenate([y - x @ line, np.zeros(len(kept))])
    return line + np.linalg.lstsq(np.vstack([x, damp]), right, rcond=None)[0]


def make_fit() -> None:
    """Writes the golden fit: each step from two and three values, at every ridge tried, and the one to be chosen."""
    runs, timesteps = trajectories(3, 10)
    steps = [(s, [s - 1 - (s - 1) % 2 - 2 * k for k in range(3)]) for s in (5, 7, 9)]
    ridges, found, errors = [1e-9, 1e-6, 1e-4, 1e-3], [], []
    for ridge in ridges:
        error = size = 0.0
        for held in range(len(runs)):
            for step, kept in steps:
                c = fit(np.delete(runs, held, 0), timesteps, step, kept, ridge)
                y = runs[held, step].astype(float)
                error += ((y - c @ runs[held][kept].astype(float)) ** 2).sum()
                size += (y**2).sum()
        errors.append(float(np.sqrt(error / size)))
        found.append([fit(runs, timesteps, step, kept, ridge).tolist() for step, kept in steps])
    FIT.mkdir(parents=True, exist_ok=True)
    golden.write_npy(FIT / "forecast.npy", torch.from_numpy(runs))
    golden.write_json(
        FIT / "forecast.json",
        {"timesteps": timesteps, "steps": [{"step": s, "from": k} for s, k in steps], "ridges": ridges, "errors": errors, "coefficients": found},
    )  # fmt: skip


def main() -> None:
    """Makes everything."""
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    entries = []
    every = cases()
    for model in dict.fromkeys(case.model for _, case in every):
        parts = fixtures.build(model)
        made = [golden_actions.make_case(name, case, parts) for name, case in every if case.model == model]
        entries += [{**entry, "sample": [f"{model}.npy", i]} for i, (entry, _) in enumerate(made)]
        golden.write_npy(OUT / f"{model}.npy", torch.cat([result for _, result in made]))
    write_lines(OUT / "cases.json", entries)
    with torch.no_grad():
        make_fit()


if __name__ == "__main__":
    main()
