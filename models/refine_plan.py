"""Moves the coefficients of a plan's forecasts so that its pictures come closer to the whole Unet's.

    python step_layouts.py --computed 0 1 2 3 5 7 9 10 12 14 17 22 28 37 46 --out ../out/layouts
    python refine_plan.py --plan ../out/layouts/calls-15.json --out ../out/refined.json

A least-squares fit knows the runs of the whole Unet alone: that each forecast bends the run, and that the values kept
later are of the bent one, it does not. Here the plan itself runs, and the derivative of its pictures' loss of SSIM by
every coefficient is taken through all of its steps. Newton's steps follow: curvature by Gauss and Newton, of random
directions in the picture; damped in units of the forecast outputs, and taken back where the loss grows (Levenberg,
Marquardt). A pair that has become another picture pulls little (a logarithm of its loss), since no small change brings
it back. Captions and noise are of a series of their own. The file is written after each step.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from step_layouts import STEPS, Runs, chunks, difference, last_computed, rounded

#: A loss of SSIM from which on a pair pulls less.
TURNING = 0.01
#: Rounds that draw the curvature anew.
CURVED = (0, 6)
WINDOW = torch.exp(-(torch.arange(-3, 4).double() ** 2) / (2 * 1.5**2))
KERNEL = torch.outer(WINDOW, WINDOW).div(WINDOW.sum() ** 2).expand(3, 1, 7, 7).contiguous()
C1, C2 = 0.01**2, 0.03**2


def blur(pictures: torch.Tensor) -> torch.Tensor:
    """Means under SSIM's window, each channel apart, where it lies inside."""
    return functional.conv2d(pictures, KERNEL.to(pictures), groups=3)


def lost(samples: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """1 − SSIM of each sample to its end, as ``@phaseskip/metrics`` has it, of unrounded pictures: ``[batch]``."""
    a, b = (samples.clamp(-1, 1) + 1) / 2, (ends.clamp(-1, 1) + 1) / 2
    mean_a, mean_b = blur(a), blur(b)
    joint = blur(a * b) - mean_a * mean_b
    spread = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2
    same = (2 * mean_a * mean_b + C1) * (2 * joint + C2) / ((mean_a**2 + mean_b**2 + C1) * (spread + C2))
    return 1 - same.mean((1, 2, 3))


def curvature(ends: torch.Tensor) -> torch.Tensor:
    """What the square of a pixel's small error loses of SSIM, twice, for errors of spread zero mean."""
    b = (ends.clamp(-1, 1) + 1) / 2
    spread = (blur(b * b) - blur(b) ** 2).clamp(min=0)
    return functional.conv_transpose2d(1 / (2 * spread + C2) / (4 * spread[0].numel()), KERNEL.to(ends), groups=3)


class Table:
    """What a rule of a plan forecasts: at which steps, from which, and by which coefficients."""

    def __init__(self, rule: dict, values: int = 0):
        size = max(values, rule["values"])
        self.kept = {step: last_computed(rule["refresh"]["at"], step, size) for step in rule["steps"]}
        ages = [[step - at for at in kept] for step, kept in self.kept.items()]
        if any(given != own[: len(given)] for given, own in zip(rule["ages"], ages)):
            raise SystemExit("Cannot refine this plan as its ages must be those of the last values computed")
        self.rule = {**rule, "values": size, "ages": ages}
        self.first = torch.zeros(len(self.kept), size)
        for row, given in zip(self.first, rule["coefficients"]):
            row[: len(given)] = torch.tensor(given)

    def forecast(self, values: dict[int, torch.Tensor], table: torch.Tensor, step: int) -> torch.Tensor:
        """The value at a step, from those computed so far; the table is each run's own: ``[run, forecast, value]``."""
        row = self.rule["steps"].index(step)
        return sum(c[:, None, None, None] * values[k] for c, k in zip(table[:, row].unbind(1), self.kept[step]))

    def norms(self, products: np.ndarray, whole: np.ndarray) -> torch.Tensor:
        """The matrix of a change's square, in units of the whole output's own: ``[coefficient, coefficient]``."""
        blocks = []
        for step, kept in self.kept.items():
            block = np.eye(self.first.shape[1])
            block[: len(kept), : len(kept)] = products[np.ix_(kept, kept)] / whole[step, step]
            blocks.append(torch.from_numpy(block))
        return torch.block_diag(*blocks) + 1e-7 * torch.eye(self.first.numel())

    def changed(self, table: torch.Tensor) -> dict:
        """The rule with other coefficients."""
        rows = zip(table.tolist(), self.kept.values())
        return {**self.rule, "coefficients": rounded(row[: len(kept)] for row, kept in rows)}


class Forecasts:
    """A plan that computes the whole Unet at some steps and forecasts its output at the others, guidance's too."""

    def __init__(self, plan: dict, values: int = 0):
        self.plan, rules = plan, [*plan["rules"], *plan.get("guidance", [])]
        acts = [(rule.get("units"), rule["action"]) for rule in rules]
        if acts not in ([([""], "forecast")], [([""], "forecast"), (None, "delta")]) or any("ages" not in rule for rule in rules):
            raise SystemExit(
                "Cannot refine this plan as it must have one rule with a table that forecasts the whole Unet's output, and "
                f"perhaps such a rule for guidance's delta: current rules are {acts}"
            )
        self.tables = [Table(rule, values) for rule in rules]
        self.table = torch.cat([table.first for table in self.tables])

    def ends(self, runs: Runs, at: slice, table: torch.Tensor) -> torch.Tensor:
        """Final samples of some runs under the plan; the table is each run's own: ``[run, forecast, value]``."""
        own = table.split([len(each.kept) for each in self.tables], 1)
        x, outputs, differences = runs.noise[at], {}, {}
        for step in range(STEPS):
            is_kept, *is_kept_apart = [step in each.kept for each in self.tables]
            if is_kept:
                output = self.tables[0].forecast(outputs, own[0], step)
            elif is_kept_apart == [True]:
                output = runs.conditional(x, at, step)
            else:
                output, both = runs.output(x, at, step)
                if is_kept_apart:
                    output, differences[step] = both[0], difference(both)
            outputs[step] = output
            if is_kept_apart:
                apart = self.tables[1].forecast(differences, own[1], step) if is_kept_apart[0] else differences[step]
                output = output + (1 - runs.guidance) * apart
            x = runs.step(output, x, step)
        return x

    def norms(self, runs: Runs) -> torch.Tensor:
        """The matrix of a change's square over all tables."""
        products = runs.products()
        return torch.block_diag(*(each.norms(own, products[0]) for each, own in zip(self.tables, products)))

    def write(self, table: torch.Tensor, out: Path) -> None:
        """The plan with other tables."""
        rules = [each.changed(own) for each, own in zip(self.tables, table.split([len(each.kept) for each in self.tables]))]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({**self.plan, "rules": rules[:1], **({"guidance": rules[1:]} if rules[1:] else {})}) + "\n")


