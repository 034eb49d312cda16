"""Makes golden runs of published methods, each written from its paper on diffusers' modules.

    python golden_methods.py              all cases, into packages/runtime/test/golden/methods/
    python golden_methods.py tiny-text    those of the models whose names begin so

It knows nothing of plans and graphs: a method gets its paper's parameters, and skips the modules that the
paper skips. `cases.json` lists the cases, `MODEL.npy` stacks their samples, `deep-cache-steps.json` holds
DeepCache's non-uniform steps.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field

import numpy as np
import torch

import fixtures
import golden
from export import write_json
from unet_walk import Residual, UnetWalk

OUT = golden.OUT / "methods"


class Whole:
    """No method: the whole Unet in both contexts at every step. Methods change what it does."""

    def __init__(self, unet, steps: int, **options):
        self.unet, self.walk, self.steps = unet, UnetWalk(unet), steps
        self.kept = {}
        self.setup(**options)

    def setup(self) -> None:
        """Takes the method's parameters."""

    def is_guided(self, step: int, t: float) -> bool:
        """Whether the unconditional context runs, too."""
        return True

    def enter(self, t: float, latent, start):
        """The sample with which a step begins."""
        return latent

    def predict(self, step: int, context: str, sample, t, text):
        """The Unet's output."""
        return self.unet(sample, t, *text, return_dict=False)[0]

    def close(self) -> None:
        """Gives the modules back as they were."""

    def record(self) -> dict:
        """What the run decided or measured, for the case's entry."""
        return {}


class DeepCache(Whole):
    """Layers deeper than the branch run at some steps; what they hand up is kept (arXiv 2312.00858)."""

    def setup(self, interval: int = 3, branch: int = 0, nonUniform: dict | None = None) -> None:
        self.branch = branch
        self.full = set(range(0, self.steps, interval))
        if nonUniform:
            self.full = set(non_uniform_steps(self.steps, interval, nonUniform["center"], nonUniform["power"]))

    def predict(self, step, context, sample, t, text):
        self.walk.begin(sample, t, text)
        if step not in self.full:
            self.walk.down(self.branch)
            return self.walk.up(self.kept[context], self.branch + 1)
        self.walk.down()
        self.kept[context] = self.walk.up_until(self.walk.middle(), self.branch + 1)
        return self.walk.up(self.kept[context], self.branch + 1)


class FasterDiffusion(Whole):
    """The encoder runs at key steps; late samples get some initial noise again (arXiv 2312.09608)."""

    def setup(self, keySteps, priorNoise: float = 0.0, priorNoiseBelow: float = 500) -> None:
        self.keys, self.weight, self.below = set(keySteps), priorNoise, priorNoiseBelow

    def enter(self, t, latent, start):
        return latent + self.weight * start if t < self.below else latent

    def predict(self, step, context, sample, t, text):
        self.walk.begin(sample, t, text)
        if step in self.keys:
            self.walk.down()
            self.kept[context] = (list(self.walk.skips), self.walk.middle())
        skips, middle = self.kept[context]
        self.walk.skips = list(skips)
        return self.walk.up(middle)


class TGate(Whole):
    """Cross-attention is the mean of both contexts' last one from the gate step on (arXiv 2404.02747)."""

    def setup(self, gateStep: int, selfAttention: dict | None = None, **_) -> None:
        self.gate, self.intervals = gateStep, selfAttention
        self.wrapped = []
        for name, module in self.unet.named_modules():
            if name.endswith("attn2") or (selfAttention and name.endswith("attn1")):
                self.wrap(name, module)

    def wrap(self, name: str, module) -> None:
        original, kept = module.forward, {}
        is_reused = self.reuses_cross if name.endswith("attn2") else self.reuses_self

        def forward(*args, **kwargs):
            if is_reused():
                if self.step >= self.gate and "after" not in kept:
                    return sum(kept.values()) / len(kept)
                return kept["after" if self.step >= self.gate else self.context]
            value = original(*args, **kwargs)
            kept["after" if self.step >= self.gate else self.context] = value
            return value

        module.forward = forward
        self.wrapped.append(module)

    def reuses_cross(self) -> bool:
        return self.step >= self.gate

    def reuses_self(self) -> bool:
        if self.step >= self.gate:
            return self.step % self.intervals["after"] != 0
        is_due = self.step % self.intervals["before"] == 0
        return not (self.step <= self.intervals["warmUp"] or is_due or self.step == self.gate - 1)

    def is_guided(self, step, t):
        return step < self.gate

    def predict(self, step, context, sample, t, text):
        self.step, self.context = step, context
        return super().predict(step, context, sample, t, text)

    def close(self):
        for module in self.wrapped:
            del module.forward


