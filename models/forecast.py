"""What each kept value counts in a forecast: a second reading of the plan format's bases, by numpy's polynomials."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Polynomial, chebyshev, hermite


def coefficients(rule: dict, points: list[tuple[int, float]], at: tuple[int, float], trained: int) -> list[float]:
    """Of values computed at these (step, timestep), newest first; `trained` is the number of training timesteps."""
    if "basis" not in rule:
        return rule["coefficients"][rule["steps"].index(at[0])]
    if len(points) == 1:
        return [1.0]
    # every basis is linear in the values: what one of them counts is the forecast of 1 there and 0 elsewhere
    forecast = BASES[rule["basis"]]
    return [forecast(points, at, unit, trained) for unit in np.eye(len(points))]


def through(nodes, values) -> Polynomial:
    """The polynomial through these values."""
    return Polynomial.fit(nodes, values, len(nodes) - 1)


def slopes(points, values):
    """Backward slopes in the timestep, newest first."""
    nodes = np.array([t for _, t in points])
    return (values[:-1] - values[1:]) / (nodes[:-1] - nodes[1:])


def taylor(points, at, values, _):
    """The polynomial in the timestep."""
    return float(through([t for _, t in points], values)(at[1]))


def hicache(points, at, values, _):
    """HiCache (2508.16984): TaylorSeer's differences on contracted Hermite polynomials, sigma = 0.5."""
    sigma, x, total, factorial = 0.5, at[0] - points[0][0], 0.0, 1.0
    steps, differences = np.array([s for s, _ in points], float), np.array(values, float)
    for order in range(len(points)):
        factorial *= max(order, 1)
        term = hermite.hermval(sigma * x, [0.0] * order + [1.0])
        total += sigma**order * term * differences[0] / factorial
        gaps = (steps[:-1] - steps[1:])[: len(differences) - 1]
        differences = (differences[:-1] - differences[1:]) / gaps
    return float(total)


def spectrum(points, at, values, trained):
    """Spectrum (2603.01623): ridge regression on Chebyshev polynomials; the constant is free of the ridge."""
    place = lambda t: 2 * np.asarray(t, float) / trained - 1
    count = len(points)
    rows = chebyshev.chebvander(place([t for _, t in points]), count - 1)
    ridge = np.sqrt(0.1) * np.eye(count)[1:]
    fit = np.linalg.lstsq(np.vstack([rows, ridge]), np.concatenate([values, np.zeros(count - 1)]), rcond=None)[0]
    return float(chebyshev.chebval(place(at[1]), fit))


def adams_bashforth(points, at, values, _):
    """The newest value and the integral of the polynomial through the slopes."""
    whole = through([t for _, t in points[:-1]], slopes(points, values)).integ()
    return float(values[0] + whole(at[1]) - whole(points[0][1]))


def bdf(points, at, values, _):
    """The value with which the polynomial through it and the newest has the slope that the slopes lead to."""
    nodes = [t for _, t in points[:-1]]
    slope = through(nodes, slopes(points, values))(at[1])
    ends = [through([at[1], *nodes], [end, *values[:-1]]).deriv()(at[1]) for end in (0.0, 1.0)]
    return float((slope - ends[0]) / (ends[1] - ends[0]))


BASES = {"taylor": taylor, "hermite": hicache, "chebyshev": spectrum, "adams-bashforth": adams_bashforth, "bdf": bdf}