def whole_ends(runs: Runs) -> torch.Tensor:
    """Final samples of the whole Unet."""
    return torch.cat([runs.whole(at)[0][-1] for at in chunks(len(runs.noise))])


def derive(plan: Forecasts, runs: Runs, ends: torch.Tensor, table: torch.Tensor, directions: int):
    """Losses ``[run]``, their pull's derivative by the table, and, with directions, its curvature."""
    losses, slopes, rows = [], [], []
    generator = torch.Generator().manual_seed(0)
    for at in chunks(len(ends)):
        own = table.expand(len(ends[at]), *table.shape).clone().requires_grad_(True)
        x = plan.ends(runs, at, own)
        loss = lost(x, ends[at])
        slopes += torch.autograd.grad(torch.log1p(loss / TURNING).sum(), own, retain_graph=True)
        losses.append(loss.detach())
        pull = 1 / (losses[-1] + TURNING)
        weight = (curvature(ends[at]) * pull[:, None, None, None]).sqrt()
        for _ in range(directions):
            toward = weight * torch.randn(x.shape, generator=generator)
            rows += torch.autograd.grad(x, own, toward, retain_graph=True)
    slope = torch.cat(slopes).flatten(1).double().mean(0)
    if directions == 0:
        return torch.cat(losses), slope, None
    drawn = torch.cat(rows).flatten(1).double()
    return torch.cat(losses), slope, 2 * drawn.T @ drawn / len(drawn)


def told(losses: torch.Tensor) -> str:
    """A line on the losses."""
    return f"mean {losses.mean():.5f}, median {losses.median():.5f}, p90 {losses.quantile(0.9):.5f}, worst {losses.max():.4f}"


def refine(plan: Forecasts, runs: Runs, ends: torch.Tensor, norms: torch.Tensor, rounds: int, directions: int, damping: float):
    """Yields after each round its losses, the damping, and the best table so far."""
    table, bent, best = plan.table, None, None
    for step in range(rounds):
        losses, slope, found = derive(plan, runs, ends, table, directions if step in CURVED else 0)
        if found is not None:
            bent = found if bent is None else (bent + found) / 2
        total = torch.log1p(losses / TURNING).mean()
        if best is None or total <= best[0]:
            damping = damping if best is None else damping / 2
            best = (total, table, slope)
        else:
            damping *= 5
        yield losses, damping, best[1]
        change = torch.linalg.solve(bent + damping * norms, best[2])
        table = (best[1].double() - change.reshape(table.shape)).to(table)


def main() -> None:
    """Refines a plan, and says what became of its loss on runs that took no part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("scenes"))
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--values", type=int, default=0, help="values of a forecast; the plan's are the least")
    parser.add_argument("--runs", type=int, default=64, help="runs to refine on")
    parser.add_argument("--held", type=int, default=64, help="runs that the losses before and after are told of")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--directions", type=int, default=3, help="random directions of each picture, for the curvature")
    parser.add_argument("--damping", type=float, default=30.0)
    parser.add_argument("--out", type=Path, required=True)
    o = parser.parse_args()
    torch.set_num_threads(1)
    plan = Forecasts(json.loads(o.plan.read_text()), o.values)
    runs, held = Runs(o.model, "refine-train", o.runs), Runs(o.model, "refine-test", o.held)
    ends, held_ends = whole_ends(runs), whole_ends(held)
    norms = plan.norms(Runs(o.model, "forecast-fit", 24))

    @torch.no_grad()
    def on_held(table: torch.Tensor) -> str:
        own = table.expand(o.held, -1, -1)
        return told(torch.cat([lost(plan.ends(held, at, own[at]), held_ends[at]) for at in chunks(o.held)]))

    print(f"held runs before: {on_held(plan.table)}", flush=True)
    start = time.time()
    for losses, damping, table in refine(plan, runs, ends, norms, o.rounds, o.directions, o.damping):
        print(f"{told(losses)}, damping {damping:.3g}, {time.time() - start:.0f} s", flush=True)
        plan.write(table, o.out)
    print(f"held runs after: {on_held(table)}", flush=True)


if __name__ == "__main__":
    main()
