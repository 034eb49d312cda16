"""Runs a plan on a diffusers Unet in PyTorch, by wrapping the modules' forwards.

A second, independent reading of the plan format, for golden values: it knows nothing of graphs. It has
every action but `mean`, every refresh, and skips addressed at their consumer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import torch
from diffusers.utils.torch_utils import fourier_filter

from forecast import coefficients

SKIP = re.compile(r"(up_blocks\.\d+)\.resnets\.(\d+)\.skip")


def matches(pattern: str, unit: str) -> bool:
    """`*` is one path element, `**` any number of them; skips need a pattern that ends in `.skip`, the whole Unet ""."""
    if not unit or not pattern:
        return unit == pattern
    if unit.endswith(".skip") and not pattern.endswith(".skip"):
        return False
    return match_elements(pattern.split("."), unit.split("."))


def match_elements(pattern: list[str], unit: list[str]) -> bool:
    """The same, element by element."""
    if not pattern:
        return not unit
    if pattern[0] == "**":
        return any(match_elements(pattern[1:], unit[i:]) for i in range(len(unit) + 1))
    return bool(unit) and pattern[0] in ("*", unit[0]) and match_elements(pattern[1:], unit[1:])


def units_of(unet: torch.nn.Module) -> list[str]:
    """Every module path, and one skip for each ResNet of an up block."""
    names = [name for name, _ in unet.named_modules() if name]
    resnet = re.compile(r"up_blocks\.\d+\.resnets\.\d+$")
    return names + [f"{name}.skip" for name in names if resnet.match(name)]


@dataclass
class Kept:
    """What a unit gave at one step."""

    value: object
    main: torch.Tensor | None
    step: int
    t: float


@dataclass
class Cache:
    """What one unit in one context remembers, oldest first; for `adaptive`, what happened since."""

    computed: list[Kept] = field(default_factory=list)
    rise: float = 0.0
    in_a_row: int = 0


@dataclass
class Call:
    """One call of a unit: how to compute it, its main input, and its form."""

    compute: object
    main: torch.Tensor | None = None
    module: object = None
    is_tuple: bool = False

    def shortcut(self, main):
        """What reaches the output without the unit's own work."""
        conv = getattr(self.module, "conv_shortcut", None)
        return main if conv is None else conv(main)

    def formed(self, tensor):
        """The tensor as the unit returns it."""
        return (tensor,) if self.is_tuple else tensor


@dataclass
class Run:
    """Where the run is, and what happens there."""

    timesteps: list[float]
    step: int = 0
    context: str = "cond"
    computed: dict[str, int] = field(default_factory=dict)
    decisions: dict[str, list[int]] = field(default_factory=dict)  # of adaptive units, by unit and context

    @property
    def t(self) -> float:
        """The timestep of the step at hand."""
        return self.timesteps[self.step]


