"""The golden runs: the script still gives them, the ONNX folders agree, and the hooks keep the rules."""

import json

import numpy as np
import pytest
import torch

import fixtures
import golden
from check_export import open_widened
from hooks import PlannedUnet

torch.set_num_threads(1)
TOLERANCE = 1e-3  # of the sample's standard deviation
CASES = golden.cases()


def stored(name):
    record = json.loads((golden.OUT / f"{name}.json").read_text())
    load = lambda file: torch.from_numpy(np.load(golden.OUT / file)) if file else None
    return record, load(record["initNoise"]), load(record["sample"])


def test_every_case_is_stored_and_nothing_else():
    assert {f.stem for f in golden.OUT.glob("*.json")} == {*CASES, "macs", "network-macs"}


@pytest.mark.parametrize("name", ["tiny-text-ts.override", "tiny-ddpm-ts.seed", "tiny-sd-ts.euler"])
def test_golden_gives_the_stored_sample(name):
    record, noise, want = stored(name)
    got, timesteps, _ = golden.sample(CASES[name], fixtures.build(record["model"]), noise)
    assert golden.distance(got, want) < TOLERANCE
    assert timesteps == record["timesteps"]


@pytest.mark.parametrize("model", ["tiny-text-ts", "tiny-text-dynamo", "tiny-sd-dynamo", "tiny-ddpm-ts"])
def test_onnx_folder_gives_the_stored_full_run(model):
    _, noise, want = stored(f"{model}.full")
    parts = fixtures.build(model)
    session = open_widened(fixtures.HERE / model / "unet" / "model.onnx")
    names = [i.name for i in session.get_inputs()]
    timestep = parts.fixture.timestep

    def forward(sample, t, *text, return_dict):
        given = t.to(timestep.dtype).reshape(timestep.shape)
        values = zip(names, (sample, given, *text))
        return [torch.from_numpy(session.run(None, {k: v.numpy() for k, v in values})[0])]

    parts.unet.forward = forward
    got, _, _ = golden.sample(CASES[f"{model}.full"], parts, noise)
    assert golden.distance(got, want) < TOLERANCE


def toy(rules, steps=4, unit="mid_block"):
    """The steps at which a unit runs under the rules; timesteps 900, 700, 500, …"""
    parts = fixtures.build("tiny-ddpm-ts")
    timesteps = [900.0 - 200 * i for i in range(steps)]
    phases = [{"name": "early", "from": 1000, "to": 600}, {"name": "late", "from": 600, "to": -200}]
    unet = PlannedUnet(parts.unet, {"phases": phases, "rules": rules}, timesteps, 1000)
    ran = []
    for step, t in enumerate(timesteps):
        unet.run.step = step
        before = unet.run.computed.get(unit, 0)
        with torch.no_grad():
            parts.unet(torch.ones(1, 3, 16, 16), int(t))
        ran += [step] * (unet.run.computed.get(unit, 0) - before)
    return ran


def rule(action, phases, **fields):
    return {"units": ["mid_block"], "action": action, "phases": phases, **fields}


def test_every_counts_from_the_last_computed_step():
    assert toy([rule("reuse", ["early", "late"], refresh={"every": 3})], 5) == [0, 3]


def test_every_refreshes_at_the_first_step_of_a_stretch():
    late = rule("reuse", ["late"], refresh={"every": 5})
    assert toy([late], 5) == [0, 1, 2]


def test_at_computes_at_those_steps_only():
    assert toy([rule("reuse", ["early", "late"], refresh={"at": [0, 2]})], 4) == [0, 2]


def test_never_keeps_what_an_earlier_phase_computed():
    assert toy([rule("reuse", ["late"], refresh="never")], 4) == [0, 1]


def test_never_without_a_value_is_an_error():
    with pytest.raises(ValueError, match="mid_block has no cached value at step 0"):
        toy([rule("reuse", ["early"], refresh="never")], 1)


def test_the_last_matching_rule_wins():
    rules = [rule("reuse", ["early", "late"], refresh={"every": 9}), rule("run", ["late"])]
    assert toy(rules, 4) == [0, 2, 3]


def test_macs_of_the_parts_do_not_exceed_the_whole():
    for units in json.loads((golden.OUT / "macs.json").read_text()).values():
        top = sum(v["macs"] for k, v in units.items() if k and k.count(".") == ("blocks" in k.split(".")[0]))
        assert 0.9 * units[""]["macs"] < top <= units[""]["macs"]
