"""Layouts of computed steps, where the best is known."""

import itertools

import numpy as np
import pytest

import step_layouts


def test_layouts_are_as_good_as_the_best_of_all(monkeypatch):
    monkeypatch.setattr(step_layouts, "STEPS", 10)
    monkeypatch.setattr(step_layouts, "MOST_GAP", 4)
    random = np.random.default_rng(0)
    drawn: dict = {}

    def lose(kept, step):
        return 0.0 if step == kept[0] + 1 else drawn.setdefault((kept, step), random.random())

    found = step_layouts.layouts(lose, 10)
    for calls, (loss, steps) in found.items():
        totals = []
        for rest in itertools.combinations(range(3, 10), calls - 3):
            computed = [0, 1, 2, *rest, 10]
            if max(np.diff(computed)) <= 4:
                totals.append(sum(lose(tuple(reversed(computed[i - 3 : i])), computed[i]) for i in range(3, len(computed))))
        assert loss == pytest.approx(min(totals))
        assert len(steps) == calls


def test_what_is_linear_in_its_last_values_gets_its_coefficients():
    random = np.random.default_rng(1)
    kept = random.standard_normal((3, 500))
    values = np.concatenate([kept, [1.5 * kept[2] - 0.7 * kept[1] + 0.2 * kept[0]]])
    found = step_layouts.coefficients(values @ values.T, [900.0, 800.0, 700.0, 600.0], [2, 1, 0], 3)
    assert found == pytest.approx([1.5, -0.7, 0.2], abs=1e-6)
