"""The golden runs of published methods: the script still gives them, and the walk is the Unet."""

import json

import numpy as np
import pytest
import torch

import fixtures
import golden
import golden_methods
from golden_methods import CASES, OUT, Case, Whole
from unet_walk import Residual, UnetWalk

torch.set_num_threads(1)


def stored():
    return json.loads((OUT / "cases.json").read_text())


def test_every_case_is_stored():
    assert [(e["model"], e["method"], e["options"]) for e in stored()] == [
        (c.model, c.method, c.options) for c in CASES
    ]


@pytest.mark.parametrize("number", [0, 5, 7, 8, 9, 20, 24])
def test_golden_methods_gives_the_stored_sample(number):
    entry, case = stored()[number], CASES[number]
    file, index = entry["sample"]
    want = torch.from_numpy(np.load(OUT / file)[index : index + 1])
    got, _, record = golden_methods.run(case, fixtures.build(case.model))
    assert golden.distance(got, want) < 1e-3
    assert record.get("whole") == entry.get("whole")


@pytest.mark.parametrize("model", ["tiny-text-ts", "tiny-sd-ts", "tiny-ddpm-ts"])
def test_walking_all_layers_is_the_unet(model):
    unet = fixtures.build(model).unet
    sample, t, *text = golden.unet_arguments(unet, fixtures.LENGTH)
    walk = UnetWalk(unet)
    with torch.no_grad():
        want = unet(sample, t, *text, return_dict=False)[0]
        walk.begin(sample, t, text)
        walk.down()
        got = walk.up(walk.middle())
    assert golden.distance(got, want) < 1e-5


def test_a_residual_added_to_the_same_input_is_the_layer():
    unet = fixtures.build("tiny-text-ts").unet
    layer = unet.up_blocks[1].resnets[0]
    with torch.no_grad():
        inputs = torch.randn(1, 16, 8, 8), torch.randn(1, layer.time_emb_proj.in_features)
        residual = Residual(layer)
        want = layer(*inputs)
        residual.is_reused = True
        got = layer(*inputs)
        residual.restore()
    assert golden.distance(got, want) < 1e-5
    assert "forward" not in layer.__dict__


def test_methods_leave_the_unet_as_it_was():
    parts = fixtures.build("tiny-text-ts")
    case = Case("tiny-text-ts", "none", steps=2)
    want, _ = golden_methods.sample(case, parts, Whole(parts.unet, 2))
    for other in CASES[:11]:
        golden_methods.run(Case(**{**vars(other), "steps": max(8, other.steps // 2 * 2)}), parts)
        got, _ = golden_methods.sample(case, parts, Whole(parts.unet, 2))
        assert torch.equal(got, want), other.method


def test_non_uniform_steps_without_a_center_are_powers():
    assert golden_methods.non_uniform_steps(50, 5, 0, 1.5) == [
        int(50 * (i / 10) ** 1.5 + 1e-9) for i in range(10)
    ]
