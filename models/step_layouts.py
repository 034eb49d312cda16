"""Plans that compute the whole Unet at some steps and forecast its output at the others: at which, and from what.

    python step_layouts.py --model scenes --calls 25 22 14 --out ../out/layouts

writes ``calls-N.json`` for each number of calls; ``--computed 0 1 2 5 9 …`` writes that layout instead. What a skipped step loses is known before any plan is run: over whole
runs, the error of a fitted forecast of the guided output is multiplied with the derivative of the final sample by that
output, along random directions of the final sample (backpropagation through all later steps). Losses of a stretch of
skipped steps add up before they are squared, those of stretches after; pairs whose picture is easily lost count by half
as much as they would in a mean of squares. Dynamic programming over the last three computed steps then gives the best
layout for each number of calls, as ``layOutSteps`` of the ablation package does. Coefficients are least squares on
more runs, the line through two values as the ridge's aim (``fitForecast``). Captions and noise are of series of their
own, which no test drew from.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

import scenes_data
from evaluate import seeded_noise
from sampling import encode_prompts, make_scheduler
from scenes_data.vocabulary import encode
from shipped import load_shipped

SIZE, STEPS, VALUES, MOST_GAP = 32, 50, 3, 8
CHUNK, DIRECTIONS, RIDGE = 8, 4, 1e-8
#: 1 − SSIM over the mean squared error, by step: what a change of the sample costs in SSIM grows towards the end.
COSTS = {2: 6.0, 7: 4.5, 13: 4.5, 18: 5.5, 24: 6.0, 29: 9.4, 35: 15.0, 40: 36.0, 46: 33.0, 49: 5.0}
#: Late changes of a forecast are smooth, and cost more than the noise that COSTS is of: times this, from step 18 to 46.
LATE = 1.5


def captions(salt: str, count: int) -> tuple[list[str], list[int]]:
    """Captions and seeds of a series that the salt names, as ``plan_quality.py`` draws them."""
    series = int.from_bytes(hashlib.sha256(salt.encode()).digest()[:4], "big") + 10_000
    return [scenes_data.picture(series, i)[1] for i in range(count)], [(series + 7919 * i) % 2**31 for i in range(count)]


def chunks(count: int) -> list[slice]:
    """Runs that are computed together."""
    return [slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]


def difference(both: torch.Tensor) -> torch.Tensor:
    """Guidance's difference: without the prompt less with it."""
    cond, uncond = both.unbind(-5)
    return uncond - cond


