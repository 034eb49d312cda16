"""Makes golden runs of single plan actions, by wrapping diffusers' modules (see hooks.py).

    python golden_actions.py              into packages/runtime/test/golden/actions/

`cases.json` lists the cases, `MODEL.npy` stacks their samples.
"""

from __future__ import annotations

import torch

import fixtures
import golden
from golden import BOTH, Case, plan, reuse
from golden_methods import write_lines

OUT = golden.OUT / "actions"


def rule(units: list[str], action: str, *phases: str, **fields) -> dict:
    """A rule; without phases it always applies."""
    return {"units": units, "action": action, **({"phases": list(phases)} if phases else {}), **fields}


def residual(units: list[str], refresh, *phases: str) -> dict:
    """A rule that reuses residuals."""
    return rule(units, "reuse", *phases, value="residual", refresh=refresh)


EVERY_2, EVERY_3 = {"every": 2}, {"every": 3}
DELTA = [{"action": "delta", "refresh": EVERY_3, "phases": ["denoising"]}]
ADAPTIVE = rule(["up_blocks.1"], "adaptive", probe="down_blocks.0.resnets.0", threshold=0.4, maxConsecutive=4)
PLANS = {
    "residual of ResNets": plan("a", [residual(["**.resnets.*"], EVERY_2, *BOTH)]),
    "residual of attentions": plan("a", [residual(["**.attentions.*"], EVERY_3, *BOTH)]),
    "residual of transformer blocks": plan("a", [residual(["**.transformer_blocks.*"], EVERY_2, *BOTH)]),
    "residual of the middle": plan("a", [residual(["mid_block"], {"everyTimesteps": 200}, *BOTH)]),
    "residual zero": plan("a", [rule(["mid_block.resnets.0", "up_blocks.*.resnets.1"], "zero", value="residual")]),
    "residual zero, late": plan("a", [rule(["**.attentions.0"], "zero", "denoising", value="residual")]),
    "bypass": plan("a", [rule(["mid_block"], "bypass", "composition"), rule(["**.ff"], "bypass", "denoising")]),
    "scale": plan("a", [rule(["mid_block", "**.resnets.1.skip"], "scale", factor=1.3)]),
    "scale of channels": plan("a", [rule(["up_blocks.0", "**.resnets.0.skip"], "scale", factor=0.4, channels=[0.25, 0.8])]),
    "scale of low frequencies": plan("a", [rule(["**.skip"], "scale", factor=0.2, lowPass=1)]),
    "scale of wider low frequencies": plan("a", [rule(["up_blocks.1"], "scale", factor=1.6, lowPass=2, channels=[0.5, 1])]),
    "mean of contexts": plan("a", [rule(["**.attn2"], "reuse", value="mean", refresh={"at": [0, 3, 8]})]),
    "mean of contexts without guidance": plan(
        "a",
        [rule(["**.attn2", "mid_block"], "reuse", "denoising", value="mean", refresh="never")],
        [{"phases": ["denoising"], "action": "off"}],
    ),
    "extrapolate 1": plan("a", [rule(["up_blocks.0"], "extrapolate", order=1, refresh=EVERY_3)]),
    "extrapolate 2": plan("a", [rule(["**.attentions.0"], "extrapolate", order=2, refresh=EVERY_2)]),
    "adaptive": plan("a", [ADAPTIVE]),
    "adaptive, skips": plan("a", [rule(["mid_block", "**.skip"], "adaptive", probe="conv_in", threshold=0.3, warmup=3)]),
    "guidance delta": plan("a", [], DELTA),
    "guidance delta and scale": plan("a", [], [{"scale": 2.5}, {"action": "delta", "refresh": {"at": [5, 8]}, "phases": ["denoising"]}]),
    "reuse at timesteps": plan("a", [reuse(["mid_block"], {"atTimesteps": [1000, 600, 590, 100]}, *BOTH)]),
}  # fmt: skip
TEXT, SKIPS = list(PLANS), [name for name in PLANS if "guidance" not in name and "context" not in name]
ELSEWHERE = {
    "tiny-text-dynamo": ["residual of ResNets", "residual of transformer blocks", "residual zero", "scale of channels",
                         "extrapolate 2", "mean of contexts", "adaptive", "guidance delta"],
    "tiny-sd-ts": ["residual of ResNets", "residual of attentions", "residual zero, late", "bypass",
                   "scale of low frequencies", "mean of contexts without guidance", "guidance delta"],
    "tiny-ddpm-ts": ["residual of ResNets", "residual of attentions", "residual zero", "scale of low frequencies",
                     "extrapolate 1", "adaptive, skips"],
}  # fmt: skip
SCHEDULERS = [None, "euler", "dpmpp-2m", "ddim"]


def cases() -> list[tuple[str, Case]]:
    """Every case, with what it is called; the samplers take turns."""
    named = [("tiny-text-ts", name) for name in TEXT]
    named += [(model, name) for model, names in ELSEWHERE.items() for name in names]
    found = []
    for number, (model, name) in enumerate(named):
        scheduler = SCHEDULERS[number % len(SCHEDULERS)]
        made = {**PLANS[name], "name": name}
        found.append((name, Case(model, made, scheduler=scheduler, steps=12, seed=number, given_noise=False)))
    return found


def make_case(name: str, case: Case, parts) -> tuple[dict, torch.Tensor]:
    """One case's entry and sample; refuses one that is too tender, or that its plan does not change."""
    decisions = {}
    result, _, _ = golden.sample(case, parts, None, decisions=decisions)
    nudged, _, _ = golden.sample(case, parts, None, nudge=1e-6)
    full, _, _ = golden.sample(Case(**{**vars(case), "plan": None}), parts, None)
    tender, moved = golden.distance(nudged, result), golden.distance(result, full)
    print(f"{case.model}, {name}: 1e-6 of noise moves it by {tender:.1e}, the plan by {moved:.1e}", decisions or "")
    if not result.isfinite().all() or tender > golden.TOO_TENDER or moved < 1e-2:
        raise SystemExit(f"{case.model}, {name}: no good as a golden run")
    has_text = parts.text_encoder is not None
    entry = {
        "model": case.model,
        "prompt": case.prompt if has_text else None,
        "seed": case.seed,
        "numInferenceSteps": case.steps,
        "scheduler": case.scheduler,
        "guidanceScale": case.guidance if has_text else None,
        "plan": case.plan,
        **({"decisions": decisions} if decisions else {}),
    }
    return entry, result


def main() -> None:
    """Makes all cases."""
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    entries = []
    every = cases()
    for model in dict.fromkeys(case.model for _, case in every):
        parts = fixtures.build(model)
        made = [make_case(name, case, parts) for name, case in every if case.model == model]
        entries += [{**entry, "sample": [f"{model}.npy", i]} for i, (entry, _) in enumerate(made)]
        golden.write_npy(OUT / f"{model}.npy", torch.cat([result for _, result in made]))
    write_lines(OUT / "cases.json", entries)


if __name__ == "__main__":
    main()