class GuidanceInterval(Whole):
    """Guidance between two noise levels only (arXiv 2404.07724)."""

    def setup(self, timesteps) -> None:
        self.low, self.high = timesteps

    def is_guided(self, step, t):
        return self.low <= t < self.high


class BlockCache(Whole):
    """Each layer has a schedule from how much it changes in a run beforehand (arXiv 2312.03209)."""

    def setup(self, threshold: float) -> None:
        self.threshold, self.changes, self.schedule = threshold, None, None
        self.residuals = {name: Residual(module) for name, module in self.walk.layers()}

    def calibrate(self, changes: dict[str, list[float]]) -> None:
        """Sets the schedule: a layer is computed where its changes since would exceed the threshold."""
        self.changes, self.schedule = changes, {}
        for name, rises in changes.items():
            due, total = {0}, 0.0
            for step, rise in enumerate(rises[1:], 1):
                total += rise
                if total > self.threshold:
                    due.add(step)
                    total = 0.0
            self.schedule[name] = due

    def predict(self, step, context, sample, t, text):
        for name, residual in self.residuals.items():
            residual.context = context
            residual.is_reused = self.schedule is not None and step not in self.schedule[name]
        return super().predict(step, context, sample, t, text)

    def measured(self) -> dict[str, list[float]]:
        """The mean over contexts of each layer's relative change, step by step."""
        found = {}
        for name, residual in self.residuals.items():
            lists = np.array(list(residual.changes.values()))
            found[name] = [0.0, *lists.mean(0).tolist()]
        return found

    def close(self):
        for residual in self.residuals.values():
            residual.restore()

    def record(self):
        rounded = {name: [round(v, 7) for v in values] for name, values in self.changes.items()}
        return {"changes": rounded}


class FirstBlockCache(Whole):
    """What lies inside the first block's skip is kept while that block changes little (TeaCache's sum)."""

    def setup(self, threshold: float, maxConsecutive: int | None = None, warmup: int = 0) -> None:
        self.threshold, self.limit, self.warmup = threshold, maxConsecutive or 10**9, warmup
        self.states, self.decisions = {}, {}

    def predict(self, step, context, sample, t, text):
        self.walk.begin(sample, t, text)
        self.walk.down(1)
        first = self.walk.skips[-1]
        state = self.states.setdefault(context, {"sum": 0.0, "run": 0})
        if "last" in state:
            state["sum"] += float((first - state["last"]).abs().mean() / state["last"].abs().mean())
        state["last"] = first
        is_whole = step < self.warmup or "kept" not in state or state["run"] >= self.limit
        is_whole = is_whole or state["sum"] >= self.threshold
        if is_whole:
            self.walk.down()
            state.update(sum=0.0, run=0, kept=self.walk.up_until(self.walk.middle(), 2))
        else:
            state["run"] += 1
        self.decisions.setdefault(context, []).append(int(is_whole))
        return self.walk.up(state["kept"], 2)

    def record(self):
        return {"whole": self.decisions}


