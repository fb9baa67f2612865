"""Intervals that hold distances, against rational numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions.errors import InvalidValueError
from tests.fuzz.families import FAMILIES
from tests.reference.distance_exact import exact_distance
from tests.support.graph_cases import random_case


def holds(interval: np.ndarray, squared: Fraction | None) -> bool:
    low, high = interval.tolist()
    if squared is None:
        return high == np.inf
    return Fraction(low) ** 2 <= squared and (high == np.inf or squared <= Fraction(high) ** 2)


@pytest.mark.parametrize("family", list(FAMILIES)[::2])
def test_of_chains(family):
    rng = np.random.default_rng([3, list(FAMILIES).index(family)])
    for _ in range(2):
        problem = FAMILIES[family](rng)
        points = np.vstack([problem.window.point(rng.normal(size=(3, 2))), problem.window.origin])
        distances, intervals = lr.boundary_distance(problem.network, points, certify=True)
        assert intervals.shape == (4, 2)
        for point, distance, interval in zip(points, distances, intervals, strict=True):
            assert holds(interval, exact_distance(problem.network, point.tolist()).squared)
            assert interval[0] <= distance <= interval[1]


def test_in_general_position_they_are_narrow():
    rng = np.random.default_rng(0)
    network = lr.random_network([20, 32, 32, 3], rng, bias_variance=0.1)
    points = rng.normal(size=(2, 5, 20))
    distances, neurons, intervals = lr.boundary_distance(network, points, return_neurons=True, certify=True)
    assert intervals.shape == (2, 5, 2)
    assert neurons.shape == (2, 5)
    np.testing.assert_allclose(intervals[..., 1], intervals[..., 0], rtol=1e-9)
    np.testing.assert_allclose(lr.boundary_distance(network, points), distances, rtol=1e-12)


def test_on_a_boundary_and_where_nothing_switches():
    network = Network.from_layers([([[3.0, 1.0], [0.0, 0.0]], [-1.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    third = np.array([0.25, 0.25])  # on it exactly
    distances, intervals = lr.boundary_distance(network, [third, [0.0, 0.0]], certify=True)
    assert (distances[0], intervals[0].tolist()) == (0.0, [0.0, 0.0])
    assert holds(intervals[1], Fraction(1, 10))
    still = Network.from_layers([([[0.0, 0.0]], [0.0]), ([[1.0]], [0.0])])
    assert lr.boundary_distance(still, [1.0, 2.0], certify=True)[1].tolist() == [np.inf, np.inf]


def test_a_distance_outside_is_moved(monkeypatch):
    from linregions.measures.distances import distance

    network = lr.random_network([4, 8, 1], 0, bias_variance=0.1)
    monkeypatch.setattr(distance, "_of_chain", lambda *given: None)
    distances, intervals = lr.boundary_distance(network, [0.1, 0.2, 0.3, 0.4], certify=True)
    assert distances == intervals[1] < np.inf


@pytest.mark.parametrize("seed", range(12))
def test_of_graphs(seed):
    network, window = random_case(seed)
    if network.graph.maxima.size.size:
        with pytest.raises(InvalidValueError, match=r"takes maxima of .* windows, but boundary_distance with `certify"):
            lr.boundary_distance(network, window.origin, certify=True)
        return
    points = window.point(np.random.default_rng(seed).normal(size=(3, 2)))
    plain = lr.boundary_distance(network, points)
    distances, intervals = lr.boundary_distance(network, points, certify=True)
    np.testing.assert_allclose(distances, plain, rtol=1e-9, atol=1e-12)
    assert np.all((intervals[:, 0] <= distances) & (distances <= intervals[:, 1]))


def test_what_is_not_there_is_refused():
    network = lr.random_network([2, 3, 1], 0)
    with pytest.raises(InvalidValueError, match="`kind` is 'linear', but boundary_distance with `certify=True` needs"):
        lr.boundary_distance(network, [0.0, 0.0], kind="linear", certify=True)