class Runs:
    """Whole runs of a model under DDIM."""

    def __init__(self, model: Path, salt: str, count: int):
        self.unet, text, vocabulary = load_shipped(model)
        self.unet.requires_grad_(False)
        self.guidance = json.loads((model / "model_index.json").read_text())["guidance_scale"]
        self.scheduler = make_scheduler("ddim", model / "scheduler" / "scheduler_config.json")
        self.scheduler.set_timesteps(STEPS)
        texts, seeds = captions(salt, count)
        with torch.no_grad():
            self.hidden = text(torch.cat([encode_prompts(texts, vocabulary), torch.tensor([encode([])])])).last_hidden_state
        self.noise = seeded_noise(seeds, SIZE)

    def conditional(self, x: torch.Tensor, at: slice, i: int) -> torch.Tensor:
        """The Unet's output at step ``i`` with the prompts alone."""
        return self.unet(x, self.scheduler.timesteps[i], self.hidden[:-1][at]).sample

    def output(self, x: torch.Tensor, at: slice, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The Unet's output at step ``i``: guided, and of both contexts ``[2, batch, …]``, that with the prompts first."""
        hidden = torch.cat([self.hidden[:-1][at], self.hidden[-1:].expand(len(x), -1, -1)])
        both = self.unet(torch.cat([x, x]), self.scheduler.timesteps[i], hidden).sample.unflatten(0, (2, -1))
        return both[1] + self.guidance * (both[0] - both[1]), both

    def step(self, output: torch.Tensor, x: torch.Tensor, i: int) -> torch.Tensor:
        """The sample of the next step."""
        return self.scheduler.step(output, self.scheduler.timesteps[i], x).prev_sample

    @torch.no_grad()
    def whole(self, at: slice) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The whole Unet's run: samples ``[step + 1, …]``, guided outputs and both contexts' ``[step, …]``."""
        samples, outputs, contexts = [self.noise[at]], [], []
        for i in range(STEPS):
            guided, both = self.output(samples[-1], at, i)
            outputs.append(guided)
            contexts.append(both)
            samples.append(self.step(guided, samples[-1], i))
        return torch.stack(samples), torch.stack(outputs), torch.stack(contexts)

    def products(self) -> tuple[np.ndarray, np.ndarray]:
        """Inner products over all runs, of both contexts' outputs and of guidance's differences: ``[step, step]`` each."""
        totals = torch.zeros(2, STEPS, STEPS, dtype=torch.float64)
        for at in chunks(len(self.noise)):
            both = self.whole(at)[2]
            for total, values in zip(totals, (both, difference(both))):
                rows = values.flatten(1)
                total += (rows @ rows.T).double()
        return totals[0].numpy(), totals[1].numpy()

    def projections(self, count: int) -> np.ndarray:
        """``[run, direction, i, k]``: what step k's output in place of step i's would do to the end, along directions."""
        return np.concatenate([self._projected(at) for at in chunks(count)])

    def _projected(self, at: slice) -> np.ndarray:
        samples, outputs, _ = self.whole(at)
        x, values = samples[0], outputs.flatten(2)
        generator = torch.Generator().manual_seed(at.start)
        ends = [torch.randn(x.shape, generator=generator) / x[0].numel() ** 0.5 for _ in range(DIRECTIONS)]
        found = torch.zeros(len(x), DIRECTIONS, STEPS, STEPS, dtype=torch.float64)
        for i in reversed(range(STEPS)):
            x = samples[i].clone().requires_grad_(True)
            output, _ = self.output(x, at, i)
            after = self.step(output, x, i)
            for d, end in enumerate(ends):
                by_output, ends[d] = torch.autograd.grad(after, [output, x], end, retain_graph=d < DIRECTIONS - 1)
                found[:, d, i] = torch.einsum("nd,knd->nk", by_output.flatten(1), values).double()
        return found.numpy()


def coefficients(products: np.ndarray, timesteps: list[float], kept: list[int], step: int) -> np.ndarray:
    """What the values of ``kept``, newest first, count at ``step``; the ridge leads to the line through two, if any."""
    line = np.zeros(len(kept))
    line[0] = 1
    if len(kept) > 1:
        slope = (timesteps[step] - timesteps[kept[0]]) / (timesteps[kept[0]] - timesteps[kept[1]])
        line[:2] = 1 + slope, -slope
    matrix = products[np.ix_(kept, kept)]
    damp = RIDGE * matrix.diagonal().mean() * np.eye(len(kept))
    return line + np.linalg.solve(matrix + damp, products[kept, step] - matrix @ line)


def costs() -> np.ndarray:
    """By step: 1 − SSIM over the mean squared error."""
    at = np.arange(STEPS)
    base = np.exp(np.interp(at, list(COSTS), np.log(list(COSTS.values()))))
    return base * LATE ** np.maximum(0, (at - 18) / 28)


def layouts(lose, most: int) -> dict[int, tuple[float, list[int]]]:
    """For each number of calls its least loss and computed steps; ``lose((newest, …), next)`` says it of a stretch."""
    first = tuple(reversed(range(VALUES)))
    ways, found = {first: (0.0, None)}, {}
    for calls in range(VALUES, most + 1):
        onward: dict = defaultdict(lambda: (np.inf, None))
        for state, way in ways.items():
            for step in range(state[0] + 1, min(STEPS, state[0] + MOST_GAP) + 1):
                total = way[0] + lose(state, step)
                if step == STEPS:
                    if total < found.get(calls, (np.inf,))[0]:
                        found[calls] = (total, (state, way))
                elif total < onward[(step, *state[:-1])][0]:
                    onward[(step, *state[:-1])] = (total, (state, way))
        ways = dict(onward)
    return {calls: (loss, steps_of(*last)) for calls, (loss, last) in found.items()}


def steps_of(state: tuple[int, ...], way: tuple) -> list[int]:
    """The computed steps of a way, in order."""
    steps = set(state)
    while way[1] is not None:
        state, way = way[1]
        steps |= set(state)
    return sorted(steps)


def last_computed(computed: list[int], step: int, values: int) -> list[int]:
    """The steps whose values a forecast takes, newest first."""
    return sorted((at for at in computed if at < step), reverse=True)[:values]


def rounded(table) -> list[list[float]]:
    """Coefficients as plans have them: 7 digits."""
    return [[float(f"{c:.7g}") for c in row] for row in table]


def forecast(computed: list[int], products: np.ndarray, timesteps: list[float]) -> dict:
    """What a rule says of a value that is computed at some steps and forecast at the others."""
    skipped = [step for step in range(STEPS) if step not in computed]
    kept = [last_computed(computed, step, VALUES) for step in skipped]
    return {
        "values": VALUES,
        "coefficients": rounded(coefficients(products, timesteps, k, step) for k, step in zip(kept, skipped)),
        "steps": skipped,
        "ages": [[step - k for k in row] for row, step in zip(kept, skipped)],
        "refresh": {"at": computed},
    }


def plan(name: str, output: dict, guidance: dict | None = None) -> dict:
    """The plan that forecasts the whole output, and guidance's difference."""
    valid = {"schedulers": ["ddim"], "numInferenceSteps": [STEPS, STEPS]}
    head = {"format": "phaseskip-plan", "version": 1, "name": name, "phases": []}
    rules = {"rules": [{"units": [""], "action": "forecast", **output}]}
    if guidance is not None:
        rules["guidance"] = [{"action": "delta", **guidance}]
    return {**head, **rules, "steps": {"numInferenceSteps": STEPS}, "valid": valid}


def main() -> None:
    """Writes a plan for each number of calls."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("scenes"))
    parser.add_argument("--calls", type=int, nargs="+", default=[25, 22, 14])
    parser.add_argument("--computed", type=int, nargs="+", help="a layout of one's own, in place of the best ones")
    parser.add_argument("--guided", type=int, nargs="+", help="with --computed: the steps, of these, that run without the prompt, too")
    parser.add_argument("--runs", type=int, default=24, help="runs to fit on")
    parser.add_argument("--directed", type=int, default=16, help="of these, those whose end is differentiated")
    parser.add_argument("--out", type=Path, default=Path("../out/layouts"))
    o = parser.parse_args()
    torch.set_num_threads(1)
    runs = Runs(o.model, "forecast-fit", o.runs)
    timesteps = runs.scheduler.timesteps.tolist()
    products, apart = runs.products()
    o.out.mkdir(parents=True, exist_ok=True)

    def write(computed: list[int], guided: list[int] | None = None) -> None:
        name = f"calls-{len(computed)}" + (f"-{len(guided)}" if guided else "")
        guidance = forecast(guided, apart, timesteps) if guided else None
        made = plan(name, forecast(computed, products, timesteps), guidance)
        (o.out / f"{name}.json").write_text(json.dumps(made) + "\n")

    if o.computed:
        return write(sorted(o.computed), o.guided and sorted(o.guided))
    projections, weight, known = runs.projections(o.directed), costs(), {}

    def lose(kept: tuple[int, ...], step: int) -> float:
        skipped = range(kept[0] + 1, step)
        if len(skipped) > 0 and (kept, step) not in known:
            made = ((s, coefficients(products, timesteps, list(kept), s)) for s in skipped)
            error = sum(projections[:, :, s, kept] @ c - projections[:, :, s, s] for s, c in made)
            size = (error**2).mean(1)
            known[kept, step] = (0.5 * size.mean() + 0.5 * np.sqrt(size).mean() ** 2) * weight[skipped].mean()
        return known.get((kept, step), 0.0)

    found = layouts(lose, max(o.calls))
    for calls in o.calls:
        loss, computed = found[calls]
        write(computed)
        print(f"{calls} calls: predicted loss {loss:.6f}, computed at {computed}", flush=True)


if __name__ == "__main__":
    main()
