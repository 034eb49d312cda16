"""What plans do to distances and agreement, on features whose truth is known."""

import numpy as np
import pytest

import plan_quality
from plan_quality import differences, floor


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(plan_quality, "LEAST_PICTURES", 200)
    monkeypatch.setattr(plan_quality, "DISTANCE_DRAWS", 40)
    monkeypatch.setattr(plan_quality, "DRAWS", 500)


def made(shift: float, seed: int = 1, count: int = 240) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (count, 4))


TRUTH = made(0, 9, 2000)
GROUPS = np.repeat(np.arange(60), 4)


def test_a_set_like_the_whole_unets_has_ratio_1_and_one_further_away_has_its_own():
    whole = {"features": made(0.5)}
    same = differences({"features": made(0.5)}, whole, GROUPS, TRUTH)
    assert same["frechet_ratio"] == same["kernel_ratio"] == 1
    assert same["frechet_ratio_interval"] == [1, 1]
    far = differences({"features": made(0.7)}, whole, GROUPS, TRUTH)
    for of in ("frechet", "kernel"):
        lower, upper = far[f"{of}_ratio_interval"]
        assert 1.3 < lower < far[f"{of}_ratio"] < upper


def test_too_few_pictures_have_agreement_alone():
    few_groups = GROUPS[:40]
    hits, asked = np.full(40, 2), np.full(40, 4)
    whole = {"features": made(0.5, count=40), "hits": hits, "asked": asked}
    found = differences({**whole, "hits": hits - 1}, whole, few_groups, TRUTH)
    assert set(found) == {"agreement_points", "agreement_points_interval"}
    assert found["agreement_points"] == -25


def test_the_floor_is_what_two_halves_of_one_set_differ_by():
    halves = floor(made(0.5), TRUTH)
    assert 0 < halves["frechet"] < 0.5
    twice = np.repeat(made(0.5), 2, 0)
    assert floor(twice, TRUTH)["frechet"] == 0