class DeltaReuse(Whole):
    """What rear blocks add is kept in early steps, what front blocks add in late ones (arXiv 2406.01125)."""

    def setup(self, interval: int, boundary: float) -> None:
        self.interval, self.boundary, self.since = interval, boundary, {}
        self.residuals = {name: Residual(module) for name, module in self.walk.layers("down", "up")}

    def predict(self, step, context, sample, t, text):
        side = "up" if float(t) >= self.boundary else "down"
        first = self.since.setdefault(side, step)
        for name, residual in self.residuals.items():
            residual.context = context
            is_between = (step - first) % self.interval != 0
            residual.is_reused = name.startswith(side) and is_between
        return super().predict(step, context, sample, t, text)

    def close(self):
        for residual in self.residuals.values():
            residual.restore()


class TaylorSeer(Whole):
    """What the last block hands on is forecast from its last values (arXiv 2503.06923), the polynomial through them."""

    def setup(self, interval: int, order: int, warmup: int, **_) -> None:
        self.interval, self.order, self.warmup = interval, order, warmup
        self.block = self.unet.up_blocks[-1]
        self.original = self.block.forward
        self.block.forward = self.forward

    def forward(self, *args, **kwargs):
        known = self.kept.setdefault(self.context, [])
        since = self.step - (self.warmup - 1)
        if since > 0 and since % self.interval != 0:
            known = known[-(self.order + 1) :]
            terms = (value * weight(t, [other for other, _ in known], self.t) for t, value in known)
            return sum(terms)
        value = self.original(*args, **kwargs)
        known.append((self.t, value))
        return value

    def predict(self, step, context, sample, t, text):
        self.step, self.context, self.t = step, context, float(t)
        return super().predict(step, context, sample, t, text)

    def close(self):
        self.block.forward = self.original


def weight(t: float, known: list[float], wanted: float) -> float:
    """Lagrange's: of the value at `t`, in the polynomial through all that are known, at the wanted time."""
    return float(np.prod([(wanted - other) / (t - other) for other in known if other != t]))


class Spectrum(Whole):
    """At most steps the Unet's output is forecast: ridge on Chebyshev polynomials, and a line (arXiv 2603.01623)."""

    def setup(self, window=2, growth=0.5, degree=3, ridge=1.0, mix=0.4, warmup=4, stop=0.9, values=6) -> None:
        self.window, self.growth, self.degree, self.ridge = {}, growth, degree, ridge
        self.first_window, self.mix, self.warmup, self.values = window, mix, warmup, values
        self.end = int(stop * self.steps)
        self.skipped = {}

    def predict(self, step, context, sample, t, text):
        known = self.kept.setdefault(context, [])
        window = self.window.setdefault(context, self.first_window)
        since = self.skipped.setdefault(context, 0)
        if self.warmup <= step < self.end and (since + 1) % int(window) != 0:
            self.skipped[context] += 1
            return self.forecast(step, known[-self.values :])
        output = super().predict(step, context, sample, t, text)
        known.append((step, output))
        self.skipped[context] = 0
        if step >= self.warmup:
            self.window[context] += self.growth
        return output

    def forecast(self, step: int, known: list):
        """The regression is of all numbers of the output at once, each a function of time."""
        times = np.array([2 * other / self.steps - 1 for other, _ in known])
        history = torch.stack([value.flatten() for _, value in known]).double().numpy()
        basis = np.polynomial.chebyshev.chebvander(times, self.degree)
        penalty = self.ridge * np.eye(self.degree + 1)
        fitted = np.linalg.solve(basis.T @ basis + penalty, basis.T @ history)
        wanted = np.polynomial.chebyshev.chebvander(np.array([2 * step / self.steps - 1]), self.degree)
        line = history[-1] + 0.5 * (history[-1] - history[-2])
        mixed = self.mix * (wanted @ fitted)[0] + (1 - self.mix) * line
        return torch.from_numpy(mixed).float().reshape(known[-1][1].shape)


