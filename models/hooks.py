"""Runs a plan on a diffusers Unet in PyTorch, by wrapping the modules' forwards.

A second, independent reading of the plan format, for golden values: it knows nothing of graphs. It has
`run`, `reuse` of outputs (every, at, never), `zero`, and skips addressed at their consumer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import torch

SKIP = re.compile(r"(up_blocks\.\d+)\.resnets\.(\d+)\.skip")


def matches(pattern: str, unit: str) -> bool:
    """`*` is one path element, `**` any number of them; skips need a pattern that ends in `.skip`."""
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
class Cache:
    """What one unit in one context remembers."""

    value: object = None
    step: int | None = None


@dataclass
class Run:
    """Where the run is, and what happens there."""

    timesteps: list[float]
    step: int = 0
    context: str = "cond"
    computed: dict[str, int] = field(default_factory=dict)


class PlannedUnet:
    """A Unet whose modules obey a plan. Set `run.step` and `run.context` before each call."""

    def __init__(self, unet, plan: dict, timesteps: list[float], num_train_timesteps: int):
        self.unet, self.run = unet, Run(timesteps)
        self.phases = {p["name"]: p for p in plan.get("phases", [])}
        self.rules, self.guidance = plan.get("rules", []), plan.get("guidance", [])
        self.num_train_timesteps = num_train_timesteps
        self.caches: dict[tuple[str, str], Cache] = {}
        modules = dict(unet.named_modules())
        skips: dict[str, list[str]] = {}
        self.wrapped = []
        for unit in units_of(unet):
            if not any(matches(p, unit) for rule in self.rules for p in rule["units"]):
                continue
            found = SKIP.fullmatch(unit)
            if found:
                skips.setdefault(found[1], []).append(unit)
            else:
                self.wrap_unit(unit, modules[unit])
        for block, units in skips.items():
            self.wrap_skips(modules[block], units)

    def restore(self) -> None:
        """Gives the modules their own forwards back."""
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

    def guidance_is_off(self, step: int) -> bool:
        """Whether the plan leaves the unconditional context out at this step."""
        off = False
        for rule in self.guidance:
            if self.in_phases(rule.get("phases"), step):
                off = rule["action"] == "off"
        return off

    def must_compute(self, unit: str, rule: dict, number: int, cache: Cache) -> bool:
        """Whether a reused value is made afresh at this step."""
        refresh, step = rule["refresh"], self.run.step
        if refresh == "never":
            return False
        if "at" in refresh:
            return step in refresh["at"]
        first = step == 0 or self.rule_at(unit, step - 1) != number
        return cache.step is None or step - cache.step >= refresh["every"] or first

    def apply(self, unit: str, compute):
        """The unit's value at this step: computed, from the cache, or zeros."""
        number = self.rule_at(unit, self.run.step)
        rule = self.rules[number] if number is not None else {"action": "run"}
        cache = self.caches.setdefault((unit, self.run.context), Cache())
        if rule["action"] == "reuse" and not self.must_compute(unit, rule, number, cache):
            if cache.step is None:
                raise ValueError(f"{unit} has no cached value at step {self.run.step} in {self.run.context}")
            return cache.value
        value = compute()
        if rule["action"] == "zero":
            return map_tensors(value, torch.zeros_like)
        cache.value, cache.step = value, self.run.step
        self.run.computed[unit] = self.run.computed.get(unit, 0) + 1
        return value

    def wrap_unit(self, unit: str, module: torch.nn.Module) -> None:
        """Puts `apply` around the module's forward."""
        original = module.forward
        module.forward = lambda *args, **kwargs: self.apply(unit, lambda: original(*args, **kwargs))
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
                skips[-1 - index] = self.apply(unit, lambda value=value: value)
            if "res_hidden_states_tuple" in kwargs:
                kwargs["res_hidden_states_tuple"] = tuple(skips)
            else:
                args[1] = tuple(skips)
            return inner(*args, **kwargs)

        if whole is None:
            block.forward = forward
        else:
            unit = next(name for name, module in self.unet.named_modules() if module is block)
            block.forward = lambda *args, **kwargs: self.apply(unit, lambda: forward(*args, **kwargs))
        self.wrapped.append(block)


def map_tensors(value, function):
    """Applies the function to every tensor of nested tuples."""
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, (tuple, list)):
        return type(value)(map_tensors(v, function) for v in value)
    return value
