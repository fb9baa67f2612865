"""Where points lie in thin, sheared and far windows: centres, vertices and borders."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions import PlaneWindow
from tests.reference.planes_exact import evaluate_exactly, partition_exactly

SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def thin_along_a_diagonal(rng: np.random.Generator, thin: float) -> PlaneWindow:
    turn = rng.uniform(0, np.pi)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return PlaneWindow(0.3 * rng.normal(size=2), np.eye(2), (SQUARE * [1.0, thin]) @ rotation)


def thin_along_an_axis(rng: np.random.Generator, thin: float) -> PlaneWindow:
    return PlaneWindow(0.3 * rng.normal(size=2), np.eye(2), SQUARE * [1.0, thin])


def unequal_units(rng: np.random.Generator, thin: float) -> PlaneWindow:
    return PlaneWindow(0.3 * rng.normal(size=2), [[1.0, 0.0], [0.0, 1.0 / thin]], SQUARE * [1.0, thin])


def skew_basis(rng: np.random.Generator, thin: float) -> PlaneWindow:
    basis = np.array([[1.0, 0.0], [1.0, max(thin, 1e-6)]])
    return PlaneWindow(0.3 * rng.normal(size=2), basis, SQUARE @ np.linalg.inv(basis))


def far_away(rng: np.random.Generator, thin: float) -> PlaneWindow:
    return PlaneWindow(np.zeros(2), np.eye(2), SQUARE * max(thin, 1e-8) + rng.uniform(-1, 1, size=2))


@pytest.mark.parametrize("thin", [1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize(
    "make", [thin_along_a_diagonal, thin_along_an_axis, unequal_units, skew_basis, far_away], ids=lambda f: f.__name__
)
def test_points_of_thin_windows(make: Callable[[np.random.Generator, float], PlaneWindow], thin: float) -> None:
    for seed in range(3):
        window = make(np.random.default_rng(seed), thin)
        net = lr.random_network([2, 8, 8, 2], seed, bias_variance=0.1)
        part = lr.partition(net, window)
        number = {bytes(pattern): k for k, pattern in enumerate(part.patterns)}
        for region in partition_exactly(net, window).regions:
            point = np.array([float(x) for x in region.centre])
            pattern, _ = evaluate_exactly(net, window, Fraction(point[0]), Fraction(point[1]))
            if bytes(pattern) in number:  # else the rounded centre lies beside the window
                assert part.locate(point, coordinates="plane") == number[bytes(pattern)]
        corners = window.polygon
        border = np.concatenate([s * corners + (1 - s) * np.roll(corners, -1, axis=0) for s in (0.0, 0.25, 0.5)])
        assert part.locate(border, coordinates="plane").min() >= 0
        assert part.locate(window.point(border)).min() >= 0
        at_vertices = part.locate(part.vertices, coordinates="plane")
        assert at_vertices.min() >= 0
        # Each of these touches its vertex, as far as plane coordinates tell.
        slack = 1e-7 + 1e-15 / thin
        assert part._depths(at_vertices, part._corners_in_frame).min() >= -slack
        middle = corners.mean(axis=0)
        outside = middle + (corners - middle) * 1.1
        assert part.locate(outside, coordinates="plane").max() == -1