class FreeU(Whole):
    """diffusers' own (arXiv 2309.11497)."""

    def setup(self, b1, b2, s1, s2) -> None:
        self.unet.enable_freeu(s1=s1, s2=s2, b1=b1, b2=b2)

    def close(self):
        self.unet.disable_freeu()


METHODS = {
    "deepCache": DeepCache,
    "fasterDiffusion": FasterDiffusion,
    "tGate": TGate,
    "guidanceInterval": GuidanceInterval,
    "blockCache": BlockCache,
    "firstBlockCache": FirstBlockCache,
    "deltaReuse": DeltaReuse,
    "taylorSeer": TaylorSeer,
    "spectrum": Spectrum,
    "freeU": FreeU,
}


def non_uniform_steps(total: int, interval: int, center: int, power: float) -> list[int]:
    """DeepCache's whole steps, dense around `center`: equation 9, with the real part of complex powers."""
    wanted = -(-total // interval)
    while power > 1:
        ends = (-center) ** (1 / power), (total - center) ** (1 / power)
        raised = np.linspace(*ends, wanted + 1) ** power
        inner = np.unique(np.trunc(np.real(raised)).astype(int))[1:-1]
        steps = [0, *(int(x) + center for x in inner)]
        if len(steps) == wanted:
            return steps
        power -= 0.02
    return []


@dataclass(frozen=True)
class Case:
    """One run: a method with its paper's parameters, under the names of the plan function's options."""

    model: str
    method: str
    options: dict = field(default_factory=dict)
    scheduler: str | None = None
    steps: int = 12
    seed: int = 0
    guidance: float = 4.0
    prompt: str = "a red boat on the sea at night"


FREE_U = dict(b1=1.3, b2=1.4, s1=0.9, s2=0.2)
GATE = dict(gateStep=6, selfAttention=dict(before=3, after=1, warmUp=1))
KEYS = dict(keySteps=[0, 1, 2, 4, 7, 9])
NON_UNIFORM = dict(interval=3, nonUniform=dict(numInferenceSteps=20, center=6, power=1.4))
PRIOR = dict(**KEYS, priorNoise=0.003, priorNoiseBelow=500)
SPECTRUM = dict(window=3, growth=0.25, degree=2, ridge=0.1, mix=0.7, warmup=3, stop=0.8, values=4)
CASES = [
    Case("tiny-text-ts", "deepCache", dict(interval=3, branch=0)),
    Case("tiny-text-ts", "deepCache", dict(interval=2, branch=3), "euler"),
    Case("tiny-text-ts", "deepCache", NON_UNIFORM, "dpmpp-2m", steps=20),
    Case("tiny-text-ts", "fasterDiffusion", PRIOR, "dpmpp-2m"),
    Case("tiny-text-ts", "tGate", GATE, seed=1),
    Case("tiny-text-ts", "tGate", dict(gateStep=5, selfAttention=dict(before=2, after=3, warmUp=0)), "euler"),
    Case("tiny-text-ts", "guidanceInterval", dict(timesteps=[200, 700])),
    Case("tiny-text-ts", "blockCache", dict(threshold=0.3)),
    Case("tiny-text-ts", "firstBlockCache", dict(threshold=0.3, maxConsecutive=3, warmup=1)),
    Case("tiny-text-ts", "deltaReuse", dict(interval=2, boundary=500)),
    Case("tiny-text-ts", "taylorSeer", dict(interval=3, order=1, warmup=3), "ddim"),
    Case("tiny-text-ts", "freeU", FREE_U),
    Case("tiny-text-ts", "spectrum", steps=20),
    Case("tiny-text-dynamo", "deepCache", dict(interval=4, branch=1), "dpmpp-2m"),
    Case("tiny-text-dynamo", "fasterDiffusion", PRIOR, "euler"),
    Case("tiny-text-dynamo", "tGate", dict(gateStep=4), "euler"),
    Case("tiny-text-dynamo", "blockCache", dict(threshold=0.2), "dpmpp-2m"),
    Case("tiny-text-dynamo", "firstBlockCache", dict(threshold=0.2), "euler"),
    Case("tiny-text-dynamo", "deltaReuse", dict(interval=3, boundary=600), "dpmpp-2m"),
    Case("tiny-text-dynamo", "taylorSeer", dict(interval=2, order=2, warmup=2), "euler"),
    Case("tiny-text-dynamo", "freeU", FREE_U, "dpmpp-2m"),
    Case("tiny-sd-ts", "deepCache", dict(interval=2, branch=1), "ddim"),
    Case("tiny-sd-ts", "fasterDiffusion", KEYS, "euler"),
    Case("tiny-sd-ts", "tGate", GATE),
    Case("tiny-sd-ts", "deltaReuse", dict(interval=2, boundary=400), "dpmpp-2m"),
    Case("tiny-sd-ts", "freeU", FREE_U, "ddim"),
    Case("tiny-ddpm-ts", "deepCache", dict(interval=3, branch=2), "ddim"),
    Case("tiny-ddpm-ts", "fasterDiffusion", PRIOR),
    Case("tiny-ddpm-ts", "blockCache", dict(threshold=0.2), "ddim"),
    Case("tiny-ddpm-ts", "firstBlockCache", dict(threshold=0.2, warmup=2), "dpmpp-2m"),
    Case("tiny-ddpm-ts", "deltaReuse", dict(interval=2, boundary=500)),
    Case("tiny-ddpm-ts", "taylorSeer", dict(interval=2, order=1, warmup=1), "dpmpp-2m"),
    Case("tiny-ddpm-ts", "spectrum", SPECTRUM, "ddim", steps=16),
]


@torch.no_grad()
def sample(case: Case, parts, method, nudge: float = 0.0):
    """Runs a method: the final sample and the timesteps."""
    scheduler = golden.make_scheduler(parts, case.scheduler)
    scheduler.set_timesteps(case.steps)
    generator = torch.Generator("cpu").manual_seed(case.seed)
    config = parts.unet.config
    start = torch.randn((1, config.in_channels, config.sample_size, config.sample_size), generator=generator)
    start = start + nudge * torch.randn(start.shape, generator=torch.Generator().manual_seed(99))
    start = start * scheduler.init_noise_sigma
    latent, texts = start, {"cond": ()}
    if parts.text_encoder is not None:
        prompts = {"cond": case.prompt, "uncond": ""}
        texts = {key: (golden.encode(parts, case.model, text),) for key, text in prompts.items()}
    extra = {"generator": generator} if "ddpm" in type(scheduler).__name__.lower() else {}
    for step, t in enumerate(scheduler.timesteps):
        latent = method.enter(float(t), latent, start)
        entering = scheduler.scale_model_input(latent, t)
        handed = t if parts.fixture.timestep.is_floating_point() else t.long()  # truncates
        output = method.predict(step, "cond", entering, handed, texts["cond"])
        if "uncond" in texts and method.is_guided(step, float(t)):
            base = method.predict(step, "uncond", entering, handed, texts["uncond"])
            output = base + case.guidance * (output - base)
        latent = scheduler.step(output, t, latent, **extra, return_dict=False)[0]
    return latent, [float(t) for t in scheduler.timesteps]


def run(case: Case, parts, nudge: float = 0.0):
    """Runs a case; a method that needs a calibration run gets one before. Returns sample, timesteps, record."""
    scheduler = golden.make_scheduler(parts, case.scheduler)
    scheduler.set_timesteps(case.steps)
    method = METHODS[case.method](parts.unet, len(scheduler.timesteps), **case.options)
    try:
        if isinstance(method, BlockCache):
            sample(case, parts, method)
            method.calibrate(method.measured())
            for residual in method.residuals.values():
                residual.forget()
        result, timesteps = sample(case, parts, method, nudge)
        return result, timesteps, method.record()
    finally:
        method.close()


def make_case(case: Case, parts) -> tuple[dict, torch.Tensor]:
    """One case's entry and sample; refuses one that is too tender, or that its method does not change."""
    result, timesteps, record = run(case, parts)
    nudged, _, _ = run(case, parts, nudge=1e-6)
    full, _ = sample(case, parts, Whole(parts.unet, case.steps))
    tender, moved = golden.distance(nudged, result), golden.distance(result, full)
    label = f"{case.model} {case.method} {case.scheduler}"
    print(f"{label}: 1e-6 of noise moves it by {tender:.1e}, the method by {moved:.1e}", record.get("whole", ""))
    if not result.isfinite().all() or tender > golden.TOO_TENDER or moved < 1e-2:
        raise SystemExit(f"{label}: no good as a golden run")
    entry = {
        "model": case.model,
        "method": case.method,
        "options": case.options,
        "prompt": case.prompt if parts.text_encoder is not None else None,
        "seed": case.seed,
        "numInferenceSteps": case.steps,
        "scheduler": case.scheduler,
        "guidanceScale": case.guidance if parts.text_encoder is not None else None,
        **({"timesteps": timesteps} if case.method in ("tGate", "taylorSeer", "spectrum") else {}),
        **record,
    }
    return entry, result


@torch.no_grad()
def count_macs(model: str) -> dict:
    """Multiply-adds of one call that DeepCache or Faster Diffusion leaves, at batch 1, from torch's counter."""
    from diffusers.models.attention_processor import AttnProcessor
    from torch.utils.flop_counter import FlopCounterMode

    unet = fixtures.build(model).unet
    for module in unet.modules():
        if hasattr(module, "set_processor"):
            module.set_processor(AttnProcessor())  # plain products: the fused kernel is not always counted
    sample, t, *text = golden.unet_arguments(unet, fixtures.LENGTH)
    walk = UnetWalk(unet)
    walk.begin(sample, t, text)
    walk.down()
    skips, middle = list(walk.skips), walk.middle()
    found = {}
    for branch in range(len(walk.up_layers)):
        walk.skips = list(skips)
        deep = walk.up_until(middle, branch + 1)
        with FlopCounterMode(display=False) as counter:
            walk.begin(sample, t, text)
            walk.down(branch)
            walk.up(deep, branch + 1)
        found[f"deepCache {branch}"] = counter.get_total_flops() // 2
    with FlopCounterMode(display=False) as counter:
        unet.time_embedding(unet.time_proj(t.reshape(1)))
        walk.skips = list(skips)
        walk.up(middle)
    found["fasterDiffusion"] = counter.get_total_flops() // 2
    return found


def write_lines(path, entries: list[dict]) -> None:
    """A JSON list, one entry a line."""
    path.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")


def main() -> None:
    """Makes the cases of the models whose names begin with the argument."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix", nargs="?", default="")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    entries = []
    for model in dict.fromkeys(case.model for case in CASES):
        if not model.startswith(settings.prefix):
            continue
        parts = fixtures.build(model)
        made = [make_case(case, parts) for case in CASES if case.model == model]
        entries += [{**entry, "sample": [f"{model}.npy", i]} for i, (entry, _) in enumerate(made)]
        golden.write_npy(OUT / f"{model}.npy", torch.cat([result for _, result in made]))
    if settings.prefix:
        return
    write_lines(OUT / "cases.json", entries)
    write_json(OUT / "macs.json", {model: count_macs(model) for model in dict.fromkeys(c.model for c in CASES)})
    grid = [(n, i, c, p) for n in (20, 50) for i in (2, 3, 5, 10) for c in (0, 10, 15) for p in (1.2, 1.4, 2.0)]
    steps = [{"numInferenceSteps": n, "interval": i, "center": c, "power": p, "steps": non_uniform_steps(n, i, c, p)}
             for n, i, c, p in grid]  # fmt: skip
    write_lines(OUT / "deep-cache-steps.json", steps)


if __name__ == "__main__":
    main()