class PlannedUnet:
    """A Unet whose modules obey a plan. Set `run.step` and `run.context` before each call."""

    def __init__(self, unet, plan: dict, timesteps: list[float], num_train_timesteps: int):
        self.unet, self.run = unet, Run(timesteps)
        self.phases = {p["name"]: p for p in plan.get("phases", [])}
        self.rules, self.guidance = plan.get("rules", []), plan.get("guidance", [])
        self.num_train_timesteps = num_train_timesteps
        self.caches: dict[tuple[str, str], Cache] = {}
        self.probes: dict[tuple[str, str], dict] = {}
        self.watched = []
        modules = dict(unet.named_modules())
        skips: dict[str, list[str]] = {}
        self.wrapped = []
        for unit in ["", *units_of(unet)]:
            if not any(matches(p, unit) for rule in self.rules for p in rule["units"]):
                continue
            found = SKIP.fullmatch(unit)
            if found:
                skips.setdefault(found[1], []).append(unit)
            else:
                self.wrap_unit(unit, modules[unit])
        for block, units in skips.items():
            self.wrap_skips(modules[block], units)
        for probe in {rule["probe"] for rule in self.rules if rule["action"] == "adaptive"}:
            watch = lambda _, __, value, probe=probe: self.watch(probe, value)
            self.watched.append(modules[probe].register_forward_hook(watch))

    def restore(self) -> None:
        """Gives the modules their own forwards back."""
        for handle in self.watched:
            handle.remove()
        for module in self.wrapped:
            module.__dict__.pop("forward", None)

    def in_phases(self, names: list[str] | None, step: int) -> bool:
        """Whether the timestep of `step` lies in one of the phases; no list means always."""
        if names is None:
            return True
        t = self.run.timesteps[step]
        for name in names:
            start, end = self.phases[name]["from"], self.phases[name]["to"]
            if end <= t and (t < start or start == self.num_train_timesteps):
                return True
        return False

    def rule_at(self, unit: str, step: int) -> int | None:
        """The number of the last rule that matches, in the current context."""
        for number in range(len(self.rules) - 1, -1, -1):
            rule = self.rules[number]
            if self.run.context not in rule.get("contexts", ["cond", "uncond"]):
                continue
            if self.in_phases(rule.get("phases"), step) and any(matches(p, unit) for p in rule["units"]):
                return number
        return None

    def guidance_at(self, step: int) -> tuple[int | None, dict]:
        """The last guidance rule that matches, and its number."""
        for number in range(len(self.guidance) - 1, -1, -1):
            if self.in_phases(self.guidance[number].get("phases"), step):
                return number, self.guidance[number]
        return None, {}

    def runs_both(self, step: int, last_both: int | None) -> bool:
        """Whether the unconditional context runs at this step; `last_both` is when it ran last."""
        number, rule = self.guidance_at(step)
        if rule.get("action") == "delta":
            kept = None if last_both is None else Kept(None, None, last_both, self.run.timesteps[last_both])
            first = step == 0 or self.guidance_at(step - 1)[0] != number
            return self.is_due(rule["refresh"], kept, first, step)
        return rule.get("action") != "off"

    def is_due(self, refresh, last: Kept | None, first: bool, step: int) -> bool:
        """Whether a kept value is made afresh at this step; `first` opens a stretch of steps under one rule."""
        t = self.run.timesteps[step]
        if refresh == "never":
            return False
        if "at" in refresh:
            return step in refresh["at"]
        if "atTimesteps" in refresh:
            reached = lambda limit: next((i for i, s in enumerate(self.run.timesteps) if s <= limit), None)
            return any(reached(limit) == step for limit in refresh["atTimesteps"])
        if "everyTimesteps" in refresh:
            return last is None or last.t - t >= refresh["everyTimesteps"] or first
        return last is None or step - last.step >= refresh["every"] or first

    def watch(self, probe: str, value) -> None:
        """Notes how much a probe's output has changed since the step before."""
        value = value[0] if isinstance(value, tuple) else value
        state = self.probes.setdefault((probe, self.run.context), {})
        before = state.get("value")
        state["change"] = 0.0 if before is None else float((value - before).abs().mean() / before.abs().mean())
        state["value"] = value

    def decides(self, rule: dict, unit: str, cache: Cache) -> bool:
        """Whether an adaptive unit is computed at this step."""
        cache.rise += self.probes[rule["probe"], self.run.context]["change"]
        is_forced = not cache.computed or self.run.step < rule.get("warmup", 0)
        is_forced = is_forced or cache.in_a_row >= rule.get("maxConsecutive", 10**9)
        found = is_forced or cache.rise >= rule["threshold"]
        if not is_forced and abs(cache.rise - rule["threshold"]) < 1e-3 * rule["threshold"]:
            raise ValueError(f"{unit} is too close to its threshold to compare with")
        cache.in_a_row = 0 if found else cache.in_a_row + 1
        cache.rise = 0.0 if found else cache.rise
        self.run.decisions.setdefault(f"{unit} {self.run.context}", []).append(int(found))
        return found

    def apply(self, unit: str, call: Call):
        """The unit's value at this step: computed, changed, or made from what was kept."""
        number = self.rule_at(unit, self.run.step)
        rule = self.rules[number] if number is not None else {"action": "run"}
        cache = self.caches.setdefault((unit, self.run.context), Cache())
        action, of_residual = rule["action"], rule.get("value") == "residual"
        if action == "bypass":
            return call.formed(call.main)
        if action == "zero" and of_residual:
            return call.formed(call.shortcut(call.main))
        if action in ("reuse", "extrapolate", "forecast", "adaptive"):
            last = cache.computed[-1] if cache.computed else None
            first = self.run.step == 0 or self.rule_at(unit, self.run.step - 1) != number
            if action == "adaptive":
                is_computed = self.decides(rule, unit, cache)
            else:
                is_computed = self.is_due(rule["refresh"], last, first, self.run.step)
            if not is_computed:
                if last is None:
                    raise ValueError(f"{unit} has no cached value at step {self.run.step} in {self.run.context}")
                return self.kept(unit, rule, cache, call)
        value = call.compute()
        if action == "zero":
            return map_tensors(value, torch.zeros_like)
        cache.computed = [*cache.computed[-4:], Kept(value, call.main, self.run.step, self.run.t)]
        self.run.computed[unit] = self.run.computed.get(unit, 0) + 1
        return map_tensors(value, lambda x: scaled(x, rule)) if action == "scale" else value

    def kept(self, unit: str, rule: dict, cache: Cache, call: Call):
        """What stands in for a unit that is not computed."""
        last = cache.computed[-1]
        if rule.get("value") == "residual":
            value = last.value[0] if call.is_tuple else last.value
            return call.formed(call.shortcut(call.main) + (value - call.shortcut(last.main)))
        if rule.get("value") == "mean":
            both = [self.caches.get((unit, context), Cache()).computed for context in ("cond", "uncond")]
            values = [computed[-1].value for computed in both if computed]
            return map_tensors(values[0], lambda x: sum(values) / len(values)) if len(values) > 1 else values[0]
        if rule["action"] == "extrapolate":
            points = cache.computed[-1 - rule["order"] :]
            factors = lagrange([p.t for p in points], self.run.t)
            tensors = [p.value[0] if call.is_tuple else p.value for p in points]
            return call.formed(sum(f * x for f, x in zip(factors, tensors)))
        if rule["action"] == "forecast":
            points = cache.computed[::-1]
            factors = self.forecast(rule, points)
            tensors = [p.value[0] if call.is_tuple else p.value for p in points]
            return call.formed(sum(f * x for f, x in zip(factors, tensors)))
        return last.value

    def forecast(self, rule: dict, points: list[Kept]) -> list[float]:
        """What each of these counts at the step at hand, newest first; fewer than there are may count."""
        places = [(p.step, p.t) for p in points[: rule["values"]]]
        return coefficients(rule, places, (self.run.step, self.run.t), self.num_train_timesteps)

    def wrap_unit(self, unit: str, module: torch.nn.Module) -> None:
        """Puts `apply` around the module's forward."""
        original = module.forward

        def forward(*args, **kwargs):
            main = args[0] if args else kwargs["hidden_states"]
            compute = lambda: original(*args, **kwargs)
            return self.apply(unit, Call(compute, main, module, kwargs.get("return_dict") is False))

        module.forward = forward
        self.wrapped.append(module)

    def wrap_skips(self, block: torch.nn.Module, units: list[str]) -> None:
        """Puts `apply` around the skips that enter an up block: ResNet j takes the last but j."""
        whole = block.__dict__.get("forward")  # a unit's wrapper stays outside
        inner = type(block).forward.__get__(block)
        by_index = {int(SKIP.fullmatch(unit)[2]): unit for unit in units}

        def forward(*args, **kwargs):
            args = list(args)
            given = kwargs["res_hidden_states_tuple"] if "res_hidden_states_tuple" in kwargs else args[1]
            skips = list(given)
            for index, unit in by_index.items():
                value = skips[-1 - index]
                skips[-1 - index] = self.apply(unit, Call(lambda value=value: value, value))
            if "res_hidden_states_tuple" in kwargs:
                kwargs["res_hidden_states_tuple"] = tuple(skips)
            else:
                args[1] = tuple(skips)
            return inner(*args, **kwargs)

        if whole is None:
            block.forward = forward
        else:
            unit = next(name for name, module in self.unet.named_modules() if module is block)
            block.forward = lambda *args, **kwargs: self.apply(unit, Call(lambda: forward(*args, **kwargs)))
        self.wrapped.append(block)


def map_tensors(value, function):
    """Applies the function to every tensor of nested tuples."""
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, (tuple, list)):
        return type(value)(map_tensors(v, function) for v in value)
    return value


def scaled(x: torch.Tensor, rule: dict) -> torch.Tensor:
    """The tensor, or the part of its channels or frequencies that the rule names, times the rule's factor."""
    start, end = (int(part * x.shape[1]) for part in rule.get("channels", (0, 1)))
    part = x[:, start:end]
    if "lowPass" in rule:
        part = fourier_filter(part, threshold=rule["lowPass"], scale=rule["factor"])
    else:
        part = part * rule["factor"]
    return torch.cat([x[:, :start], part, x[:, end:]], 1)


def lagrange(points: list[float], at: float) -> list[float]:
    """By how much each of a polynomial's values counts at another place."""
    factors = []
    for i, here in enumerate(points):
        factor = 1.0
        for j, other in enumerate(points):
            factor *= (at - other) / (here - other) if i != j else 1.0
        factors.append(factor)
    return factors
