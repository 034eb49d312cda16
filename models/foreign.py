"""Makes `tiny-adm-*`: Unets that diffusers never saw, with random weights, and their golden runs.

    python foreign.py            the folders, and packages/runtime/test/golden-foreign/
    python foreign.py --check    makes the folders elsewhere and compares with those here

`tiny-adm-dynamo` has EDM's preconditioning inside its graph and takes `noisy`, `sigma` and a `difficulty`; dynamo wrote
it, with ADM's module names behind a wrapper's prefix. `tiny-adm-ts` is a bare file whose preconditioning is outside, and
takes `x`, `c_noise` and a class `y`; TorchScript wrote it, and its first output is not the one that is sampled.

The golden runs are diffusers' schedulers with their preconditioning as it is or, for a graph that has it inside, replaced
by what is left of it: nothing. Image i of a run has a generator of its own, seeded seed + i.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import diffusers
import numpy as np
import torch

import export
from adm import AdmUnet, Preconditioned
from fixtures import differences, randomise
from hooks import Call, PlannedUnet
from onnx_export import OnnxOptions, Value, export_onnx

HERE = Path(__file__).parent
OUT = HERE.parent / "packages" / "runtime" / "test" / "golden-foreign"
SIZE, CLASSES = 16, 5
AXES = {0: "batch", 2: "height", 3: "width"}
CONSISTENCY = {
    "_class_name": "CMStochasticIterativeScheduler",
    "num_train_timesteps": 40,
    "sigma_min": 0.002,
    "sigma_max": 80.0,
    "sigma_data": 0.5,
    "clip_denoised": True,
}
EDM = {"_class_name": "EDMEulerScheduler", "sigma_min": 0.02, "sigma_max": 20.0, "sigma_data": 0.5}


class WithVariance(torch.nn.Module):
    """A Unet that also says how sure it is, first."""

    def __init__(self, unet: AdmUnet):
        super().__init__()
        self.unet = unet

    def forward(self, x, timestep, label):
        made = self.unet(x, timestep, label)
        return made.mean((1, 2, 3)), made


def build(name: str) -> torch.nn.Module:
    """The fixture's denoiser or network in PyTorch."""
    inside = name == "tiny-adm-dynamo"
    unet = AdmUnet(classes=0 if inside else CLASSES).eval()
    randomise(unet, torch.Generator().manual_seed(20 if inside else 21), plain_biases=False)
    for parameter in unet.out[2].parameters():
        parameter.data *= 0.5
    return Preconditioned(unet).eval() if inside else unet


