"""Betti numbers of exact sets: known shapes, and Euler's number counted otherwise."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest

import linregions as lr
from linregions import Box, Network
from linregions.errors import InvalidValueError
from linregions.regions.boxes.topology import betti_numbers
from linregions.regions.boxes.triangulation import faces_of_simplices, simplices_of
from tests.support.box_cases import cube
from tests.support.engine_partitions import engine_partition

pytest.importorskip("gudhi")


def torus() -> Network:
    """Return max(| max(|x|, |y|) - 1 |, |z|), which is below 1/4 in a square ring."""
    first = (np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]), np.zeros(3))  # |x|, |y|, |z|
    larger = (np.array([[1.0, -1, 0], [0, 1, 0], [0, 0, 1]]), np.zeros(3))  # relu(|x| - |y|) + |y|
    middle = (np.array([[1.0, 1, 0], [-1, -1, 0], [0, 0, 1]]), np.array([-1.0, 1, 0]))
    bent = (np.array([[1.0, 1, -1], [0, 0, 1]]), np.zeros(2))
    last = (np.array([[1.0, 1]]), np.zeros(1))
    activations = [lr.ABS, lr.RELU, lr.RELU, lr.RELU]
    return Network.from_layers([first, larger, middle, bent, last], activations)


def test_a_ring_a_ball_and_a_shell() -> None:
    part = engine_partition(torus(), cube(3, 2.0))
    assert part.betti_numbers(level=0.25) == (1, 1, 0)
    assert part.betti_numbers(level=1.5) == (1, 0, 0)
    assert part.betti_numbers(level=-0.5) == (0, 0, 0)
    surface = part.level_set(level=0.25)
    assert surface.is_closed
    assert (surface.n_components, surface.euler_characteristic) == (1, 0)
    assert surface.enclosed_volume == pytest.approx((2.5**2 - 1.5**2) * 0.5)
    # | |x| + |y| + |z| - 1 | is below 1/4 in a shell.
    layers = [(np.eye(3), np.zeros(3)), (np.ones((1, 3)), [-1.0]), ([[1.0]], [0.0])]
    part = engine_partition(Network.from_layers(layers, lr.ABS), cube(3, 2.0))
    assert part.betti_numbers(level=0.25) == (1, 0, 1)
    assert part.betti_numbers(level=0.0) == (1, 0, 1)  # only a sheet
    births = part.persistence()
    assert [(dimension, round(a, 9), round(b, 9)) for dimension, (a, b) in births if b - a > 1e-9] == [
        (2, 0.0, 1.0),
        (0, 0.0, np.inf),
    ]


@pytest.mark.parametrize("d", [1, 2, 4])
def test_a_shell_in_other_dimensions(d: int) -> None:
    layers = [(np.eye(d), np.zeros(d)), (np.ones((1, d)), [-1.0]), ([[1.0]], [0.0])]
    part = engine_partition(Network.from_layers(layers, lr.ABS), cube(d, 2.0))
    assert part.betti_numbers(level=0.25) == ((2,) if d == 1 else (1, *[0] * (d - 2), 1))


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_simplices_fill_the_box(d: int) -> None:
    part = engine_partition(lr.random_network([d, 5, 4, 1], d, bias_variance=0.1), cube(d))
    simplices = simplices_of(part)
    corners = part.vertices[simplices]
    volumes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / factorial(d)
    assert volumes.sum() == pytest.approx(2.0**d)
    owners = part.locate(corners.mean(axis=1))
    np.testing.assert_allclose(np.bincount(owners, volumes, len(part)), part.volumes)
    counts = [len(faces_of_simplices(simplices, k)) for k in range(d + 1)]
    assert sum((-1) ** k * count for k, count in enumerate(counts)) == 1
    assert counts[0] == len(part.vertices)
    walls = np.concatenate([np.sort(np.delete(simplices, i, axis=1), axis=1) for i in range(d + 1)])
    assert np.unique(walls, axis=0, return_counts=True)[1].max() == 2
    assert betti_numbers([simplices], d, "test") == (1, *[0] * (d - 1))


@pytest.mark.parametrize("seed", range(6))
def test_euler_numbers_of_classes(seed: int) -> None:
    part = engine_partition(lr.random_network([3, 8, 6, 3], seed, bias_variance=0.3), cube(3))
    boundary = part.decision_boundary()
    found = part.decision_betti_numbers()
    for name in range(3):
        capped = boundary.capped(name)
        if not len(capped):
            assert name not in found
        elif capped.is_manifold:  # a solid has half of Euler's number of its surface
            b = found[name]
            assert 2 * (b[0] - b[1] + b[2]) == capped.euler_characteristic
            assert capped.n_components == b[0] + b[2]


@pytest.mark.parametrize("seed", range(4))
def test_classes_of_one_output_are_sublevel_sets(seed: int) -> None:
    network = lr.random_network([3, 8, 6, 1], seed, bias_variance=0.3)
    part = engine_partition(network, Box([-1, -1, -1], [1, 1, 1]))
    level = float(np.median(network(part.vertices)))
    shifted = network.layers[-1].bias - level
    layers = [*((each.weight, each.bias) for each in network.layers[:-1]), (network.layers[-1].weight, shifted)]
    other = engine_partition(Network.from_layers(layers), cube(3))
    assert other.decision_betti_numbers()[0] == part.betti_numbers(level=level)


def test_what_is_refused() -> None:
    part = engine_partition(lr.random_network([2, 4, 2], 0), cube(2))
    with pytest.raises(InvalidValueError, match=r"`self` has 2 inputs, but BoxPartition.decision_betti_numbers needs"):
        part.decision_betti_numbers()
    with pytest.raises(InvalidValueError, match="`output` is 2"):
        part.betti_numbers(2)
