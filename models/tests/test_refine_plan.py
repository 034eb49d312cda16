"""Refinement of forecasts, on a Unet whose output is known."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import refine_plan
import step_layouts

PICTURES = Path(__file__).parents[2] / "packages/metrics/test/golden/pictures.json"


class Curved(step_layouts.Runs):
    """Runs whose output is the same pattern at every step, times a cubic of the step, with a little of the sample.

    Guidance's difference is that pattern times a square of the step.
    """

    def __init__(self, count: int):
        self.guidance = 1.5
        self.noise = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(3)).double()

    def output(self, x, at, step):
        guided = self.noise[at] * (0.2 + (step / 20) ** 3) + 0.3 * torch.tanh(x)
        apart = self.noise[at] * (step / 10) ** 2
        cond = guided - (1 - self.guidance) * apart
        return guided, torch.stack([cond, cond + apart])

    def conditional(self, x, at, step):
        return self.output(x, at, step)[1][0]

    def step(self, output, x, step):
        return x - 0.05 * output


@pytest.fixture
def plan(monkeypatch):
    for module in (step_layouts, refine_plan):
        monkeypatch.setattr(module, "STEPS", 10)
    rule = {
        "units": [""],
        "action": "forecast",
        "values": 3,
        "coefficients": [[2.0, -1.0, 0.0], [3.0, -2.0, 0.0], [1.5, -0.5, 0.0]],
        "steps": [4, 5, 8],
        "ages": [[1, 2, 3], [2, 3, 4], [1, 2, 5]],
        "refresh": {"at": [0, 1, 2, 3, 6, 7, 9]},
    }
    return refine_plan.Forecasts({"rules": [rule]})


def test_loss_is_that_of_scikit_image():
    golden = json.loads(PICTURES.read_text())

    def read(text):
        levels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(golden["height"], golden["width"], 3)
        return torch.from_numpy(levels.copy()).permute(2, 0, 1)[None].double() / 127.5 - 1

    for case in golden["cases"]:
        lost = refine_plan.lost(read(golden["picture"]), read(case["picture"])).item()
        assert lost == pytest.approx(1 - case["ssim"], abs=1e-9), case["name"]


def test_slopes_are_those_of_small_changes(plan):
    plan.table = plan.table.double()
    runs = Curved(3)
    ends = refine_plan.whole_ends(runs)
    _, slope, _ = refine_plan.derive(plan, runs, ends, plan.table, 0)

    def total(change):
        table = (plan.table + change).expand(3, -1, -1)
        return torch.log1p(refine_plan.lost(plan.ends(runs, slice(0, 3), table), ends) / refine_plan.TURNING).mean().item()

    for at in (0, 1, 4):
        change = torch.zeros(9).double()
        change[at] = 1e-4
        change = change.reshape(3, 3)
        assert slope[at].item() == pytest.approx((total(change) - total(-change)) / 2e-4, rel=1e-4)
    assert slope[8] != 0  # a coefficient that was left out is 0, and refined


def test_refinement_finds_what_the_line_misses(plan, monkeypatch):
    monkeypatch.setattr(refine_plan, "CURVED", range(12))
    plan.table = plan.table.double()
    runs, held = Curved(8), Curved(12)
    norms = torch.eye(9, dtype=torch.float64)

    def loss(table):
        ends = refine_plan.whole_ends(held)
        return refine_plan.lost(plan.ends(held, slice(0, 12), table.expand(12, -1, -1)), ends).mean().item()

    *_, (_, _, table) = refine_plan.refine(plan, runs, refine_plan.whole_ends(runs), norms, 12, 4, 1.0)
    assert loss(table) < 0.1 * loss(plan.table)


def test_more_values_begin_at_nothing(plan):
    wider = refine_plan.Forecasts(plan.plan, 4)
    assert wider.tables[0].kept == {4: [3, 2, 1, 0], 5: [3, 2, 1, 0], 8: [7, 6, 3, 2]}
    assert wider.table[:, 3].tolist() == [0, 0, 0]
    runs = Curved(2)
    own = [each.table.expand(2, -1, -1) for each in (plan, wider)]
    assert torch.equal(plan.ends(runs, slice(0, 2), own[0]), wider.ends(runs, slice(0, 2), own[1]))
    rule = wider.tables[0].changed(wider.table)
    assert [len(row) for row in rule["coefficients"]] == [len(row) for row in rule["ages"]] == [4, 4, 4]


def test_a_difference_that_is_forecast_exactly_changes_nothing(plan):
    computed = {"units": [""], "action": "forecast", "values": 2, "coefficients": [], "steps": [], "ages": []}
    steps = range(3, 10)
    square = [[(s - 1) * s / 2, (s - 2) * -s, (s - 2) * (s - 1) / 2] for s in steps]
    apart = {"values": 3, "coefficients": square, "steps": [*steps], "ages": [[s - 2, s - 1, s] for s in steps]}
    rules = {
        "rules": [{**computed, "values": 3, "refresh": {"at": [*range(10)]}}],
        "guidance": [{"action": "delta", **apart, "refresh": {"at": [0, 1, 2]}}],
    }
    guided = refine_plan.Forecasts(rules)
    runs = Curved(2)
    ends = guided.ends(runs, slice(0, 2), guided.table.double().expand(2, -1, -1))
    assert torch.allclose(ends, refine_plan.whole_ends(runs), atol=1e-6)
    none = guided.ends(runs, slice(0, 2), torch.zeros_like(guided.table).double().expand(2, -1, -1))
    assert not torch.allclose(none, ends, atol=1e-3)