def make(root: Path = HERE) -> None:
    """Writes both folders."""
    batch, label = 2, Value("difficulty", {0: "batch"})
    noisy = torch.randn(batch, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    folder = root / "tiny-adm-dynamo"
    inputs = [
        (Value("noisy", AXES), noisy),
        (Value("sigma", {0: "batch"}), torch.tensor([1.0, 2.0])),
        (label, torch.tensor([0.2, 0.7])),
    ]
    options, denoised = OnnxOptions(exporter="dynamo", verbatim=False), Value("denoised", AXES)
    with export.forward_as(build(folder.name), lambda original, *tensors: original(*tensors)) as module:
        export_onnx(module, inputs, [denoised], folder / "unet" / "model.onnx", options)
    described = {
        "sample": "noisy",
        "timestep": "sigma",
        "output": "denoised",
        "constants": {"difficulty": 0.6},
        "preconditioning": "inside",
    }
    export.write_json(folder / "unet" / "phaseskip-inputs.json", described)
    export.write_json(folder / "unet" / "config.json", {"sample_size": SIZE})
    export.write_json(folder / "scheduler" / "scheduler_config.json", CONSISTENCY)

    folder = root / "tiny-adm-ts"
    inputs = [
        (Value("x", AXES), noisy),
        (Value("c_noise", {0: "batch"}), torch.tensor([0.1, 0.2])),
        (Value("y", {0: "batch"}), torch.tensor([1, 3])),
    ]
    outputs = [Value("logvar", {0: "batch"}), Value("F_x", AXES)]
    options = OnnxOptions(verbatim=False)
    export_onnx(WithVariance(build(folder.name)), inputs, outputs, folder / "model.onnx", options)
    described = {"sample": "x", "timestep": "c_noise", "output": "F_x", "constants": {"y": 3}}
    export.write_json(folder / "phaseskip-inputs.json", described)
    export.write_json(folder / "config.json", {"sample_size": SIZE})
    export.write_json(folder / "scheduler_config.json", EDM)


class InsideEuler(diffusers.EDMEulerScheduler):
    """EDM's Euler for a graph that is the denoiser."""

    def precondition_inputs(self, sample, sigma):
        return sample

    def precondition_noise(self, sigma):
        return sigma

    def precondition_outputs(self, sample, model_output, sigma):
        return model_output


class InsideDpm(diffusers.EDMDPMSolverMultistepScheduler):
    """EDM's DPM-Solver++ for a graph that is the denoiser."""

    precondition_inputs = InsideEuler.precondition_inputs
    precondition_noise = InsideEuler.precondition_noise
    precondition_outputs = InsideEuler.precondition_outputs


class InsideConsistency(diffusers.CMStochasticIterativeScheduler):
    """The consistency models' sampler for a graph that is the denoiser."""

    def scale_model_input(self, sample, timestep):
        if self.step_index is None:
            self._init_step_index(timestep)
        self.is_scale_input_called = True
        return sample

    def sigma_to_t(self, sigmas):
        return sigmas

    def get_scalings_for_boundary_condition(self, sigma):
        return 0.0, 1.0


SAMPLERS = {
    "consistency": (diffusers.CMStochasticIterativeScheduler, InsideConsistency),
    "edm-euler": (diffusers.EDMEulerScheduler, InsideEuler),
    "edm-dpmpp-2m": (diffusers.EDMDPMSolverMultistepScheduler, InsideDpm),
}

CASES = {
    "one-step": ("tiny-adm-dynamo", dict(numInferenceSteps=1, seed=3, numImages=2)),
    "two-steps": ("tiny-adm-dynamo", dict(numInferenceSteps=2, seed=5, constants={"difficulty": 0.1})),
    "consistency-outside": ("tiny-adm-ts", dict(scheduler="consistency", numInferenceSteps=4, seed=6)),
    "inside-euler": ("tiny-adm-dynamo", dict(scheduler="edm-euler", numInferenceSteps=8, seed=7)),
    "inside-dpm": ("tiny-adm-dynamo", dict(scheduler="edm-dpmpp-2m", numInferenceSteps=6, seed=8)),
    "outside-euler": ("tiny-adm-ts", dict(numInferenceSteps=8, seed=9, numImages=2)),
    "outside-dpm": ("tiny-adm-ts", dict(scheduler="edm-dpmpp-2m", numInferenceSteps=6, constants={"y": 0})),
    "inside-plan": (
        "tiny-adm-dynamo",
        dict(
            scheduler="edm-euler", numInferenceSteps=8, seed=10,
            plan={
                "format": "phaseskip-plan", "version": 1,
                "phases": [{"name": "late", "from": 4, "to": 0}],
                "rules": [
                    {"units": ["output_blocks.2"], "phases": ["late"], "action": "reuse", "refresh": {"every": 2}},
                    {"units": ["output_blocks.4.0.skip"], "phases": ["late"], "action": "scale", "factor": 0.5},
                ],
            },
        ),
    ),
    "outside-plan": (
        "tiny-adm-ts",
        dict(
            numInferenceSteps=8, seed=11,
            plan={
                "format": "phaseskip-plan", "version": 1,
                "phases": [{"name": "coarse", "from": 1000, "to": -0.5}, {"name": "fine", "from": -0.5, "to": -1000}],
                "rules": [
                    {"units": ["middle_block"], "phases": ["coarse"], "action": "reuse", "refresh": {"every": 3}},
                    {"units": ["input_blocks.5.1"], "phases": ["fine"], "action": "zero", "value": "residual"},
                    {"units": ["output_blocks.1.0.skip"], "phases": ["fine"], "action": "zero"},
                ],
            },
        ),
    ),
}  # fmt: skip


class PlannedAdm(PlannedUnet):
    """The same reading of a plan for ADM, whose Unet joins skips itself: an output block gets the joined value."""

    def __init__(self, unet: AdmUnet, plan: dict, timesteps: list[float]):
        super().__init__(unet, plan, timesteps, num_train_timesteps=float("inf"))
        widths = [block[0].skip_connection.in_channels for block in unet.output_blocks]
        for index, block in enumerate(unet.output_blocks):
            unit = f"output_blocks.{index}.0.skip"
            if not any(unit in rule["units"] for rule in self.rules):
                continue
            handed = unet.input_blocks[len(unet.input_blocks) - 1 - index][0]
            outer = handed.out_channels if isinstance(handed, torch.nn.Conv2d) else handed.out_layers[3].out_channels
            self.watched.append(block[0].register_forward_pre_hook(self.joined(unit, widths[index] - outer)))

    def joined(self, unit: str, below: int):
        """What an output block reads, its skip under the plan."""

        def hook(_, args):
            x, skip = args[0][:, :below], args[0][:, below:]
            return (torch.cat([x, self.apply(unit, Call(lambda: skip, skip))], dim=1), *args[1:])

        return hook


@torch.no_grad()
def run(name: str, options: dict) -> np.ndarray:
    """The final samples of a case, `[image, 1, 16, 16]`."""
    inside = name == "tiny-adm-dynamo"
    module = build(name)
    unet = module.network if inside else module
    config = CONSISTENCY if inside else EDM
    default = "consistency" if inside else "edm-euler"
    kind = SAMPLERS[options.get("scheduler", default)][int(inside)]
    constants = options.get("constants", {"difficulty": 0.6} if inside else {"y": 3})
    label = torch.tensor(list(constants.values()))
    samples = []
    for image in range(options.get("numImages", 1)):
        scheduler = kind.from_config(config)
        scheduler.set_timesteps(options["numInferenceSteps"])
        generator = torch.Generator().manual_seed(options.get("seed", 0) + image)
        sample = torch.randn((1, 1, SIZE, SIZE), generator=generator) * scheduler.init_noise_sigma
        planned = None
        if "plan" in options:
            planned = PlannedAdm(unet, options["plan"], scheduler.timesteps.tolist())
        for step, timestep in enumerate(scheduler.timesteps):
            if planned:
                planned.run.step = step
            scaled = scheduler.scale_model_input(sample, timestep)
            output = module(scaled, timestep.float()[None], label)
            draws = {"generator": generator} if kind in SAMPLERS["consistency"] else {}
            sample = scheduler.step(output, timestep, sample, **draws).prev_sample
        if planned:
            planned.restore()
            assert planned.run.computed, "the plan has no effect"
        samples.append(sample)
    return torch.cat(samples).numpy()


def main() -> None:
    """Makes the folders and the golden runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    settings = parser.parse_args()
    torch.set_num_threads(1)
    if settings.check:
        with tempfile.TemporaryDirectory() as root:
            make(Path(root))
            for name in ("tiny-adm-dynamo", "tiny-adm-ts"):
                found = differences(Path(root) / name, HERE / name)
                print(f"{name}: {'differs in ' + ', '.join(found) if found else 'the same'}", flush=True)
        return
    make()
    OUT.mkdir(parents=True, exist_ok=True)
    for case, (model, options) in CASES.items():
        sample = run(model, options)
        plain = {key: value for key, value in options.items() if key != "plan"}
        if "plan" in options:
            moved = np.abs(sample - run(model, plain)).max() / sample.std()
            assert moved > 0.01, f"the plan of {case} hardly matters: {moved}"
        export.write_json(OUT / f"{case}.json", {"model": model, "options": options})
        np.save(OUT / f"{case}.npy", sample.astype(np.float32))
        print(f"{case}: mean {sample.mean():.4f}, deviation {sample.std():.4f}", flush=True)


if __name__ == "__main__":
    main()
